/**
 * `ptth status`: flags and help. The work is in `RunStatus.ts`.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"

/** The command. */
export const statusCommand = Command.make(
  "status",
  {
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print it as JSON (default off)"),
      Flag.withDefault(false),
    ),
  },
  (flags) =>
    Effect.promise(() => import("../control/RunStatus.ts")).pipe(
      Effect.flatMap(({ runStatus }) => runStatus(flags)),
    ),
).pipe(
  Command.withDescription(
    "Show the relays, servers and file servers of this user that run: what they serve, their links, requests now, and what failed last",
  ),
  Command.withShortDescription("Show what runs, and how it is"),
)
