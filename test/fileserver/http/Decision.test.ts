/**
 * The response to each combination of method, conditions and ranges (RFC 9110 13 and 14), without
 * any file.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import * as Headers from "../../../src/domain/HeaderList.ts"
import * as Decision from "../../../src/fileserver/http/Decision.ts"
import * as EntityTag from "../../../src/fileserver/http/EntityTag.ts"
import * as HttpDate from "../../../src/fileserver/http/HttpDate.ts"

const now = Date.UTC(2026, 10, 22, 12, 0, 0)
const second = 1_000_000_000n
/** A day before now, and .7 s. */
const modified = BigInt(now / 1000 - 86_400) * second + 700_000_000n
const modifiedSeconds = now / 1000 - 86_400

const facts = {
  name: "t.txt",
  device: 1n,
  inode: 2n,
  size: 1000n,
  modified,
  changed: modified,
} satisfies Decision.FileFacts

const file = Decision.ofFile(facts, now)
const tag = EntityTag.format(file.validators.etag)
const date = HttpDate.format(modifiedSeconds)
const later = HttpDate.format(modifiedSeconds + 1)
const earlier = HttpDate.format(modifiedSeconds - 1)
const rfc850 = "Saturday, 21-Nov-26 12:00:00 GMT"
const asctime = "Sat Nov 21 12:00:00 2026"

const decide = (
  headers: HeaderList,
  what: Decision.Representation = file,
  method: "GET" | "HEAD" = "GET",
) => Decision.decide(method, headers, what, now)

/** Status, Content-Range and the bytes to send, in short. */
const outcome = (decision: Decision.Decision): string => {
  const range = Headers.first(decision.headers, "content-range")
  const { body, multipart } = decision
  const pieces = multipart?.pieces.filter((piece) => "first" in piece) ?? [body]
  return [
    decision.status,
    ...(range === undefined ? [] : [range]),
    ...pieces.map((piece) => (piece === undefined ? "-" : `${piece.first}+${piece.length}`)),
  ].join(" ")
}

const whole = "200 0+1000"
const unsatisfiable = "416 bytes */1000 -"

