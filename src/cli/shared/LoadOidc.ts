/**
 * Reads the secret that a relay's `[oidc]` names.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"
import { type ConfigError, single } from "../../domain/config/ConfigError.ts"
import type { NamedFile } from "../../domain/config/RelayConfig.ts"
import { refuseReadable } from "./LoadCluster.ts"

/** The fewest characters: sessions are sealed with a key that is derived from the secret. */
const shortest = 16

/** Reads the secret, which prints as `<redacted:client secret>`. */
export const loadClientSecret = Effect.fn("LoadOidc.loadClientSecret")(function* ({
  path,
  where,
}: NamedFile): Effect.fn.Return<Redacted.Redacted<string>, ConfigError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const invalid = (detail: string): ConfigError =>
    single({
      code: "PTTH_CONFIG_INVALID",
      where,
      detail: `\`client_secret_file\` ${path} ${detail}`,
      remedy: "Write the secret that the provider gave to this relay to the file, as one line.",
    })
  const text = yield* Effect.mapError(fs.readFileString(path), (error) =>
    invalid(
      error.reason._tag === "NotFound" ? "does not exist" : `cannot be read (${error.reason._tag})`,
    ),
  )
  const secret = text.trim()
  if (/[\r\n]/.test(secret)) return yield* invalid("has more than one line")
  if (secret.length < shortest)
    return yield* invalid(`has a secret of fewer than ${shortest} characters`)
  yield* refuseReadable(path, where)
  return Redacted.make(secret, { label: "client secret" })
})
