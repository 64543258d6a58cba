/** The relay's domain, the labels of servers below it, and which server a Host field means. */
import { assert, describe, it } from "@effect/vitest"
import * as ServerHost from "../../src/domain/ServerHost.ts"
import { ServerName } from "../../src/domain/ServerName.ts"

describe("a domain", () => {
  it("is labels of letters, digits and inner hyphens, in lower case", () => {
    assert.strictEqual(ServerHost.parseDomain("Relay.Example.COM"), "relay.example.com")
    assert.strictEqual(ServerHost.parseDomain("localhost"), "localhost")
    for (const bad of ["", ".", "a..b", "a.b.", "-a.b", "a-.b", "a_b.c", "a/b", "a:80", "*.a"])
      assert.isUndefined(ServerHost.parseDomain(bad), bad)
    assert.isUndefined(ServerHost.parseDomain(`${"a.".repeat(100)}b`))
  })

  it("is one below which hosts can be", () => {
    for (const bad of ["127.0.0.1", "10", "0x7f", "relay.123", "xn--"])
      assert.isUndefined(ServerHost.parseDomain(bad), bad)
    assert.strictEqual(ServerHost.parseDomain("xn--bcher-kva.Example"), "xn--bcher-kva.example")
    assert.strictEqual(ServerHost.parseDomain("Bücher.Example"), "xn--bcher-kva.example")
    assert.strictEqual(ServerHost.parseDomain("4711.example"), "4711.example")
  })
})

describe("a server's label", () => {
  it("has hyphens for underscores and lower case for capitals", () => {
    assert.strictEqual(ServerHost.labelOf("My_Attic-2" as ServerName), "my-attic-2")
    for (const bad of ["_a", "a_", "-a", "a-"])
      assert.isUndefined(ServerHost.labelOf(bad as ServerName))
  })

  it.prop("is a label, whatever the name", [ServerName], ([name]) => {
    const label = ServerHost.labelOf(name)
    if (label === undefined) return
    assert.strictEqual(ServerHost.parseDomain(`${label}.example`), `${label}.example`)
  })
})

describe("a Host field", () => {
  it("is compared without case, port and trailing dot", () => {
    for (const field of [
      "A.example",
      "a.example:80",
      "a.example.",
      "a.EXAMPLE.:4000",
      "a.example:",
    ])
      assert.strictEqual(ServerHost.hostOf(field), "a.example", field)
  })

  it("is rejected if it is not a host", () => {
    for (const bad of [
      "u@a.example",
      "a.example:x",
      "a.example:123456",
      "a.example/x",
      "a example",
      "a.example,b.example",
      "[a.example]",
    ]) {
      assert.isUndefined(ServerHost.hostOf(bad), bad)
    }
  })

  it("may be an IPv6 literal, which is no domain's", () => {
    assert.strictEqual(ServerHost.hostOf("[::1]:4000"), "[::1]:4000")
  })
})
