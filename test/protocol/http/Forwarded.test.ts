import { assert, describe, it } from "@effect/vitest"
import { all, first, HeaderList } from "../../../src/domain/HeaderList.ts"
import * as Forwarded from "../../../src/protocol/http/Forwarded.ts"

const stranger: Forwarded.Visitor = { address: "192.0.2.7", secure: false, trusted: false }
const proxy: Forwarded.Visitor = { address: "10.0.0.1", secure: false, trusted: true }

const lies: HeaderList = [
  ["Host", "relay.example:8080"],
  ["X-Forwarded-For", "1.1.1.1"],
  ["x-forwarded-host", "evil"],
  ["X-FORWARDED-PROTO", "https"],
  ["X-Forwarded-Prefix", "/evil"],
  ["Forwarded", "for=1.1.1.1"],
  ["X_Forwarded_For", "2.2.2.2"],
  ["X-Real-IP", "3.3.3.3"],
]

describe("what an application is told about its visitor", () => {
  it("comes from the socket alone when the peer is not trusted", () => {
    const seen = Forwarded.seen(lies, stranger, "/servers/a")
    assert.deepStrictEqual(Forwarded.apply(lies, stranger, seen), [
      ["Host", "relay.example:8080"],
      ["X-Forwarded-For", "192.0.2.7"],
      ["X-Forwarded-Host", "relay.example:8080"],
      ["X-Forwarded-Proto", "http"],
      ["X-Forwarded-Prefix", "/servers/a"],
      ["Forwarded", 'for=192.0.2.7;host="relay.example:8080";proto=http'],
    ])
  })

  it("continues what a trusted proxy has said", () => {
    const said: HeaderList = [
      ["Host", "inner:4000"],
      ["X-Forwarded-For", "192.0.2.7"],
      ["X-Forwarded-Host", "relay.example"],
      ["X-Forwarded-Proto", "https"],
      ["X-Forwarded-Prefix", "/tunnels/"],
      ["Forwarded", "for=192.0.2.7"],
    ]
    const seen = Forwarded.seen(said, proxy, "/servers/a")
    assert.deepStrictEqual(seen, {
      host: "relay.example",
      proto: "https",
      prefix: "/tunnels/servers/a",
    })
    const told = Forwarded.apply(said, proxy, seen)
    assert.deepStrictEqual(all(told, "x-forwarded-for"), ["192.0.2.7, 10.0.0.1"])
    assert.deepStrictEqual(all(told, "forwarded"), [
      "for=192.0.2.7, for=10.0.0.1;host=relay.example;proto=https",
    ])
  })

  it("has no prefix where there is none, whatever was claimed", () => {
    const told = Forwarded.apply(lies, stranger, Forwarded.seen(lies, stranger, ""))
    assert.deepStrictEqual(all(told, "x-forwarded-prefix"), [])
  })

  it("has IPv6 addresses in brackets and quotes, and mapped IPv4 ones plain", () => {
    const six = { address: "2001:db8::1", secure: true, trusted: false }
    const told = Forwarded.apply([], six, Forwarded.seen([], six, ""))
    assert.strictEqual(first(told, "forwarded"), 'for="[2001:db8::1]";proto=https')
    const mapped = { address: "::ffff:192.0.2.7", secure: false, trusted: false }
    const plain = Forwarded.apply([], mapped, Forwarded.seen([], mapped, ""))
    assert.strictEqual(first(plain, "x-forwarded-for"), "192.0.2.7")
  })

  it.prop("is said exactly once, whatever an untrusted visitor sends", [HeaderList], ([sent]) => {
    const told = Forwarded.apply(sent, stranger, Forwarded.seen(sent, stranger, "/servers/a"))
    assert.deepStrictEqual(all(told, "x-forwarded-for"), ["192.0.2.7"])
    assert.deepStrictEqual(all(told, "x-forwarded-proto"), ["http"])
    assert.deepStrictEqual(all(told, "x-forwarded-prefix"), ["/servers/a"])
    assert.strictEqual(all(told, "forwarded").length, 1)
  })
})
