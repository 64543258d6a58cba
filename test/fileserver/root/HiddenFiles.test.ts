import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as HiddenFiles from "../../../src/fileserver/root/HiddenFiles.ts"
import { replaceFs, temporaryFolder } from "../../support/temporaryFolder.ts"

const refreshed = (hidden: HiddenFiles.HiddenFiles): Promise<void> =>
  new Promise((resolve) => hidden.refresh(resolve))

describe("hidden files", () => {
  it("are recognised by device and inode if the file system has no birth times", async () => {
    const base = temporaryFolder()
    const file = path.join(base, "key")
    fs.writeFileSync(file, "")
    const hidden = HiddenFiles.make([file])
    const stats = fs.statSync(file)
    const elsewhere = path.join(base, "elsewhere")
    assert.isFalse(hidden.holds(elsewhere, stats))
    await refreshed(hidden)
    assert.isTrue(hidden.holds(elsewhere, stats))
    const { dev, ino, ctimeMs } = stats
    assert.isTrue(hidden.holds(elsewhere, { dev, ino, ctimeMs, birthtimeMs: 0 }))
    assert.isFalse(hidden.holds(elsewhere, { dev, ino: ino + 1, ctimeMs, birthtimeMs: 0 }))
  })

  it("are distinguished from later files with the same inode by their birth time", async () => {
    const base = temporaryFolder()
    const file = path.join(base, "key")
    fs.writeFileSync(file, "")
    const hidden = HiddenFiles.make([file])
    await refreshed(hidden)
    const { dev, ino, ctimeMs, birthtimeMs } = fs.statSync(file)
    fs.renameSync(file, path.join(base, "backup"))
    await refreshed(hidden)
    const backup = path.join(base, "backup")
    assert.isTrue(hidden.holds(backup, { dev, ino, ctimeMs, birthtimeMs }))
    assert.isFalse(hidden.holds(backup, { dev, ino, ctimeMs, birthtimeMs: birthtimeMs + 1 }))
    assert.isTrue(hidden.holds(file, { dev, ino: ino + 1, ctimeMs, birthtimeMs }), "the place")
  })

  it("are refreshed once for all callers, after they called", async () => {
    const base = temporaryFolder()
    const file = path.join(base, "key")
    fs.writeFileSync(file, "")
    let looks = 0
    const stat = fs.stat
    replaceFs({
      stat: ((...args: Parameters<typeof stat>) => {
        looks++
        return stat(...args)
      }) as unknown as typeof stat,
    })
    const hidden = HiddenFiles.make([file])
    await Promise.all(Array.from({ length: 50 }, () => refreshed(hidden)))
    assert.strictEqual(looks, 2)
  })
})
