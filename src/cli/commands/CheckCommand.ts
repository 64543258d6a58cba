/**
 * `ptth check`: flags and help. The work is in `RunCheck.ts`.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Flags from "../shared/Flags.ts"

/** The command. */
export const checkCommand = Command.make(
  "check",
  {
    file: Flags.pathArgument("FILE", "file", "The configuration to check"),
    kind: Flag.Literals("kind", ["relay", "server"]).pipe(
      Flag.withDescription("The kind of configuration (default: judged by its keys)"),
      Flag.optional,
    ),
  },
  (flags) =>
    Effect.promise(() => import("../run/RunCheck.ts")).pipe(
      Effect.flatMap(({ runCheck }) => runCheck(flags)),
    ),
).pipe(
  Command.withDescription(
    "Check a configuration: prints OK, or all problems, and then exits with 2",
  ),
  Command.withExamples([{ command: "ptth check ptth_relay.toml" }]),
)
