import { assert, it } from "@effect/vitest"
import { bucketOf, networksOf } from "../../../src/domain/visitor/VisitorAddress.ts"

it("an IPv4 address is its own bucket, in either notation", () => {
  assert.strictEqual(bucketOf("192.0.2.1"), "192.0.2.1")
  assert.strictEqual(bucketOf("::ffff:192.0.2.1"), "192.0.2.1")
})

it("IPv6 addresses count together by their first 64 bits", () => {
  for (const [address, bucket] of [
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["2001:DB8:0:0:1:2:3:4", "2001:db8:0:0::/64"],
    ["2001:0db8:0000::4", "2001:db8:0:0::/64"],
    ["2001:db8:0:1::", "2001:db8:0:1::/64"],
    ["2001:db8:a:b:c::", "2001:db8:a:b::/64"],
    ["::1", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["1::2:3:4:5:6:7", "1:0:2:3::/64"],
    ["64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"],
  ] as const)
    assert.strictEqual(bucketOf(address), bucket, address)
})

it("an address is in the networks that providers hand out, the widest first", () => {
  assert.deepStrictEqual(networksOf("192.0.2.1"), ["192.0.0.0/16", "192.0.2.0/24", "192.0.2.1"])
  assert.deepStrictEqual(networksOf("::ffff:192.0.2.1"), networksOf("192.0.2.1"))
  assert.deepStrictEqual(networksOf("2001:db8:a:1234::7"), [
    "2001:db8::/32",
    "2001:db8:a::/48",
    "2001:db8:a:1200::/56",
    "2001:db8:a:1234::/64",
  ])
  assert.strictEqual(networksOf("2001:db8::1").at(-1), bucketOf("2001:db8::1"))
})
