/** Which proxies are trusted, and which address of a forwarded chain is the visitor's. */
import { assert, describe, it } from "@effect/vitest"
import * as IpNetwork from "effect/net/IpNetwork"
import { clientAddress, isTrusted } from "../../../src/relay/settings/TrustedProxies.ts"

const networks = ["10.0.0.0/8", "::1/128"].map(IpNetwork.fromStringUnsafe)

describe("a trusted proxy", () => {
  it("is a socket whose address is in a configured network, in either form of IPv4", () => {
    assert.isTrue(isTrusted(networks, "10.1.2.3"))
    assert.isTrue(isTrusted(networks, "::ffff:10.1.2.3"))
    assert.isTrue(isTrusted(networks, "::1"))
  })

  it("is nobody else, and nobody at all by default", () => {
    assert.isFalse(isTrusted(networks, "11.0.0.1"))
    assert.isFalse(isTrusted(networks, "fe80::1%eth0"))
    assert.isFalse(isTrusted(networks, ""))
    assert.isFalse(isTrusted([], "127.0.0.1"))
  })
})

describe("the visitor's address", () => {
  const via = (address: string, ...chains: ReadonlyArray<string>): string =>
    clientAddress(
      networks,
      address,
      chains.map((chain) => ["X-Forwarded-For", chain] as const),
    )

  it("is that of the socket unless that is a trusted proxy's", () => {
    assert.strictEqual(via("::ffff:192.0.2.1", "198.51.100.1"), "192.0.2.1")
    assert.strictEqual(via("10.0.0.1"), "10.0.0.1")
  })

  it("is the last one that no trusted proxy has, whatever stands before it", () => {
    assert.strictEqual(via("10.0.0.1", "192.0.2.1"), "192.0.2.1")
    assert.strictEqual(via("10.0.0.1", "198.51.100.1, 192.0.2.1, 10.9.9.9"), "192.0.2.1")
    assert.strictEqual(via("::1", "198.51.100.1", "2001:db8::1,10.0.0.2"), "2001:db8::1")
    assert.strictEqual(via("10.0.0.1", "10.0.0.3, 10.0.0.2"), "10.0.0.1")
  })

  it("has no port, as some proxies write it", () => {
    assert.strictEqual(via("10.0.0.1", "192.0.2.1:50123"), "192.0.2.1")
    assert.strictEqual(via("10.0.0.1", "198.51.100.1, 192.0.2.1:1, 10.9.9.9:65535"), "192.0.2.1")
    assert.strictEqual(via("10.0.0.1", "[2001:db8::1]:443"), "2001:db8::1")
    assert.strictEqual(via("10.0.0.1", "[2001:db8::1], [::1]:80"), "2001:db8::1")
    assert.strictEqual(via("10.0.0.1", "192.0.2.1:x"), "10.0.0.1")
  })

  it("is never anything but an address", () => {
    assert.strictEqual(via("10.0.0.1", "unknown"), "10.0.0.1")
    assert.strictEqual(via("10.0.0.1", "192.0.2.1, x, 10.0.0.2"), "10.0.0.1")
    assert.strictEqual(via("10.0.0.1", ""), "10.0.0.1")
  })
})
