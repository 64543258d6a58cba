import { assert, describe, it } from "@effect/vitest"
import * as IpNetwork from "effect/net/IpNetwork"
import { isTrusted } from "../../src/relay/TrustedProxies.ts"

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
