/**
 * `ptth service`: has the manager of services of this machine run a command
 * line, removes that again, and shows its log.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { userInfo } from "node:os"
import * as NodePath from "node:path"
import { isSea } from "node:sea"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type ConfigError, usage } from "../../domain/config/ConfigError.ts"
import { entry } from "../../domain/ErrorRegistry.ts"
import { homeFolder } from "../../transport/runtime/HomeFolder.ts"
import { withImpliedShare } from "../text/ImpliedShare.ts"
import * as RuntimeFolder from "./RuntimeFolder.ts"
import * as ServiceFiles from "./ServiceFiles.ts"
import * as StatusSocket from "./StatusSocket.ts"

/** A command of the manager of services failed, or a file could not be written. */
export class ServiceError extends Data.TaggedError("ServiceError")<{
  readonly detail: string
  /** In place of the code's own. */
  readonly remedy?: string | undefined
}> {
  readonly code = "PTTH_SERVICE_FAILED"
  override get message(): string {
    return `${this.code}: ${this.detail}. ${this.remedy ?? entry(this.code).remedy}`
  }
}

/** What all commands of `ptth service` take. */
export interface CommonFlags {
  /** Whether it is a service of the system, not of this user. */
  readonly system: boolean
  readonly manager: Option.Option<ServiceFiles.Manager>
}

/** The values of the arguments and flags of `ptth service install`. */
export interface InstallFlags extends CommonFlags {
  readonly args: ReadonlyArray<string>
  readonly name: Option.Option<string>
  readonly pid: Option.Option<number>
  readonly user: Option.Option<string>
  readonly print: boolean
}

const managerOf = ({ manager }: CommonFlags): ServiceFiles.Manager =>
  Option.getOrElse(manager, () => ServiceFiles.managerOf(process.platform))

const folderOf = (flags: CommonFlags): ServiceFiles.ServiceFolder =>
  ServiceFiles.folderFor(managerOf(flags), flags.system, homeFolder(), process.env)

/** How this program is started again: Node with its script, or a single executable. */
const program = (): ReadonlyArray<string> => {
  const [, script = ""] = process.argv
  return isSea() || !existsSync(script)
    ? [process.execPath]
    : [process.execPath, ...process.execArgv, NodePath.resolve(script)]
}

/** The command line that is installed, and its folder. */
interface CommandLine {
  readonly args: ReadonlyArray<string>
  readonly folder: string
  /** The process that runs it now. */
  readonly pid?: number
}

/** The commands that serve until they are stopped. */
const serving: ReadonlySet<string> = new Set([
  "share",
  "http",
  "relay",
  "server",
  "fileserver",
  "dev",
])

/** What follows `relay` for a command that asks a relay, and ends. */
const asking: ReadonlySet<string> = new Set(["approve", "invite", "peers", "roll"])

/**
 * The command line behind `--`, also with `ptth` itself before it, or with only
 * what is shared, as the shell takes them.
 */
const commandLine = Effect.fnUntraced(function* (
  words: ReadonlyArray<string>,
): Effect.fn.Return<CommandLine, ConfigError> {
  const args = withImpliedShare(words[0] === "ptth" ? words.slice(1) : words)
  const [command = "", subcommand = ""] = args
  const isAsking = command === "relay" && asking.has(subcommand)
  if (serving.has(command) && !isAsking) return { args, folder: process.cwd() }
  return yield* usage(
    "ptth service install",
    `\`ptth ${isAsking ? `${command} ${subcommand}` : command}\` is no command that goes on until it is stopped`,
    "Name one that does, such as share 3000, behind --.",
  )
})

/** The command line of a process that runs. */
const running = Effect.fnUntraced(function* (
  pid: Option.Option<number>,
): Effect.fn.Return<CommandLine, ConfigError> {
  const statuses = yield* StatusSocket.askAll(RuntimeFolder.ofProcess())
  const matching = statuses.filter(
    (status) => Option.isNone(pid) || Option.contains(pid, status.pid),
  )
  const [only, second] = matching
  if (only !== undefined && second === undefined) return only
  return yield* usage(
    "ptth service install",
    only === undefined
      ? "no process of this user runs whose command line could be taken"
      : `several processes run: ${matching.map((status) => `${status.pid} (${status.args.join(" ")})`).join(", ")}`,
    "Give the command line behind --, as in `ptth service install -- share 3000`, or name a process with --pid.",
  )
})

