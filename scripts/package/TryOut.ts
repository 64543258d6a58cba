/**
 * Uses a program as somebody does who has just installed it: in an empty folder,
 * with an empty HOME, and with nothing of this machine in its environment.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { once } from "node:events"
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

/** A program, with what has to be in its environment. */
export interface Program {
  readonly file: string
  readonly env?: Readonly<Record<string, string>>
  /** Whether it comes with what V8 has compiled of it. */
  readonly isCompiled?: boolean
}

/** How long something may take, in milliseconds; on a busy machine a start takes many seconds. */
export const patience = 120_000

/** Fails unless the condition holds. */
export const demand = (condition: boolean, what: string): void => {
  if (!condition) throw new Error(what)
}

/** What a relay says once it serves, with its address. */
export const listening = /Listening\s+(http:\/\/127\.0\.0\.1:\d+)/

/** Waits until the output of a process matches; gives the first group. `name` is for errors. */
export const said = (child: ChildProcess, pattern: RegExp, name: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ""
    const listen = (chunk: Buffer): void => {
      text += chunk.toString("utf8")
      const match = pattern.exec(text)
      if (match !== null) resolve(match[1] ?? "")
    }
    child.stdout?.on("data", listen)
    child.stderr?.on("data", listen)
    child.once("exit", (code) => reject(new Error(`${name} ended with ${code}: ${text}`)))
    setTimeout(() => reject(new Error(`${pattern} was not said: ${text}`)), patience).unref()
  })

/** A program in a folder of its own. */
export class Trial {
  private readonly folder = mkdtempSync(join(tmpdir(), "ptth-try-"))
  private readonly env: Record<string, string>
  private readonly running = new Set<ChildProcess>()

  private readonly program: Program

