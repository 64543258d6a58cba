/**
 * Whom a list lets in that has addresses, domains and groups.
 */
import { assert, describe, it } from "@effect/vitest"
import { allows, groupsOf, type Identity, isEntry } from "../../../src/domain/visitor/AllowList.ts"

const ann: Identity = { user: "1", email: "Ann@Example.com", groups: ["staff"] }

describe("a list", () => {
  it("lets in an address, whatever its case", () => {
    assert.isTrue(allows(["ann@example.COM"], ann))
    assert.isFalse(allows(["bob@example.com"], ann))
  })

  it("lets in a domain, and none that only ends or begins like it", () => {
    assert.isTrue(allows(["@example.com"], ann))
    assert.isFalse(allows(["@ample.com"], ann))
    for (const email of [
      "ann@example.com.evil.test",
      "ann@evil-example.com",
      "ann@sub.example.com",
      "@example.com@evil.test",
    ])
      assert.isFalse(allows(["@example.com"], { ...ann, email }), email)
  })

  it("takes letters outside ASCII as they are", () => {
    // U+212A is an ordinary k in lower case.
    assert.isFalse(allows(["k@example.com"], { ...ann, email: "\u212a@example.com" }))
  })

  it("lets in a group by its exact name", () => {
    assert.isTrue(allows(["group:staff"], ann))
    assert.isFalse(allows(["group:Staff"], ann))
    assert.isFalse(allows(["staff"], ann))
    assert.isFalse(allows(["group:staff"], { user: "group:staff", email: undefined, groups: [] }))
  })

  it("lets in nobody by an address that is not known", () => {
    assert.isFalse(allows(["@example.com", "ann@example.com"], { ...ann, email: undefined }))
    assert.isTrue(allows(["*"], { ...ann, email: undefined }))
  })

  it("has entries of these forms only", () => {
    for (const entry of ["*", "a@b", "@b.example", "group:a b"])
      assert.isTrue(isEntry(entry), entry)
    for (const entry of ["", "ann", "group:", "a@", "a@b@c", "a b@c", "@", "*@b", "@*.b"])
      assert.isFalse(isEntry(entry), entry)
    assert.deepStrictEqual(groupsOf(["*", "group:a", "x@y", "group:b c"]), ["a", "b c"])
  })
})
