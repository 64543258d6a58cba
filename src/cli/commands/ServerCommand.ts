/**
 * `ptth server`: flags and help. The work is in `RunServer.ts`.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { environmentPrefix, serverKeys } from "../../domain/config/ServerKeys.ts"
import * as Flags from "../shared/Flags.ts"

/** The command. */
export const serverCommand = Command.make(
  "server",
  {
    configPath: Flags.configPath("ptth_server.toml"),
    config: Flags.ofRows(serverKeys, environmentPrefix),
    autoGenKey: Flag.Boolean("auto-gen-key").pipe(
      Flag.withDescription("If there is no configuration, write one with a new key (default off)"),
      Flag.withDefault(false),
    ),
    printTripcode: Flag.Boolean("print-tripcode").pipe(
      Flag.withDescription(
        "Print the lines for the relay's configuration, then exit (default off)",
      ),
      Flag.withDefault(false),
    ),
    insecure: Flags.insecure,
    noWait: Flags.noWait,
    qr: Flags.qr,
    assetRoot: Flags.assetRoot,
    printConfig: Flags.printConfig,
  },
  (flags) =>
    Effect.promise(() => import("../run/RunServer.ts")).pipe(
      Effect.flatMap(({ runServer }) => runServer(flags)),
    ),
).pipe(
  Command.withDescription(
    "Serve a folder, or an application on a local port, through a relay, making outgoing requests only. The key comes from the configuration or PTTH_SERVER_API_KEY, never from a flag. Every key of the configuration can also be given as an environment variable PTTH_SERVER_KEY; flags take precedence over variables, and those over the file",
  ),
  Command.withShortDescription("Serve a folder or a local port through a relay"),
  Command.withExamples([
    { command: "ptth server --file-server-root ~/Pictures" },
    { command: "ptth server --to 3000", description: "An application on a local port" },
    {
      command: "ptth server --auto-gen-key --name attic --print-tripcode",
      description: "Make a key, and print the lines for the relay's administrator",
    },
  ]),
)
