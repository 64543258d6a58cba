/** Which coding a client gets: negotiation, precompressed files, and compression while sending. */
import { hash } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import * as zlib from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as ContentCoding from "../../../src/fileserver/http/ContentCoding.ts"
import { openHandler, readBody } from "../../support/callHandler.ts"
import { bytesOf, servedFolder } from "../../support/servedFolder.ts"
import { untilClosed } from "../../support/temporaryFolder.ts"

const accept = (value: string) => [["Accept-Encoding", value] as const]

const decoded = (coding: string | undefined, body: Buffer): Buffer => {
  switch (coding) {
    case undefined:
      return body
    case "br":
      return zlib.brotliDecompressSync(body)
    case "gzip":
      return zlib.gunzipSync(body)
    case "zstd":
      return zlib.zstdDecompressSync(body)
    default:
      throw new Error(`no such coding: ${coding}`)
  }
}

const text = "All work and no play makes Jack a dull boy.\n".repeat(200)
const long = Buffer.from(Array.from({ length: 60_000 }, (_, i) => `line ${i} ${i * i}`).join("\n"))

describe("Accept-Encoding", () => {
  it.each([
    ["", ""],
    ["identity", ""],
    ["gzip", "gzip=1"],
    ["x-gzip", "gzip=1"],
    ["GZIP", "gzip=1"],
    ["gzip, deflate, br, zstd", "br=1,zstd=1,gzip=1"],
    ["gzip;q=1.0, br;q=0.5", "gzip=1,br=0.5"],
    ["gzip ; q=0.3 ,br;q=0.5", "br=0.5,gzip=0.3"],
    ["br;q=0, gzip", "gzip=1"],
    ["br;q=0", ""],
    ["*", "br=1,zstd=1,gzip=1"],
    ["*;q=0.1, gzip", "gzip=1,br=0.1,zstd=0.1"],
    ["br;q=0, *", "zstd=1,gzip=1"],
    ["*;q=0", ""],
    ["identity;q=0", ""],
    ["identity;q=0, gzip;q=0.1", "gzip=0.1"],
    ["identity, gzip;q=0.5", ""],
    ["identity;q=0.5, gzip;q=0.5", "gzip=0.5"],
    ["gzip;q=2", ""],
    ["gzip;q=x", ""],
    ["gzip;q=0.0001", ""],
    [",, ,gzip,", "gzip=1"],
    ["gzip;level=9;q=0.5", "gzip=0.5"],
    ["deflate, compress", ""],
  ])("%j takes %j", (value, expected) => {
    assert.strictEqual(ContentCoding.key(ContentCoding.accepted(accept(value))), expected)
  })

  it("in several fields is one list; without the field no coding is accepted", () => {
    assert.strictEqual(
      ContentCoding.key(ContentCoding.accepted([...accept("br;q=0.5"), ...accept("gzip")])),
      "gzip=1,br=0.5",
    )
    assert.strictEqual(ContentCoding.key(ContentCoding.accepted([])), "")
  })

  it.prop(
    "of any kind is read without an exception",
    [Schema.String],
    ([value]) => {
      for (const sent of [value, `gzip;${value}`, `gzip;q=${value}, br`]) {
        for (const { weight } of ContentCoding.accepted(accept(sent))) {
          assert.isTrue(weight > 0 && weight <= 1)
        }
      }
    },
    { arbitrary: { runs: 300 } },
  )
})

