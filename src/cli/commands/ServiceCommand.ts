/**
 * `ptth service install`, `uninstall` and `logs`: flags and help. The work is in
 * `RunService.ts`.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"

const work = Effect.promise(() => import("../control/RunService.ts"))

const common = {
  system: Flag.Boolean("system").pipe(
    Flag.withDescription("A service of the system, not of this user; needs root (default off)"),
    Flag.withDefault(false),
  ),
  manager: Flag.Literals("manager", ["systemd", "launchd", "windows"]).pipe(
    Flag.withDescription(
      "The manager of services (default: that of this platform; launchd and windows are not tested)",
    ),
    Flag.optional,
  ),
}

const name = Argument.String("NAME").pipe(
  Argument.withDescription("The service (default: the only one)"),
  Argument.optional,
)

const installCommand = Command.make(
  "install",
  {
    args: Argument.String("ARGS").pipe(
      Argument.withDescription(
        "The command line behind --, such as -- share 3000 (default: that of the process which runs)",
      ),
      Argument.variadic(),
    ),
    name: Flag.String("name").pipe(
      Flag.withMetavar("NAME"),
      Flag.withDescription("The service's name (default: from the command line)"),
      Flag.optional,
    ),
    pid: Flag.Int("pid").pipe(
      Flag.withMetavar("PID"),
      Flag.withDescription("Take the command line of this process, as `ptth status` shows it"),
      Flag.optional,
    ),
    user: Flag.String("user").pipe(
      Flag.withMetavar("USER"),
      Flag.withDescription("As whom it runs, with --system (default: who called sudo)"),
      Flag.optional,
    ),
    print: Flag.Boolean("print").pipe(
      Flag.withDescription("Print the file, and do nothing (default off)"),
      Flag.withDefault(false),
    ),
    ...common,
  },
  (flags) => Effect.flatMap(work, ({ runInstall }) => runInstall(flags)),
).pipe(
  Command.withDescription(
    "Have systemd run a command line, now and at each start. For launchd and Windows the file is written, and the command to start it is printed",
  ),
  Command.withShortDescription("Run a command line as a service"),
  Command.withExamples([
    { command: "ptth service install -- share 3000" },
    {
      command:
        "sudo ptth service install --system --user ptth -- relay --config-path /etc/ptth/ptth_relay.toml",
    },
  ]),
)

const uninstallCommand = Command.make("uninstall", { name, ...common }, (flags) =>
  Effect.flatMap(work, ({ runUninstall }) => runUninstall(flags)),
).pipe(
  Command.withDescription("Stop a service that `ptth service install` has made, and remove it"),
)

const logsCommand = Command.make(
  "logs",
  {
    name,
    follow: Flag.Boolean("follow").pipe(
      Flag.withAlias("f"),
      Flag.withDescription("Go on with what is logged from now on (default off)"),
      Flag.withDefault(false),
    ),
    ...common,
  },
  (flags) => Effect.flatMap(work, ({ runLogs }) => runLogs(flags)),
).pipe(Command.withDescription("Show the last 100 lines of a service's log"))

/** The command. */
export const serviceCommand = Command.make("service").pipe(
  Command.withDescription("Run a relay or server as a service of this machine"),
  Command.withSubcommands([installCommand, uninstallCommand, logsCommand]),
)
