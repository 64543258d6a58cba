/**
 * The file server's handler against a folder on disk: what it serves and
 * refuses, races with files that change meanwhile, and what it costs.
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { assert, describe, it, onTestFinished } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { HeaderList } from "../../src/domain/HeaderList.ts"
import * as FileServer from "../../src/fileserver/FileServer.ts"
import * as FileBody from "../../src/fileserver/send/FileBody.ts"
import type { BodyError } from "../../src/protocol/Exchange.ts"
import type { BodyFlow } from "../../src/transport/body/Body.ts"
import type { Handler } from "../../src/transport/body/Handler.ts"
import * as Assets from "../../src/web/Assets.ts"
import * as Page from "../../src/web/Page.ts"
import { type Answered, callHandler, openHandler } from "../support/callHandler.ts"
import { failing, replaceFs, temporaryFolder, untilClosed } from "../support/temporaryFolder.ts"

const secret = "SECRET"

const serve = (root: string, hiddenFiles: ReadonlyArray<string> = []): Promise<Handler> =>
  Effect.runPromise(FileServer.make({ root, hiddenFiles }))

/** A served folder `root` with things beside it that must stay unseen. */
const site = async () => {
  const base = temporaryFolder()
  const root = path.join(base, "root")
  fs.mkdirSync(path.join(root, "dir", "inner"), { recursive: true })
  fs.mkdirSync(path.join(base, "outside"))
  fs.mkdirSync(path.join(base, "root-secret"))
  fs.writeFileSync(path.join(base, "outside", "secret.txt"), secret)
  fs.writeFileSync(path.join(base, "root-secret", "x"), secret)
  fs.writeFileSync(path.join(root, "a.txt"), "hello")
  fs.writeFileSync(path.join(root, "dir", "inner", "b.txt"), "inner")
  fs.writeFileSync(path.join(root, ".dotfile"), secret)
  const handler = await serve(root)
  const get = (target: string, headers: ReadonlyArray<readonly [string, string]> = []) =>
    callHandler(handler, { target, headers })
  return { base, root, handler, get }
}

const bytesOf = (length: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255))

const makeOld = (file: string): void => {
  const old = new Date(Date.now() - 3_600_000)
  fs.utimesSync(file, old, old)
}

/**
 * Puts the clock ahead for the test, so that the files it has just made count
 * as old (a ctime cannot be set back). Gives the way to go on from there.
 */
const clockAhead = (): ((millis: number) => void) => {
  const now = Date.now
  let time = now() + 10_000
  Date.now = () => time
  onTestFinished(() => {
    Date.now = now
  })
  return (millis) => {
    time += millis
  }
}

/** The names of the calls to `node:fs` from now on, in order. */
const countCalls = (): Array<string> => {
  const calls: Array<string> = []
  const counting: Record<string, unknown> = {}
  for (const name of [
    "stat",
    "statSync",
    "lstat",
    "open",
    "fstat",
    "readlink",
    "read",
    "close",
    "realpath",
    "readdir",
  ] as const) {
    const original = fs[name] as (...args: ReadonlyArray<unknown>) => unknown
    counting[name] = Object.assign((...args: ReadonlyArray<unknown>) => {
      calls.push(name)
      return original(...args)
    }, original)
  }
  replaceFs(counting)
  return calls
}

const anew = ["stat", "open", "fstat", "readlink", "read", "close"]

/** The address that a relative link leads to, without a host. */
const follow = (from: string, link: string): string => {
  const url = new URL(link, `http://host/prefix${from}`)
  assert.isTrue(url.pathname.startsWith("/prefix/"), `${link} leaves the prefix`)
  return url.pathname.slice("/prefix".length) + url.search
}

const linksOf = (page: Answered): ReadonlyArray<string> =>
  [...page.text.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, link]) => link as string)

describe("making a file server", () => {
  it.effect("fails with PTTH_ROOT_NOT_FOLDER for a file and a path that does not exist", () =>
    Effect.gen(function* () {
      const base = temporaryFolder()
      const file = path.join(base, "file")
      fs.writeFileSync(file, "")
      for (const root of [file, path.join(base, "absent"), `${base}/a\0b`]) {
        const error = yield* Effect.flip(FileServer.make({ root }))
        assert.strictEqual(error._tag, "FileServerError")
        assert.strictEqual(error.code, "PTTH_ROOT_NOT_FOLDER")
        assert.include(error.detail, root)
      }
    }),
  )
})

