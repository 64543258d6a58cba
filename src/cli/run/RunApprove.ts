/**
 * Approves a server from the command line, as the administrator's page does. A
 * running relay notices the new file.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Approval from "../../relay/registry/Approval.ts"
import * as LoadConfig from "../shared/LoadConfig.ts"

/** The values of arguments and flags. */
export interface ApproveFlags {
  readonly name: string
  readonly tripcode: string
  readonly configPath: Option.Option<string>
}

/** Writes the file that registers the server. */
export const runApprove = Effect.fn("ptth relay approve")(function* (flags: ApproveFlags) {
  const { config, path } = yield* LoadConfig.loadRelay({
    configPath: flags.configPath,
    overrides: [],
    env: process.env,
  })
  const folder = LoadConfig.serversFolder(path)
  const written = yield* Approval.approve(folder, config, flags.name, flags.tripcode)
  yield* Console.log(
    written === undefined
      ? `${flags.name} is already registered with this tripcode`
      : `approved ${flags.name}: wrote ${written}`,
  )
})
