import { assert, describe, it } from "@effect/vitest"
import { BoundedMap } from "../../../src/transport/runtime/BoundedMap.ts"

const keys = ["a", "b", "c", "d", "e"]

const made = (maxSize: number, maxCount?: number) => {
  const map = new BoundedMap<string, string | undefined>({
    sizeOf: (value) => value?.length ?? 0,
    maxSize,
    ...(maxCount === undefined ? {} : { maxCount }),
  })
  const present = () => keys.filter((key) => map.has(key)).join("")
  return { map, present }
}

describe("a bounded map", () => {
  it("drops what was set first if all is too large together", () => {
    const { map, present } = made(6)
    for (const key of ["a", "b", "c"]) map.set(key, "12")
    assert.strictEqual(present(), "abc")
    map.set("a", "12")
    map.set("d", "123")
    assert.strictEqual(present(), "ad")
    assert.strictEqual(map.get("d"), "123")
    map.set("e", "1234567")
    assert.strictEqual(present(), "")
  })

  it("drops what was set first if there are too many, whatever their sizes", () => {
    const { map, present } = made(100, 3)
    for (const key of keys) map.set(key, undefined)
    assert.strictEqual(present(), "cde")
  })

  it("has the room again of what was replaced or deleted", () => {
    const { map, present } = made(6)
    map.set("a", "123456")
    map.set("a", "12")
    map.set("b", "1234")
    assert.strictEqual(present(), "ab")
    map.delete("b")
    map.delete("c")
    map.set("c", "1234")
    assert.strictEqual(present(), "ac")
    map.set("d", undefined)
    map.deleteAll((value) => value !== undefined)
    assert.strictEqual(present(), "d")
    map.set("e", "123456")
    assert.strictEqual(present(), "de")
  })
})