describe("files", () => {
  it("are sent with their header fields", async () => {
    const { get, root } = await site()
    makeOld(path.join(root, "a.txt"))
    const answer = await get("/files/a.txt")
    assert.strictEqual(answer.status, 200)
    assert.strictEqual(answer.text, "hello")
    assert.strictEqual(answer.header("content-type"), "text/plain; charset=utf-8")
    assert.strictEqual(answer.header("content-length"), "5")
    assert.match(answer.header("etag") ?? "", /^"[\w-]{22}"$/)
    assert.strictEqual(
      answer.header("last-modified"),
      fs.statSync(path.join(root, "a.txt")).mtime.toUTCString(),
    )
  })

  it("are 404 with a slash at the end, and as a folder of the JSON interface", async () => {
    const { get } = await site()
    assert.strictEqual((await get("/files/a.txt/")).status, 404)
    assert.strictEqual((await get("/api/v1/dir/a.txt")).status, 404)
    assert.strictEqual((await get("/files/a.txt/x")).status, 404)
  })

  it("are answered with 404 before conditions are evaluated", async () => {
    const { get } = await site()
    assert.strictEqual((await get("/files/absent", [["If-Match", '"x"']])).status, 404)
    assert.strictEqual((await get("/files/absent", [["If-None-Match", "*"]])).status, 404)
  })

  it("answer HEAD with the status and fields of GET, without a body", async () => {
    const { get, handler, root } = await site()
    fs.writeFileSync(path.join(root, "big.bin"), bytesOf(300_000))
    makeOld(path.join(root, "big.bin"))
    for (const target of [
      "/files",
      "/files/",
      "/files/?plain",
      "/files/?q=b",
      "/files/a.txt?download",
      "/files/dir",
      "/files/big.bin",
      "/files/absent",
      "/favicon.svg",
      "/assets/style.css",
      "/api/v1/dir/",
    ]) {
      const full = await get(target)
      const head = await callHandler(handler, {
        method: "HEAD",
        target,
        headers: [["Range", "bytes=0-1"]],
      })
      assert.strictEqual(head.status, full.status, target)
      const stable = (headers: HeaderList): HeaderList =>
        headers.filter(([name]) => name !== "X-Request-Id")
      assert.deepStrictEqual(stable(head.headers), stable(full.headers), target)
      assert.strictEqual(head.body.length, 0, target)
    }
  })

  it("are revalidated and resumed", async () => {
    const { get, root } = await site()
    makeOld(path.join(root, "a.txt"))
    const etag = (await get("/files/a.txt")).header("etag") as string
    for (let repetition = 0; repetition < 2; repetition++) {
      assert.strictEqual((await get("/files/a.txt", [["If-None-Match", etag]])).status, 304)
      const part = await get("/files/a.txt", [
        ["Range", "bytes=1-3"],
        ["If-Range", etag],
      ])
      assert.strictEqual(part.status, 206)
      assert.strictEqual(part.text, "ell")
      assert.strictEqual(part.header("content-range"), "bytes 1-3/5")
    }
  })

  it("are never resumed from a file of the same size and time in the same place", async () => {
    const { get, root } = await site()
    const file = path.join(root, "a.txt")
    makeOld(file)
    const etag = (await get("/files/a.txt")).header("etag") as string
    const { atime, mtime } = fs.statSync(file)
    fs.writeFileSync(file, "jello")
    fs.utimesSync(file, atime, mtime)
    const answer = await get("/files/a.txt", [
      ["Range", "bytes=1-3"],
      ["If-Range", etag],
    ])
    assert.deepStrictEqual([answer.status, answer.text], [200, "jello"])
    assert.strictEqual((await get("/files/a.txt", [["If-None-Match", etag]])).status, 200)
  })

  it("change their tag with every change, even if cached and of the same size", async () => {
    const { get, root } = await site()
    const file = path.join(root, "a.txt")
    makeOld(file)
    clockAhead()
    const first = await get("/files/a.txt")
    const calls = countCalls()
    assert.strictEqual((await get("/files/a.txt")).text, "hello")
    assert.deepStrictEqual(calls, ["stat"], "it is kept")
    fs.writeFileSync(file, "jello")
    const second = await get("/files/a.txt")
    assert.strictEqual(second.text, "jello")
    assert.notStrictEqual(second.header("etag"), first.header("etag"))
    fs.writeFileSync(path.join(root, "new"), "cello")
    makeOld(path.join(root, "new"))
    fs.renameSync(path.join(root, "new"), file)
    assert.strictEqual((await get("/files/a.txt")).text, "cello")
    fs.rmSync(file)
    assert.strictEqual((await get("/files/a.txt")).status, 404)
  })

  it("of every size around the limits are sent complete", async () => {
    const { get, root } = await site()
    for (const size of [0, 1, 65_535, 65_536, 65_537, 131_072, 131_073, 400_000]) {
      fs.writeFileSync(path.join(root, "sized"), bytesOf(size))
      const answer = await get("/files/sized")
      assert.strictEqual(answer.header("content-length"), String(size))
      assert.isTrue(answer.body.equals(bytesOf(size)), `${size} bytes`)
    }
  })

  it("that are empty are 200 without a body, and 416 for a range", async () => {
    const { get, root } = await site()
    fs.writeFileSync(path.join(root, "empty"), "")
    assert.strictEqual((await get("/files/empty")).header("content-length"), "0")
    const none = await get("/files/empty", [["Range", "bytes=0-"]])
    assert.strictEqual(none.status, 416)
    assert.strictEqual(none.header("content-range"), "bytes */0")
    assert.strictEqual(none.body.length, 0)
  })

  it.effect.prop(
    "are rebuilt from their ranges",
    [
      Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 299_999 }))).check(
        Schema.isMaxLength(6),
      ),
    ],
    ([cuts]) =>
      Effect.promise(async () => {
        const { get, root, base } = await site()
        const content = bytesOf(300_000)
        fs.writeFileSync(path.join(root, "big.bin"), content)
        const edges = [...new Set([0, ...cuts, content.length])].sort((a, b) => a - b)
        const parts: Array<Buffer> = []
        for (const [i, end] of edges.slice(1).entries()) {
          const part = await get("/files/big.bin", [["Range", `bytes=${edges[i]}-${end - 1}`]])
          assert.strictEqual(part.status, 206)
          assert.strictEqual(part.header("content-length"), String(part.body.length))
          parts.push(part.body)
        }
        assert.isTrue(Buffer.concat(parts).equals(content))
        fs.rmSync(base, { recursive: true })
      }),
    { arbitrary: { runs: 15 } },
  )

  it.each(["POST", "PUT", "DELETE", "PATCH", "TRACE", "MKCOL", "LOCK", "get"])(
    "answer %s with 405 and Allow",
    async (method) => {
      const { handler } = await site()
      const answer = await callHandler(handler, { method, target: "/files/a.txt" })
      assert.strictEqual(answer.status, 405)
      assert.strictEqual(answer.header("allow"), "GET, HEAD, OPTIONS, PROPFIND")
      assert.include(answer.text, "PTTH_METHOD_NOT_ALLOWED")
    },
  )

  it("discard a request's body", async () => {
    const { handler } = await site()
    let discarded = 0
    const body = {
      length: undefined,
      whole: undefined,
      read: () => assert.fail("nobody reads it"),
      discard: () => {
        discarded++
      },
    }
    await callHandler(handler, { target: "/files/a.txt", body })
    await callHandler(handler, { target: "/files/a.txt", method: "POST", body })
    assert.strictEqual(discarded, 2)
  })
})

describe("dot segments and empty ones", () => {
  it.each([
    ["/files/./a.txt", "hello"],
    ["/files//a.txt", "hello"],
    ["//files/%2e/a.txt", "hello"],
    ["/files/dir/.//./inner/./b.txt", "inner"],
    ["/files/dir/./?plain", "inner/\n"],
    ["/files/dir/.?plain", "inner/\n"],
    ["/files//?plain", "dir/\na.txt\n"],
  ])("are removed: %s", async (target, text) => {
    const { get } = await site()
    const answer = await get(target)
    assert.strictEqual(answer.status, 200)
    assert.strictEqual(answer.text, text)
  })

  it("lead to no other address in redirects", async () => {
    const { get } = await site()
    assert.strictEqual((await get("/files/.//dir")).header("location"), "dir/")
    assert.strictEqual((await get("//evil.example")).header("location"), undefined)
  })
})

