/**
 * `ptth relay approve`: flags and help. The work is in `RunApprove.ts`.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Flags from "../shared/Flags.ts"

/** The command. */
export const approveCommand = Command.make(
  "approve",
  {
    name: Argument.String("NAME").pipe(Argument.withDescription("The server's name")),
    tripcode: Argument.String("TRIPCODE").pipe(
      Argument.withDescription("The tripcode that the server printed: 44 characters"),
    ),
    configPath: Flags.configPath("ptth_relay.toml"),
  },
  (flags) =>
    Effect.promise(() => import("../control/RunApprove.ts")).pipe(
      Effect.flatMap(({ runApprove }) => runApprove(flags)),
    ),
).pipe(
  Command.withDescription(
    "Register a server: writes servers.d/NAME.toml beside the configuration. A running relay accepts the server at once",
  ),
  Command.withShortDescription("Register a server that waits for approval"),
  Command.withExamples([
    { command: "ptth relay approve attic inbNVrQMWgFyJYWC+u5JRryiniiZJNAOIHhlWfDXk4k=" },
  ]),
)
