/**
 * What `ptth share` has shared before: for each name at a relay a file with its
 * key and what it shares, which is a configuration for `ptth server` as well.
 * The same target at the same relay so keeps its name and key.
 */
import { randomInt } from "node:crypto"
import * as NodePath from "node:path"
import { wordlist } from "@scure/bip39/wordlists/english.js"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { stringify } from "smol-toml"
import type { ApiKey } from "../../domain/ApiKey.ts"
import { type ConfigError, single } from "../../domain/config/ConfigError.ts"
import * as ServerConfig from "../../domain/config/ServerConfig.ts"
import { isServerName, type ServerName } from "../../domain/ServerName.ts"
import { newKey } from "../../transport/auth/NewKey.ts"
import * as PairingKey from "../run/PairingKey.ts"
import * as LoadConfig from "../shared/LoadConfig.ts"
import { type Environment, sharesFolder } from "../shared/UserPaths.ts"
import * as OwnFile from "./OwnFile.ts"
import type { Target } from "./Target.ts"

/** A share and its file. */
export interface Share {
  readonly name: ServerName
  readonly path: string
  /** Whether its key was made now. */
  readonly isNew: boolean
}

/** What is wanted. */
export interface ShareRequest {
  readonly relayUrl: string
  /** `undefined` if only a name is to be registered. */
  readonly target: Target | undefined
  /** The name, if one is given. */
  readonly name: ServerName | undefined
}

interface Stored {
  readonly name: ServerName
  readonly apiKey: ApiKey
  readonly target: Target | undefined
  readonly path: string
  /** In milliseconds since 1970. */
  readonly usedAt: number
}

const pathOf = (relayUrl: string, name: ServerName, env: Environment): string => {
  const { host, pathname } = new URL(relayUrl)
  const relay = (host + pathname).replace(/\/+$/, "").replaceAll(/[^a-z0-9.-]/gi, "_")
  return NodePath.join(sharesFolder(env), `${name}@${relay}.toml`)
}

const unwritable = (file: string) => (error: PlatformError) =>
  single({
    code: "PTTH_CONFIG_UNREADABLE",
    where: file,
    detail: `the key cannot be kept there (${error.reason._tag})`,
    remedy: "Give this user write access, or set XDG_STATE_HOME.",
  })

/** The target of a file; a file server's root without a path stands for none. */
const targetOf = ({ fileServerRoot, to }: ServerConfig.ServerSettings): Target | undefined =>
  to !== undefined
    ? { _tag: "Application", to }
    : NodePath.isAbsolute(fileServerRoot)
      ? { _tag: "Files", path: fileServerRoot }
      : undefined

const isSame = (one: Target | undefined, other: Target | undefined): boolean =>
  JSON.stringify(one) === JSON.stringify(other)

const read = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* fs.readFileString(path)
  yield* LoadConfig.refuseExposed(path, text)
  const { mtime } = yield* fs.stat(path)
  const settings = yield* Effect.fromResult(ServerConfig.decodeSettings(text, { file: path }))
  const { apiKey, name } = yield* Effect.fromResult(
    ServerConfig.require(settings, ["name", "apiKey", "relayUrl"], path),
  )
  const usedAt = Option.match(mtime, { onNone: () => 0, onSome: (at) => at.getTime() })
  const stored: Stored = { name, apiKey, target: targetOf(settings), path, usedAt }
  return { stored, relayUrl: settings.relayUrl }
})

/** The shares at a relay, the last used first; files that cannot be read are left out. */
const list = Effect.fnUntraced(function* (relayUrl: string, env: Environment) {
  const fs = yield* FileSystem.FileSystem
  const folder = sharesFolder(env)
  const names = yield* Effect.orElseSucceed(fs.readDirectory(folder), () => [])
  const results = yield* Effect.forEach(
    names.filter((name) => name.endsWith(".toml")),
    (name) => Effect.result(read(NodePath.join(folder, name))),
  )
  return results
    .flatMap((result) =>
      Result.isSuccess(result) && result.success.relayUrl === relayUrl
        ? [result.success.stored]
        : [],
    )
    .sort((one, other) => other.usedAt - one.usedAt)
})

/** A name of two words. */
const readableName = (taken: ReadonlySet<string>): ServerName => {
  const word = (): string => wordlist[randomInt(wordlist.length)] ?? ""
  for (;;) {
    const name = `${word()}-${word()}`
    if (!taken.has(name) && isServerName(name)) return name
  }
}

const write = Effect.fnUntraced(function* (
  path: string,
  relayUrl: string,
  { apiKey, name, target }: Pick<Stored, "apiKey" | "name" | "target">,
): Effect.fn.Return<void, ConfigError, FileSystem.FileSystem> {
  const text = [
    "# Written by `ptth share`. Keep it secret: whoever has the key can serve under this name.",
    stringify({
      name,
      relay_url: relayUrl,
      api_key: Redacted.value(apiKey),
      ...(target === undefined
        ? {}
        : target._tag === "Application"
          ? { to: target.to }
          : { file_server_root: target.path }),
    }),
    "",
  ].join("\n")
  yield* Effect.mapError(OwnFile.replace(path, text), unwritable(path))
})

/** The key that `ptth fileserver --relay` has made for this name, if it has. */
const pairedKey = Effect.fnUntraced(function* (
  relayUrl: string,
  name: ServerName,
  env: Environment,
) {
  const path = PairingKey.fileOf(relayUrl, name, env)
  const paired = yield* Effect.option(read(path))
  return Option.match(paired, {
    onNone: () => undefined,
    onSome: ({ relayUrl: own, stored }) => (own === relayUrl ? stored.apiKey : undefined),
  })
})

/**
 * The share for a target: that of the given name; else the one that shares the
 * target already, or was registered and shares nothing yet; else a new one.
 */
export const ensure = Effect.fn("ShareStore.ensure")(function* (
  { name, relayUrl, target }: ShareRequest,
  env: Environment,
): Effect.fn.Return<Share, ConfigError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const shares = yield* list(relayUrl, env)
  const existing =
    name === undefined
      ? (shares.find((share) => isSame(share.target, target)) ??
        shares.find((share) => share.target === undefined))
      : shares.find((share) => share.name === name)
  if (existing !== undefined) {
    if (target !== undefined && !isSame(existing.target, target))
      yield* write(existing.path, relayUrl, { ...existing, target })
    const now = (yield* Clock.currentTimeMillis) / 1000
    yield* Effect.ignore(fs.utimes(existing.path, now, now))
    return { name: existing.name, path: existing.path, isNew: false }
  }
  const own = name ?? readableName(new Set(shares.map((share) => share.name)))
  const path = pathOf(relayUrl, own, env)
  // A file that cannot be read is not replaced: its key may be registered.
  if (yield* Effect.orElseSucceed(fs.exists(path), () => false))
    yield* Effect.mapError(read(path), (error) =>
      error._tag === "ConfigError" ? error : unwritable(path)(error),
    )
  const paired = yield* pairedKey(relayUrl, own, env)
  yield* write(path, relayUrl, { name: own, apiKey: paired ?? newKey(), target })
  return { name: own, path, isNew: paired === undefined }
})