describe("what is not inside", () => {
  it.each([
    "//etc/passwd",
    "/files//etc/passwd",
    "/%2Fetc%2Fpasswd",
    "/files/%2Fetc%2Fpasswd",
    "/files/..",
    "/files/../outside/secret.txt",
    "/files/../root-secret/x",
    "/../root-secret/x",
    "/files/dir/../../outside/secret.txt",
    "/files/%2e%2e/outside/secret.txt",
    "/files/%252e%252e/outside/secret.txt",
    "/files/%%32%65%%32%65/outside/secret.txt",
    "/files/..%2foutside/secret.txt",
    "/files/..%5coutside%5csecret.txt",
    "/files/..\\outside\\secret.txt",
    "/files/%c0%ae%c0%ae/outside/secret.txt",
    "/files/%ff%fe",
    "/files/a.txt%00",
    "/files/%00",
    "/files/.dotfile",
    "/files/%2edotfile",
    "/files/a.txt#x",
    "/files/[*?",
    "/files/a.tx?",
    `/files/${"x".repeat(300)}`,
    `/files/${"x".repeat(5000)}`,
    `/files/${"x/".repeat(5000)}`,
    "/nothing",
    "/files2/a.txt",
    "/filesa.txt",
    "/assets/",
    "/assets/style.css/",
    "/api/v1/",
    "/api/v1/dirx",
    "//evil.example/..",
    "/\\evil.example",
  ])("%s is 400 or 404", async (target) => {
    const { get } = await site()
    const answer = await get(target)
    assert.include([400, 404], answer.status)
    assert.notInclude(answer.text, secret)
    assert.isUndefined(answer.header("location"))
  })

  it.effect.prop(
    "is reached by no sequence of hostile pieces",
    [
      Schema.Array(
        Schema.Literals([
          ".",
          "/",
          "\\",
          "%",
          "2e",
          "2f",
          "5c",
          "00",
          "outside",
          "secret.txt",
          "dir",
          "?",
        ]),
      ).check(Schema.isMaxLength(30)),
    ],
    ([pieces]) =>
      Effect.promise(async () => {
        const { get, base } = await site()
        const answer = await get(`/files/${pieces.join("")}`)
        assert.include([200, 308, 400, 404], answer.status)
        assert.notInclude(answer.text, secret)
        fs.rmSync(base, { recursive: true })
      }),
    { arbitrary: { runs: 150 } },
  )

  it("is 404 through links outside, broken links and circular links", async () => {
    const { base, root, get } = await site()
    fs.symlinkSync("../outside/secret.txt", path.join(root, "leaving.txt"))
    fs.symlinkSync(path.join(base, "outside"), path.join(root, "leaving"))
    fs.symlinkSync("../root-secret", path.join(root, "sibling"))
    fs.symlinkSync("absent", path.join(root, "dangling"))
    fs.symlinkSync("loop", path.join(root, "loop"))
    fs.symlinkSync("..", path.join(root, "up"))
    for (const target of [
      "leaving.txt",
      "leaving",
      "leaving/",
      "leaving/secret.txt",
      "sibling/x",
      "dangling",
      "dangling/",
      "loop",
      "loop/x",
      "up",
      "up/",
      "up/outside/secret.txt",
    ]) {
      for (const prefix of ["/files/", "/api/v1/dir/"]) {
        const answer = await get(prefix + target)
        assert.strictEqual(answer.status, 404, target)
        assert.notInclude(answer.text, secret)
      }
    }
    const list = await get("/files/")
    assert.strictEqual(list.status, 200)
    for (const name of ["leaving", "sibling", "dangling", "loop", "up"]) {
      assert.notInclude(list.text, name)
    }
  })

  it("does not include files that a link inside leads to", async () => {
    const { root, get } = await site()
    fs.symlinkSync("a.txt", path.join(root, "link.txt"))
    fs.symlinkSync(path.join(root, "dir"), path.join(root, "linked"))
    fs.symlinkSync(".", path.join(root, "self"))
    assert.strictEqual((await get("/files/link.txt")).text, "hello")
    assert.strictEqual((await get("/files/linked/inner/b.txt")).text, "inner")
    assert.strictEqual((await get("/files/self/self/a.txt")).text, "hello")
    assert.strictEqual((await get("/files/linked")).header("location"), "linked/")
    const { entries } = JSON.parse((await get("/api/v1/dir/")).text) as {
      entries: ReadonlyArray<{ name: string; is_dir: boolean; size: number }>
    }
    assert.deepStrictEqual(
      entries.map(({ name, is_dir, size }) => [name, is_dir, size]),
      [
        ["dir", true, 0],
        ["linked", true, 0],
        ["self", true, 0],
        ["a.txt", false, 5],
        ["link.txt", false, 5],
      ],
    )
  })

  it("stays invisible while a link is switched back and forth", async () => {
    const { base, root, get } = await site()
    fs.mkdirSync(path.join(root, "good"))
    fs.writeFileSync(path.join(root, "good", "secret.txt"), "good")
    let turn = 0
    const toggle = (): void => {
      const next = path.join(base, `next${turn}`)
      fs.symlinkSync(turn++ % 2 === 0 ? path.join(root, "good") : path.join(base, "outside"), next)
      fs.renameSync(next, path.join(root, "swap"))
    }
    for (let round = 0; round < 60; round++) {
      toggle()
      const answers = Array.from({ length: 6 }, () => get("/files/swap/secret.txt"))
      const folders = Array.from({ length: 2 }, () => get("/api/v1/dir/swap/"))
      toggle()
      await Promise.resolve()
      toggle()
      for (const answer of await Promise.all([...answers, ...folders])) {
        assert.include([200, 404], answer.status)
        assert.notInclude(answer.text, secret)
      }
    }
    assert.deepStrictEqual(await untilClosed(base), [])
  })
})

