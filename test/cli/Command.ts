/**
 * Runs the real command as a process, for the tests of this folder.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** The entry of the built command; see support/BuildCommand.ts. */
export const bin = fileURLToPath(new URL("../../dist/command/bin.js", import.meta.url))

/** How a process ended. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Where and with what a process runs. */
export interface RunOptions {
  readonly cwd?: string
  readonly env?: { readonly [name: string]: string }
  readonly input?: string
  /** The program's path instead of the command. */
  readonly program?: string
  /** Arguments of Node itself. */
  readonly node?: ReadonlyArray<string>
  /** A command that starts Node in its turn, such as a shell that sets limits. */
  readonly through?: ReadonlyArray<string>
}

/** A process that runs. */
export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** What matches once it stands on stdout or stderr; fails if the process ends without it. */
  readonly said: (pattern: RegExp, where?: "stdout" | "stderr") => Promise<RegExpMatchArray>
}

/** The environment without what changes the command. */
export const cleanEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^PTTH_|_proxy$|^NODE_OPTIONS$|^VITEST/i.test(name),
    ),
  )

const running = new Set<ChildProcess>()

/** Starts the command. What still runs when {@link inFolder} ends is ended with it. */
export const start = (args: ReadonlyArray<string>, options: RunOptions = {}): Running => {
  const [program = "", ...rest] = [
    ...(options.through ?? []),
    process.execPath,
    ...(options.node ?? []),
    options.program ?? bin,
    ...args,
  ]
  const child = spawn(program, rest, {
    cwd: options.cwd ?? tmpdir(),
    env: { ...cleanEnvironment(), ...options.env },
    stdio: "pipe",
  })
  running.add(child)
  child.once("close", () => running.delete(child))
  const text = { stdout: "", stderr: "" }
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text.stdout += chunk
  })
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    text.stderr += chunk
  })
  child.stdin.on("error", () => {})
  child.stdin.end(options.input ?? "")
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject)
    child.once("close", (code) => resolve({ code, ...text }))
  })
  const said: Running["said"] = (pattern, where = "stdout") =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(text[where])
        if (match !== null) resolve(match)
      }
      look()
      child[where].on("data", look)
      child.once("close", (code) =>
        reject(new Error(`ended with ${code} before it said ${pattern}: ${text.stderr}`)),
      )
    })
  return { child, ended, said }
}

/** Runs the command to its end. */
export const run = (args: ReadonlyArray<string>, options?: RunOptions): Promise<Ended> =>
  start(args, options).ended

/** A folder that lasts as long as `use`, and as long as what it starts. */
export const inFolder = async <A>(use: (folder: string) => Promise<A>): Promise<A> => {
  const folder = mkdtempSync(join(tmpdir(), "ptth-"))
  const before = new Set(running)
  try {
    return await use(folder)
  } finally {
    for (const child of running) if (!before.has(child)) child.kill("SIGKILL")
    rmSync(folder, { recursive: true, force: true })
  }
}
