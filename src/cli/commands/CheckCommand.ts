/**
 * `ptth check`: flags and help. The work is in `RunCheck.ts`.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"

/** The command. */
export const checkCommand = Command.make(
  "check",
  {
    file: Argument.String("FILE").pipe(Argument.withDescription("The configuration to check")),
    kind: Flag.Literals("kind", ["relay", "server"]).pipe(
      Flag.withDescription("Whose configuration it is (default: what its keys say)"),
      Flag.optional,
    ),
  },
  (flags) =>
    Effect.promise(() => import("../run/RunCheck.ts")).pipe(
      Effect.flatMap(({ runCheck }) => runCheck(flags)),
    ),
).pipe(
  Command.withDescription(
    "Check a configuration: prints OK, or everything that is wrong with it and exits with 2",
  ),
  Command.withExamples([{ command: "ptth check ptth_relay.toml" }]),
)