/** What to do where systemd does not answer at all, by what its commands say. */
export const remedyFor = (reason: string): string | undefined =>
  /^Failed to connect to .*bus/i.test(reason)
    ? "systemd runs no services for this user in this session: log in as the user itself, not by su or sudo, or install a service of the machine, as root with --system."
    : /not been booted with systemd|ENOENT/.test(reason)
      ? "This machine is not run by systemd: `ptth service install --print` shows the command line for another manager of services."
      : undefined

/** Runs a command of the manager; fails with what it said. */
const call = (command: ReadonlyArray<string>): Effect.Effect<void, ServiceError> =>
  Effect.suspend(() => {
    const [file = "", ...args] = command
    const { error, status, stderr } = spawnSync(file, args, {
      stdio: ["ignore", "inherit", "pipe"],
      encoding: "utf8",
    })
    if (status === 0) return Effect.void
    const reason = error?.message ?? (stderr.trim() || `exit code ${status}`)
    return Effect.fail(
      new ServiceError({
        detail: `\`${command.join(" ")}\` failed: ${reason}`,
        remedy: remedyFor(reason),
      }),
    )
  })

const attempt = <A>(path: string, run: () => A): Effect.Effect<A, ServiceError> =>
  Effect.try({
    try: run,
    catch: (cause) => new ServiceError({ detail: `${path}: ${(cause as Error).message}` }),
  })

const systemctl = (system: boolean, ...args: ReadonlyArray<string>): ReadonlyArray<string> => [
  "systemctl",
  ...(system ? [] : ["--user"]),
  ...args,
]

/** Variables that change what the command line does, and that a service does not have. */
const missingVariables = (): ReadonlyArray<string> =>
  Object.keys(process.env).filter((name) => ServiceFiles.isUsedVariable(name))

const afterInstall = (
  manager: ServiceFiles.Manager,
  system: boolean,
  name: string,
  path: string,
): Effect.Effect<string, ServiceError> => {
  switch (manager) {
    case "systemd":
      return Effect.as(
        Effect.andThen(
          call(systemctl(system, "daemon-reload")),
          call(systemctl(system, "enable", "--now", name)),
        ),
        [
          `${name} runs, and starts again with ${system ? "the machine" : "this user's session"}.`,
          ...(system ? [] : ["So that it starts with the machine: loginctl enable-linger"]),
          `Log: ptth service logs ${system ? "--system " : ""}${name}`,
          `Remove: ptth service uninstall ${system ? "--system " : ""}${name}`,
        ].join("\n"),
      )
    case "launchd":
      return Effect.succeed(
        `Not tested on macOS. Start it: launchctl bootstrap ${system ? "system" : `gui/${process.getuid?.() ?? 501}`} ${path}`,
      )
    case "windows":
      return Effect.succeed(
        `Not tested on Windows. Start it: schtasks /Create /TN ${name} /XML "${path}"`,
      )
  }
}

/** Whether a file was written by this command. */
const isOwn = (path: string): boolean => {
  try {
    return readFileSync(path, "utf8").includes(ServiceFiles.mark)
  } catch {
    return false
  }
}

