/**
 * The head of an HTTP/2 request as one of HTTP/1.1.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Http2Request from "../../../src/transport/h2/Http2Request.ts"

const legal = { ":method": "GET", ":scheme": "https", ":path": "/", ":authority": "a.example" }

const read = (
  fields: { readonly [name: string]: string | undefined },
  more: ReadonlyArray<string> = [],
  isOver = true,
) =>
  Http2Request.read(
    [
      ...Object.entries({ ...legal, ...fields }).flatMap(([name, value]) =>
        value === undefined ? [] : [name, value],
      ),
      ...more,
    ],
    isOver,
  )

const headOf = (result: ReturnType<typeof read>) => Result.getOrThrow(result)

describe("the head of a request by HTTP/2", () => {
  it("has the authority as its Host, or Host where there is no authority", () => {
    assert.deepStrictEqual(headOf(read({})).head.headers, [["host", "a.example"]])
    assert.deepStrictEqual(
      headOf(read({ ":authority": undefined }, ["host", "b.example"])).head.headers,
      [["host", "b.example"]],
    )
  })

  it("is refused where the next reader could see another request", () => {
    const refused: ReadonlyArray<readonly [what: string, result: ReturnType<typeof read>]> = [
      ["no host", read({ ":authority": undefined })],
      ["an empty host", read({ ":authority": "" })],
      ["another Host", read({}, ["host", "b.example"])],
      ["two Hosts", read({ ":authority": undefined }, ["host", "a", "host", "b"])],
      ["a user", read({ ":authority": "me@a.example" })],
      ["a path in the host", read({ ":authority": "a.example/x" })],
      ["two hosts in one", read({ ":authority": "a.example, b.example" })],
      ["a request in the target", read({ ":path": "/ HTTP/1.1\r\nHost: b" })],
      ["a space in the target", read({ ":path": "/a b" })],
      ["a fragment", read({ ":path": "/a#b" })],
      ["no target", read({ ":path": "" })],
      ["an absolute target", read({ ":path": "http://b.example/" })],
      ["an asterisk", read({ ":path": "*" })],
      ["a request in the method", read({ ":method": "GET / HTTP/1.1\r\nX:" })],
      ["no method", read({ ":method": "" })],
      ["a method that no tunnel carries", read({ ":method": "X".repeat(65) })],
      ["two lengths", read({}, ["content-length", "1", "content-length", "1"])],
      ["a length that is none", read({}, ["content-length", "+1"])],
      ["chunks", read({}, ["transfer-encoding", "chunked"])],
      ["fields of the connection", read({}, ["connection", "x"])],
      ["an upgrade", read({}, ["upgrade", "h2c"])],
      ["a proxy's connection", read({}, ["proxy-connection", "close"])],
      ["keep-alive", read({}, ["keep-alive", "1"])],
      ["another TE", read({}, ["te", "gzip"])],
      ["a line break in a value", read({}, ["x", "a\r\nb: c"])],
      ["a colon in a name", read({}, ["x:y", "a"])],
      ["a tunnel", read({ ":method": "CONNECT", ":path": undefined, ":scheme": undefined })],
      ["another protocol", read({ ":method": "CONNECT", ":protocol": "connect-udp" })],
      ["a protocol without CONNECT", read({ ":protocol": "websocket" })],
      [
        "a WebSocket with a length",
        read({ ":method": "CONNECT", ":protocol": "websocket" }, ["content-length", "5"], false),
      ],
    ]
    for (const [what, result] of refused) assert.isTrue(Result.isFailure(result), what)
  })

  it("keeps repeated fields in their order, and joins cookies where the first was", () => {
    const fields = ["x", "1", "cookie", "a=1", "y", "2", "cookie", "b=2", "x", "3"]
    const more = [...fields, "te", "trailers", "cookie", ""]
    assert.deepStrictEqual(headOf(read({}, more)).head.headers, [
      ["host", "a.example"],
      ["x", "1"],
      ["cookie", "a=1; b=2"],
      ["y", "2"],
      ["x", "3"],
      ["te", "trailers"],
    ])
  })

  it("has a target in ASCII", () => {
    const target = headOf(read({ ":path": "/M\xc3\xbcller?q=\xe9" })).head.target
    assert.strictEqual(target, "/M%C3%BCller?q=%E9")
  })

  it("tells whether a body follows, and how long it is", () => {
    const framing = (more: ReadonlyArray<string>, isOver: boolean) =>
      headOf(read({ ":method": "POST" }, more, isOver)).framing
    assert.deepStrictEqual(framing([], true), { _tag: "None" })
    assert.deepStrictEqual(framing([], false), { _tag: "Chunked" })
    assert.deepStrictEqual(framing(["content-length", "5"], false), { _tag: "Length", length: 5 })
    assert.deepStrictEqual(framing(["content-length", "0"], false), { _tag: "None" })
  })

  it("of a WebSocket is the handshake of HTTP/1.1 with a key of its own", () => {
    const { head, webSocketKey } = headOf(
      read({ ":method": "CONNECT", ":protocol": "websocket", ":path": "/chat" }, [
        "sec-websocket-key",
        "given",
        "sec-websocket-protocol",
        "chat",
      ]),
    )
    assert.strictEqual(head.method, "GET")
    assert.match(webSocketKey ?? "", /^[A-Za-z0-9+/]{22}==$/)
    assert.deepStrictEqual(head.headers, [
      ["host", "a.example"],
      ["sec-websocket-protocol", "chat"],
      ["Connection", "Upgrade"],
      ["Upgrade", "websocket"],
      ["Sec-WebSocket-Version", "13"],
      ["Sec-WebSocket-Key", webSocketKey ?? ""],
    ])
  })
})
