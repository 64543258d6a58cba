/**
 * `--auto-gen-key`: writes a configuration with a new key if there is none.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { ConfigError } from "../../domain/config/ConfigError.ts"
import { single } from "../../domain/config/ConfigError.ts"
import { newKey } from "../../transport/auth/NewKey.ts"
import { places, serverFile } from "../shared/LoadConfig.ts"

/**
 * Writes `api_key` with a new key, readable by the owner only, to the named
 * file or `./ptth_server.toml`. Does nothing if the file, or one in the usual
 * places, already exists.
 */
export const autoGenKey = Effect.fn("AutoGenKey.autoGenKey")(function* (
  configPath: Option.Option<string>,
): Effect.fn.Return<void, ConfigError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const usual = places(serverFile)
  const candidates = Option.isSome(configPath) ? [configPath.value] : usual
  const present = yield* Effect.forEach(candidates, (path) =>
    fs.exists(path).pipe(Effect.orElseSucceed(() => true)),
  )
  if (present.includes(true)) return
  const path = candidates[0] ?? serverFile
  const key = newKey()
  yield* fs
    .writeFileString(path, `api_key = "${Redacted.value(key)}"\n`, { flag: "wx", mode: 0o600 })
    .pipe(
      Effect.mapError((error) =>
        single({
          code: "PTTH_CONFIG_UNREADABLE",
          where: path,
          detail: `the new key cannot be written (${error.reason._tag})`,
          remedy: "Use --config-path with a file in a folder that this user can write to.",
        }),
      ),
    )
  yield* Effect.logInfo(`wrote a new key to ${path}`)
})
