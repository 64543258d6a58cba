import { assert, describe, it } from "@effect/vitest"
import { makesRoom, networkOf } from "../../../src/domain/visitor/FairShare.ts"

describe("who makes room", () => {
  it("is the network with the most, if it has at least two more than the one that asks", () => {
    assert.strictEqual(makesRoom(["a", "b", "b", "b", "c", "c"], "d"), "b")
    assert.strictEqual(makesRoom(["a", "b", "b", "b"], "a"), "b")
    assert.isUndefined(makesRoom(["a", "b", "b"], "a"))
    assert.isUndefined(makesRoom(["a"], "b"))
    assert.isUndefined(makesRoom(["a", "a", "a"], "a"))
    assert.isUndefined(makesRoom([], "a"))
  })

  it("is counted in an IPv4 /24 and an IPv6 /48", () => {
    assert.strictEqual(networkOf("192.0.2.7"), networkOf("192.0.2.200"))
    assert.notStrictEqual(networkOf("192.0.2.7"), networkOf("192.0.3.7"))
    assert.strictEqual(networkOf("2001:db8:1:2::3"), networkOf("2001:db8:1:ff::1"))
    assert.notStrictEqual(networkOf("2001:db8:1::1"), networkOf("2001:db8:2::1"))
  })
})
