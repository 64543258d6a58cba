/**
 * The key of a server that runs without a configuration: generated on first
 * use, one for each name and relay, since a relay sees the keys of its servers.
 */
import * as NodePath from "node:path"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import * as Redacted from "effect/Redacted"
import { type ConfigError, single } from "../../domain/config/ConfigError.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import { newKey } from "../../transport/auth/NewKey.ts"
import { configFolder } from "../shared/UserPaths.ts"

/** The file of the key of a server at a relay. */
export const fileOf = (
  relayUrl: string,
  name: ServerName,
  env: { readonly [name: string]: string | undefined },
): string => {
  const { host } = new URL(relayUrl)
  return NodePath.join(configFolder(env), `${name}@${host.replaceAll(/[^a-z0-9.-]/g, "_")}.toml`)
}

const unwritable = (file: string) => (error: PlatformError) =>
  single({
    code: "PTTH_CONFIG_UNREADABLE",
    where: file,
    detail: `the new key cannot be written (${error.reason._tag})`,
    remedy: "Give this user write access, or set XDG_CONFIG_HOME.",
  })

/** Writes a file with a new key, readable by its owner only, if it does not exist; whether it was written. */
export const ensure = Effect.fn("PairingKey.ensure")(function* (
  file: string,
  relayUrl: string,
  name: ServerName,
): Effect.fn.Return<boolean, ConfigError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  if (yield* Effect.mapError(fs.exists(file), unwritable(file))) return false
  const text = [
    `# The key of the server "${name}" at ${relayUrl}. Keep it secret.`,
    `name = "${name}"`,
    `relay_url = ${JSON.stringify(relayUrl)}`,
    `api_key = "${Redacted.value(newKey())}"`,
    "",
  ].join("\n")
  yield* fs
    .makeDirectory(NodePath.dirname(file), { recursive: true, mode: 0o700 })
    .pipe(
      Effect.andThen(fs.writeFileString(file, text, { flag: "wx", mode: 0o600 })),
      Effect.mapError(unwritable(file)),
    )
  return true
})