describe("a file of 1000 bytes", () => {
  it.each<readonly [string, HeaderList, string]>([
    ["no condition", [], whole],
    ["a suffix", [["Range", "bytes=-10"]], "206 bytes 990-999/1000 990+10"],
    ["a suffix longer than the file", [["Range", "bytes=-5000"]], "206 bytes 0-999/1000 0+1000"],
    ["an empty suffix", [["Range", "bytes=-0"]], unsatisfiable],
    ["a start at the end", [["Range", "bytes=1000-"]], unsatisfiable],
    ["one byte", [["Range", "bytes=0-0"]], "206 bytes 0-0/1000 0+1"],
    ["an end beyond the file", [["Range", "bytes=990-1990"]], "206 bytes 990-999/1000 990+10"],
    ["an end of 2^64", [["Range", `bytes=0-${2n ** 64n}`]], "206 bytes 0-999/1000 0+1000"],
    ["a reversed range", [["Range", "bytes=5-2"]], whole],
    ["a range of letters", [["Range", "bytes=alpha"]], whole],
    ["another unit", [["Range", "items=0-5"]], whole],
    ["the unit in capitals", [["Range", "BYTES=0-5"]], "206 bytes 0-5/1000 0+6"],
    ["one satisfiable of two", [["Range", "bytes=0-9,5000-"]], "206 bytes 0-9/1000 0+10"],
    ["two ranges", [["Range", "bytes=0-9,500-509"]], "206 0+10 500+10"],
    ["two ranges backwards", [["Range", "bytes=500-509,0-9"]], "206 500+10 0+10"],
    ["two ranges that overlap", [["Range", "bytes=0-9,5-14"]], "206 bytes 0-14/1000 0+15"],
    ["two ranges that touch", [["Range", "bytes=10-19,0-9"]], "206 bytes 0-19/1000 0+20"],
    ["two halves", [["Range", "bytes=0-499,-500"]], "206 bytes 0-999/1000 0+1000"],
    ["more bytes than there are", [["Range", "bytes=0-,0-0"]], whole],
    ["200 overlapping ranges", [["Range", `bytes=${Array(200).fill("0-").join(",")}`]], whole],
    [
      "200 short overlapping ranges",
      [["Range", `bytes=${Array.from({ length: 200 }, (_, i) => `${i}-${i + 3}`).join(",")}`]],
      "206 bytes 0-202/1000 0+203",
    ],
    [
      "32 ranges apart",
      [["Range", `bytes=${Array.from({ length: 32 }, (_, i) => `${i * 2}-${i * 2}`).join(",")}`]],
      `206 ${Array.from({ length: 32 }, (_, i) => `${i * 2}+1`).join(" ")}`,
    ],
    [
      "33 ranges apart",
      [["Range", `bytes=${Array.from({ length: 33 }, (_, i) => `${i * 2}-${i * 2}`).join(",")}`]],
      whole,
    ],
    [
      "two ranges and If-Range miss",
      [
        ["Range", "bytes=0-9,500-509"],
        ["If-Range", '"x"'],
      ],
      whole,
    ],
    [
      "two Range fields",
      [
        ["Range", "bytes=0-9"],
        ["Range", "bytes=5-6"],
      ],
      whole,
    ],
    ["If-Range without Range", [["If-Range", '"x"']], whole],
    [
      "If-Range with the tag",
      [
        ["Range", "bytes=0-0"],
        ["If-Range", tag],
      ],
      "206 bytes 0-0/1000 0+1",
    ],
    [
      "If-Range with the weak tag",
      [
        ["Range", "bytes=0-0"],
        ["If-Range", `W/${tag}`],
      ],
      whole,
    ],
    [
      "If-Range with another tag",
      [
        ["Range", "bytes=0-0"],
        ["If-Range", '"x"'],
      ],
      whole,
    ],
    [
      "If-Range with a list",
      [
        ["Range", "bytes=0-0"],
        ["If-Range", `${tag}, "x"`],
      ],
      whole,
    ],
    [
      "If-Range with a star",
      [
        ["Range", "bytes=0-0"],
        ["If-Range", "*"],
      ],
      whole,
    ],
    [
      "If-Range with the date",
      [
        ["Range", "bytes=0-0"],
        ["If-Range", date],
      ],
      "206 bytes 0-0/1000 0+1",
    ],
    [
      "If-Range with the date in RFC 850",
      [
        ["Range", "bytes=0-0"],
        ["If-Range", rfc850],
      ],
      "206 bytes 0-0/1000 0+1",
    ],
    [
      "If-Range with a later date",
      [
        ["Range", "bytes=0-0"],
        ["If-Range", later],
      ],
      whole,
    ],
    [
      "If-Range with an earlier date",
      [
        ["Range", "bytes=0-0"],
        ["If-Range", earlier],
      ],
      whole,
    ],
    [
      "If-Range with garbage",
      [
        ["Range", "bytes=0-0"],
        ["If-Range", "garbage"],
      ],
      whole,
    ],
    [
      "If-Range miss and unsatisfiable",
      [
        ["Range", "bytes=5000-"],
        ["If-Range", '"x"'],
      ],
      whole,
    ],
    [
      "If-Range hit and unsatisfiable",
      [
        ["Range", "bytes=5000-"],
        ["If-Range", tag],
      ],
      unsatisfiable,
    ],
    ["If-None-Match with the tag", [["If-None-Match", tag]], "304 -"],
    ["If-None-Match with its weak twin", [["If-None-Match", `W/${tag}`]], "304 -"],
    ["If-None-Match with a list", [["If-None-Match", `"x", W/"y",${tag}`]], "304 -"],
    [
      "If-None-Match in two fields",
      [
        ["If-None-Match", '"x"'],
        ["if-none-match", tag],
      ],
      "304 -",
    ],
    ["If-None-Match after a tag with a comma", [["If-None-Match", `"a,b", ${tag}`]], "304 -"],
    ["If-None-Match with the tag inside another", [["If-None-Match", `"a,${tag.slice(1)}`]], whole],
    ["If-None-Match with a star", [["If-None-Match", "*"]], "304 -"],
    ["If-None-Match with another tag", [["If-None-Match", '"x"']], whole],
    ["If-None-Match without quotes", [["If-None-Match", tag.slice(1, -1)]], whole],
    ["If-None-Match with an open quote", [["If-None-Match", tag.slice(0, -1)]], whole],
    [
      "If-None-Match miss, If-Modified-Since match",
      [
        ["If-None-Match", '"x"'],
        ["If-Modified-Since", date],
      ],
      whole,
    ],
    [
      "If-None-Match hit, If-Modified-Since miss",
      [
        ["If-None-Match", tag],
        ["If-Modified-Since", earlier],
      ],
      "304 -",
    ],
    [
      "If-None-Match hit and Range",
      [
        ["If-None-Match", tag],
        ["Range", "bytes=5000-"],
      ],
      "304 -",
    ],
    ["If-Match with the tag", [["If-Match", tag]], whole],
    ["If-Match with its weak twin", [["If-Match", `W/${tag}`]], "412 -"],
    ["If-Match with a list", [["If-Match", `"x", ${tag}`]], whole],
    ["If-Match with a star", [["If-Match", "*"]], whole],
    ["If-Match with another tag", [["If-Match", '"x"']], "412 -"],
    [
      "If-Match hit and Range",
      [
        ["If-Match", tag],
        ["Range", "bytes=0-0"],
      ],
      "206 bytes 0-0/1000 0+1",
    ],
    [
      "If-Match miss and If-None-Match hit",
      [
        ["If-Match", '"x"'],
        ["If-None-Match", tag],
      ],
      "412 -",
    ],
    [
      "If-Match hit, If-Unmodified-Since miss",
      [
        ["If-Match", tag],
        ["If-Unmodified-Since", earlier],
      ],
      whole,
    ],
    ["If-Unmodified-Since equal", [["If-Unmodified-Since", date]], whole],
    ["If-Unmodified-Since earlier", [["If-Unmodified-Since", earlier]], "412 -"],
    ["If-Unmodified-Since garbage", [["If-Unmodified-Since", "garbage"]], whole],
    ["If-Modified-Since equal, the file .7 s later", [["If-Modified-Since", date]], "304 -"],
    ["If-Modified-Since later", [["If-Modified-Since", later]], "304 -"],
    ["If-Modified-Since earlier", [["If-Modified-Since", earlier]], whole],
    ["If-Modified-Since garbage", [["If-Modified-Since", "garbage"]], whole],
    ["If-Modified-Since in RFC 850", [["If-Modified-Since", rfc850]], "304 -"],
    ["If-Modified-Since in asctime", [["If-Modified-Since", asctime]], "304 -"],
    [
      "If-Modified-Since twice",
      [
        ["If-Modified-Since", date],
        ["If-Modified-Since", date],
      ],
      whole,
    ],
  ])("%s", (_, headers, expected) => {
    assert.strictEqual(outcome(decide(headers)), expected)
  })

  it("sends all of a file that was changed a moment ago, if the range depends on its date", () => {
    const fresh = Decision.ofFile({ ...facts, modified: BigInt(now) * 1_000_000n }, now)
    const range: HeaderList = [
      ["Range", "bytes=0-0"],
      ["If-Range", HttpDate.format(now / 1000)],
    ]
    assert.strictEqual(outcome(decide(range, fresh)), whole)
  })

  it("has the header fields of HTTP's book", () => {
    assert.deepStrictEqual(decide([]).headers, [
      ["Content-Type", "text/plain; charset=utf-8"],
      ["Vary", "Accept-Encoding"],
      ["ETag", tag],
      ["Cache-Control", "no-cache"],
      ["Last-Modified", date],
      ["X-Content-Type-Options", "nosniff"],
      ["Accept-Ranges", "bytes"],
      ["Content-Length", "1000"],
    ])
  })

  it("answers HEAD like GET, without a body and ignoring Range", () => {
    const head = decide([["Range", "bytes=0-5"]], file, "HEAD")
    assert.strictEqual(outcome(head), "200 -")
    assert.deepStrictEqual(head.headers, decide([]).headers)
    assert.strictEqual(outcome(decide([["Range", "bytes=5000-"]], file, "HEAD")), "200 -")
    assert.strictEqual(outcome(decide([["If-None-Match", tag]], file, "HEAD")), "304 -")
    assert.strictEqual(outcome(decide([["If-Match", '"x"']], file, "HEAD")), "412 -")
  })

  it("repeats in a 304 the fields of the 200 that caches need", () => {
    const fields = decide([["If-None-Match", tag]]).headers
    const full = decide([]).headers
    assert.deepStrictEqual(
      fields.map(([name]) => name),
      ["ETag", "Cache-Control", "Last-Modified", "Vary"],
    )
    for (const [name, value] of fields) {
      assert.strictEqual(Headers.first(full, name.toLowerCase()), value)
    }
  })

  it("has the length of the part, not of the file, in a 206 and a 416", () => {
    assert.strictEqual(
      Headers.first(decide([["Range", "bytes=-10"]]).headers, "content-length"),
      "10",
    )
    assert.strictEqual(
      Headers.first(decide([["Range", "bytes=-0"]]).headers, "content-length"),
      "0",
    )
  })
})

