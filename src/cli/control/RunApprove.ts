/**
 * Approves a server from the command line, as the administrator's page does. A
 * running relay notices the new file.
 */
import * as NodePath from "node:path"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Approval from "../../relay/registry/Approval.ts"
import * as RelayFolder from "./RelayFolder.ts"

/** The values of arguments and flags. */
export interface ApproveFlags {
  readonly name: string
  readonly tripcode: string
  readonly configPath: Option.Option<string>
}

/** Writes the file that registers the server. */
export const runApprove = Effect.fn("ptth relay approve")(function* (flags: ApproveFlags) {
  const { config, folder, path } = yield* RelayFolder.find(flags.configPath)
  const file = yield* Approval.approve(folder, config, flags.name, flags.tripcode)
  yield* Console.log(
    file === undefined
      ? `${flags.name} is already registered with this tripcode (${path === undefined ? folder : NodePath.resolve(path)})`
      : `approved ${flags.name}: wrote ${file}`,
  )
})
