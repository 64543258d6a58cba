import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it, vi } from "@effect/vitest"
import { Bin, keptFor } from "../../../src/fileserver/change/Bin.ts"
import * as ChangeRefusal from "../../../src/fileserver/change/ChangeRefusal.ts"
import type { Located } from "../../../src/fileserver/change/Located.ts"
import type * as Root from "../../../src/fileserver/root/Root.ts"
import { systemError, temporaryFolder } from "../../support/temporaryFolder.ts"

const most = 3

const bin = () => {
  const root = temporaryFolder()
  const state = { now: 1_000_000_000_000 }
  const shared = {
    pathOf: (segments: ReadonlyArray<string>) => [root, ...segments].join("/"),
  } as Root.Root
  const entry = (name: string): Located => {
    const file = path.join(root, name)
    fs.writeFileSync(file, name)
    return {
      folder: {} as Root.OpenFolder,
      name,
      segments: [name],
      path: file,
      real: file,
      stats: fs.lstatSync(file, { bigint: true }),
    }
  }
  return { root, state, entry, bin: new Bin(shared, () => state.now, most) }
}

describe("the bin", () => {
  it("deletes for good what has been there for a week", async () => {
    const made = bin()
    await made.bin.put(made.entry("old"))
    made.state.now += keptFor
    await made.bin.put(made.entry("new"))
    await made.bin.settled
    assert.strictEqual((await made.bin.list()).length, 2)
    made.state.now += 1
    await made.bin.sweep()
    assert.deepStrictEqual(
      (await made.bin.list()).map(({ segments }) => segments),
      [["new"]],
    )
  })

  it.each(["mkdir", "writeFile"] as const)(
    "takes nothing while the disk is full (%s)",
    async (call) => {
      const made = bin()
      await made.bin.put(made.entry("old"))
      const [old] = await made.bin.list()
      const failing = vi.spyOn(fs.promises, call).mockRejectedValue(systemError("ENOSPC"))
      const entry = made.entry("new")
      const refusal = await made.bin.put(entry)
      failing.mockRestore()
      assert.deepStrictEqual(refusal, ChangeRefusal.binFull)
      assert.isTrue(fs.existsSync(entry.path))
      assert.deepStrictEqual(fs.readdirSync(path.join(made.root, ".ptth-trash")), [old?.id])
    },
  )

  it("deletes the oldest of too much, and never the last", async () => {
    const made = bin()
    for (let i = 0; i < most + 2; i++) {
      made.state.now++
      const folder = path.join(made.root, ".ptth-trash", i.toString(16).padStart(24, "0"))
      fs.mkdirSync(folder, { recursive: true })
      fs.writeFileSync(
        path.join(folder, "info"),
        JSON.stringify({ segments: [String(i)], deleted: made.state.now, folder: false, size: 1 }),
      )
    }
    await made.bin.sweep()
    const items = await made.bin.list()
    assert.strictEqual(items.length, most)
    assert.deepStrictEqual(items[0]?.segments, [String(most + 1)])
    const huge = path.join(made.root, ".ptth-trash", "f".repeat(24))
    fs.mkdirSync(huge)
    fs.writeFileSync(
      path.join(huge, "info"),
      JSON.stringify({ segments: ["huge"], deleted: ++made.state.now, folder: false, size: 1e15 }),
    )
    await made.bin.sweep()
    assert.deepStrictEqual(
      (await made.bin.list()).map(({ segments }) => segments),
      [["huge"]],
    )
  })

  it("is not a link", async () => {
    const made = bin()
    const outside = temporaryFolder()
    fs.symlinkSync(outside, path.join(made.root, ".ptth-trash"))
    const refused = await made.bin.put(made.entry("a"))
    assert.isTrue("code" in refused)
    assert.deepStrictEqual(fs.readdirSync(outside), [])
    assert.isTrue(fs.existsSync(path.join(made.root, "a")))
  })
})
