/**
 * What `ptth share` has shared before: for each name at a relay a file with its
 * key and what it shares, which is a configuration for `ptth server` as well.
 * The same target at the same relay so keeps its name and key.
 */
import { randomInt } from "node:crypto"
import * as NodePath from "node:path"
import { isDeepStrictEqual } from "node:util"
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
import * as Toml from "../../domain/config/Toml.ts"
import { isServerName, type ServerName } from "../../domain/ServerName.ts"
import * as Ticket from "../../protocol/link/Ticket.ts"
import { newKey } from "../../transport/auth/NewKey.ts"
import * as PairingKey from "../run/PairingKey.ts"
import * as LoadConfig from "../shared/LoadConfig.ts"
import { type Environment, sharesFolder } from "../shared/UserPaths.ts"
import * as OwnFile from "./OwnFile.ts"
import * as Restrictions from "./Restrictions.ts"
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
  readonly relayUrl: string
  readonly path: string
  /** All keys of its file. */
  readonly table: Restrictions.Restrictions
  /** In milliseconds since 1970. */
  readonly usedAt: number
  /** The digest of the ticket that had this key made, if one had. */
  readonly madeBy: string | undefined
}

/** The share that is to be used, and what is known of it. */
export interface Found {
  readonly request: ShareRequest
  /** `undefined` if there is none for the target and name yet. */
  readonly existing: Stored | undefined
  /** The names that are taken at the relay. */
  readonly taken: ReadonlySet<string>
  /** What has restricted visitors so far. */
  readonly restrictions: Restrictions.Restrictions
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
  const { table } = yield* Effect.fromResult(Toml.parse(text, { file: path }))
  const { apiKey, name, relayUrl } = yield* Effect.fromResult(
    ServerConfig.require(settings, ["name", "apiKey", "relayUrl"], path),
  )
  const usedAt = Option.match(mtime, { onNone: () => 0, onSome: (at) => at.getTime() })
  const madeBy = /^# Its key was made for the ticket ([0-9a-f]+)\.$/m.exec(text)?.[1]
  const stored: Stored = {
    name,
    apiKey,
    target: targetOf(settings),
    relayUrl,
    path,
    table,
    usedAt,
    madeBy,
  }
  return stored
})

/** The share in a file that is there; fails as a configuration if it cannot be used. */
const readExisting = (path: string) =>
  Effect.mapError(read(path), (error) =>
    error._tag === "ConfigError" ? error : unwritable(path)(error),
  )

/**
 * The shares at all relays, the last used first. A file that others may read ends the
 * command, since what restricted its visitors may be meant; one that is broken is
 * named and left out.
 */
const list = Effect.fnUntraced(function* (
  env: Environment,
): Effect.fn.Return<ReadonlyArray<Stored>, ConfigError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const folder = sharesFolder(env)
  const names = yield* Effect.orElseSucceed(fs.readDirectory(folder), () => [])
  const shares: Array<Stored> = []
  for (const name of names.filter((name) => name.endsWith(".toml"))) {
    const path = NodePath.join(folder, name)
    const result = yield* Effect.result(read(path))
    if (Result.isSuccess(result)) {
      shares.push(result.success)
      continue
    }
    const { failure } = result
    if (failure._tag === "ConfigError" && failure.code === "PTTH_CONFIG_EXPOSED")
      return yield* failure
    yield* Effect.logWarning(`the share in ${path} is not used: ${failure.message}`)
  }
  return shares.sort((one, other) => other.usedAt - one.usedAt)
})

/** A name of two words. */
const readableName = (usedNames: ReadonlySet<string>): ServerName => {
  const word = (): string => wordlist[randomInt(wordlist.length)] ?? ""
  for (;;) {
    const name = `${word()}-${word()}`
    if (!usedNames.has(name) && isServerName(name)) return name
  }
}

/** The keys of a file, of which those of `before` that say something else stay. */
const tableOf = (
  { apiKey, name, relayUrl, target }: Pick<Stored, "apiKey" | "name" | "relayUrl" | "target">,
  restrictions: Restrictions.Restrictions,
  before: Restrictions.Restrictions,
): Restrictions.Restrictions => {
  const { to: _to, file_server_root: _root, ...others } = Restrictions.without(before)
  const content =
    target === undefined
      ? {}
      : target._tag === "Application"
        ? { to: target.to }
        : { file_server_root: target.path }
  return {
    ...others,
    name,
    relay_url: relayUrl,
    api_key: Redacted.value(apiKey),
    ...content,
    ...restrictions,
  }
}

