/**
 * The `ptth` command with its subcommands, run as a process. Under the program
 * names of PTTH 2.x, such as `ptth_relay`, the subcommand is implied.
 */
import * as NodePath from "node:path"
import * as CliConfig from "effect/cli/CliConfig"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import { checkCommand } from "./commands/CheckCommand.ts"
import { devCommand } from "./commands/DevCommand.ts"
import { fileServerCommand } from "./commands/FileServerCommand.ts"
import { healthCheckCommand } from "./commands/HealthCheckCommand.ts"
import { hashApiKeyCommand, keygenCommand } from "./commands/KeyCommands.ts"
import { hashPasswordCommand } from "./commands/PasswordCommand.ts"
import { relayCommand } from "./commands/RelayCommand.ts"
import { serverCommand } from "./commands/ServerCommand.ts"
import { serviceCommand } from "./commands/ServiceCommand.ts"
import { shareCommand } from "./commands/ShareCommand.ts"
import { statusCommand } from "./commands/StatusCommand.ts"
import * as Misplaced from "./Misplaced.ts"
import { runMain } from "./RunMain.ts"
import * as Services from "./Services.ts"
import * as Output from "./shared/Output.ts"
import { version } from "./shared/Version.ts"
import { withImpliedShare } from "./text/ImpliedShare.ts"
import * as OutputFlags from "./text/OutputFlags.ts"

/** For commands that serve something. */
const serving = Command.withGlobalFlags([OutputFlags.logRequests])

/** The command with its subcommands. */
export const ptth = Command.make("ptth").pipe(
  Command.withDescription(
    "The extroverted HTTP server: reach files or an application behind a firewall through outgoing requests only",
  ),
  Command.withSubcommands([
    devCommand.pipe(serving),
    shareCommand.pipe(serving),
    relayCommand,
    serverCommand.pipe(serving),
    fileServerCommand.pipe(serving),
    keygenCommand,
    hashApiKeyCommand,
    hashPasswordCommand,
    checkCommand,
    statusCommand,
    serviceCommand,
    healthCheckCommand,
  ]),
  Command.withExamples([
    { command: "ptth dev ~/Pictures", description: "Try PTTH on this machine" },
    {
      command: "ptth share 3000",
      description: "Share a local port, a folder or a file through a relay",
    },
    { command: "ptth keygen", description: "Generate a key for a server" },
  ]),
  Command.withGlobalFlags([OutputFlags.logFormat, OutputFlags.quiet]),
)

/** The flags of every command. */
export const cliConfig = CliConfig.layer({
  builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions, GlobalFlag.LogLevel],
})

const impliedSubcommands: { readonly [program: string]: string | undefined } = {
  ptth_relay: "relay",
  ptth_server: "server",
  ptth_file_server: "fileserver",
}

/**
 * The arguments for `ptth`, with the implied subcommand.
 *
 * @param argv of the process: runtime, path of the program, arguments
 */
export const argumentsOf = (argv: ReadonlyArray<string>): ReadonlyArray<string> => {
  // Splits at slashes of both kinds, so that it is the same on all platforms.
  const program = NodePath.win32.basename(argv[1] ?? "").replace(/\.(?:[cm]?[jt]s|exe)$/i, "")
  const subcommand = impliedSubcommands[program]
  return subcommand === undefined ? withImpliedShare(argv.slice(2)) : [subcommand, ...argv.slice(2)]
}

const runArguments = Effect.fnUntraced(function* (args: ReadonlyArray<string>) {
  const misplaced = Misplaced.find(ptth, args)
  if (misplaced !== undefined) return yield* new Output.NoCommandError(misplaced)
  return yield* Command.runWith(ptth, { version })(args)
})

/**
 * The command with these arguments. Its errors, signals and exit code are left to the caller.
 *
 * @param argv as for {@link argumentsOf}
 */
export const command = (argv: ReadonlyArray<string>) => {
  const args = argumentsOf(argv)
  return runArguments(args).pipe(
    Effect.provideService(
      References.MinimumLogLevel,
      OutputFlags.isQuietIn(args) ? "Warn" : "Info",
    ),
    Effect.provide(
      Layer.mergeAll(
        Services.layer,
        Output.layerLogger(OutputFlags.formatIn(args)),
        Output.layerPresenter((word) => Misplaced.suggest(ptth, word)),
        cliConfig,
      ),
    ),
  )
}

/** Runs the command and ends the process. */
export const main = (argv: ReadonlyArray<string>): void => runMain(command(argv))
