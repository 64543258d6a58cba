/**
 * Opening files below a root while names are replaced by links, folders and other files in
 * between.
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as HiddenFiles from "../../../src/fileserver/root/HiddenFiles.ts"
import * as Root from "../../../src/fileserver/root/Root.ts"
import * as Visibility from "../../../src/fileserver/root/Visibility.ts"
import { failing, replaceFs, temporaryFolder, untilClosed } from "../../support/temporaryFolder.ts"

const place = (check: Root.Check, rules?: Root.Rules) => {
  const base = temporaryFolder()
  const root = path.join(base, "root")
  fs.mkdirSync(path.join(root, "dir"), { recursive: true })
  fs.writeFileSync(path.join(root, "a.txt"), "hello")
  fs.writeFileSync(path.join(root, "dir", "key"), "key")
  fs.writeFileSync(path.join(base, "outside"), "outside")
  const hidden = HiddenFiles.make([path.join(root, "dir", "key")])
  const served = Root.make(root, root, check, hidden, rules)
  const open = (...segments: ReadonlyArray<string>): Promise<Root.Opened> =>
    new Promise((resolve) => served.open(segments, resolve))
  const kindOf = async (...segments: ReadonlyArray<string>): Promise<string> => {
    const opened = await open(...segments)
    if ("handle" in opened && opened.handle !== undefined) Root.close(opened.handle)
    return opened._tag
  }
  return { base, root, kindOf }
}

describe.each<Root.Check>(["handle", "path"])("a root that checks by %s", (check) => {
  it("opens files inside and no others, and closes what it refuses", async () => {
    const { base, root, kindOf } = place(check)
    fs.symlinkSync("a.txt", path.join(root, "staying"))
    fs.symlinkSync("dir", path.join(root, "staying-folder"))
    fs.symlinkSync("../outside", path.join(root, "leaving"))
    fs.symlinkSync("..", path.join(root, "leaving-folder"))
    fs.symlinkSync("loop", path.join(root, "loop"))
    fs.symlinkSync("nothing", path.join(root, "dangling"))
    fs.linkSync(path.join(root, "dir", "key"), path.join(root, "other-name"))
    execFileSync("mkfifo", [path.join(root, "fifo")])
    assert.strictEqual(await kindOf(), "Folder")
    assert.strictEqual(await kindOf("a.txt"), "File")
    assert.strictEqual(await kindOf("dir"), "Folder")
    assert.strictEqual(await kindOf("staying"), "File")
    assert.strictEqual(await kindOf("staying-folder"), "Folder")
    for (const name of [
      "leaving",
      "leaving-folder",
      "loop",
      "dangling",
      "fifo",
      "other-name",
      "absent",
    ]) {
      assert.strictEqual(await kindOf(name), "Absent", name)
    }
    assert.strictEqual(await kindOf("dir", "key"), "Absent")
    assert.strictEqual(await kindOf("staying-folder", "key"), "Absent")
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("refuses a file that is replaced by a link outside before it is opened", async () => {
    const { base, root, kindOf } = place(check)
    const open = fs.open
    replaceFs({
      open: ((...args: Parameters<typeof open>) => {
        fs.rmSync(path.join(root, "a.txt"))
        fs.symlinkSync("../outside", path.join(root, "a.txt"))
        return open(...args)
      }) as unknown as typeof open,
    })
    assert.strictEqual(await kindOf("a.txt"), "Absent")
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("refuses a link outside that is replaced by a file after it was opened", async () => {
    const { base, root, kindOf } = place(check)
    fs.symlinkSync("../outside", path.join(root, "swapped"))
    const open = fs.open
    replaceFs({
      open: ((file: string, flags: number, done: (error: Error | null, handle: number) => void) =>
        open(file, flags, (error, handle) => {
          fs.rmSync(path.join(root, "swapped"))
          fs.writeFileSync(path.join(root, "swapped"), "inside")
          done(error, handle)
        })) as unknown as typeof open,
    })
    assert.strictEqual(await kindOf("swapped"), "Absent")
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("opens no links with the policy `never`, and all with `follow`", async () => {
    const expected = { never: "Absent", follow: "File" } as const
    for (const symlinks of ["never", "follow"] as const) {
      const { base, root, kindOf } = place(check, { symlinks, visibility: Visibility.make() })
      fs.symlinkSync("a.txt", path.join(root, "staying"))
      fs.symlinkSync(".", path.join(root, "round"))
      fs.symlinkSync("../outside", path.join(root, "leaving"))
      fs.symlinkSync("dir/key", path.join(root, "key"))
      assert.strictEqual(await kindOf("a.txt"), "File")
      assert.strictEqual(await kindOf("dir"), "Folder")
      for (const segments of [["staying"], ["round", "a.txt"], ["leaving"]]) {
        assert.strictEqual(await kindOf(...segments), expected[symlinks], segments.join("/"))
      }
      assert.strictEqual(await kindOf("key"), "Absent")
      assert.strictEqual(await kindOf("dir", "key"), "Absent")
      assert.deepStrictEqual(await untilClosed(base), [])
    }
  })

  it("opens nothing that a pattern hides, by its own name or through a link", async () => {
    const visibility = Visibility.make({ hidden: ["dir/**", "*.bak"] })
    const { base, root, kindOf } = place(check, { symlinks: "inside", visibility })
    fs.writeFileSync(path.join(root, "a.bak"), "")
    fs.symlinkSync("dir", path.join(root, "alias"))
    fs.symlinkSync("a.bak", path.join(root, "plain"))
    assert.strictEqual(await kindOf("a.txt"), "File")
    for (const segments of [["dir"], ["dir", "x"], ["a.bak"], ["alias"], ["plain"]]) {
      assert.strictEqual(await kindOf(...segments), "Absent", segments.join("/"))
    }
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("tells that a file may not be read only if it is listed", async () => {
    const { base, root, kindOf } = place(check)
    fs.symlinkSync("../outside", path.join(root, "leaving"))
    fs.symlinkSync("a.txt", path.join(root, "staying"))
    fs.linkSync(path.join(root, "dir", "key"), path.join(root, "other-name"))
    replaceFs({ open: failing("EACCES") })
    for (const name of ["a.txt", "staying"]) {
      assert.strictEqual(await kindOf(name), "Forbidden", name)
    }
    for (const name of ["leaving", "other-name", "absent"]) {
      assert.strictEqual(await kindOf(name), "Absent", name)
    }
    assert.strictEqual(await kindOf("dir", "key"), "Absent")
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("tells paths that are too long from names that no file can have", async () => {
    const { kindOf } = place(check)
    assert.strictEqual(await kindOf(...Array.from({ length: 50 }, () => "x".repeat(99))), "TooLong")
    assert.strictEqual(await kindOf("x".repeat(256)), "Absent")
  })

  it("opens names that are not UTF-8", async () => {
    const { root, kindOf } = place(check)
    fs.writeFileSync(Buffer.from(`${root}/\xff\xe9`, "latin1"), "")
    fs.mkdirSync(Buffer.from(`${root}/\xfe`, "latin1"))
    assert.strictEqual(await kindOf("\xff\xe9"), "File")
    assert.strictEqual(await kindOf("\xfe"), "Folder")
    assert.strictEqual(await kindOf("\xfd"), "Absent")
  })
})