describe("a file that lies ready in codings", () => {
  const inCodings = {
    "app.js": text,
    "app.js.br": zlib.brotliCompressSync(text),
    "app.js.gz": zlib.gzipSync(text),
    "app.js.zst": zlib.zstdCompressSync(text),
  }
  const site = () => servedFolder(inCodings, { precompressed: true })

  it.each(["br", "gzip", "zstd", "gzip, deflate, br, zstd", "*"])(
    "is replaced by no other for %j unless that is asked for",
    async (value) => {
      const other = zlib.gzipSync("another file")
      const { get } = await servedFolder({
        "small.json": "{}",
        "small.json.gz": other,
        "small.json.br": other,
        "small.json.zst": other,
        "long.txt": long,
        "long.txt.gz": other,
      })
      for (const [name, content] of [
        ["small.json", Buffer.from("{}")],
        ["long.txt", long],
      ] as const) {
        const answer = await get(`/files/${name}`, accept(value))
        assert.isTrue(decoded(answer.header("content-encoding"), answer.body).equals(content))
      }
    },
  )

  it("is replaced by no other in folders that take uploads, but in others", async () => {
    const files = Object.fromEntries(
      ["inbox", "built"].flatMap((folder) =>
        Object.entries(inCodings).map(([name, bytes]) => [`${folder}/${name}`, bytes]),
      ),
    )
    const { get } = await servedFolder(files, {
      precompressed: true,
      uploads: { overwrite: false, folders: ["inbox"] },
    })
    assert.isUndefined(
      (await get("/files/inbox/app.js", accept("zstd"))).header("content-encoding"),
    )
    assert.strictEqual(
      (await get("/files/built/app.js", accept("zstd"))).header("content-encoding"),
      "zstd",
    )
  })

  it.each([
    ["br", "br"],
    ["gzip", "gzip"],
    ["zstd", "zstd"],
    ["gzip, deflate, br, zstd", "br"],
    ["gzip, br;q=0.5", "gzip"],
    ["zstd, gzip", "zstd"],
    ["*", "br"],
    ["br;q=0, *;q=0.5", "zstd"],
    ["identity;q=0, gzip", "gzip"],
    ["identity", undefined],
    ["identity, gzip;q=0.9", undefined],
    ["deflate", undefined],
    ["identity;q=0", undefined],
  ])("is sent for %j as %s", async (value, coding) => {
    const { get, head, root } = await site()
    const suffix = { br: ".br", gzip: ".gz", zstd: ".zst" }[coding ?? ""] ?? ""
    for (let repetition = 0; repetition < 2; repetition++) {
      const answer = await get("/files/app.js", accept(value))
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.header("content-encoding"), coding)
      assert.strictEqual(answer.header("content-type"), "text/javascript; charset=utf-8")
      assert.strictEqual(answer.header("vary"), "Accept-Encoding")
      assert.strictEqual(answer.header("content-length"), String(answer.body.length))
      assert.isTrue(answer.body.equals(fs.readFileSync(path.join(root, `app.js${suffix}`))))
      assert.match(answer.header("etag") ?? "", /^"/)
      assert.deepStrictEqual((await head("/files/app.js", accept(value))).headers, answer.headers)
    }
  })

  it("has a strong tag for each coding, by which it is revalidated", async () => {
    const { get } = await site()
    const tags = new Map<string, string>()
    for (const value of ["identity", "br", "gzip", "zstd"]) {
      const answer = await get("/files/app.js", accept(value))
      tags.set(value, answer.header("etag") as string)
      const again = await get("/files/app.js", [
        ...accept(value),
        ["If-None-Match", answer.header("etag") as string],
      ])
      assert.strictEqual(again.status, 304, value)
      assert.strictEqual(again.header("vary"), "Accept-Encoding")
      assert.strictEqual(again.header("etag"), answer.header("etag"))
    }
    assert.strictEqual(new Set(tags.values()).size, 4)
    const other = await get("/files/app.js", [
      ...accept("gzip"),
      ["If-None-Match", tags.get("br") as string],
    ])
    assert.strictEqual(other.status, 200)
  })

  it("can be downloaded in its precompressed form under its own name", async () => {
    const { get } = await site()
    const answer = await get("/files/app.js.gz", accept("gzip, br"))
    assert.isUndefined(answer.header("content-encoding"))
    assert.strictEqual(answer.header("content-type"), "application/gzip")
    assert.strictEqual(zlib.gunzipSync(answer.body).toString(), text)
    assert.isUndefined(answer.header("vary"))
  })

  it("is not sent precompressed if that file is older", async () => {
    const { get, write } = await site()
    write("app.js", "newer".repeat(300), 60)
    const answer = await get("/files/app.js", accept("br"))
    assert.strictEqual(decoded(answer.header("content-encoding"), answer.body).length, 1500)
    assert.notInclude(text, "newer")
  })

  it("is not sent precompressed if that file may not be served: hidden, a folder, a link outside", async () => {
    const { base, root, get } = await servedFolder(
      { "app.js": "small", "app.js.gz": zlib.gzipSync("HIDDEN") },
      { hidden: ["*.gz"], precompressed: true },
    )
    fs.mkdirSync(path.join(root, "app.js.br"))
    fs.writeFileSync(path.join(base, "secret"), "SECRET")
    fs.symlinkSync("../secret", path.join(root, "app.js.zst"))
    const answer = await get("/files/app.js", accept("gzip, br, zstd"))
    assert.isUndefined(answer.header("content-encoding"))
    assert.strictEqual(answer.text, "small")
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("is sent uncompressed for ranges, which are of the uncompressed bytes", async () => {
    const { get } = await site()
    const answer = await get("/files/app.js", [...accept("br"), ["Range", "bytes=4-7"]])
    assert.strictEqual(answer.status, 206)
    assert.isUndefined(answer.header("content-encoding"))
    assert.strictEqual(answer.text, "work")
    const coded = (await get("/files/app.js", accept("br"))).header("etag") as string
    const resumed = await get("/files/app.js", [
      ...accept("br"),
      ["Range", "bytes=4-7"],
      ["If-Range", coded],
    ])
    assert.strictEqual(resumed.status, 200, "what the client has is not the plain file")
    assert.strictEqual(resumed.text, text)
  })

  it("that is being replaced is cut off or complete, never mixed", async () => {
    const big = zlib.gzipSync(bytesOf(400_000), { level: 0 })
    const { base, root, handler } = await servedFolder(
      { "a.txt": "plain", "a.txt.gz": big },
      { precompressed: true },
    )
    const opened = await openHandler(handler, { target: "/files/a.txt", headers: accept("gzip") })
    fs.writeFileSync(path.join(base, "next"), Buffer.alloc(big.length))
    fs.renameSync(path.join(base, "next"), path.join(root, "a.txt.gz"))
    assert.isTrue((await readBody(opened.body)).bytes.equals(big))
    const second = await openHandler(handler, { target: "/files/a.txt", headers: accept("gzip") })
    fs.truncateSync(path.join(root, "a.txt.gz"), 1000)
    const { bytes, failure } = await readBody(second.body)
    assert.strictEqual(failure?.reason, "cut")
    assert.strictEqual(bytes.length, 1000)
    assert.deepStrictEqual(await untilClosed(base), [])
  })
})

describe("text that is compressed while it is sent", () => {
  it.each([
    ["br", "br"],
    ["gzip", "gzip"],
    ["zstd", undefined],
    ["zstd, gzip;q=0.1", "gzip"],
    ["*", "br"],
    ["gzip;q=0.5, br;q=0.4", "gzip"],
    ["identity;q=0, br", "br"],
    ["gzip;q=0", undefined],
  ])("for %j is %s", async (value, coding) => {
    const { get, head } = await servedFolder({ "small.txt": text, "long.txt": long })
    for (const [name, content] of [
      ["small.txt", Buffer.from(text)],
      ["long.txt", long],
    ] as const) {
      for (let repetition = 0; repetition < 2; repetition++) {
        const answer = await get(`/files/${name}`, accept(value))
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(answer.header("content-encoding"), coding)
        assert.strictEqual(answer.header("vary"), "Accept-Encoding")
        assert.isTrue(decoded(coding, answer.body).equals(content))
        assert.match(answer.header("etag") ?? "", coding === undefined ? /^"/ : /^W\/"/)
        const length = answer.header("content-length")
        if (length !== undefined) assert.strictEqual(length, String(answer.body.length))
        assert.deepStrictEqual(
          (await head(`/files/${name}`, accept(value))).headers,
          answer.headers,
        )
      }
    }
  })

  it("has a weak tag for each coding, by which it is revalidated", async () => {
    const { get } = await servedFolder({ "a.txt": text, "long.txt": long })
    for (const name of ["a.txt", "long.txt"]) {
      const [br, gzip, plain] = await Promise.all(
        ["br", "gzip", "identity"].map(async (value) =>
          (await get(`/files/${name}`, accept(value))).header("etag"),
        ),
      )
      assert.strictEqual(new Set([br, gzip, plain]).size, 3)
      const again = [...accept("br"), ["If-None-Match", br as string] as const]
      assert.strictEqual((await get(`/files/${name}`, again)).status, 304)
      const strong = [...accept("br"), ["If-Match", br as string] as const]
      assert.strictEqual((await get(`/files/${name}`, strong)).status, 412)
    }
  })

  it.each([
    ["too small", "a.txt", "x".repeat(1023)],
    ["too large", "a.txt", Buffer.alloc(10 * 1024 * 1024 + 1, 120)],
    ["no text", "a.png", "x".repeat(5000)],
    ["compressed already", "a.zip", "x".repeat(5000)],
    ["of an unknown type", "a.nobody-knows", "x".repeat(5000)],
  ])("is sent uncompressed if compression does not pay: %s", async (_, name, content) => {
    const { get } = await servedFolder({ [name]: content })
    const answer = await get(`/files/${name}`, accept("br, gzip"))
    assert.isUndefined(answer.header("content-encoding"))
    assert.strictEqual(answer.header("content-length"), String(content.length))
    assert.strictEqual(answer.header("vary"), name === "a.txt" ? "Accept-Encoding" : undefined)
  })

  it("is sent uncompressed if compression makes it no smaller", async () => {
    const noise = Array.from({ length: 64 }, (_, i) => hash("sha512", `${i}`, "buffer"))
    const { get } = await servedFolder({ "a.txt": Buffer.concat(noise) })
    const answer = await get("/files/a.txt", accept("gzip"))
    assert.isUndefined(answer.header("content-encoding"))
    assert.match(answer.header("etag") ?? "", /^"/)
  })

  it("has the sandbox and the name of the uncompressed file", async () => {
    const { get } = await servedFolder({ "a.svg": `<svg>${" ".repeat(3000)}</svg>` })
    const answer = await get("/files/a.svg?download", accept("br"))
    assert.strictEqual(answer.header("content-encoding"), "br")
    assert.strictEqual(answer.header("content-security-policy"), "sandbox")
    assert.strictEqual(answer.header("x-content-type-options"), "nosniff")
    assert.strictEqual(answer.header("content-disposition"), 'attachment; filename="a.svg"')
  })

  const opening = async () => {
    const made = await servedFolder({ "long.txt": long })
    const opened = await openHandler(made.handler, {
      target: "/files/long.txt",
      headers: accept("gzip"),
    })
    return { ...made, opened }
  }

  it("pauses and resumes", async () => {
    const { opened } = await opening()
    const chunks: Array<Uint8Array> = []
    await new Promise<void>((resolve, reject) => {
      let waiting = false
      const flow = opened.body.read({
        data: (chunk) => {
          assert.isFalse(waiting, "it was told to wait")
          waiting = true
          chunks.push(chunk)
          setImmediate(() => {
            waiting = false
            flow.resume()
          })
          return false
        },
        end: () => resolve(),
        fail: reject,
      })
    })
    assert.isTrue(zlib.gunzipSync(Buffer.concat(chunks)).equals(long))
    assert.isAbove(chunks.length, 1)
  })

  it("is cut off if the file shrinks, so that no decoder takes it for complete", async () => {
    const { base, root, opened } = await opening()
    fs.truncateSync(path.join(root, "long.txt"), 200_000)
    const { bytes, failure } = await readBody(opened.body)
    assert.strictEqual(failure?.reason, "cut")
    assert.throws(() => zlib.gunzipSync(bytes))
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("has the original length if the file grows, and reads the file that was opened", async () => {
    const { base, root, opened } = await opening()
    fs.appendFileSync(path.join(root, "long.txt"), "more")
    fs.writeFileSync(path.join(base, "next"), Buffer.alloc(long.length))
    fs.renameSync(path.join(base, "next"), path.join(root, "long.txt"))
    const { bytes } = await readBody(opened.body)
    assert.isTrue(zlib.gunzipSync(bytes).equals(long))
  })

  it("sends nothing more and closes the file when the visitor leaves", async () => {
    const { base, handler } = await opening().then(async (made) => {
      made.opened.body.discard()
      return made
    })
    const again = () => openHandler(handler, { target: "/files/long.txt", headers: accept("gzip") })
    const second = await again()
    second.cancel()
    second.cancel()
    const third = await again()
    await new Promise<void>((resolve) => {
      const flow = third.body.read({
        data: () => {
          flow.cancel()
          setImmediate(resolve)
          return true
        },
        end: () => assert.fail("it was cancelled"),
        fail: () => assert.fail("it was cancelled"),
      })
    })
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("is limited in number: further files are sent uncompressed", async () => {
    const { base, handler, get } = await opening()
    const held = await Promise.all(
      Array.from({ length: 20 }, () =>
        openHandler(handler, { target: "/files/long.txt", headers: accept("gzip") }),
      ),
    )
    const codings = held.map(
      ({ head }) => head.headers.find(([name]) => name === "Content-Encoding")?.[1],
    )
    // One more is held by `opening`.
    assert.strictEqual(codings.filter((coding) => coding === "gzip").length, 15)
    assert.strictEqual(codings.filter((coding) => coding === undefined).length, 5)
    for (const { cancel } of held) cancel()
    const answer = await get("/files/long.txt", accept("gzip"))
    assert.strictEqual(answer.header("content-encoding"), "gzip")
    assert.isNotEmpty(base)
  })
})
