/**
 * `ptth relay peers` and `ptth relay roll`: flags and help. The work is in
 * `AskRelay.ts`.
 */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Flags from "../shared/Flags.ts"

const flags = { configPath: Flags.configPath("ptth_relay.toml") }

const work = Effect.promise(() => import("../control/AskRelay.ts"))

/** `ptth relay peers`. */
export const peersCommand = Command.make("peers", flags, (given) =>
  Effect.flatMap(work, ({ runPeers }) => runPeers(given)),
).pipe(
  Command.withDescription(
    "Show the workers of the relay that runs with this configuration, and the other relays of its cluster: who there is, and since when",
  ),
  Command.withShortDescription("Show the workers of a running relay"),
)

/** `ptth relay roll`. */
export const rollCommand = Command.make("roll", flags, (given) =>
  Effect.flatMap(work, ({ runRoll }) => runRoll(given)),
).pipe(
  Command.withDescription(
    "Replace the workers of the relay that runs with this configuration, one after the other, without losing a request: after an upgrade each new one runs the new version. Returns once all are replaced",
  ),
  Command.withShortDescription("Replace the workers of a running relay"),
)
