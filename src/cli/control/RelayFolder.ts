/**
 * The folder `servers.d` of a relay, for the commands that write to it whether
 * the relay runs or not.
 */
import * as NodePath from "node:path"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as Option from "effect/Option"
import { type ConfigError, single } from "../../domain/config/ConfigError.ts"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import * as LoadConfig from "../shared/LoadConfig.ts"

/** A relay's folder and its configuration. */
export interface RelayFolder {
  /** The absolute path of `servers.d`. */
  readonly folder: string
  readonly config: RelayConfig
  /** The configuration's file; `undefined` if there is none. */
  readonly path: string | undefined
}

/** Finds the folder; fails where neither a configuration nor a running relay shows that this is a relay's. */
export const find = Effect.fn("RelayFolder.find")(function* (
  configPath: Option.Option<string>,
): Effect.fn.Return<RelayFolder, ConfigError, FileSystem.FileSystem> {
  const { config, path } = yield* LoadConfig.loadRelay({
    configPath,
    overrides: [],
    env: process.env,
  })
  const folder = NodePath.resolve(LoadConfig.serversFolder(path))
  const fs = yield* FileSystem.FileSystem
  if (path !== undefined || (yield* Effect.orElseSucceed(fs.exists(folder), () => false)))
    return { folder, config, path }
  const places = LoadConfig.places(LoadConfig.relayFile).join(" and no ")
  return yield* single({
    code: "PTTH_CONFIG_MISSING",
    where: process.cwd(),
    detail: `no relay reads this folder: it has no ${places}, and no relay without a configuration runs in it`,
    remedy: "Run this in the relay's folder, or name its configuration with --config-path.",
  })
})