describe("several parts", () => {
  const decision = decide([["Range", "bytes=0-9,500-509"]])
  it("are multipart/byteranges without a Content-Range, with the exact length", () => {
    const { headers, multipart } = decision
    assert.match(
      Headers.first(headers, "content-type") ?? "",
      /^multipart\/byteranges; boundary=[\w-]{36}$/,
    )
    assert.strictEqual(Headers.all(headers, "content-type").length, 1)
    assert.isUndefined(Headers.first(headers, "content-range"))
    const length = multipart?.pieces.reduce((sum, piece) => sum + piece.length, 0)
    assert.strictEqual(Headers.first(headers, "content-length"), String(length))
    assert.strictEqual(multipart?.length, length)
    assert.strictEqual(Headers.first(headers, "etag"), tag)
  })

  it("are ignored with HEAD", () => {
    const head = decide([["Range", "bytes=0-9,500-509"]], file, "HEAD")
    assert.deepStrictEqual(head.headers, decide([]).headers)
  })
})

describe("an empty file", () => {
  const empty = Decision.ofFile({ ...facts, size: 0n }, now)
  it.each([
    ["bytes=0-", "416 bytes */0 -"],
    ["bytes=-1", "200 0+0"],
  ])("%s gives %s", (range, expected) => {
    assert.strictEqual(outcome(decide([["Range", range]], empty)), expected)
  })
})

