/**
 * The file server on a socket of its own, and through the tunnel in both of
 * its forms: what a visitor gets must be the same.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import * as zlib from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { HeaderList } from "../../src/domain/HeaderList.ts"
import type { Handler } from "../../src/transport/body/Handler.ts"
import { serve } from "../../src/transport/front/NodeFront.ts"
import * as FailurePage from "../../src/web/FailurePage.ts"
import * as Harness from "../support/Harness.ts"
import { parseMultipart } from "../support/parseMultipart.ts"
import { bytesOf, servedFolder } from "../support/servedFolder.ts"
import { untilClosed } from "../support/temporaryFolder.ts"

interface Target {
  readonly host: string
  readonly port: number
  readonly prefix: string
}

type MakeTarget = (handler: Handler) => Effect.Effect<Target, never, Scope.Scope>

const alone: MakeTarget = (handler) =>
  serve({
    host: "127.0.0.1",
    port: 0,
    handler: ({ body, head }, reply) => handler(head, body, reply),
    renderFailure: FailurePage.render,
  }).pipe(
    Effect.map(({ host, port }) => ({ host, port, prefix: "" })),
    Effect.orDie,
  )

const through = (transport: "classic" | "stream"): MakeTarget =>
  Effect.fnUntraced(function* (handler) {
    const relay = yield* Effect.orDie(Harness.relay({ servers: ["files"] }))
    yield* Harness.server(relay, "files", handler, { transport })
    return { host: relay.host, port: relay.port, prefix: "/servers/files" }
  })

const text = "All work and no play makes Jack a dull boy.\n".repeat(200)
const thousand = bytesOf(1000)
const big = bytesOf(1_500_000)
const long = Array.from({ length: 60_000 }, (_, i) => `line ${i} ${i * i}`).join("\n")

const secret = "SECRET"

const site = () =>
  Effect.promise(async () => {
    const made = await servedFolder(
      {
        "t.bin": thousand,
        "big.bin": big,
        "a.txt": "hello",
        "page.html": "<script>alert(1)</script>",
        "app.js": text,
        "app.js.br": zlib.brotliCompressSync(text),
        "text.txt": text,
        "long.txt": long,
        empty: "",
        "old.bak": secret,
        ".env": secret,
        "dir/a#b?c%41.txt": "odd",
        'dir/quote"<&>.txt': "odd",
        "dir/inner/find-me.txt": "found",
      },
      { hidden: ["*.bak"], precompressed: true },
    )
    fs.mkdirSync(path.join(made.base, "outside"))
    fs.writeFileSync(path.join(made.base, "outside", "secret.txt"), secret)
    fs.symlinkSync("../outside", path.join(made.root, "leaving"))
    fs.writeFileSync(Buffer.from(`${made.root}/dir/\xff\xfe.x`, "latin1"), "raw")
    return made
  })

const suite = (name: string, makeTarget: MakeTarget): void => {
  const visiting = Effect.gen(function* () {
    const made = yield* site()
    const target = yield* makeTarget(made.handler)
    const visit = (address: string, headers: HeaderList = [], method = "GET") =>
      Harness.visit(target, target.prefix + address, { headers, method })
    return { ...made, target, visit }
  })

  /** Visits and checks the status and some of the fields and bytes. */
  const cases: ReadonlyArray<
    readonly [
      what: string,
      target: string,
      headers: HeaderList,
      status: number,
      fields: { readonly [name: string]: string | undefined },
      body: string | Buffer | undefined,
    ]
  > = [
    [
      "a file",
      "/files/a.txt",
      [],
      200,
      { "content-length": "5", "accept-ranges": "bytes" },
      "hello",
    ],
    ["a large file", "/files/big.bin", [], 200, { "content-length": "1500000" }, big],
    ["an empty file", "/files/empty", [], 200, { "content-length": "0" }, ""],
    [
      "a suffix range",
      "/files/t.bin",
      [["Range", "bytes=-10"]],
      206,
      { "content-range": "bytes 990-999/1000", "content-length": "10" },
      thousand.subarray(990),
    ],
    [
      "a range that is too long",
      "/files/t.bin",
      [["Range", `bytes=990-${2n ** 64n}`]],
      206,
      { "content-range": "bytes 990-999/1000" },
      thousand.subarray(990),
    ],
    [
      "one byte",
      "/files/t.bin",
      [["Range", "BYTES=0-0"]],
      206,
      { "content-range": "bytes 0-0/1000" },
      thousand.subarray(0, 1),
    ],
    [
      "a range in the middle of a large file",
      "/files/big.bin",
      [["Range", "bytes=100000-1399999"]],
      206,
      { "content-range": "bytes 100000-1399999/1500000" },
      big.subarray(100_000, 1_400_000),
    ],
    [
      "a range that is not there",
      "/files/t.bin",
      [["Range", "bytes=1000-"]],
      416,
      { "content-range": "bytes */1000" },
      "",
    ],
    [
      "a range of an empty file",
      "/files/empty",
      [["Range", "bytes=0-"]],
      416,
      { "content-range": "bytes */0" },
      "",
    ],
    ["a range of another unit", "/files/t.bin", [["Range", "items=0-5"]], 200, {}, thousand],
    ["a reversed range", "/files/t.bin", [["Range", "bytes=5-2"]], 200, {}, thousand],
    [
      "one range of two",
      "/files/t.bin",
      [["Range", "bytes=0-9,5000-"]],
      206,
      { "content-range": "bytes 0-9/1000" },
      thousand.subarray(0, 10),
    ],
    [
      "200 overlapping ranges",
      "/files/t.bin",
      [["Range", `bytes=${Array(200).fill("0-").join(",")}`]],
      200,
      {},
      thousand,
    ],
    [
      "a range if a later date",
      "/files/t.bin",
      [
        ["Range", "bytes=0-0"],
        ["If-Range", "Fri, 01 Jan 2100 00:00:00 GMT"],
      ],
      200,
      {},
      thousand,
    ],
    ["If-None-Match: *", "/files/a.txt", [["If-None-Match", "*"]], 304, {}, ""],
    ["If-Match miss", "/files/a.txt", [["If-Match", '"x"']], 412, {}, ""],
    ["a condition on nothing", "/files/absent", [["If-Match", '"x"']], 404, {}, undefined],
    ["a file with a slash", "/files/a.txt/", [], 404, {}, undefined],
    ["a hidden file", "/files/old.bak", [], 404, {}, undefined],
    ["a dotfile", "/files/.env", [], 404, {}, undefined],
    ["a link that leaves", "/files/leaving/secret.txt", [], 404, {}, undefined],
    ["a way up", "/files/../outside/secret.txt", [], 400, {}, undefined],
    ["an encoded way up", "/files/%2e%2e/outside/secret.txt", [], 400, {}, undefined],
    ["a doubly encoded way up", "/files/%252e%252e/outside/secret.txt", [], 404, {}, undefined],
    ["an encoded absolute path", "/files/%2Fetc%2Fpasswd", [], 400, {}, undefined],
    ["an absolute path", "/files//etc/passwd", [], 404, {}, undefined],
    ["NUL", "/files/a.txt%00", [], 400, {}, undefined],
    ["a name of 300 bytes", `/files/${"x".repeat(300)}`, [], 404, {}, undefined],
    ["a name with everything", "/files/dir/a%23b%3Fc%2541.txt", [], 200, {}, "odd"],
    ["a name that is no text", "/files/dir/%FF%FE.x", [], 200, {}, "raw"],
    ["a folder without its slash", "/files/dir", [], 308, { location: "dir/" }, ""],
    [
      "a page somebody left",
      "/files/page.html",
      [],
      200,
      { "content-security-policy": "sandbox", "x-content-type-options": "nosniff" },
      "<script>alert(1)</script>",
    ],
    [
      "a download",
      "/files/a.txt?download",
      [],
      200,
      { "content-disposition": 'attachment; filename="a.txt"' },
      "hello",
    ],
    [
      "a plain list",
      "/files/dir/inner/",
      [["Accept", "text/plain"]],
      200,
      { "content-type": "text/plain; charset=utf-8" },
      "find-me.txt\n",
    ],
    [
      "what lies ready compressed",
      "/files/app.js",
      [["Accept-Encoding", "gzip, deflate, br"]],
      200,
      { "content-encoding": "br", vary: "Accept-Encoding" },
      zlib.brotliCompressSync(text),
    ],
    [
      "a range of what lies ready compressed",
      "/files/app.js",
      [
        ["Accept-Encoding", "br"],
        ["Range", "bytes=4-7"],
      ],
      206,
      { "content-encoding": undefined, vary: "Accept-Encoding" },
      "work",
    ],
  ]

  describe(`the file server ${name}`, () => {
    it.live.each(cases)("answers %s", ([, address, headers, status, fields, body]) =>
      Effect.gen(function* () {
        const { visit } = yield* visiting
        const answer = yield* visit(address, headers)
        assert.strictEqual(answer.status, status)
        for (const [field, value] of Object.entries(fields)) {
          assert.strictEqual(answer.header(field), value, field)
        }
        if (body !== undefined) assert.isTrue(answer.body.equals(Buffer.from(body)))
        assert.notInclude(answer.text, secret)
        const head = yield* visit(
          address,
          headers.filter(([field]) => field !== "Range"),
          "HEAD",
        )
        assert.strictEqual(head.body.length, 0)
        if (status === 206 || status === 416) assert.strictEqual(head.status, 200)
        else {
          assert.strictEqual(head.status, status)
          assert.strictEqual(head.header("content-length"), answer.header("content-length"))
          assert.strictEqual(head.header("etag"), answer.header("etag"))
        }
      }),
    )

    it.live("sends several ranges from which a file can be rebuilt", () =>
      Effect.gen(function* () {
        const { visit } = yield* visiting
        const answer = yield* visit("/files/big.bin", [
          ["Range", "bytes=1000000-,0-499999,700000-799999"],
        ])
        assert.strictEqual(answer.status, 206)
        assert.strictEqual(answer.header("content-length"), String(answer.body.length))
        const parts = parseMultipart(answer.header("content-type") ?? "", answer.body)
        assert.deepStrictEqual(
          parts.map(({ first, last }) => [first, last]),
          [
            [1_000_000, 1_499_999],
            [0, 499_999],
            [700_000, 799_999],
          ],
        )
        for (const { bytes, first, last } of parts) {
          assert.isTrue(bytes.equals(big.subarray(first, last + 1)))
        }
      }),
    )

    it.live("resumes a file that has not changed, and restarts one that has", () =>
      Effect.gen(function* () {
        const { visit, write } = yield* visiting
        const full = yield* visit("/files/t.bin")
        const rest: HeaderList = [
          ["Range", "bytes=500-"],
          ["If-Range", full.header("etag") as string],
        ]
        const resumed = yield* visit("/files/t.bin", rest)
        assert.strictEqual(resumed.status, 206)
        assert.isTrue(resumed.body.equals(thousand.subarray(500)))
        write("t.bin", Buffer.alloc(1000), 100)
        const anew = yield* visit("/files/t.bin", rest)
        assert.strictEqual(anew.status, 200)
        assert.isTrue(anew.body.equals(Buffer.alloc(1000)))
      }),
    )

    it.live("answers 304 to the tag and to the date, with the fields of the 200", () =>
      Effect.gen(function* () {
        const { visit } = yield* visiting
        const full = yield* visit("/files/a.txt")
        for (const [field, own] of [
          ["If-None-Match", "etag"],
          ["If-Modified-Since", "last-modified"],
        ] as const) {
          const same = yield* visit("/files/a.txt", [[field, full.header(own) as string]])
          assert.strictEqual(same.status, 304)
          for (const kept of ["etag", "cache-control", "vary", "last-modified"]) {
            assert.strictEqual(same.header(kept), full.header(kept), kept)
          }
          assert.isDefined(same.header("date"))
        }
      }),
    )

    it.live("compresses text while it is sent, small and large", () =>
      Effect.gen(function* () {
        const { visit } = yield* visiting
        for (const [file, content] of [
          ["text.txt", text],
          ["long.txt", long],
        ]) {
          const gzip = yield* visit(`/files/${file}`, [["Accept-Encoding", "gzip"]])
          assert.strictEqual(gzip.header("content-encoding"), "gzip")
          assert.strictEqual(zlib.gunzipSync(gzip.body).toString(), content)
          const br = yield* visit(`/files/${file}`, [["Accept-Encoding", "gzip;q=0.5, br"]])
          assert.strictEqual(br.header("content-encoding"), "br")
          assert.strictEqual(zlib.brotliDecompressSync(br.body).toString(), content)
        }
      }),
    )

    it.live("compresses pages, lists and style sheets, and nothing that repeats the request", () =>
      Effect.gen(function* () {
        const { root, visit } = yield* visiting
        fs.mkdirSync(path.join(root, "many"))
        for (let i = 0; i < 600; i++) fs.writeFileSync(path.join(root, "many", `file ${i}.txt`), "")
        const page = yield* visit("/files/many/", [["Accept", "text/html"]])
        const style = /assets\/style-[^"]*/.exec(page.text)?.[0]
        for (const address of [
          "/files/many/",
          "/files/many/?grid",
          "/files/many/?json",
          "/files/many/?grid&sort=size&order=desc&page=1",
          "/files/many/file%200.txt?view",
          `/${style}`,
        ]) {
          const plain = yield* visit(address, [["Accept", "text/html"]])
          for (const [coding, decode] of [
            ["gzip", zlib.gunzipSync],
            ["br", zlib.brotliDecompressSync],
          ] as const) {
            const headers: ReadonlyArray<readonly [string, string]> = [
              ["Accept", "text/html"],
              ["Accept-Encoding", coding],
            ]
            const coded = yield* visit(address, headers)
            assert.strictEqual(coded.header("content-encoding"), coding, address)
            assert.isBelow(coded.body.length, plain.body.length / 2, address)
            assert.isTrue(decode(coded.body).equals(plain.body), address)
            assert.include(coded.header("vary"), "Accept-Encoding")
            const etag = coded.header("etag") as string
            assert.notStrictEqual(etag, plain.header("etag"))
            const again = yield* visit(address, [...headers, ["If-None-Match", etag]])
            assert.deepStrictEqual([again.status, again.body.length], [304, 0], address)
            const head = yield* visit(address, headers, "HEAD")
            assert.strictEqual(head.header("content-encoding"), coding, address)
          }
        }
        for (const address of [
          "/files/many/?filter=file",
          "/files/many/?q=file",
          "/files/many/?any=file",
          "/files/many/?page=1234",
          "/files/many/?sort=size&sort=file",
          "/files/many/file%200.txt?view&filter=file",
          "/files/many/file%200.txt?view&any=file",
        ]) {
          const found = yield* visit(address, [
            ["Accept", "text/html"],
            ["Accept-Encoding", "gzip, br"],
          ])
          assert.isUndefined(found.header("content-encoding"), address)
        }
      }),
    )

    it.live("breaks off if the file shrinks, without padding or a regular end", () =>
      Effect.gen(function* () {
        const { base, root, target } = yield* visiting
        const huge = path.join(root, "huge.bin")
        fs.writeFileSync(huge, "")
        fs.truncateSync(huge, 300_000_000)
        for (const headers of [[], [["Range", "bytes=0-149999999,150000001-299999999"]]] as const) {
          const visit = yield* Harness.open(target, `${target.prefix}/files/huge.bin`, { headers })
          const head = yield* visit.head
          fs.truncateSync(huge, 1_000)
          const error = yield* Effect.flip(visit.whole)
          assert.isBelow(error.received.length, Number(head.header("content-length")))
          fs.truncateSync(huge, 300_000_000)
        }
        assert.deepStrictEqual(yield* Effect.promise(() => untilClosed(base)), [])
      }),
    )

    it.live("closes the file when the visitor leaves", () =>
      Effect.gen(function* () {
        const { base, root, target } = yield* visiting
        fs.truncateSync(path.join(root, "big.bin"), 300_000_000)
        const visit = yield* Harness.open(target, `${target.prefix}/files/big.bin`)
        yield* visit.head
        yield* visit.leave
        assert.deepStrictEqual(yield* Effect.promise(() => untilClosed(base)), [])
      }),
    )

    it.live("lists every file so that its link works, and links nothing outside its prefix", () =>
      Effect.gen(function* () {
        const { target, visit } = yield* visiting
        const page = yield* visit("/files/dir/", [["Accept", "text/html"]])
        const links = [...page.text.matchAll(/href="([^"]+)"/g)].map(([, link]) =>
          (link as string).replaceAll("&amp;", "&"),
        )
        assert.isAbove(links.length, 4)
        const found: Array<string> = []
        for (const link of links) {
          const url = new URL(link, `http://host${target.prefix}/files/dir/`)
          assert.isTrue(url.pathname.startsWith(`${target.prefix}/`), link)
          const answer = yield* Harness.get(target, url.pathname + url.search)
          assert.strictEqual(answer.status, 200, link)
          found.push(answer.text)
        }
        assert.isAtLeast(found.filter((content) => content === "odd").length, 2)
        assert.include(found, "raw")
      }),
    )

    it.live("searches, counts its requests, and refuses other methods", () =>
      Effect.gen(function* () {
        const { visit } = yield* visiting
        const found = yield* visit("/files/?q=FIND&json")
        const { entries } = JSON.parse(found.text) as {
          readonly entries: ReadonlyArray<{ readonly href: string }>
        }
        assert.deepStrictEqual(
          entries.map(({ href }) => href),
          ["dir/inner/find-me.txt"],
        )
        const post = yield* visit("/files/a.txt", [], "POST")
        assert.strictEqual(post.status, 405)
        assert.include(post.header("allow") ?? "", "GET, HEAD")
        const metrics = yield* visit("/metrics")
        assert.include(metrics.text, 'ptth_fileserver_requests_total{status="2xx"} 1\n')
        assert.include(metrics.text, 'ptth_fileserver_requests_total{status="4xx"} 1\n')
      }),
    )
  })
}

suite("alone", alone)
suite("through the classic tunnel", through("classic"))
suite("through the stream tunnel", through("stream"))
