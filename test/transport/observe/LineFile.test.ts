/**
 * A file of lines: written in the background, created again, and rotated.
 */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { LineFile, type Rotation } from "../../../src/transport/observe/LineFile.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"
import { Watch } from "../../support/Watch.ts"

const setting = (name = "access.log", rotate?: Rotation) => {
  const file = path.isAbsolute(name) ? name : path.join(temporaryFolder(), name)
  const said: Array<string> = []
  const watch = new Watch()
  const say = (what: string): void => {
    said.push(what)
    watch.changed()
  }
  const log = new LineFile({
    path: file,
    onFailure: (reason) => say(`trouble ${reason}`),
    onRecovered: (lost) => say(`mended ${lost}`),
    ...(rotate === undefined ? {} : { rotate }),
  })
  return {
    file,
    log,
    said,
    untilSaid: (count: number) => watch.until(`${count} are said`, () => said.length === count),
    closed: () => new Promise<void>((resolve) => log.close(resolve)),
  }
}

describe("a file of lines", () => {
  it("is created and appended to; closing it waits for the last line", async () => {
    const first = setting()
    first.log.append("one\n")
    first.log.append("two\n")
    await first.closed()
    const second = setting(first.file)
    second.log.append("three\n")
    await second.closed()
    assert.strictEqual(readFileSync(first.file, "utf8"), "one\ntwo\nthree\n")
    assert.deepStrictEqual([first.said, second.said], [[], []])
  })

  it("has every line once and in order, however many are appended at once", async () => {
    const { closed, file, log } = setting()
    const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`)
    for (const line of lines) log.append(line)
    await closed()
    assert.strictEqual(readFileSync(file, "utf8"), lines.join(""))
  })

  it("is created again on request after it was renamed", async () => {
    const { closed, file, log } = setting()
    const long = "x".repeat(70_000)
    log.append(`before ${long}\n`)
    while (!existsSync(file) || readFileSync(file).length < long.length)
      await new Promise((resolve) => setImmediate(resolve))
    renameSync(file, `${file}.1`)
    log.append("still there\n")
    log.reopen()
    await new Promise((resolve) => setImmediate(resolve))
    log.append("after\n")
    await closed()
    const [old, now] = [`${file}.1`, file].map((name) => readFileSync(name, "utf8"))
    assert.strictEqual(`${old}${now}`, `before ${long}\nstill there\nafter\n`)
    assert.include(now, "after")
  })

  it.each(["deleted", "renamed"])("is created again by itself after it was %s", async (how) => {
    const { closed, file, log, said } = setting()
    const long = `${"x".repeat(70_000)}\n`
    log.append(long)
    while (!existsSync(file) || readFileSync(file).length < long.length)
      await new Promise((resolve) => setImmediate(resolve))
    if (how === "deleted") rmSync(file)
    else renameSync(file, `${file}.1`)
    log.append("after\n")
    await closed()
    assert.strictEqual(readFileSync(file, "utf8"), "after\n")
    assert.deepStrictEqual(said, [])
  })

  it("is not created before the first line", async () => {
    const { closed, file, log } = setting()
    log.reopen()
    await closed()
    assert.isFalse(existsSync(file))
  })

  it("reports once that writing fails, and the number of lost lines when it works again", async () => {
    const { closed, file, log, said, untilSaid } = setting()
    mkdirSync(file)
    log.append("lost\n")
    log.append("lost, too\n")
    log.reopen()
    await untilSaid(1)
    rmdirSync(file)
    log.append("written\n")
    await closed()
    assert.deepStrictEqual(said, ["trouble EISDIR", "mended 2"])
    assert.strictEqual(readFileSync(file, "utf8"), "written\n")
  })

  it.skipIf(!existsSync("/dev/full"))("survives a full disk", async () => {
    const { closed, log, said } = setting("/dev/full")
    log.append("lost\n")
    await closed()
    assert.deepStrictEqual(said, ["trouble ENOSPC"])
  })
})

describe("a rotated file of lines", () => {
  const small = { bytes: 30, files: 2 }
  /** Appends a line and waits until it is in the file. */
  /** The file may be renamed at any moment, and is not there for the next one. */
  const textOf = (file: string): string => {
    try {
      return readFileSync(file, "utf8")
    } catch {
      return ""
    }
  }
  const written = async ({ file, log }: ReturnType<typeof setting>, line: string) => {
    log.append(line)
    while (!textOf(file).endsWith(line)) await new Promise((resolve) => setImmediate(resolve))
  }

  it("is renamed before it becomes too large, and a fixed number of old ones is kept", async () => {
    const on = setting("audit.log", small)
    for (let i = 0; i < 9; i++) await written(on, `this is line ${i}\n`)
    await on.closed()
    assert.deepStrictEqual(
      ["", ".1", ".2", ".3"].map((end) =>
        existsSync(on.file + end) ? readFileSync(on.file + end, "utf8") : "none",
      ),
      [
        "this is line 8\n",
        "this is line 6\nthis is line 7\n",
        "this is line 4\nthis is line 5\n",
        "none",
      ],
    )
    assert.deepStrictEqual(on.said, [])
  })

  it("ends a line that a crash has cut off, and continues", async () => {
    const on = setting("audit.log", { bytes: 1_000, files: 1 })
    writeFileSync(on.file, "whole\nto")
    on.log.append("next\n")
    await on.closed()
    assert.strictEqual(readFileSync(on.file, "utf8"), "whole\nto\nnext\n")
  })

  it("is created again after it was deleted", async () => {
    const on = setting("audit.log", small)
    await written(on, "one\n")
    rmSync(on.file)
    await written(on, "two\n")
    await on.closed()
    assert.strictEqual(readFileSync(on.file, "utf8"), "two\n")
    assert.deepStrictEqual(on.said, [])
  })

  it("is appended to if it cannot be renamed", async () => {
    const on = setting("audit.log", { bytes: 30, files: 1 })
    mkdirSync(`${on.file}.1`)
    for (let i = 0; i < 4; i++) await written(on, `this is line ${i}\n`)
    await on.closed()
    assert.strictEqual(readFileSync(on.file, "utf8").split("\n").length, 5)
  })
})
