import { assert, describe, it } from "@effect/vitest"
import * as Access from "../../../src/fileserver/access/Access.ts"
import { fromText } from "../../../src/fileserver/names/ByteName.ts"

const path = (text: string): ReadonlyArray<string> => text.split("/").filter(Boolean).map(fromText)

describe("the rules of a visitor", () => {
  it("let read everything unless they say what", () => {
    const { manages, reads, uploads } = Access.make({})
    assert.isTrue(reads(path("a/b")))
    assert.isUndefined(uploads)
    assert.isUndefined(manages)
    assert.isFalse(Access.make({ read: [] }).reads(path("a")))
  })

  it("let read a folder with all below, and find the way to it", () => {
    const { reads, readsAll } = Access.make({ read: ["/photos/2024/", "/docs"] })
    for (const text of ["photos", "photos/2024", "photos/2024/a/b", "docs", "docs/x"])
      assert.isTrue(reads(path(text)), text)
    for (const text of ["photos/2025", "photos/20245", "photo", "docs2", "x"])
      assert.isFalse(reads(path(text)), text)
    assert.isFalse(readsAll(path("photos")))
    assert.isTrue(readsAll(path("photos/2024")))
  })

  it("show a folder for uploads and nothing in it", () => {
    const { knows, reads, uploads } = Access.make({ read: [], upload: ["/in/box"] })
    assert.isTrue(reads(path("in")))
    assert.isTrue(reads(path("in/box")))
    assert.isFalse(reads(path("in/box/a")))
    assert.isTrue(knows(path("in/box/a")))
    assert.isFalse(knows(path("in/other")))
    assert.isTrue(uploads?.(path("in/box/sub")))
    assert.isFalse(uploads?.(path("in")))
  })

  it("let read what may be changed", () => {
    const { manages, reads } = Access.make({ read: [], manage: ["/own"] })
    assert.isTrue(reads(path("own/x")))
    assert.isTrue(manages?.(path("own")))
    assert.isFalse(manages?.(path("")))
    assert.isTrue(Access.make({ manage: ["/"] }).manages?.(path("")))
  })

  it("take canonically equal names for the same", () => {
    assert.isTrue(Access.make({ read: ["/caf\u00e9"] }).reads(path("cafe\u0301/x")))
  })
})