const write = Effect.fnUntraced(function* (
  path: string,
  table: Restrictions.Restrictions,
  madeBy?: string,
): Effect.fn.Return<void, ConfigError, FileSystem.FileSystem> {
  const text = [
    "# Written by `ptth share`. Keep it secret: whoever has the key can serve under this name.",
    ...(madeBy === undefined ? [] : [`# Its key was made for the ticket ${madeBy}.`]),
    stringify(table),
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
    onSome: (stored) => (stored.relayUrl === relayUrl ? stored.apiKey : undefined),
  })
})

/**
 * Finds the share for a target: that of the given name; else the one that shares
 * the target already, or was registered and shares nothing yet; else a new one.
 * What restricted visitors of the same target elsewhere holds for a new one, too.
 */
export const find = Effect.fn("ShareStore.find")(function* (
  request: ShareRequest,
  env: Environment,
): Effect.fn.Return<Found, ConfigError, FileSystem.FileSystem> {
  const { name, relayUrl, target } = request
  const all = yield* list(env)
  const shares = all.filter((share) => share.relayUrl === relayUrl)
  const existing =
    name === undefined
      ? (shares.find((share) => isSame(share.target, target)) ??
        shares.find((share) => share.target === undefined))
      : shares.find((share) => share.name === name)
  const own = Restrictions.of(existing?.table ?? {})
  const isAsBefore = existing !== undefined && isSame(existing.target, target)
  const elsewhere =
    isAsBefore || target === undefined
      ? undefined
      : all.find((share) => isSame(share.target, target))
  return {
    request,
    existing,
    taken: new Set(shares.map((share) => share.name)),
    restrictions: Restrictions.merged(own, Restrictions.of(elsewhere?.table ?? {})),
  }
})

/** Keeps what was found, with what restricts visitors from now on; a new share gets a name and a key. */
export const keep = Effect.fn("ShareStore.keep")(function* (
  { existing, request: { name, relayUrl, target }, taken }: Found,
  restrictions: Restrictions.Restrictions,
  env: Environment,
): Effect.fn.Return<Share, ConfigError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  if (existing !== undefined) {
    const { path, table } = existing
    const next = tableOf({ ...existing, target: target ?? existing.target }, restrictions, table)
    if (!isDeepStrictEqual(next, { ...table })) yield* write(path, next, existing.madeBy)
    const now = (yield* Clock.currentTimeMillis) / 1000
    yield* Effect.ignore(fs.utimes(path, now, now))
    return { name: existing.name, path, isNew: false }
  }
  const own = name ?? readableName(taken)
  const path = pathOf(relayUrl, own, env)
  // A file that cannot be read is not replaced: its key may be registered.
  if (yield* Effect.orElseSucceed(fs.exists(path), () => false)) yield* readExisting(path)
  const paired = yield* pairedKey(relayUrl, own, env)
  const share = { name: own, relayUrl, apiKey: paired ?? newKey(), target }
  yield* write(path, tableOf(share, restrictions, {}))
  return { name: own, path, isNew: paired === undefined }
})

/** A new key for a share. It is written down before the relay learns it, so that it cannot be lost. */
export interface Renewal {
  readonly apiKey: ApiKey
  /** The new key takes the place of the old one. */
  readonly keep: Effect.Effect<void, ConfigError, FileSystem.FileSystem>
  /** The old key stays. */
  readonly discard: Effect.Effect<void, never, FileSystem.FileSystem>
}

/** A new key for a share, as its ticket wants; `undefined` if the share has the key of this ticket already. */
export const renew = Effect.fn("ShareStore.renew")(function* (
  { path }: Share,
  ticket: string,
): Effect.fn.Return<Renewal | undefined, ConfigError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const stored = yield* readExisting(path)
  const madeBy = Ticket.digest(ticket)
  if (stored.madeBy === madeBy) return undefined
  const nextPath = `${path}.next`
  const begun = yield* Effect.option(read(nextPath))
  const apiKey = Option.match(begun, {
    onNone: () => newKey(),
    onSome: (next) => (next.madeBy === madeBy ? next.apiKey : newKey()),
  })
  yield* write(nextPath, { ...stored.table, api_key: Redacted.value(apiKey) }, madeBy)
  return {
    apiKey,
    keep: Effect.mapError(fs.rename(nextPath, path), unwritable(path)),
    discard: Effect.ignore(fs.remove(nextPath)),
  }
})
