import { assert, it } from "@effect/vitest"
import { bucketOf } from "../../src/domain/VisitorAddress.ts"

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
