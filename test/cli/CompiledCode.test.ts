/**
 * The built command keeps what V8 has compiled for its next start, in a folder
 * that must be its user's alone.
 */
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { inFolder, run, start } from "./Command.ts"

/** Runs `ptth keygen` with a folder for compiled code. */
const keygen = async (folder: string): Promise<void> => {
  const { code, stderr } = await run(["keygen"], { env: { NODE_COMPILE_CACHE: folder } })
  assert.deepStrictEqual([code, stderr], [0, ""])
}

/** The files of compiled code in a folder, where Node has its own, too. */
const filesIn = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder).filter((name) => name.startsWith("ptth-"))

describe("compiled code", () => {
  it("is kept for the next start, extended by other parts, and replaced if it is damaged", () =>
    inFolder(async (folder) => {
      await keygen(folder)
      const [name = "", ...others] = filesIn(folder)
      assert.deepStrictEqual(others, [])
      const file = join(folder, name)
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      const written = statSync(file).mtimeMs
      const content = readFileSync(file)
      await keygen(folder)
      assert.strictEqual(statSync(file).mtimeMs, written)
      await run(["status"], { env: { NODE_COMPILE_CACHE: folder } })
      const { size } = statSync(file)
      assert.isAbove(size, content.length, "with the code of parts that only this command loads")
      await keygen(folder)
      assert.strictEqual(statSync(file).size, size)
      const damaged = Buffer.from(content)
      damaged.fill(0, content.length - 1_000)
      writeFileSync(file, damaged)
      await keygen(folder)
      assert.isFalse(readFileSync(file).equals(damaged))
    }))

  it("is kept by a program that goes on, which then ends as it should", () =>
    inFolder(async (folder) => {
      const relay = start(["relay", "--listen", "127.0.0.1:0", "--admin-listen", "off"], {
        cwd: folder,
        // A flag of V8 with which it does not take what the build may have compiled.
        env: { NODE_COMPILE_CACHE: folder, NODE_OPTIONS: "--stack-trace-limit=20" },
      })
      await relay.said(/Listening/)
      while (filesIn(folder).length === 0) await new Promise((resolve) => setTimeout(resolve, 50))
      relay.child.kill("SIGTERM")
      const { code, stderr } = await relay.ended
      assert.deepStrictEqual([code, stderr.includes("TypeError")], [0, false])
    }))

  it("is neither read from nor written to a folder that others can change", () =>
    inFolder(async (folder) => {
      chmodSync(folder, 0o777)
      await keygen(folder)
      assert.deepStrictEqual(filesIn(folder), [])
    }))
})
