/**
 * Approves a server from the command line, as the administrator's page does. A
 * running relay notices the new file.
 */
import * as NodePath from "node:path"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as Option from "effect/Option"
import { type ConfigError, single } from "../../domain/config/ConfigError.ts"
import * as Approval from "../../relay/registry/Approval.ts"
import * as LoadConfig from "../shared/LoadConfig.ts"

/** The values of arguments and flags. */
export interface ApproveFlags {
  readonly name: string
  readonly tripcode: string
  readonly configPath: Option.Option<string>
}

/** Fails where neither a configuration nor a running relay shows that this is a relay's folder. */
const refuseElsewhere = Effect.fnUntraced(function* (
  path: string | undefined,
  folder: string,
): Effect.fn.Return<void, ConfigError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  if (path !== undefined || (yield* Effect.orElseSucceed(fs.exists(folder), () => false))) return
  const places = LoadConfig.places(LoadConfig.relayFile).join(" nor ")
  yield* single({
    code: "PTTH_CONFIG_MISSING",
    where: process.cwd(),
    detail: `no relay reads this folder: it has neither ${places}, nor does a relay without a configuration run in it`,
    remedy: "Run this in the relay's folder, or name its configuration with --config-path.",
  })
})

/** Writes the file that registers the server. */
export const runApprove = Effect.fn("ptth relay approve")(function* (flags: ApproveFlags) {
  const { config, path } = yield* LoadConfig.loadRelay({
    configPath: flags.configPath,
    overrides: [],
    env: process.env,
  })
  const folder = NodePath.resolve(LoadConfig.serversFolder(path))
  yield* refuseElsewhere(path, folder)
  const written = yield* Approval.approve(folder, config, flags.name, flags.tripcode)
  yield* Console.log(
    written === undefined
      ? `${flags.name} is already registered with this tripcode (${path === undefined ? folder : NodePath.resolve(path)})`
      : `approved ${flags.name}: wrote ${written}`,
  )
})