describe("what changes between two looks", () => {
  /** Does something just before the next file is opened. */
  const beforeOpen = (change: () => void): void => {
    const open = fs.open
    let done = false
    replaceFs({
      open: ((...args: Parameters<typeof open>) => {
        if (!done) change()
        done = true
        return open(...args)
      }) as unknown as typeof open,
    })
  }

  it("a file that becomes a link to the outside is 404", async () => {
    const { base, root, get } = await site()
    beforeOpen(() => {
      fs.rmSync(path.join(root, "a.txt"))
      fs.symlinkSync("../outside/secret.txt", path.join(root, "a.txt"))
    })
    const answer = await get("/files/a.txt")
    assert.strictEqual(answer.status, 404)
    assert.notInclude(answer.text, secret)
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("a folder above it that becomes a link to the outside is 404", async () => {
    const { base, root, get } = await site()
    fs.writeFileSync(path.join(base, "outside", "b.txt"), secret)
    beforeOpen(() => {
      fs.rmSync(path.join(root, "dir", "inner"), { recursive: true })
      fs.symlinkSync(path.join(base, "outside"), path.join(root, "dir", "inner"))
    })
    const answer = await get("/files/dir/inner/b.txt")
    assert.strictEqual(answer.status, 404)
    assert.notInclude(answer.text, secret)
  })

  it("a folder that becomes a link to the outside is not listed", async () => {
    const { base, root, get } = await site()
    beforeOpen(() => {
      fs.rmSync(path.join(root, "dir"), { recursive: true })
      fs.symlinkSync(path.join(base, "outside"), path.join(root, "dir"))
    })
    const answer = await get("/files/dir/")
    assert.strictEqual(answer.status, 404)
    assert.notInclude(answer.text, "secret")
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("a folder that is moved while it is read is the one that was checked", async () => {
    const { base, root, get } = await site()
    const readdir = fs.readdir
    replaceFs({
      readdir: ((...args: Parameters<typeof readdir>) => {
        fs.renameSync(path.join(root, "dir"), path.join(root, "moved"))
        fs.symlinkSync(path.join(base, "outside"), path.join(root, "dir"))
        return readdir(...args)
      }) as unknown as typeof readdir,
    })
    const answer = await get("/files/dir/?json")
    assert.strictEqual(answer.status, 200)
    assert.include(answer.text, "inner")
    assert.notInclude(answer.text, "secret")
  })

  it("a file that becomes a FIFO does not hang", async () => {
    const { base, root, get } = await site()
    beforeOpen(() => {
      fs.rmSync(path.join(root, "a.txt"))
      execFileSync("mkfifo", [path.join(root, "a.txt")])
    })
    assert.strictEqual((await get("/files/a.txt")).status, 404)
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("a small file that shrinks before it is read is sent with its new length", async () => {
    const { base, root, get } = await site()
    const read = fs.read
    let done = false
    replaceFs({
      read: ((...args: Parameters<typeof read>) => {
        if (!done) fs.truncateSync(path.join(root, "a.txt"), 2)
        done = true
        return read(...args)
      }) as unknown as typeof read,
    })
    const answer = await get("/files/a.txt")
    assert.strictEqual(answer.status, 200)
    assert.strictEqual(answer.header("content-length"), "2")
    assert.strictEqual(answer.text, "he")
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("a root that is a link may be switched to another folder, and a root may vanish", async () => {
    const { base, root } = await site()
    const other = path.join(base, "other")
    fs.mkdirSync(other)
    fs.writeFileSync(path.join(other, "a.txt"), "other")
    const link = path.join(base, "current")
    fs.symlinkSync(root, link)
    const handler = await serve(link)
    assert.strictEqual((await callHandler(handler, { target: "/files/a.txt" })).text, "hello")
    fs.rmSync(link)
    fs.symlinkSync(other, link)
    assert.strictEqual((await callHandler(handler, { target: "/files/a.txt" })).text, "other")
    fs.rmSync(link)
    assert.strictEqual((await callHandler(handler, { target: "/files/a.txt" })).status, 404)
    assert.strictEqual((await callHandler(handler, { target: "/files/" })).status, 404)
  })
})

describe("what is neither a file nor a folder", () => {
  it("is 404 and not listed: FIFO and socket", async () => {
    const { base, root, get } = await site()
    execFileSync("mkfifo", [path.join(root, "fifo")])
    const server = net.createServer()
    await new Promise<void>((resolve) => server.listen(path.join(root, "socket"), resolve))
    onTestFinished(() => {
      server.close()
    })
    const calls = countCalls()
    for (const target of ["/files/fifo", "/files/fifo/", "/files/socket", "/api/v1/dir/fifo"]) {
      assert.strictEqual((await get(target)).status, 404, target)
    }
    assert.notInclude(calls, "open", "opening them could have effects")
    const list = await get("/files/")
    assert.notInclude(list.text, "fifo")
    assert.notInclude(list.text, "socket")
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("is 404: devices inside the root", async () => {
    const handler = await serve("/dev")
    for (const name of ["null", "zero", "tty", "stdin", "fd/0", "urandom"]) {
      const answer = await callHandler(handler, { target: `/files/${name}` })
      assert.strictEqual(answer.status, 404, name)
    }
  })

  it("does not prevent sharing the root of the file system", async () => {
    const { root } = await site()
    const handler = await serve("/")
    const answer = await callHandler(handler, { target: `/files${root}/a.txt` })
    assert.strictEqual(answer.text, "hello")
  })
})

describe("errors of the system", () => {
  it.each([
    ["EACCES", 403],
    ["EPERM", 403],
    ["ENAMETOOLONG", 404],
    ["ENXIO", 404],
    ["EMFILE", 503],
    ["ENFILE", 503],
    ["EIO", 500],
  ])("%s on opening becomes %i", async (code, status) => {
    const { base, get } = await site()
    replaceFs({
      open: ((_path: string, _flags: number, done: (error: Error) => void) =>
        setImmediate(
          done,
          Object.assign(new Error(`${code} ${base}`), { code }),
        )) as unknown as typeof fs.open,
    })
    const answer = await get("/files/a.txt")
    assert.strictEqual(answer.status, status)
    assert.strictEqual(answer.header("retry-after"), status === 503 ? "1" : undefined)
    assert.notInclude(answer.text, base)
  })

  it("a folder whose entries may not be examined is 403 instead of an empty list", async () => {
    const { get } = await site()
    replaceFs({ lstat: failing("EACCES") })
    for (const target of ["/files/dir/", "/files/dir/?json", "/files/dir/?plain"]) {
      assert.strictEqual((await get(target)).status, 403, target)
    }
  })

  it.each(["fstat", "readlink", "read"] as const)("%s failing closes the file", async (name) => {
    const { base, get } = await site()
    replaceFs({ [name]: failing("EIO") })
    assert.strictEqual((await get("/files/a.txt")).status, 500)
    assert.deepStrictEqual(await untilClosed(base), [])
  })
})

describe("hidden files", () => {
  const config = async () => {
    const { base, root } = await site()
    const file = path.join(root, "dir", "ptth.toml")
    fs.writeFileSync(file, `key = "${secret}"`)
    makeOld(file)
    const handler = await serve(root, [file, path.join(root, "not-yet.toml")])
    const get = (target: string) => callHandler(handler, { target })
    return { base, root, file, get }
  }

  it("are 404 by their path, through links and under other names", async () => {
    const { root, file, get } = await config()
    fs.symlinkSync("dir/ptth.toml", path.join(root, "soft.txt"))
    fs.symlinkSync("dir", path.join(root, "alias"))
    fs.linkSync(file, path.join(root, "hard.txt"))
    for (const target of [
      "dir/ptth.toml",
      "soft.txt",
      "alias/ptth.toml",
      "hard.txt",
      "dir/%70tth.toml",
    ]) {
      const answer = await get(`/files/${target}`)
      assert.strictEqual(answer.status, 404, target)
      assert.notInclude(answer.text, secret)
    }
    for (const folder of ["/files/", "/files/dir/", "/api/v1/dir/dir/", "/files/alias/"]) {
      assert.notMatch((await get(folder)).text, /ptth\.toml|soft|hard/)
    }
  })

  it("stay hidden when they are replaced, as do the replaced files under a new name", async () => {
    const { root, file, get } = await config()
    assert.strictEqual((await get("/files/dir/ptth.toml")).status, 404)
    fs.renameSync(file, path.join(root, "ptth.toml~"))
    assert.strictEqual((await get("/files/ptth.toml~")).status, 404)
    fs.writeFileSync(path.join(root, "next"), secret)
    makeOld(path.join(root, "next"))
    fs.renameSync(path.join(root, "next"), file)
    assert.strictEqual((await get("/files/dir/ptth.toml")).status, 404)
    fs.linkSync(file, path.join(root, "hard.txt"))
    assert.strictEqual((await get("/files/hard.txt")).status, 404)
    assert.strictEqual((await get("/files/ptth.toml~")).status, 404)
    assert.notMatch((await get("/files/")).text, /ptth|hard/)
  })

  it("are refreshed within a second even if the file system's clock is behind", async () => {
    const { root, file, get } = await config()
    const other = path.join(root, "dir", "other.txt")
    fs.writeFileSync(other, "public")
    const goOn = clockAhead()
    assert.strictEqual((await get("/files/dir/other.txt")).text, "public")
    const calls = countCalls()
    assert.strictEqual((await get("/files/dir/other.txt")).text, "public")
    assert.deepStrictEqual(calls, ["stat"], "it is kept")
    fs.rmSync(file)
    fs.linkSync(other, file)
    goOn(1_000)
    assert.strictEqual((await get("/files/dir/ptth.toml")).status, 404)
    assert.strictEqual((await get("/files/dir/other.txt")).status, 404)
  })

  it("are hidden as soon as they are created", async () => {
    const { root, get } = await config()
    assert.strictEqual((await get("/files/not-yet.toml")).status, 404)
    fs.writeFileSync(path.join(root, "not-yet.toml"), secret)
    assert.strictEqual((await get("/files/not-yet.toml")).status, 404)
    assert.notInclude((await get("/files/")).text, "not-yet")
    fs.linkSync(path.join(root, "not-yet.toml"), path.join(root, "copy"))
    assert.strictEqual((await get("/files/copy")).status, 404)
  })

  it("stay hidden if they are replaced while they are being opened", async () => {
    const { root, file, get } = await config()
    const readlink = fs.readlink
    replaceFs({
      readlink: ((...args: Parameters<typeof readlink>) => {
        fs.writeFileSync(path.join(root, "next"), secret)
        fs.renameSync(path.join(root, "next"), file)
        return readlink(...args)
      }) as unknown as typeof readlink,
    })
    const answer = await get("/files/dir/ptth.toml")
    assert.strictEqual(answer.status, 404)
    assert.notInclude(answer.text, secret)
  })

  it("hide no others", async () => {
    const { get } = await config()
    assert.strictEqual((await get("/files/a.txt")).text, "hello")
    assert.strictEqual((await get("/files/dir/inner/b.txt")).text, "inner")
  })
})

describe("bodies", () => {
  const big = async (size = 1_000_000) => {
    const { base, root, handler } = await site()
    const file = path.join(root, "big.bin")
    fs.writeFileSync(file, bytesOf(size))
    return { base, file, handler, opened: await openHandler(handler, { target: "/files/big.bin" }) }
  }

  it("pause with at most one read in progress, and resume", async () => {
    const { base, opened } = await big()
    let reads = 0
    const read = fs.read
    replaceFs({
      read: ((...args: Parameters<typeof read>) => {
        reads++
        return read(...args)
      }) as unknown as typeof read,
    })
    const chunks: Array<Uint8Array> = []
    let flow: BodyFlow | undefined
    let arrived: () => void = () => {}
    let ended = false
    const next = () =>
      new Promise<void>((resolve) => {
        arrived = resolve
      })
    let wait = next()
    flow = opened.body.read({
      data: (chunk) => {
        assert.isDefined(flow)
        chunks.push(chunk)
        arrived()
        return false
      },
      end: () => {
        ended = true
        arrived()
      },
      fail: (error) => assert.fail(error.message),
    })
    while (!ended) {
      await wait
      for (let turn = 0; turn < 20; turn++) await fs.promises.stat(base)
      assert.strictEqual(reads, chunks.length)
      wait = next()
      flow.resume()
      flow.resume()
      if (Buffer.concat(chunks).length === 1_000_000) break
    }
    assert.isTrue(ended)
    assert.isTrue(Buffer.concat(chunks).equals(bytesOf(1_000_000)))
    assert.isAtLeast(chunks.length, 3)
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("fail with `cut` when the file shrinks, without padding", async () => {
    const { base, file, opened } = await big()
    let received = 0
    const failure = await new Promise<BodyError>((resolve) => {
      const flow = opened.body.read({
        data: (chunk) => {
          if (received === 0) {
            fs.truncateSync(file, 600_000)
            setImmediate(() => flow.resume())
          }
          received += chunk.length
          return received !== chunk.length
        },
        end: () => assert.fail("it is not whole"),
        fail: resolve,
      })
    })
    assert.strictEqual(failure.reason, "cut")
    assert.strictEqual(received, 600_000)
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("have the announced length if the file grows", async () => {
    const { file, opened } = await big(200_000)
    fs.appendFileSync(file, bytesOf(500_000))
    let received = 0
    await new Promise<void>((resolve, reject) => {
      opened.body.read({
        data: (chunk) => {
          received += chunk.length
          return true
        },
        end: () => resolve(),
        fail: reject,
      })
    })
    assert.strictEqual(received, 200_000)
    assert.strictEqual(opened.body.length, 200_000)
  })

  it("continue with the file that was opened if it is replaced", async () => {
    const { base, file, opened } = await big()
    fs.writeFileSync(path.join(base, "next"), Buffer.alloc(1_000_000))
    fs.renameSync(path.join(base, "next"), file)
    const chunks: Array<Uint8Array> = []
    await new Promise<void>((resolve, reject) => {
      opened.body.read({
        data: (chunk) => {
          chunks.push(chunk)
          return true
        },
        end: () => resolve(),
        fail: reject,
      })
    })
    assert.isTrue(Buffer.concat(chunks).equals(bytesOf(1_000_000)))
  })

  it("start only after `read` has returned", async () => {
    const { opened } = await big()
    let returned = false
    await new Promise<void>((resolve, reject) => {
      opened.body.read({
        data: () => returned || assert.fail("too early"),
        end: () => resolve(),
        fail: reject,
      })
      returned = true
    })
  })

  it("send nothing more after they are cancelled from within", async () => {
    const { base, opened } = await big()
    let chunks = 0
    const flow = opened.body.read({
      data: () => {
        chunks++
        flow.cancel()
        flow.resume()
        return true
      },
      end: () => assert.fail("it was cancelled"),
      fail: () => assert.fail("it was cancelled"),
    })
    assert.deepStrictEqual(await untilClosed(base), [])
    assert.strictEqual(chunks, 1)
    flow.cancel()
  })

  it("may be resumed from within", async () => {
    const { opened } = await big()
    let received = 0
    await new Promise<void>((resolve, reject) => {
      const flow = opened.body.read({
        data: (chunk) => {
          received += chunk.length
          flow.resume()
          return false
        },
        end: () => resolve(),
        fail: reject,
      })
    })
    assert.strictEqual(received, 1_000_000)
  })

  it("close the file once, however they end", async () => {
    const { base, handler } = await big()
    const closed: Array<number> = []
    const close = fs.close
    replaceFs({
      close: ((handle: number, done: () => void) => {
        closed.push(handle)
        close(handle, done)
      }) as unknown as typeof close,
    })
    const first = await openHandler(handler, { target: "/files/big.bin" })
    first.body.discard()
    first.body.discard()
    first.cancel()
    const second = await openHandler(handler, { target: "/files/big.bin" })
    second.cancel()
    second.cancel()
    second.body.discard()
    const third = await openHandler(handler, { target: "/files/big.bin" })
    const flow = third.body.read({
      data: () => assert.fail("cancelled"),
      end: () => assert.fail("cancelled"),
      fail: () => assert.fail("cancelled"),
    })
    flow.cancel()
    third.cancel()
    // The one from `big` is still open.
    for (let turn = 0; turn < 50; turn++) await fs.promises.stat(base)
    assert.strictEqual(closed.length, 3)
  })

  it("leave no file open after many requests cancelled at every stage", async () => {
    const { base, root, handler } = await site()
    fs.writeFileSync(path.join(root, "big.bin"), bytesOf(400_000))
    for (let i = 0; i < 30; i++) fs.writeFileSync(path.join(root, "dir", `f${i}`), "x")
    const handles = () => fs.readdirSync("/proc/self/fd").length
    await callHandler(handler, { target: "/files/" })
    assert.deepStrictEqual(await untilClosed(base), [])
    const before = handles()
    const targets = ["/files/big.bin", "/files/a.txt", "/files/dir/", "/files/dir", "/files/absent"]
    for (let round = 0; round < 40; round++) {
      const cancels = targets.flatMap((target) =>
        Array.from({ length: 8 }, (_, stage) => {
          let cancelled = false
          const cancel = handler(
            { method: stage === 7 ? "HEAD" : "GET", target, headers: [] },
            noBody,
            {
              respond: (_head, body) => {
                assert.isFalse(cancelled, "an answer after the cancel")
                if (stage === 4) body.discard()
                if (stage === 5 || stage === 6) {
                  const flow = body.read({
                    data: () => {
                      if (stage === 6) flow.cancel()
                      return false
                    },
                    end: () => {},
                    fail: () => {},
                  })
                  if (stage === 5) setImmediate(() => flow.cancel())
                }
              },
              fail: () => {},
            },
          )
          const stop = () => {
            cancelled = true
            cancel()
          }
          if (stage === 0) stop()
          return { stage, stop }
        }),
      )
      await Promise.resolve()
      for (const { stage, stop } of cancels) if (stage === 1) stop()
      await new Promise(setImmediate)
      for (const { stage, stop } of cancels) if (stage === 2) stop()
      for (let turn = 0; turn < 3; turn++) await fs.promises.stat(base)
      for (const { stop } of cancels) stop()
    }
    assert.deepStrictEqual(await untilClosed(base), [])
    assert.isAtMost(handles(), before)
  })

  it("of a small file take six system calls at first, and then one for a second", async () => {
    const { get } = await site()
    const goOn = clockAhead()
    const calls = countCalls()
    // On this thread where the last look was quick, on another where it was not.
    const oneLook = () => assert.match(calls.splice(0).join(), /^stat(?:Sync)?$/)
    assert.strictEqual((await get("/files/a.txt")).text, "hello")
    assert.deepStrictEqual(calls.splice(0), anew)
    assert.strictEqual((await get("/files/a.txt")).text, "hello")
    oneLook()
    assert.strictEqual((await get("/files/a.txt", [["Range", "bytes=1-2"]])).text, "el")
    oneLook()
    goOn(1_000)
    assert.strictEqual((await get("/files/a.txt")).text, "hello")
    assert.deepStrictEqual(calls.splice(0), anew)
  })

  it("of a file that has just changed are read every time", async () => {
    const { get, root } = await site()
    makeOld(path.join(root, "a.txt"))
    const calls = countCalls()
    for (let repetition = 0; repetition < 3; repetition++) {
      assert.strictEqual((await get("/files/a.txt")).text, "hello")
      assert.deepStrictEqual(calls.splice(0), anew)
    }
  })
})

const noBody = { length: 0, whole: undefined, read: () => assert.fail("unread"), discard: () => {} }

describe("FileBody", () => {
  it("of no bytes ends at once", async () => {
    const base = temporaryFolder()
    fs.writeFileSync(path.join(base, "x"), "")
    const handle = fs.openSync(path.join(base, "x"), "r")
    await new Promise<void>((resolve, reject) => {
      FileBody.make(handle, 0, 0).body.read({
        data: () => assert.fail("no bytes"),
        end: () => resolve(),
        fail: reject,
      })
    })
    assert.deepStrictEqual(await untilClosed(base), [])
  })
})

describe("redirects", () => {
  it.each([
    ["/files", "files/"],
    ["/files?json", "files/?json"],
    ["/files/dir", "dir/"],
    ["/files/dir/inner", "inner/"],
    ['/files/dir?a=%22"\xff', "dir/?a=%22%22%FF"],
    ["/api/v1/dir", "dir/"],
    ["/api/v1/dir/dir", "dir/"],
  ])("%s leads to %s", async (target, location) => {
    const { get } = await site()
    const answer = await get(target)
    assert.strictEqual(answer.status, 308)
    assert.strictEqual(answer.header("location"), location)
    const next = await get(follow(target, location))
    assert.strictEqual(next.status, 200)
  })

  it.each(["a:b", "javascript:alert(1)", "a?b#c", "x y", "%2f", "\\evil.example", "http:"])(
    "to a folder named %j stay relative",
    async (name) => {
      const { root, get } = await site()
      fs.mkdirSync(path.join(root, name))
      const target = `/files/${encodeURIComponent(name)}`
      const location = (await get(target)).header("location") as string
      assert.match(location, /^[A-Za-z0-9._~%-]+\/$/)
      const next = follow(target, location)
      assert.strictEqual(next, `${target}/`.replaceAll("(", "%28").replaceAll(")", "%29"))
      assert.strictEqual((await get(next)).status, 200)
    },
  )
})

describe("folders", () => {
  const hostile = [
    "a#b?c%41.txt",
    "a&amp;b.txt",
    "quote\"'`.txt",
    "<img src=x onerror=alert(1)>.txt",
    "new\nline.txt",
    "tab\tand\x1bescape",
    "back\\slash.txt",
    "emoji 😀.txt",
    "rtl \u202egpj.exe",
    "javascript:alert(1)",
    "http:",
    "%2e%2e",
    "%00",
    " space ",
    "~tilde~",
    "*[?]{}",
    "名前",
    "{{x}}",
    "con",
    "x".repeat(255),
  ]

  it("link to every legal file name", async () => {
    const { root, get } = await site()
    const folder = path.join(root, "odd & <b>")
    fs.mkdirSync(folder)
    for (const name of hostile) fs.writeFileSync(path.join(folder, name), `content of ${name}`)
    const raw = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0xfe, 0x2e, 0x78])])
    fs.writeFileSync(raw, "content of raw")
    const target = `/files/${encodeURIComponent("odd & <b>")}/`
    const page = await get(target)
    assert.strictEqual(page.status, 200)
    assert.notInclude(page.text, "<img src=x")
    assert.notInclude(page.text, "<b>")
    const rows = [...page.text.matchAll(/<td><a href="([^"]*)"/g)].map(([, link]) => link as string)
    assert.strictEqual(rows.length, hostile.length + 1)
    const contents = await Promise.all(
      rows.map(async (link) => (await get(follow(target, link))).text),
    )
    assert.deepStrictEqual(
      contents.sort(),
      [...hostile.map((name) => `content of ${name}`), "content of raw"].sort(),
    )
    const { entries } = JSON.parse((await get(`${target}?json`)).text) as {
      entries: ReadonlyArray<{ name: string; href?: string }>
    }
    assert.sameMembers(
      entries.map(({ name }) => name),
      [...hostile, "\ufffd\ufffd.x"],
    )
    assert.deepStrictEqual(
      entries.filter(({ href }) => href !== undefined).map(({ href }) => href),
      ["%FF%FE.x"],
    )
  })

  it("with hostile names open too, and all their links are relative and work", async () => {
    const { root, get } = await site()
    const names = hostile.filter((name) => name.length < 200)
    for (const name of names) fs.mkdirSync(path.join(root, name, "sub"), { recursive: true })
    const top = await get("/files/")
    const rows = [...top.text.matchAll(/<a class="folder" href="([^"]*)"/g)].map(
      ([, link]) => link as string,
    )
    assert.strictEqual(rows.length, names.length + 1)
    for (const link of rows) {
      const target = follow("/files/", link)
      const page = await get(target)
      assert.strictEqual(page.status, 200, target)
      for (const inner of linksOf(page)) {
        assert.notMatch(inner, /^(?:\/|[A-Za-z][A-Za-z0-9+.-]*:)/, "relative")
        assert.strictEqual((await get(follow(target, inner))).status, 200, inner)
      }
    }
  })

  it.each([
    ["/", ["/", "/files/", "/api/v1/dir/", "/metrics"]],
    ["/files/", ["/files/dir/", "/files/a.txt"]],
    ["/files/dir/", ["/files/", "/files/dir/inner/"]],
    ["/files/dir/inner/", ["/files/", "/files/dir/", "/files/dir/inner/b.txt"]],
  ])("link up, down, to the style sheet and to the logo from %s", async (target, expected) => {
    const { get } = await site()
    // Queries and anchors lead back to the page itself in other forms.
    const links = linksOf(await get(target)).filter(
      (link) => !(/[?#]/.test(link) || (link === "./" && target !== "/")),
    )
    const reached = links.map((link) => follow(target, link))
    const scripts = target === "/" ? [] : [`/${Assets.script.path}`, `/${Assets.theme.path}`]
    assert.deepStrictEqual(
      [...new Set(reached)].sort(),
      [...expected, ...scripts, `/${Assets.style.path}`, `/${Assets.logo.path}`].sort(),
    )
    for (const link of reached) assert.strictEqual((await get(link)).status, 200, link)
  })

  it("have a style sheet and a logo", async () => {
    const { get } = await site()
    assert.strictEqual(
      (await get("/assets/style.css")).header("content-type"),
      "text/css; charset=utf-8",
    )
    assert.strictEqual((await get("/favicon.svg")).header("content-type"), "image/svg+xml")
  })

  it("have assets that browsers keep for a year, while pages and files are validated", async () => {
    const { get } = await site()
    for (const { bytes, path, type } of [Assets.style, Assets.script, Assets.theme, Assets.logo]) {
      const answer = await get(`/${path}`)
      assert.strictEqual(answer.header("content-type"), type)
      assert.strictEqual(answer.header("cache-control"), "max-age=31536000, immutable")
      assert.isTrue(answer.body.equals(bytes))
      const tag: HeaderList = [["If-None-Match", answer.header("etag") as string]]
      const same = await get(`/${path}`, tag)
      assert.strictEqual(same.status, 304)
      assert.strictEqual(same.header("cache-control"), answer.header("cache-control"))
    }
    for (const target of ["/", "/files/", "/files/a.txt", "/favicon.svg", "/assets/style.css"]) {
      assert.strictEqual((await get(target)).header("cache-control"), "no-cache", target)
    }
    assert.strictEqual((await get("/assets/style-0123456789abcdef.css")).status, 404)
  })

  it("have a strict policy and run nothing", async () => {
    const { get } = await site()
    for (const target of ["/", "/files/"]) {
      const page = await get(target)
      assert.strictEqual(page.header("content-type"), "text/html; charset=utf-8")
      assert.strictEqual(
        page.header("content-security-policy"),
        target === "/" ? Page.policy : Page.filesPolicy,
      )
      assert.notMatch(page.header("content-security-policy") ?? "", /unsafe|https?:|\*|data:|blob:/)
      assert.strictEqual(page.header("x-content-type-options"), "nosniff")
      assert.strictEqual(page.header("cache-control"), "no-cache")
      assert.notMatch(
        page.text,
        /<script(?! src="(?:\.\.\/)+assets\/(?:files|theme)-[0-9a-f]{16}\.js" integrity="sha256-[\w+/=]{44}"(?: defer)?><\/script>)/,
      )
      assert.notMatch(page.text, /style="|\son\w+=/)
    }
  })

  it("come first, in natural order, with size and time and without dotfiles", async () => {
    const { root, get } = await site()
    for (const name of ["file10", "file9", "File1", "éclair", "zebra", "eclipse"]) {
      fs.writeFileSync(path.join(root, name), "x".repeat(name.length))
      fs.utimesSync(path.join(root, name), 1_000_000_000, 1_000_000_000.5)
    }
    fs.mkdirSync(path.join(root, "z10"))
    fs.mkdirSync(path.join(root, "z9"))
    const answer = await get("/api/v1/dir/")
    assert.strictEqual(answer.header("content-type"), "application/json")
    const { entries } = JSON.parse(answer.text) as {
      entries: ReadonlyArray<Record<string, unknown>>
    }
    assert.deepStrictEqual(
      entries.map(({ name }) => name),
      ["dir", "z9", "z10", "a.txt", "éclair", "eclipse", "File1", "file9", "file10", "zebra"],
    )
    assert.deepStrictEqual(entries[8], {
      name: "file10",
      size: 6,
      is_dir: false,
      mtime: "2001-09-09T01:46:40.500Z",
      type: "application/octet-stream",
    })
    assert.strictEqual(entries[0]?.type, "inode/directory")
    assert.include(
      (await get("/files/")).text,
      '<time datetime="2001-09-09T01:46:40.500Z">2001-09-09 01:46</time>',
    )
  })

  it("are JSON for clients that accept it, with Vary", async () => {
    const { get } = await site()
    const isJson = async (target: string, accept?: string) => {
      const answer = await get(target, accept === undefined ? [] : [["Accept", accept]])
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.header("vary"), "Accept, Accept-Encoding")
      return answer.header("content-type") === "application/json"
    }
    assert.isTrue(await isJson("/files/?json"))
    assert.isTrue(await isJson("/files/?a&json=1"))
    assert.isTrue(await isJson("/files/", "application/json"))
    assert.isTrue(await isJson("/files/", "application/json, text/plain, */*"))
    assert.isTrue(await isJson("/files/", "text/html;q=0.5, application/json"))
    assert.isFalse(await isJson("/files/"))
    assert.isFalse(await isJson("/files/", "*/*"))
    assert.isFalse(await isJson("/files/", "text/html,application/xhtml+xml,*/*;q=0.8"))
    assert.isFalse(await isJson("/files/", "text/html, application/json"))
    assert.isFalse(await isJson("/files/", "application/json;q=0"))
    assert.isFalse(await isJson("/files/?jsonx"))
  })

  it("are revalidated by their content", async () => {
    const { root, get } = await site()
    const etag = (await get("/files/")).header("etag") as string
    assert.strictEqual((await get("/files/", [["If-None-Match", etag]])).status, 304)
    fs.writeFileSync(path.join(root, "new"), "")
    assert.strictEqual((await get("/files/", [["If-None-Match", etag]])).status, 200)
  })

  it("say when they are empty", async () => {
    const { root, get } = await site()
    fs.mkdirSync(path.join(root, "void"))
    assert.include((await get("/files/void/")).text, "This folder is empty.")
    assert.deepStrictEqual(JSON.parse((await get("/api/v1/dir/void/")).text), { entries: [] })
  })

  it("of many entries, some deleted meanwhile, list the others", async () => {
    const { root, get } = await site()
    const many = path.join(root, "many")
    fs.mkdirSync(many)
    for (let i = 0; i < 1000; i++) fs.writeFileSync(path.join(many, `n${i}`), "")
    const lstat = fs.lstat
    let looked = 0
    replaceFs({
      lstat: ((file: string, done: () => void) => {
        if (looked++ === 0) for (let i = 0; i < 1000; i += 2) fs.rmSync(path.join(many, `n${i}`))
        lstat(file, done)
      }) as unknown as typeof lstat,
    })
    const { entries } = JSON.parse((await get("/api/v1/dir/many/")).text) as {
      entries: ReadonlyArray<{ name: string }>
    }
    assert.deepStrictEqual(
      entries.map(({ name }) => name),
      Array.from({ length: 500 }, (_, i) => `n${2 * i + 1}`),
    )
  })

  it("show times beyond the calendar as the nearest valid ones", async () => {
    const { root, get } = await site()
    const lstat = fs.lstat
    replaceFs({
      lstat: ((file: string, done: (error: Error | null, stats: fs.Stats) => void) =>
        lstat(file, (error, stats) => {
          stats.mtimeMs = file.endsWith("a.txt") ? 1e18 : -1e18
          done(error, stats)
        })) as unknown as typeof lstat,
    })
    assert.strictEqual((await get("/files/")).status, 200)
    assert.include((await get("/files/?json")).text, "9999-12-31")
    assert.isTrue(fs.existsSync(root))
  })
})

describe("failures", () => {
  it.each([
    ["/files/dir/none/a/b.txt", "../../", "Nearest folder: dir/"],
    ["/files/dir/none", "./", "Nearest folder: dir/"],
    ["/files/dir/none/", "../", "Nearest folder: dir/"],
    ["/files/none/a", "../", "All files"],
    ["/files/a.txt/b", "../", "All files"],
  ])("lead from %s to the nearest folder that exists", async (target, href, label) => {
    const { get } = await site()
    const page = await get(target, [["Accept", "text/html"]])
    assert.strictEqual(page.status, 404)
    assert.include(page.text, `<a href="${href}">${label}</a>`)
  })

  it("have the requested form and escape everything", async () => {
    const { get } = await site()
    const target = "/files/%3Cscript%3Ealert(1)%3C/script%3E?x=<script>"
    const page = await get(target, [["Accept", "text/html"]])
    assert.strictEqual(page.status, 404)
    assert.strictEqual(page.header("content-type"), "text/html; charset=utf-8")
    const own = /<script type="module">[^<]*<\/script>/
    assert.match(page.text, own)
    assert.notInclude(page.text.replace(own, ""), "<script")
    const problem = await get(target, [["Accept", "application/json"]])
    assert.strictEqual(problem.header("content-type"), "application/problem+json")
    assert.strictEqual((JSON.parse(problem.text) as { code: string }).code, "PTTH_NOT_FOUND")
    const text = await get(target)
    assert.strictEqual(text.header("content-type"), "text/plain; charset=utf-8")
    assert.include(text.text, "PTTH_NOT_FOUND")
    assert.strictEqual(text.header("cache-control"), "no-store")
  })
})
