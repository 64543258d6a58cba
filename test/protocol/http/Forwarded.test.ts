import { assert, describe, it } from "@effect/vitest"
import { all, first, HeaderList } from "../../../src/domain/HeaderList.ts"
import * as Forwarded from "../../../src/protocol/http/Forwarded.ts"

const stranger: Forwarded.Visitor = { address: "192.0.2.7", secure: false, trusted: false }
const proxy: Forwarded.Visitor = { address: "10.0.0.1", secure: false, trusted: true }

const claims: HeaderList = [
  ["Host", "relay.example:8080"],
  ["X-Forwarded-For", "1.1.1.1"],
  ["x-forwarded-host", "evil"],
  ["X-FORWARDED-PROTO", "https"],
  ["X-Forwarded-Prefix", "/evil"],
  ["Forwarded", "for=1.1.1.1"],
  ["X_Forwarded_For", "2.2.2.2"],
  ["X-Real-IP", "3.3.3.3"],
]

describe("what an application learns about its visitor", () => {
  it("comes from the socket alone when the peer is not trusted", () => {
    const address = Forwarded.publicAddress(claims, stranger, "/servers/a")
    assert.deepStrictEqual(Forwarded.apply(claims, stranger, address), [
      ["Host", "relay.example:8080"],
      ["X-Forwarded-For", "192.0.2.7"],
      ["X-Forwarded-Host", "relay.example:8080"],
      ["X-Forwarded-Proto", "http"],
      ["X-Forwarded-Prefix", "/servers/a"],
      ["Forwarded", 'for=192.0.2.7;host="relay.example:8080";proto=http'],
    ])
  })

  it("reads a prefix in time that grows with its length only", () => {
    // With the square of it, this would take a minute.
    const slashes = [["X-Forwarded-Prefix", `${"/".repeat(256 * 1024)}a//`]] as const
    assert.isTrue(Forwarded.publicAddress(slashes, proxy, "/b").prefix.endsWith("/a/b"))
  })

  it("continues the fields of a trusted proxy", () => {
    const sent: HeaderList = [
      ["Host", "inner:4000"],
      ["X-Forwarded-For", "192.0.2.7"],
      ["X-Forwarded-Host", "relay.example"],
      ["X-Forwarded-Proto", "https"],
      ["X-Forwarded-Prefix", "/tunnels/"],
      ["Forwarded", "for=192.0.2.7"],
    ]
    const address = Forwarded.publicAddress(sent, proxy, "/servers/a")
    assert.deepStrictEqual(address, {
      host: "relay.example",
      proto: "https",
      prefix: "/tunnels/servers/a",
    })
    const fields = Forwarded.apply(sent, proxy, address)
    assert.deepStrictEqual(all(fields, "x-forwarded-for"), ["192.0.2.7, 10.0.0.1"])
    assert.deepStrictEqual(all(fields, "forwarded"), [
      "for=192.0.2.7, for=10.0.0.1;host=relay.example;proto=https",
    ])
  })

  it("has the scheme of http where a proxy tells that of a WebSocket", () => {
    const protoOf = (value: string, visitor = proxy): string =>
      Forwarded.publicAddress([["X-Forwarded-Proto", value]], visitor, "").proto
    assert.strictEqual(protoOf("wss"), "https")
    assert.strictEqual(protoOf("ws", { ...proxy, secure: true }), "http")
    assert.strictEqual(protoOf("HTTPS"), "https")
    assert.strictEqual(protoOf("ftp"), "http")
    assert.strictEqual(protoOf("wss", stranger), "http")
  })

  it("tells the visitor's address where only the relay knows which of the chain are proxies", () => {
    const chain: HeaderList = [
      ["X-Forwarded-For", "1.1.1.1, 192.0.2.7, 10.0.0.2"],
      ["X-Real-IP", "3.3.3.3"],
    ]
    const visitor = { ...proxy, client: "192.0.2.7" }
    const fields = Forwarded.apply(chain, visitor, Forwarded.publicAddress(chain, visitor, ""))
    assert.deepStrictEqual(all(fields, "x-real-ip"), ["192.0.2.7"])
    assert.strictEqual(Forwarded.visitorOf(fields), "192.0.2.7")
    const direct = Forwarded.apply(claims, stranger, Forwarded.publicAddress(claims, stranger, ""))
    assert.strictEqual(Forwarded.visitorOf(direct), "192.0.2.7")
    assert.strictEqual(
      Forwarded.visitorOf(Forwarded.withVisitor(claims, "::ffff:10.1.1.1")),
      "10.1.1.1",
    )
    assert.strictEqual(Forwarded.visitorOf([]), "")
  })

  it("has no prefix if there is none, even if the visitor sends one", () => {
    const fields = Forwarded.apply(claims, stranger, Forwarded.publicAddress(claims, stranger, ""))
    assert.deepStrictEqual(all(fields, "x-forwarded-prefix"), [])
  })

  it("has IPv6 addresses in brackets and quotes, and IPv4-mapped ones as IPv4", () => {
    const six = { address: "2001:db8::1", secure: true, trusted: false }
    const fields = Forwarded.apply([], six, Forwarded.publicAddress([], six, ""))
    assert.strictEqual(first(fields, "forwarded"), 'for="[2001:db8::1]";proto=https')
    const mapped = { address: "::ffff:192.0.2.7", secure: false, trusted: false }
    const mappedFields = Forwarded.apply([], mapped, Forwarded.publicAddress([], mapped, ""))
    assert.strictEqual(first(mappedFields, "x-forwarded-for"), "192.0.2.7")
  })

  it.prop("has each field once, whatever an untrusted visitor sends", [HeaderList], ([sent]) => {
    const fields = Forwarded.apply(
      sent,
      stranger,
      Forwarded.publicAddress(sent, stranger, "/servers/a"),
    )
    assert.deepStrictEqual(all(fields, "x-forwarded-for"), ["192.0.2.7"])
    assert.deepStrictEqual(all(fields, "x-forwarded-proto"), ["http"])
    assert.deepStrictEqual(all(fields, "x-forwarded-prefix"), ["/servers/a"])
    assert.strictEqual(all(fields, "forwarded").length, 1)
  })
})