/** Writes the file of a service, and starts the service with systemd. */
export const runInstall = Effect.fn("ptth service install")(function* (flags: InstallFlags) {
  const manager = managerOf(flags)
  const line: CommandLine =
    flags.args.length > 0 ? yield* commandLine(flags.args) : yield* running(flags.pid)
  const name = Option.getOrElse(flags.name, () => ServiceFiles.nameFor(line.args))
  if (!/^[A-Za-z0-9][\w.@-]{0,80}$/.test(name))
    return yield* usage("--name", "expected letters, digits, - and _", "Choose another one.")
  const systemUser = flags.system
    ? Option.getOrElse(flags.user, () => process.env.SUDO_USER ?? userInfo().username)
    : undefined
  const text = ServiceFiles.textFor(manager, {
    name,
    command: [...program(), ...line.args],
    folder: line.folder,
    systemUser,
    logFile: ServiceFiles.logFileFor(name, flags.system, homeFolder()),
  })
  if (flags.print) return yield* Console.log(text.trimEnd())
  const { ending: extension, folder } = folderOf(flags)
  const path = NodePath.join(folder, `${name}${extension}`)
  if (existsSync(path) && !isOwn(path))
    return yield* usage(
      "--name",
      `${path} is there already, and is not of \`ptth service install\``,
      "Choose another name.",
    )
  yield* attempt(path, () => {
    mkdirSync(folder, { recursive: true })
    writeFileSync(path, text)
  })
  yield* Console.log(`wrote ${path}`)
  const variables = missingVariables()
  if (variables.length > 0)
    yield* Effect.logWarning(
      `the service does not have these variables of this shell: ${variables.join(", ")}.${
        manager === "systemd"
          ? ` If it needs them: ${systemctl(flags.system, "edit", name).join(" ")}, with Environment=NAME=VALUE below [Service]`
          : ""
      }`,
    )
  if (systemUser === "root")
    yield* Effect.logWarning("the service runs as root; name another user with --user")
  yield* Console.log(yield* afterInstall(manager, flags.system, name, path))
  if (line.pid !== undefined)
    yield* Console.log(
      `End process ${line.pid}, which runs the same command, so that only the service runs it.`,
    )
})

/** The services that this command has written. */
const installed = ({ ending, folder }: ServiceFiles.ServiceFolder): ReadonlyArray<string> => {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((file) => file.endsWith(ending))
    .filter((file) => isOwn(NodePath.join(folder, file)))
    .map((file) => file.slice(0, -ending.length))
}

/** The values of the arguments and flags of `ptth service uninstall` and `logs`. */
export interface NamedFlags extends CommonFlags {
  readonly name: Option.Option<string>
}

/** The named service, or the only one. */
const chosen = Effect.fnUntraced(function* (
  flags: NamedFlags,
): Effect.fn.Return<string, ConfigError> {
  const names = installed(folderOf(flags))
  const asked = Option.getOrUndefined(flags.name)
  const [only, second] = names.filter(
    (name) => asked === undefined || [asked, `ptth-${asked}`].includes(name),
  )
  if (only !== undefined && second === undefined) return only
  return yield* usage(
    "NAME",
    names.length === 0 ? "no service was installed here" : `the services are ${names.join(", ")}`,
    "Name one of them; --system is for those of the system.",
  )
})

/** Stops a service and removes its file. */
export const runUninstall = Effect.fn("ptth service uninstall")(function* (flags: NamedFlags) {
  const manager = managerOf(flags)
  const name = yield* chosen(flags)
  const { ending, folder } = folderOf(flags)
  const path = NodePath.join(folder, `${name}${ending}`)
  const stopped = yield* Effect.result(
    manager === "systemd" ? call(systemctl(flags.system, "disable", "--now", name)) : Effect.void,
  )
  // The file goes in any case, so that the service does not start again.
  yield* attempt(path, () => rmSync(path))
  yield* Console.log(`removed ${path}`)
  yield* Effect.fromResult(stopped)
  if (manager === "systemd") yield* call(systemctl(flags.system, "daemon-reload"))
})

/** The values of the arguments and flags of `ptth service logs`. */
export interface LogsFlags extends NamedFlags {
  readonly follow: boolean
}

/** Shows the log of a service. */
export const runLogs = Effect.fn("ptth service logs")(function* (flags: LogsFlags) {
  const manager = managerOf(flags)
  const name = yield* chosen(flags)
  if (manager === "windows")
    return yield* usage("logs", "tasks of Windows keep no log", "Look at the Event Viewer.")
  const follow = flags.follow ? ["-f"] : []
  yield* call(
    manager === "launchd"
      ? ["tail", "-n", "100", ...follow, ServiceFiles.logFileFor(name, flags.system, homeFolder())]
      : [
          "journalctl",
          flags.system ? "-u" : "--user-unit",
          name,
          "-n",
          "100",
          ...(flags.follow ? [] : ["--no-pager"]),
          ...follow,
        ],
  )
})
