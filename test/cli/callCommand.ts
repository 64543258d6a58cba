/**
 * Runs the command in this process, for tests of what it refuses and how it
 * says so: a process of its own takes half a second of processor time.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { command } from "../../src/cli/Main.ts"
import { outcome } from "../../src/cli/RunMain.ts"
import { cleanEnvironment, type Ended, type RunOptions } from "./Command.ts"

/** Runs the command to its end; what it writes by `Console`, and the line of its error. */
export const callCommand = async (
  args: ReadonlyArray<string>,
  { cwd, env }: Pick<RunOptions, "cwd" | "env"> = {},
): Promise<Ended> => {
  const text = { stdout: "", stderr: "" }
  const print =
    (where: keyof typeof text) =>
    (...parts: ReadonlyArray<unknown>): void => {
      text[where] += `${parts.join(" ")}\n`
    }
  const captured: Console.Console = Object.assign(Object.create(globalThis.console), {
    log: print("stdout"),
    info: print("stdout"),
    warn: print("stderr"),
    error: print("stderr"),
  })
  const before = { cwd: process.cwd(), env: process.env }
  try {
    if (cwd !== undefined) process.chdir(cwd)
    process.env = { ...cleanEnvironment(), ...env }
    const exit = await Effect.runPromiseExit(
      command([process.execPath, "ptth", ...args]).pipe(
        Effect.provideService(Console.Console, captured),
      ),
    )
    const { code, line } = outcome(exit)
    if (line !== undefined) print("stderr")(line)
    return { code, ...text }
  } finally {
    process.env = before.env
    process.chdir(before.cwd)
  }
}
