import { assert, describe, it } from "@effect/vitest"
import type * as Root from "../../../src/fileserver/root/Root.ts"
import { absent } from "../../../src/fileserver/root/Root.ts"
import type { PartFile } from "../../../src/fileserver/tus/PartFile.ts"
import { UnfinishedUploads } from "../../../src/fileserver/tus/UnfinishedUploads.ts"
import { staleAfter } from "../../../src/fileserver/uploads/Leftovers.ts"

const folder = { real: "/shared/dir", segments: ["dir"] } as unknown as Root.OpenFolder
const part = (id: string): PartFile => ({ id }) as PartFile

describe("uploads that are not complete", () => {
  it("are limited in number until they are complete, end or expire", async () => {
    const root = { open: (_, done) => done(absent) } as Pick<Root.Root, "open"> as Root.Root
    const uploads = new UnfinishedUploads(root, 2)
    uploads.add(folder, part("a"))
    assert.isTrue(uploads.hasRoom(Date.now()))
    uploads.add(folder, part("b"))
    assert.isFalse(uploads.hasRoom(Date.now()))
    uploads.finish("/shared/dir/a", 7)
    assert.isTrue(uploads.hasRoom(Date.now()))
    assert.strictEqual(uploads.lengthOfFinished("/shared/dir/a"), 7)
    uploads.add(folder, part("c"))
    assert.isFalse(uploads.hasRoom(Date.now() + staleAfter + 1))
    await new Promise(setImmediate)
    assert.isTrue(uploads.hasRoom(Date.now()))
  })
})