  constructor(program: Program) {
    this.program = program
    const home = join(this.folder, "home")
    mkdirSync(home)
    this.env = { ...program.env, HOME: home }
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  folderFor(name: string): void {
    mkdirSync(this.path(name))
  }

  write(name: string, text: string, mode = 0o644): void {
    writeFileSync(this.path(name), text, { mode })
  }

  /** What the program prints for these arguments, by the name `name` for it. */
  async run(args: ReadonlyArray<string>, name = this.program.file): Promise<string> {
    const options = { cwd: this.folder, env: this.env, timeout: patience }
    const { stdout } = await promisify(execFile)(name, [...args], options)
    return stdout
  }

  /** Starts the program, or another, and gives the first group of what matches in its output. */
  async start(
    args: ReadonlyArray<string>,
    pattern: RegExp,
    { env, file }: Program = this.program,
  ): Promise<[ChildProcess, string]> {
    const child = spawn(file, [...args], {
      cwd: this.folder,
      env: { ...this.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    })
    this.running.add(child)
    return [child, await said(child, pattern, args.join(" "))]
  }

  /** Ends a process by SIGTERM; it has to end well. */
  async stop(child: ChildProcess): Promise<void> {
    child.kill("SIGTERM")
    const [code] = await once(child, "exit")
    this.running.delete(child)
    demand(code === 0, `the program ended with ${code} after SIGTERM`)
  }

  end(): void {
    for (const child of this.running) child.kill("SIGKILL")
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** The text at an address that answers 200; asked again until it does. */
export const get = async (url: string, headers: Record<string, string> = {}): Promise<string> => {
  const end = Date.now() + patience
  for (;;) {
    const response = await fetch(url, { headers }).catch(() => undefined)
    const text = await response?.text()
    if (response?.status === 200) return text ?? ""
    if (Date.now() > end) throw new Error(`${url} answered ${response?.status}: ${text}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const asBrowser = { accept: "text/html" }

const commands = async (trial: Trial, version: string): Promise<void> => {
  demand((await trial.run(["--version"])) === `ptth ${version}\n`, "--version")
  for (const shell of ["bash", "zsh", "fish", "powershell"])
    demand(
      (await trial.run(["--completions", shell])).includes("fileserver"),
      `--completions ${shell}`,
    )
}

/** The first start of a relay, which uses what the build has compiled and so keeps nothing of its own. */
const firstStart = async (trial: Trial, { env, file }: Program): Promise<void> => {
  trial.folderFor("tmp")
  const [relay, url] = await trial.start(["relay", "--port", "0"], listening, {
    file,
    env: { ...env, TMPDIR: trial.path("tmp") },
  })
  await get(`${url}/healthz`)
  await trial.stop(relay)
  const kept = globSync("ptth-code-*/ptth-relay-*", { cwd: trial.path("tmp") })
  demand(kept.length === 0, "V8 does not take the compiled code of the build")
}

/** Pages, with Markdown and source code that a thread renders. */
const fileServer = async (trial: Trial): Promise<void> => {
  trial.folderFor("files")
  trial.write("files/note.md", "# A note\n\nwith *emphasis*\n")
  trial.write("files/code.ts", "export const answer = 42\n")
  const [child, url] = await trial.start(
    ["fileserver", "files", "--listen", "127.0.0.1:0"],
    /(http:\/\/127\.0\.0\.1:\d+\/)/,
  )
  demand((await get(`${url}files/`, asBrowser)).includes("note.md"), "the listing has no files")
  const note = await get(`${url}files/note.md?view`, asBrowser)
  demand(note.includes("<em>emphasis</em>"), "Markdown is not rendered")
  const code = await get(`${url}files/code.ts?view`, asBrowser)
  demand(code.includes("hljs-keyword"), "source code is not highlighted")
  await trial.stop(child)
}

/** A new key, and its tripcode for the relay. */
export const keyOf = async (trial: Trial): Promise<readonly [key: string, tripcode: string]> => {
  const text = await trial.run(["keygen"])
  const value = (name: string): string =>
    new RegExp(`^${name} = "(.*)"$`, "m").exec(text)?.[1] ?? ""
  return [value("api_key"), value("tripcode")]
}

/** The configuration of a server that shares the folder `files`. */
export const serverToml = (name: string, key: string, relayUrl: string): string =>
  `name = "${name}"\napi_key = "${key}"\nrelay_url = "${relayUrl}"\nfile_server_root = "files"\n`

/** A server whose key is estimated, by a thread, and refused. */
const weakKey = async (trial: Trial): Promise<void> => {
  trial.write("weak.toml", serverToml("attic", "password123456", "http://127.0.0.1:1"), 0o600)
  const refusal = await trial.run(["server", "--config-path", "weak.toml"]).then(() => "", String)
  demand(refusal.includes("PTTH_KEY_WEAK"), `a weak key is not refused: ${refusal}`)
}

/** A relay of two workers, and a server, with a visitor. */
const tunnel = async (trial: Trial): Promise<void> => {
  const [key, tripcode] = await keyOf(trial)
  trial.write(
    "ptth_relay.toml",
    `listen = "127.0.0.1:0"\nadmin_listen = "127.0.0.1:0"\nworkers = 2\n[[servers]]\nname = "attic"\ntripcode = "${tripcode}"\n`,
  )
  demand((await trial.run(["check", "ptth_relay.toml"])).includes("OK"), "check")
  const [relay, relayUrl] = await trial.start(["relay"], listening)
  trial.write("ptth_server.toml", serverToml("attic", key, relayUrl), 0o600)
  const [server] = await trial.start(["server"], /(connected)/)
  const text = await get(`${relayUrl}/servers/attic/files/note.md`)
  demand(text.startsWith("# A note"), "the file does not come through the tunnel")
  await trial.stop(server)
  await trial.stop(relay)
}

/** The names that imply a command, as links beside the program. */
const otherNames = async (trial: Trial, program: Program): Promise<void> => {
  for (const [name, flag] of [
    ["ptth_relay", "--public-url"],
    ["ptth_server", "--print-tripcode"],
    ["ptth_file_server", "--file-server-root"],
  ] as const) {
    const link = trial.path(name)
    if (!existsSync(link)) symlinkSync(program.file, link)
    demand((await trial.run(["--help"], link)).includes(flag), `${name} --help has no ${flag}`)
  }
}

/** Fails with the first thing that does not work. */
export const tryOut = async (program: Program, version: string): Promise<undefined> => {
  const trial = new Trial(program)
  try {
    await commands(trial, version)
    await otherNames(trial, program)
    if (program.isCompiled) await firstStart(trial, program)
    await fileServer(trial)
    await weakKey(trial)
    await tunnel(trial)
  } finally {
    trial.end()
  }
}
