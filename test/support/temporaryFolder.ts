/**
 * A folder of a test's own, what is held open meanwhile, and how the file system fails.
 */
import mutableFs, * as fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import * as os from "node:os"
import * as path from "node:path"
import { onTestFinished } from "@effect/vitest"

/** A new folder, removed when the test is over. Its path is a real path. */
export const temporaryFolder = (): string => {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "ptth-test-")))
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** What this process holds open that has a path below `folder` (Linux). */
export const openBelow = (folder: string): ReadonlyArray<string> =>
  fs.readdirSync("/proc/self/fd").flatMap((handle) => {
    try {
      const target = fs.readlinkSync(`/proc/self/fd/${handle}`)
      return target.startsWith(folder) ? [target] : []
    } catch {
      return []
    }
  })

/** Waits until nothing below `folder` is open any more; gives what still is after many turns. */
export const untilClosed = async (folder: string): Promise<ReadonlyArray<string>> => {
  for (let turn = 0; turn < 2000; turn++) {
    if (openBelow(folder).length === 0) return []
    await fs.promises.stat(folder)
  }
  return openBelow(folder)
}

/** An error of the operating system. */
export const systemError = (code: string): NodeJS.ErrnoException =>
  Object.assign(new Error(code), { code })

/** A function for {@link replaceFs} that fails, whatever it is called with. */
export const failing = (code: string) =>
  ((...args: ReadonlyArray<unknown>) => {
    const done = args.at(-1) as (error: Error) => void
    setImmediate(done, systemError(code))
  }) as never

/** Puts functions in the place of some of `node:fs` until the test is over. */
export const replaceFs = (replacements: Partial<typeof fs>): void => {
  const original = Object.fromEntries(
    Object.keys(replacements).map((name) => [name, mutableFs[name as keyof typeof fs]]),
  )
  Object.assign(mutableFs, replacements)
  syncBuiltinESMExports()
  onTestFinished(() => {
    Object.assign(mutableFs, original)
    syncBuiltinESMExports()
  })
}