describe("the validators of a file", () => {
  const tagOf = (change: Partial<Decision.FileFacts>, at = now) =>
    Decision.ofFile({ ...facts, ...change }, at).validators

  it("have different tags for different devices, inodes, sizes or times", () => {
    const tags = [
      tagOf({}),
      tagOf({ device: 9n }),
      tagOf({ inode: 9n }),
      tagOf({ size: 9n }),
      tagOf({ modified: modified + 1n }),
      tagOf({ changed: modified + 1n }),
    ].map((validators) => validators.etag.opaque)
    assert.strictEqual(new Set(tags).size, 6)
    assert.strictEqual(tagOf({}).etag.opaque, tagOf({ name: "other" }).etag.opaque)
  })

  it("are weak until the file is two seconds old, and in the future", () => {
    const at = BigInt(now) * 1_000_000n
    assert.isTrue(tagOf({ modified: at }).etag.weak)
    assert.isTrue(tagOf({ modified: at - 2n * second + 1n }).etag.weak)
    assert.isFalse(tagOf({ modified: at - 2n * second }).etag.weak)
    assert.isTrue(tagOf({ modified: at + 3600n * second }).etag.weak)
    const young = Decision.ofFile({ ...facts, modified: at }, now)
    const weak = EntityTag.format(young.validators.etag)
    assert.match(weak, /^W\/"/)
    assert.strictEqual(outcome(decide([["If-None-Match", weak]], young)), "304 -")
    assert.strictEqual(outcome(decide([["If-Match", weak]], young)), "412 -")
    assert.strictEqual(
      outcome(
        decide(
          [
            ["Range", "bytes=0-0"],
            ["If-Range", weak],
          ],
          young,
        ),
      ),
      whole,
    )
  })

  it("never have a Last-Modified after the date of the answer", () => {
    const at = BigInt(now) * 1_000_000n
    assert.strictEqual(tagOf({ modified: at + 3600n * second }).modified, now / 1000)
  })

  it("round times before 1970 down, and leave out those that HTTP cannot express", () => {
    assert.strictEqual(tagOf({ modified: -1n }).modified, -1)
    assert.strictEqual(tagOf({ modified: -second }).modified, -1)
    assert.strictEqual(tagOf({ modified: second - 1n }).modified, 0)
    assert.isUndefined(tagOf({ modified: -(2n ** 62n) * 100n }).modified)
  })
})

describe("content types", () => {
  it.each([
    ["a.html", "text/html; charset=utf-8", true],
    ["a.HTM", "text/html; charset=utf-8", true],
    ["a.xhtml", "application/xhtml+xml", true],
    ["a.svg", "image/svg+xml", true],
    ["a.xml", "application/xml", true],
    ["a.rss", "application/rss+xml", true],
    ["a.pdf", "application/pdf", false],
    ["a.txt", "text/plain; charset=utf-8", false],
    ["a.js", "text/javascript; charset=utf-8", false],
    ["a.css", "text/css; charset=utf-8", false],
    ["a.json", "application/json", false],
    ["a.rs", "text/plain; charset=utf-8", false],
    ["a.mp4", "video/mp4", false],
    ["a.tar.gz", "application/gzip", false],
    ["README", "text/plain; charset=utf-8", false],
    ["html", "application/octet-stream", false],
    ["a.nobody-knows", "application/octet-stream", false],
    ["a.", "application/octet-stream", false],
    ["a\\b.html", "text/html; charset=utf-8", true],
    ["\xff.html", "text/html; charset=utf-8", true],
    ["a\n.html", "text/html; charset=utf-8", true],
    ["__proto__", "application/octet-stream", false],
    ["a.constructor", "application/octet-stream", false],
  ])("%j is %s, in a sandbox: %s", (name, type, sandboxed) => {
    const { headers } = decide([], Decision.ofFile({ ...facts, name }, now))
    assert.strictEqual(Headers.first(headers, "content-type"), type)
    assert.strictEqual(
      Headers.first(headers, "content-security-policy"),
      sandboxed ? "sandbox" : undefined,
    )
    assert.strictEqual(Headers.first(headers, "x-content-type-options"), "nosniff")
  })
})

describe("a page", () => {
  const page = Decision.ofBytes(Buffer.from("hello"), [["Content-Type", "text/html"]])
  it("is revalidated by its bytes and sent whole, ignoring Range", () => {
    const etag = EntityTag.format(page.validators.etag)
    assert.strictEqual(outcome(decide([["Range", "bytes=0-1"]], page)), "200 0+5")
    assert.strictEqual(outcome(decide([["If-None-Match", etag]], page)), "304 -")
    assert.strictEqual(outcome(decide([["If-Modified-Since", date]], page)), "200 0+5")
    assert.strictEqual(outcome(decide([["If-Unmodified-Since", earlier]], page)), "200 0+5")
    assert.isUndefined(Headers.first(decide([], page).headers, "accept-ranges"))
  })
})

describe("a decision", () => {
  const Field = Schema.Literals([
    "Range",
    "If-Range",
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
  ])
  const Value = Schema.Union([
    Schema.Literals([
      tag,
      `W/${tag}`,
      "*",
      date,
      later,
      "bytes=0-9",
      "bytes=0-9,20-29",
      "bytes=5000-",
      "bytes=-0",
      "x",
    ]),
    Schema.String,
  ])
  it.prop(
    "never throws and never sends what is not there",
    [Schema.Array(Schema.Tuple([Field, Value])).check(Schema.isMaxLength(6))],
    ([headers]) => {
      for (const method of ["GET", "HEAD"] as const) {
        const { status, body, multipart } = decide(headers, file, method)
        assert.include([200, 206, 304, 412, 416], status)
        assert.isTrue(body === undefined || multipart === undefined)
        if (body === undefined) continue
        assert.isTrue(body.first >= 0 && body.first + body.length <= 1000)
        assert.isTrue(method === "GET" && (status === 200 || status === 206))
      }
    },
    { arbitrary: { runs: 500 } },
  )
})
