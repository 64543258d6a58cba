/**
 * `ptth relay`: flags and help. The work is in `StartRelay.ts`, which is loaded
 * when the command runs.
 */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { environmentPrefix, relayKeys } from "../../domain/config/RelayKeys.ts"
import * as Flags from "../shared/Flags.ts"
import { approveCommand } from "./ApproveCommand.ts"
import { inviteCommand } from "./InviteCommand.ts"
import { peersCommand, rollCommand } from "./RunningRelayCommands.ts"

/** The command. */
export const relayCommand = Command.make(
  "relay",
  {
    configPath: Flags.configPath("ptth_relay.toml"),
    config: Flags.ofRows(relayKeys, environmentPrefix),
    assetRoot: Flags.assetRoot,
    printConfig: Flags.printConfig,
  },
  (flags) =>
    Effect.promise(() => import("../workers/StartRelay.ts")).pipe(
      Effect.flatMap(({ startRelay }) => startRelay(flags)),
    ),
).pipe(
  Command.withDescription(
    "Run a relay, to which visitors and servers behind firewalls connect. Every key of the configuration that is not a table can also be given as an environment variable PTTH_RELAY_KEY; flags take precedence over variables, and those over the file",
  ),
  Command.withShortDescription("Run a relay"),
  Command.withSubcommands([approveCommand, inviteCommand, peersCommand, rollCommand]),
  Command.withExamples([
    { command: "ptth relay", description: "On this machine only, with ./ptth_relay.toml" },
    { command: "ptth relay --listen 0.0.0.0:4000", description: "On every address" },
  ]),
)
