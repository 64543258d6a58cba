/**
 * The real command as a process of its own, looked at from outside: what it
 * holds in memory and in handles, and everything that it has said.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { onTestFinished } from "@effect/vitest"
import { tripcodeOfText } from "../../src/domain/ApiKey.ts"
import { type Running, start } from "../cli/Command.ts"
import { keyOf } from "../support/Harness.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

/** A command that runs. */
export interface Program {
  readonly running: Running
  readonly pid: number
  /** Resident memory in MiB. */
  readonly memory: () => number
  /** Open file descriptors, sockets among them. */
  readonly handles: () => number
  /** Everything that it has said on stdout and stderr so far. */
  readonly said: () => string
  readonly hasEnded: () => boolean
}

/** Why what a process holds cannot be seen here, if so. */
export const unseen = process.platform === "linux" ? undefined : "/proc is Linux's"

const programOf = (running: Running): Program => {
  const pid = running.child.pid as number
  const said: Array<string> = []
  let ended = false
  for (const stream of [running.child.stdout, running.child.stderr])
    stream?.on("data", (text: string) => said.push(text))
  running.child.once("exit", () => {
    ended = true
  })
  onTestFinished(async () => {
    running.child.kill("SIGKILL")
    await running.ended
  })
  return {
    running,
    pid,
    memory: () => {
      const status = readFileSync(`/proc/${pid}/status`, "utf8")
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024
    },
    handles: () => readdirSync(`/proc/${pid}/fd`).length,
    said: () => said.join(""),
    hasEnded: () => ended,
  }
}

/** A relay of its own, for servers that have the harness's keys. */
export interface RelayProgram extends Program {
  readonly host: string
  readonly port: number
  readonly url: string
  /** The folder with its configuration, `ptth_relay.toml`. */
  readonly folder: string
}

/** The configuration of a relay for servers that have the harness's keys. */
export const relayToml = (
  names: ReadonlyArray<string>,
  settings = "",
  key: (name: string) => string = keyOf,
): string =>
  [
    'listen = "127.0.0.1:0"',
    settings,
    ...names.map(
      (name) => `[[servers]]\nname = "${name}"\ntripcode = "${tripcodeOfText(key(name))}"`,
    ),
  ].join("\n")

/** Starts a relay with this configuration; it is killed when the test is over. */
export const relayProgram = async (
  toml: string,
  {
    logLevel = "info",
    through = [],
  }: { readonly logLevel?: string; readonly through?: ReadonlyArray<string> } = {},
): Promise<RelayProgram> => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "ptth_relay.toml"), toml)
  const running = start(["relay", "--log-level", logLevel], {
    cwd: folder,
    // The administrator's pages have one port for all.
    ...(toml.includes("admin_listen") ? {} : { env: { PTTH_RELAY_ADMIN_LISTEN: "false" } }),
    through,
  })
  const program = programOf(running)
  const [, host, port] = await running.said(/Listening +http:\/\/([\d.]+):(\d+)\//)
  return {
    ...program,
    folder,
    host: host as string,
    port: Number(port),
    url: `http://${host}:${port}`,
  }
}

/** Starts any command; it is killed when the test is over. */
export const program = (
  args: ReadonlyArray<string>,
  options: Parameters<typeof start>[1],
): Program => programOf(start(args, options))
