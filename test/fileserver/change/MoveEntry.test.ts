/**
 * Moving to another file system, where a name cannot simply be changed.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it, onTestFinished } from "@effect/vitest"
import { Bin } from "../../../src/fileserver/change/Bin.ts"
import type { Located } from "../../../src/fileserver/change/Located.ts"
import { moveEntry, NotRemoved } from "../../../src/fileserver/change/MoveEntry.ts"
import type * as Root from "../../../src/fileserver/root/Root.ts"
import { systemError, temporaryFolder } from "../../support/temporaryFolder.ts"

const refuse = (code: string) => () => Promise.reject(systemError(code))

/** Has functions of `node:fs` replaced until the test is over. */
const replace = (replacements: Partial<typeof fs.promises>): void => {
  const original = { ...fs.promises }
  Object.assign(fs.promises, replacements)
  onTestFinished(() => {
    Object.assign(fs.promises, original)
  })
}

const shared = () => {
  const folder = temporaryFolder()
  fs.mkdirSync(path.join(folder, "dir/sub"), { recursive: true })
  fs.writeFileSync(path.join(folder, "dir/sub/a.txt"), "a")
  fs.symlinkSync("sub/a.txt", path.join(folder, "dir/link"))
  return folder
}

const putIntoBin = async (folder: string, entry: string) => {
  const bin = new Bin({ pathOf: (names) => path.join(folder, ...names) } as Root.Root)
  const located = { path: entry, segments: ["dir"], stats: undefined } as unknown as Located
  const error = await bin.put(located).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return { bin, error }
}

describe("an entry that is moved to another file system", () => {
  it("is copied whole, links as links, and removed", async () => {
    const folder = shared()
    replace({ rename: refuse("EXDEV") })
    const [from, to] = ["dir", "moved"].map((name) => path.join(folder, name)) as [string, string]
    await moveEntry(from, to)
    assert.isFalse(fs.existsSync(from))
    assert.strictEqual(fs.readFileSync(path.join(to, "sub/a.txt"), "utf8"), "a")
    assert.strictEqual(fs.readlinkSync(path.join(to, "link")), "sub/a.txt")
  })

  it("leaves no half of a copy if the other file system is full", async () => {
    const folder = shared()
    replace({ rename: refuse("EXDEV"), copyFile: refuse("ENOSPC") })
    const [from, to] = ["dir", "moved"].map((name) => path.join(folder, name)) as [string, string]
    const error = await moveEntry(from, to).catch((reason: unknown) => reason)
    assert.strictEqual((error as NodeJS.ErrnoException).code, "ENOSPC")
    assert.isFalse(fs.existsSync(to))
    assert.strictEqual(fs.readFileSync(path.join(from, "sub/a.txt"), "utf8"), "a")
  })

  it("leaves alone what has taken its name meanwhile", async () => {
    const folder = shared()
    replace({ rename: refuse("EXDEV") })
    const [from, to] = ["dir", "moved"].map((name) => path.join(folder, name)) as [string, string]
    fs.mkdirSync(to)
    fs.writeFileSync(path.join(to, "b.txt"), "b")
    const error = await moveEntry(from, to).catch((reason: unknown) => reason)
    assert.strictEqual((error as NodeJS.ErrnoException).code, "EEXIST")
    assert.deepStrictEqual(fs.readdirSync(to), ["b.txt"])
  })

  it("to the bin stays there if it cannot be removed as a whole", async () => {
    const folder = shared()
    const entry = path.join(folder, "dir")
    const { rm } = fs.promises
    const removeSome: typeof rm = async (target, options) => {
      if (target !== entry) return rm(target, options)
      await rm(path.join(entry, "sub/a.txt"))
      return refuse("EACCES")()
    }
    replace({ rename: refuse("EXDEV"), rm: removeSome })
    const { bin, error } = await putIntoBin(folder, entry)
    assert.instanceOf(error, NotRemoved)
    assert.strictEqual(error.code, "EACCES")
    const [item] = await bin.list()
    assert.strictEqual(
      fs.readFileSync(path.join(folder, ".ptth-trash", item?.id ?? "", "entry/sub/a.txt"), "utf8"),
      "a",
    )
  })

  for (const [kind, name] of [
    ["file", "dir/sub/a.txt"],
    ["folder", "dir"],
    ["link", "dir/link"],
  ] as const)
    it(`leaves no copy in the bin if nothing of it can be removed: a ${kind}`, async () => {
      const folder = shared()
      const entry = path.join(folder, name)
      const { rm } = fs.promises
      const removeOthers: typeof rm = (target, options) =>
        target === entry ? refuse("EROFS")() : rm(target, options)
      replace({ rename: refuse("EXDEV"), rm: removeOthers })
      const { bin, error } = await putIntoBin(folder, entry)
      assert.notInstanceOf(error, NotRemoved)
      assert.strictEqual((error as NodeJS.ErrnoException).code, "EROFS")
      assert.deepStrictEqual(fs.readdirSync(path.join(folder, ".ptth-trash")), [])
      assert.deepStrictEqual(await bin.list(), [])
      assert.isDefined(fs.lstatSync(entry, { throwIfNoEntry: false }))
    })
})
