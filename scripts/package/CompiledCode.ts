/**
 * What V8 compiles for the start of relay, server and file server, for their first
 * start after an install. It is made by starting each as its user would, and only
 * the Node that made it accepts it.
 */
import type { ChildProcess } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { digestOf, writeCommand } from "../Bundle.ts"
import { demand, get, keyOf, listening, patience, serverToml, Trial } from "./TryOut.ts"

/** How often the folder of compiled code is read, in milliseconds. */
const interval = 50

/** How often a command is started at most until two starts have compiled the same. */
const maxStarts = 10

/** Starts commands with Node, which keep their code in a folder of the trial. */
class Starts {
  private readonly trial: Trial
  private readonly program: string
  private readonly folder: string

  constructor(trial: Trial, program: string) {
    this.trial = trial
    this.program = program
    this.folder = trial.path("code")
  }

  /** Starts a command and gives the first group of what matches in its output. */
  start(args: ReadonlyArray<string>, pattern: RegExp): Promise<[ChildProcess, string]> {
    // Hashes of strings are a part of the code, and random without a seed.
    return this.trial.start(["--random-seed=1", this.program, ...args], pattern, {
      file: process.execPath,
      env: { NODE_COMPILE_CACHE: this.folder },
    })
  }

  /** The code of one start of a command, up to its first response. */
  async codeOf(command: string, begin: () => Promise<ChildProcess>): Promise<Buffer> {
    rmSync(this.folder, { recursive: true, force: true })
    mkdirSync(this.folder, { mode: 0o700 })
    const child = await begin()
    const isKept = (name: string): boolean => new RegExp(`^ptth-${command}-[0-9a-f]+$`).test(name)
    const end = Date.now() + patience
    for (;;) {
      const name = readdirSync(this.folder).find(isKept)
      if (name !== undefined) {
        const code = readFileSync(join(this.folder, name))
        await this.trial.stop(child)
        return code
      }
      demand(Date.now() < end, `${command} keeps no compiled code`)
      await wait(interval)
    }
  }

  /**
   * The code of a command that two of its starts have compiled: a busy machine may add some. If
   * no two agree, it is that of the last one, which is as good, but not the same in another build.
   */
  async settledCodeOf(command: string, begin: () => Promise<ChildProcess>): Promise<Buffer> {
    const codes: Array<Buffer> = []
    for (;;) {
      const code = await this.codeOf(command, begin)
      if (codes.some((before) => before.equals(code))) return code
      codes.push(code)
      if (codes.length === maxStarts) return code
    }
  }
}

/** The compiled code of each command, by the name of its file. */
export type CompiledCode = ReadonlyMap<string, Buffer>

/** The names of the files for this Node, with their commands. */
const names = new Map(
  ["relay", "server", "fileserver"].map((command) => [
    command,
    `${command}-${process.version}-${process.platform}-${process.arch}`,
  ]),
)

const make = async (program: string): Promise<CompiledCode> => {
  const trial = new Trial({ file: program, env: { PATH: dirname(process.execPath) } })
  const starts = new Starts(trial, program)
  const codes = new Map<string, Buffer>()
  const add = async (command: string, begin: () => Promise<ChildProcess>): Promise<void> => {
    codes.set(names.get(command) ?? command, await starts.settledCodeOf(command, begin))
  }
  try {
    trial.folderFor("files")
    trial.write("files/note.txt", "a note\n")
    const [key, tripcode] = await keyOf(trial)
    const relayToml = `listen = "127.0.0.1:0"\nadmin_listen = "127.0.0.1:0"\n`
    const server = `[[servers]]\nname = "attic"\ntripcode = "${tripcode}"\n`
    trial.write("ptth_relay.toml", `${relayToml}${server}`)
    await add("relay", async () => {
      const [child, url] = await starts.start(["relay"], listening)
      await get(`${url}/healthz`)
      return child
    })
    const [relay, url] = await trial.start(["relay"], listening)
    trial.write("ptth_server.toml", serverToml("attic", key, url), 0o600)
    await add("server", async () => {
      const [child] = await starts.start(["server"], /(connected)/)
      await get(`${url}/servers/attic/files/note.txt`)
      return child
    })
    await trial.stop(relay)
    await add("fileserver", async () => {
      const [child, ownUrl] = await starts.start(
        ["fileserver", "files", "--listen", "127.0.0.1:0"],
        /(http:\/\/127\.0\.0\.1:\d+\/)/,
      )
      await get(`${ownUrl}files/note.txt`)
      return child
    })
  } finally {
    trial.end()
  }
  return codes
}

/** What an earlier build has left in `dir` for this Node. */
export const read = (dir: string): CompiledCode =>
  new Map(
    [...names.values()]
      .filter((name) => existsSync(join(dir, name)))
      .map((name) => [name, readFileSync(join(dir, name))]),
  )

/** Whether code is of the parts with this digest; as `loader.cjs` checks it. */
const isOf = (code: Buffer, digest: string): boolean => {
  const hash = createHash("sha256").update(digest).update(code.subarray(32))
  return hash.digest().equals(code.subarray(0, 32))
}

/** The compiled code of the parts in a folder: `earlier`, if it is of the same, or made now. */
export const of = async (parts: string, earlier: CompiledCode): Promise<CompiledCode> => {
  const digest = digestOf(parts)
  const isSame = [...names.values()].every((name) =>
    isOf(earlier.get(name) ?? Buffer.alloc(0), digest),
  )
  if (isSame) return earlier
  const folder = resolve(parts, ".command")
  const codes = await make(writeCommand(parts, folder))
  rmSync(folder, { recursive: true })
  return codes
}

/** Writes compiled code to a folder. */
export const write = (codes: CompiledCode, dir: string): void => {
  mkdirSync(dir, { recursive: true })
  for (const [name, code] of codes) writeFileSync(join(dir, name), code)
}
