/** The parser of an application's response heads: legal, illegal and incomplete ones. */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import {
  endsKeepAlive,
  keepAliveSeconds,
  maxHead,
  type OriginResponse,
  recognise,
} from "../../../src/protocol/http/OriginResponse.ts"

const bytes = (text: string): Buffer => Buffer.from(text, "latin1")
const simple = "HTTP/1.1 200 OK\r\nX-A:  one two\t \r\nContent-Length: 5\r\nX-A: \r\n\r\n"
const head = (fields: string, line = "HTTP/1.1 200 OK"): string =>
  `${line}\r\n${fields === "" ? "" : `${fields}\r\n`}\r\n`

const response = (text: string, method = "GET"): OriginResponse => {
  const found = recognise(bytes(text), method)
  if (found._tag !== "Response") throw new Error(`${found._tag}: ${JSON.stringify(found)}`)
  return found
}

describe("a legal response head", () => {
  it("has its status, every field in order, and the offset of its body", () => {
    assert.deepStrictEqual(response(`${simple}hello`), {
      _tag: "Response",
      status: 200,
      headers: [
        ["X-A", "one two"],
        ["Content-Length", "5"],
        ["X-A", ""],
      ],
      framing: { _tag: "Length", length: 5 },
      persists: true,
      isReusable: true,
      end: simple.length,
    })
  })

  it.each([
    ["no reason", "HTTP/1.1 204\r\n\r\n", 204],
    ["an empty reason", "HTTP/1.1 200 \r\n\r\n", 200],
    ["a reason with obs-text", "HTTP/1.1 404 Pas trouv\xe9\r\n\r\n", 404],
    ["an interim head", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 103],
    ["HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n", 200],
    ["obs-text in a value", head("X: \xc3\xa9"), 200],
    ["200 fields", head(Array.from({ length: 200 }, (_, n) => `X-${n}: ${n}`).join("\r\n")), 200],
  ])("may have %s", (_what, text, status) => {
    assert.strictEqual(response(text).status, status)
  })

  it.each([
    ["a length", "GET", head("Content-Length: 7"), "Length", "reusable"],
    ["chunks", "GET", head("Transfer-Encoding: chunked"), "Chunked", "reusable"],
    ["chunks, in any case", "GET", head("transfer-encoding: CHUNKED"), "Chunked", "reusable"],
    ["a length of 0", "GET", head("Content-Length: 0"), "Length", "open"],
    ["neither", "GET", head(""), "Close", "closed"],
    ["a HEAD with a length", "HEAD", head("Content-Length: 7"), "None", "open"],
    ["a HEAD with chunks", "HEAD", head("Transfer-Encoding: chunked"), "None", "open"],
    ["a HEAD with neither", "HEAD", head(""), "None", "open"],
    ["204", "GET", head("Content-Length: 7", "HTTP/1.1 204 X"), "None", "open"],
    ["205", "GET", head("Content-Length: 0", "HTTP/1.1 205 X"), "Length", "open"],
    ["304", "GET", head("Content-Length: 7", "HTTP/1.1 304 X"), "None", "open"],
    ["100", "GET", head("", "HTTP/1.1 100 Continue"), "None", "open"],
    ["close", "GET", head("Content-Length: 7\r\nConnection: a, Close"), "Length", "closed"],
    ["HTTP/1.0", "GET", head("Content-Length: 7", "HTTP/1.0 200 OK"), "Length", "closed"],
    [
      "HTTP/1.0 that is kept",
      "GET",
      head("Content-Length: 7\r\nConnection: keep-alive", "HTTP/1.0 200 OK"),
      "Length",
      "reusable",
    ],
    [
      "chunks on HTTP/1.0",
      "GET",
      head("Transfer-Encoding: chunked\r\nConnection: keep-alive", "HTTP/1.0 200 OK"),
      "Chunked",
      "closed",
    ],
  ] as const)("with %s ends as RFC 9112 6.3 says", (_what, method, text, framing, connection) => {
    const { framing: parsed, isReusable, persists } = response(text, method)
    assert.strictEqual(parsed._tag, framing)
    const after = isReusable ? "reusable" : "open"
    assert.strictEqual(persists ? after : "closed", connection)
    assert.isTrue(persists || !isReusable)
  })

  it.each([
    ["LF at the end of every line", simple.replaceAll("\r\n", "\n")],
    ["LF at the end of one line", simple.replace("X-A: \r\n", "X-A: \n")],
    ["LF at the end of the status line", simple.replace("OK\r\n", "OK\n")],
    ["LF as its empty line", `${simple.slice(0, -2)}\n`],
    ["white space before a colon", simple.replace("X-A: \r\n", "X-A\t : \r\n")],
  ])("with %s is read, but its connection is not used again", (_what, text) => {
    const { end, framing, headers, isReusable, persists, status } = response(`${text}hello`)
    assert.deepStrictEqual([status, headers], [200, response(simple).headers])
    assert.deepStrictEqual(framing, { _tag: "Length", length: 5 })
    assert.strictEqual(end, text.length)
    assert.deepStrictEqual([persists, isReusable], [true, false])
  })

  it("ends at its first empty line, whatever follows", () => {
    const text = "HTTP/1.1 200 OK\nX: 1\n\nbody\r\n\r\n"
    assert.strictEqual(response(text).end, text.indexOf("body"))
    const mixed = "HTTP/1.1 200 OK\r\nX: 1\r\n\r\nbody\n\n"
    assert.strictEqual(response(mixed).end, mixed.indexOf("body"))
  })

  it("may have any status of three digits from 100 on", () => {
    for (const status of [100, 599, 600, 700, 999])
      assert.strictEqual(response(head("", `HTTP/1.1 ${status} X`)).status, status)
  })

  it.each([
    ["timeout=5", 5],
    ["timeout=5, max=100", 5],
    ["max=100, Timeout=7", 7],
    ["timeout = 9", 9],
    ["max=100", undefined],
    ["nontimeout=3", undefined],
    ["timeout=x", undefined],
  ])("Keep-Alive: %s is how long the connection is kept", (value, seconds) => {
    assert.strictEqual(keepAliveSeconds([["Keep-Alive", value]]), seconds)
  })
})

