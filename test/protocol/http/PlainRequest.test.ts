/**
 * Which requests the fast parser accepts, that it reads them as Node's parser does, and which it
 * leaves to Node.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import {
  maxBody,
  maxHead,
  recognise,
  withEncodedTarget,
} from "../../../src/protocol/http/PlainRequest.ts"

const bytes = (text: string): Buffer => Buffer.from(text, "latin1")
const plain = "GET /a?b=%20 HTTP/1.1\r\nHost: h\r\nX-A:  one two\t \r\nX-A: \r\n\r\n"

describe("the fast parser accepts", () => {
  it("a request without a body, with every field in order", () => {
    assert.deepStrictEqual(recognise(bytes(plain)), {
      method: "GET",
      target: "/a?b=%20",
      headers: [
        ["Host", "h"],
        ["X-A", "one two"],
        ["X-A", ""],
      ],
      bodyAt: plain.length,
      end: plain.length,
      closes: false,
    })
  })

  it.each(["PROPFIND", "VERSION-CONTROL", "FOO", "x!#$%&'*+.^_`|~9"])("the method %s", (method) => {
    assert.strictEqual(recognise(bytes(plain.replace("GET", method)))?.method, method)
  })

  it("the last request of a connection", () => {
    const found = recognise(bytes("GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n"))
    assert.isTrue(found?.closes)
  })

  it.each([
    ["UTF-8", "/B\xc3\xbccher?q=\xc3\xbc", "/B%C3%BCcher?q=%C3%BC"],
    ["Latin-1 and other bytes", "/\xfc%\x80\xff", "/%FC%%80%FF"],
  ])("%s in a target, which it percent-encodes", (_what, target, encoded) => {
    assert.strictEqual(recognise(bytes(plain.replace("/a?b=%20", () => target)))?.target, encoded)
  })

  it("a request with its whole body, and tells where the next one starts", () => {
    const head =
      "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nConnection: Keep-Alive\r\n\r\n"
    const found = recognise(bytes(`${head}bodyGET`))
    assert.strictEqual(found?.bodyAt, head.length)
    assert.strictEqual(found?.end, head.length + 4)
  })

  it("bytes above 127 in a value, unchanged", () => {
    const found = recognise(bytes("GET / HTTP/1.1\r\nHost: h\r\nX: \xc3\xa9\r\n\r\n"))
    assert.deepStrictEqual(found?.headers[1], ["X", "\xc3\xa9"])
  })
})

describe("the fast parser leaves to Node's", () => {
  const line = (fields: string, start = "GET / HTTP/1.1"): string => `${start}\r\n${fields}\r\n\r\n`
  it.each([
    ["nothing", ""],
    ["half a head", plain.slice(0, -2)],
    ["half a body", `${line("Host: h\r\nContent-Length: 4")}bod`],
    ["an empty line first", `\r\n${plain}`],
    ["bare LF", plain.replaceAll("\r\n", "\n")],
    ["one bare LF", plain.replace("X-A: \r\n", "X-A: \n")],
    ["a bare CR in a value", line("Host: h\r\nX: a\rb")],
    ["NUL in a value", line("Host: h\r\nX: a\0b")],
    ["a continued line", line("Host: h\r\nX: a\r\n b")],
    ["a space before the colon", line("Host : h")],
    ["a space before a name", line(" Host: h")],
    ["a field without a colon", line("Host: h\r\nX")],
    ["an empty name", line("Host: h\r\n: x")],
    ["HTTP/1.0", line("Host: h", "GET / HTTP/1.0")],
    ["HTTP/2.0", line("Host: h", "GET / HTTP/2.0")],
    ["lower-case http", line("Host: h", "GET / http/1.1")],
    ["two spaces in the request line", line("Host: h", "GET  / HTTP/1.1")],
    ["an absolute target", line("Host: h", "GET http://h/ HTTP/1.1")],
    ["an asterisk", line("Host: h", "OPTIONS * HTTP/1.1")],
    ["a fragment", line("Host: h", "GET /#a HTTP/1.1")],
    ["CONNECT", line("Host: h", "CONNECT h:1 HTTP/1.1")],
    ["a method that is no token", line("Host: h", "F(O / HTTP/1.1")],
    ["a method of 65 characters", line("Host: h", `${"A".repeat(65)} / HTTP/1.1`)],
    ["no Host", line("X: y")],
    ["an empty Host", line("Host:")],
    ["two Hosts", line("Host: h\r\nhost: h")],
    ["two lengths", line("Host: h\r\nContent-Length: 0\r\nContent-Length: 0")],
    ["a list of lengths", line("Host: h\r\nContent-Length: 0, 0")],
    ["a signed length", line("Host: h\r\nContent-Length: +0")],
    ["a coding", line("Host: h\r\nTransfer-Encoding: chunked")],
    ["a coding beside a length", line("Host: h\r\nContent-Length: 0\r\nTransfer-Encoding: x")],
    ["Expect", line("Host: h\r\nExpect: 100-continue")],
    ["an upgrade", line("Host: h\r\nConnection: Upgrade\r\nUpgrade: websocket")],
    ["Upgrade alone", line("Host: h\r\nUpgrade: websocket")],
    ["two options", line("Host: h\r\nConnection: close, x-a")],
    ["a nominated field", line("Host: h\r\nConnection: keep-alive, x-a")],
    ["TE", line("Host: h\r\nTE: trailers")],
    ["a head that is long", line(`Host: h\r\nX: ${"a".repeat(maxHead)}`)],
    ["many fields", line(`Host: h${"\r\nX: a".repeat(64)}`)],
    [
      "a body that is large",
      line(`Host: h\r\nContent-Length: ${maxBody + 1}`) + "a".repeat(maxBody + 1),
    ],
  ])("%s", (_what, text) => {
    assert.isUndefined(recognise(bytes(text)))
  })

  it.prop(
    "requests with a changed byte, unless it reads exactly what the bytes say",
    [
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: plain.length - 1 })),
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })),
    ],
    ([at, byte]) => {
      const changed = bytes(plain)
      changed[at] = byte
      const found = recognise(changed)
      if (found === undefined) return
      const lines = found.headers.map(([name, value]) => `${name}: ${value}`)
      const head = changed
        .toString("latin1", 0, found.end)
        .replace(
          /(?<=^[^\r]*)[\x80-\xff]/,
          (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`,
        )
      assert.strictEqual(
        [`${found.method} ${found.target} HTTP/1.1`, ...lines, "", ""].join("\r\n"),
        head
          .split("\r\n")
          .map((text, i) =>
            i === 0 ? text : text.replace(/:[\t ]*/, ": ").replace(/(?<=: .*?)[\t ]+$/, ""),
          )
          .join("\r\n"),
      )
    },
  )
})

describe("a request that is left to Node's parser", () => {
  it.each([
    [
      "has its target percent-encoded",
      "PUT /\xc3\xbc HTTP/1.1\r\nX: \xc3\xbc\r\n",
      "PUT /%C3%BC HTTP/1.1\r\nX: \xc3\xbc\r\n",
    ],
    ["is left as it is with an ASCII target", "PUT /a HTTP/1.1\r\n", "PUT /a HTTP/1.1\r\n"],
    ["is left as it is with two targets", "PUT /\xfc /b HTTP/1.1\r\n", "PUT /\xfc /b HTTP/1.1\r\n"],
    ["is left as it is if its line is not whole", "PUT /\xfc HTT", "PUT /\xfc HTT"],
    ["is left as it is without a target", "PUT \xfc HTTP/1.1\n", "PUT \xfc HTTP/1.1\n"],
  ])("%s", (_what, received, passed) => {
    assert.strictEqual(withEncodedTarget(bytes(received)).toString("latin1"), passed)
  })
})
