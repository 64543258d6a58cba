import * as fs from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import type * as Root from "../../../src/fileserver/root/Root.ts"
import { absent } from "../../../src/fileserver/root/Root.ts"
import { PartFile } from "../../../src/fileserver/tus/PartFile.ts"
import { UnfinishedUploads } from "../../../src/fileserver/tus/UnfinishedUploads.ts"
import { UploadTurns } from "../../../src/fileserver/tus/UploadTurns.ts"
import { staleAfter } from "../../../src/fileserver/uploads/Leftovers.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const folder = { real: "/shared/dir", segments: ["dir"] } as unknown as Root.OpenFolder
const part = (id: string): PartFile => ({ id }) as PartFile

const root = { open: (_, done) => done(absent) } as Pick<Root.Root, "open"> as Root.Root
const [visitor, other] = ["192.0.2.1", "198.51.100.7"]

describe("uploads that are not complete", () => {
  it("are limited in number until they are complete, end or expire", async () => {
    const uploads = new UnfinishedUploads(root, new UploadTurns(), 2)
    uploads.add(folder, part("a"), visitor)
    assert.isTrue(await uploads.makeRoom(visitor, Date.now()))
    uploads.add(folder, part("b"), visitor)
    assert.isFalse(await uploads.makeRoom(visitor, Date.now()))
    uploads.finish("/shared/dir/a", 7)
    assert.isTrue(await uploads.makeRoom(visitor, Date.now()))
    assert.strictEqual(uploads.lengthOfFinished("/shared/dir/a"), 7)
    uploads.add(folder, part("c"), visitor)
    assert.isTrue(await uploads.makeRoom(visitor, Date.now() + staleAfter + 1))
  })

  it("of the network that has begun most of them make room for other networks", async () => {
    const uploads = new UnfinishedUploads(root, new UploadTurns(), 6)
    const ids = Array.from({ length: 6 }, (_, i) => `${i}`)
    for (const id of ids) uploads.add(folder, part(id), "192.0.2.9")
    uploads.touch("/shared/dir/0")
    const isThere = (id: string): boolean => uploads.has(`/shared/dir/${id}`)
    // Another address of the same network gets none.
    assert.isFalse(await uploads.makeRoom(visitor, Date.now()))
    for (const id of ["x", "y"]) {
      assert.isTrue(await uploads.makeRoom(other, Date.now()))
      uploads.add(folder, part(id), other)
    }
    assert.deepStrictEqual(ids.filter(isThere), ["0", "3", "4", "5"])
    assert.isTrue(await uploads.makeRoom("2001:db8::1", Date.now()))
    uploads.add(folder, part("z"), "2001:db8::1")
    assert.deepStrictEqual(ids.filter(isThere), ["0", "4", "5"])
    assert.isFalse(await uploads.makeRoom(other, Date.now()))
    assert.isTrue(isThere("x") && isThere("y") && isThere("z"))
  })

  it("that a request works on stay unless there is no other", async () => {
    const turns = new UploadTurns()
    const uploads = new UnfinishedUploads(root, turns, 2)
    const [a, b] = ["/shared/dir/a", "/shared/dir/b"]
    const leaves = new Map<string, () => void>()
    const work = async (key: string) =>
      leaves.set(key, await turns.enter(key, () => leaves.get(key)?.()))
    uploads.add(folder, part("a"), visitor)
    uploads.add(folder, part("b"), visitor)
    await work(a)
    assert.isTrue(await uploads.makeRoom(other, Date.now()))
    assert.isTrue(uploads.has(a))
    assert.isFalse(uploads.has(b))
    uploads.add(folder, part("b"), visitor)
    await work(b)
    assert.isTrue(await uploads.makeRoom(other, Date.now()))
    assert.isFalse(uploads.has(a))
    assert.isTrue(uploads.has(b))
  })

  it("that a request works on are not looked for when they could expire", async () => {
    const turns = new UploadTurns()
    const uploads = new UnfinishedUploads(root, turns, 1)
    uploads.add(folder, part("a"), visitor)
    await turns.enter("/shared/dir/a", () => {})
    assert.isFalse(await uploads.makeRoom(visitor, Date.now() + staleAfter + 1))
    assert.isTrue(uploads.has("/shared/dir/a"))
  })

  it("with which somebody goes on are not looked for again before they can expire", async () => {
    const real = temporaryFolder()
    const folder = { _tag: "Folder", real, path: real, segments: [] } as unknown as Root.OpenFolder
    let opened = 0
    const open: Root.Root["open"] = (_, done) => {
      opened++
      done(folder)
    }
    const uploads = new UnfinishedUploads({ open } as Root.Root, new UploadTurns(), 1)
    const info = { length: 1, name: "a", metadata: "", conditions: [] }
    const part = await PartFile.create(folder, info, 0o600)
    uploads.add(folder, part, visitor)
    const later = Date.now() + staleAfter + 1
    fs.utimesSync(part.path, later / 1_000, later / 1_000)
    for (const _ of [1, 2]) assert.isFalse(await uploads.makeRoom(visitor, later))
    assert.strictEqual(opened, 1)
    assert.isTrue(await uploads.makeRoom(visitor, later + staleAfter + 1))
    assert.deepStrictEqual(fs.readdirSync(real), [])
  })
})