describe("an illegal response head", () => {
  it.each([
    ["another protocol", "SSH-2.0-OpenSSH_9\r\n"],
    ["one byte of another protocol", "\x16"],
    ["another protocol's version", "HTTP/2 200\r\n\r\n"],
    ["HTTP/1.2", head("", "HTTP/1.2 200 OK")],
    ["lower-case http", head("", "http/1.1 200 OK")],
    ["an empty line first", `\r\n${simple}`],
    ["a status of two digits", head("", "HTTP/1.1 20 OK")],
    ["a status of four digits", head("", "HTTP/1.1 2000 OK")],
    ["status 99", head("", "HTTP/1.1 099 OK")],
    ["two spaces before the status", head("", "HTTP/1.1  200 OK")],
    ["NUL in the reason", head("", "HTTP/1.1 200 O\0K")],
    ["a bare CR in the reason", head("", "HTTP/1.1 200 O\rK")],
    ["an illegal status line before all else has come", "HTTP/1.1 OK\r\nX"],
    ["a bare CR as its empty line", "HTTP/1.1 200 OK\r\nX: 1\r\r\n\r\n"],
    ["a bare CR in a value", head("X: a\rb")],
    ["NUL in a value", head("X: a\0b")],
    ["DEL in a value", head("X: a\x7fb")],
    ["a continued line", head("X: a\r\n b")],
    ["a continued first line", head(" X: a")],
    ["a space in a name", head("X Y: a")],
    ["a space before a name and before its colon", head(" X : a")],
    ["a field without a colon", head("X")],
    ["a field without a name", head(": a")],
    ["two lengths", head("Content-Length: 1\r\nContent-Length: 2")],
    ["the same length twice", head("Content-Length: 1\r\nContent-Length: 1")],
    ["a list of lengths", head("Content-Length: 1, 1")],
    ["a signed length", head("Content-Length: +1")],
    ["a length that is no number", head("Content-Length: abc")],
    ["a length beyond all numbers", head(`Content-Length: ${"9".repeat(30)}`)],
    ["a length and chunks", head("Content-Length: 1\r\nTransfer-Encoding: chunked")],
    ["chunks and a length", head("Transfer-Encoding: chunked\r\nContent-Length: 1")],
    ["chunked twice", head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")],
    ["another coding", head("Transfer-Encoding: gzip, chunked")],
    ["an empty coding", head("Transfer-Encoding:")],
    ["a head that is large", head(`X: ${"a".repeat(maxHead)}`)],
    ["a head that is large and has not ended", `HTTP/1.1 200 OK\r\nX: ${"a".repeat(maxHead)}`],
  ])("because of %s", (_what, text) => {
    assert.strictEqual(recognise(bytes(text), "GET")._tag, "Broken")
  })

  it("is not one of exactly the largest size", () => {
    const fields = (size: number): string => `X: ${"a".repeat(size)}`
    const rest = head(fields(0)).length
    assert.strictEqual(response(head(fields(maxHead - rest))).end, maxHead)
    assert.strictEqual(recognise(bytes(head(fields(maxHead - rest + 1))), "GET")._tag, "Broken")
  })
})

describe("an incomplete response head", () => {
  it("is unfinished up to its last byte, whatever follows the head", () => {
    for (let at = 0; at < simple.length; at++)
      assert.strictEqual(recognise(bytes(simple.slice(0, at)), "GET")._tag, "Unfinished", `${at}`)
    assert.deepStrictEqual(response(simple), response(`${simple}hello`))
  })

  const At = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: simple.length - 1 }))
  const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))

  it.prop(
    "with a changed byte is unfinished or gives the result of the whole",
    [At, Byte],
    ([at, byte]) => {
      const changed = bytes(`${simple}\r\n\r\n`)
      changed[at] = byte
      const whole = recognise(changed, "GET")
      assert.notStrictEqual(whole._tag, "Unfinished")
      for (let size = 0; size < changed.length; size++) {
        const part = recognise(changed.subarray(0, size), "GET")
        if (part._tag === "Response") assert.deepStrictEqual(part, whole)
        else if (part._tag === "Broken") assert.strictEqual(whole._tag, "Broken")
      }
    },
  )

  it.prop("with a changed byte is read exactly as the bytes say", [At, Byte], ([at, byte]) => {
    const changed = bytes(simple)
    changed[at] = byte
    const found = recognise(changed, "GET")
    if (found._tag !== "Response") return
    const lines = changed.toString("latin1", 0, found.end).split(/\r?\n/)
    assert.match(lines[0] as string, new RegExp(`^HTTP/1\\.[01] ${found.status}(?: |$)`))
    assert.deepStrictEqual(
      found.headers.map(([name, value]) => `${name}: ${value}`),
      lines
        .slice(1, -2)
        .map((text) => text.replace(/[\t ]*:[\t ]*/, ": ").replace(/(?<=: .*?)[\t ]+$/, "")),
    )
  })
})

it.each([
  ["HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n", true],
  ["HTTP/1.1 408 X\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", true],
  ["HTTP/1.0 408 X\r\n\r\n", true],
  ["HTTP/1.0 408 X\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", false],
  ["HTTP/1.1 408 X\r\n\r\n", false],
  ["HTTP/1.1 408 X\r\nConnection: close\r\n", false],
  ["HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", false],
  ["408", false],
])("%j on an idle connection is its usual end: %s", (text, isEnd) => {
  assert.strictEqual(endsKeepAlive(Buffer.from(text)), isEnd)
})
