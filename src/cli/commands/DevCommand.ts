/**
 * `ptth dev`: flags and help. The work is in `RunDev.ts`.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { devKeys } from "../../domain/config/ServerKeys.ts"
import { allowedHosts } from "../shared/AllowedHosts.ts"
import * as Flags from "../shared/Flags.ts"

/** The command. */
export const devCommand = Command.make(
  "dev",
  {
    folder: Flags.pathArgument(
      "DIR",
      "either",
      "The folder or single file to serve (default: the current folder)",
    ).pipe(Argument.optional),
    listen: Flags.text(
      "listen",
      "HOST:PORT",
      "The relay's loopback address; port 0 picks a free one (default 127.0.0.1:4000)",
    ),
    allowedHosts,
    config: Flags.ofRows(devKeys),
    qr: Flags.qr,
  },
  (flags) =>
    Effect.promise(() => import("../run/RunDev.ts")).pipe(
      Effect.flatMap(({ runDev }) => runDev(flags)),
    ),
).pipe(
  Command.withDescription(
    "Try PTTH: relay, server and file server in one process, on this machine only, with a throwaway key",
  ),
  Command.withExamples([{ command: "ptth dev ~/Pictures" }, { command: "ptth dev --to 3000" }]),
)
