/**
 * The files of `servers.d` in which servers are registered: finds that of a
 * server, plans a change of it, and carries it out. Files are written
 * atomically, and only if they are still what the plan was made from.
 */
import * as NodePath from "node:path"
import { isDeepStrictEqual } from "node:util"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import { hostProblems } from "../../domain/config/RelayChecks.ts"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { entry } from "../../domain/ErrorRegistry.ts"
import { isServerName } from "../../domain/ServerName.ts"
import { isTripcode } from "../../domain/Tripcode.ts"
import * as Approval from "./Approval.ts"
import * as Invitations from "./Invitations.ts"
import * as ServerEdit from "./ServerEdit.ts"

/** Why a server could not be changed. */
export class ChangeError extends Data.TaggedError("ChangeError")<{
  readonly code: "PTTH_CANNOT_CHANGE" | "PTTH_BAD_APPROVAL" | "PTTH_ALREADY_REGISTERED"
  /** What happened, as a sentence without a full stop. */
  readonly detail: string
}> {
  override get message(): string {
    return `${this.code}: ${this.detail}. ${entry(this.code).remedy}`
  }
}

const cannot = (detail: string) => new ChangeError({ code: "PTTH_CANNOT_CHANGE", detail })

const failed = (path: string) => (error: PlatformError) =>
  cannot(`${path} cannot be read or written (${error.reason._tag})`)

/** A file that registers a server. */
export interface ServerFile {
  readonly path: string
  readonly text: string
}

/** What is to be written. */
export interface ServerPlan {
  readonly name: string
  readonly change: ServerEdit.ServerChange
  readonly before: ServerFile
  /** `undefined` if the file is removed; its path is another one if a file that approval wrote is renamed. */
  readonly after: ServerFile | undefined
}

/** The file of `servers.d` that registers a server; `undefined` if it is registered elsewhere. */
export const find = Effect.fn("ServerFiles.find")(function* (
  folder: string,
  name: string,
): Effect.fn.Return<ServerFile | undefined, ChangeError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const files = yield* Effect.orElseSucceed(fs.readDirectory(folder), () => [])
  for (const file of files.toSorted()) {
    if (!file.endsWith(".toml") || file.startsWith(".")) continue
    const path = NodePath.join(folder, file)
    const text = yield* Effect.mapError(fs.readFileString(path), failed(path))
    if (ServerEdit.registers(text, name)) return { path, text }
  }
  return undefined
})

/** Whether a configuration is as a change would make it. */
export const holds = (
  config: RelayConfig,
  name: string,
  change: ServerEdit.ServerChange,
): boolean => {
  const find = (wanted: string) => config.servers.find((server) => server.name === wanted)
  const server = find(name)
  switch (change.kind) {
    case "rename":
      return server === undefined && find(change.to) !== undefined
    case "remove":
      return server === undefined
    case "pause":
      return server?.paused === true
    case "resume":
      return server?.paused === false
    case "keys":
      return isDeepStrictEqual(server?.tripcodes, change.tripcodes)
  }
}

/** Why a server cannot have this change; `undefined` if it can. */
const refusal = (
  config: RelayConfig,
  name: string,
  change: ServerEdit.ServerChange,
): ChangeError | undefined => {
  const others = config.servers.filter((server) => server.name !== name)
  if (others.length === config.servers.length)
    return cannot(`no server has the name ${JSON.stringify(name)}`)
  if (
    change.kind === "keys" &&
    (change.tripcodes.length === 0 || !change.tripcodes.every(isTripcode))
  )
    return new ChangeError({ code: "PTTH_BAD_APPROVAL", detail: "a tripcode is not valid" })
  if (change.kind !== "rename") return undefined
  const { to } = change
  if (!isServerName(to))
    return new ChangeError({
      code: "PTTH_BAD_APPROVAL",
      detail: `${JSON.stringify(to)} is not a server's name`,
    })
  if (config.servers.some((server) => server.name === to))
    return new ChangeError({
      code: "PTTH_ALREADY_REGISTERED",
      detail: `the name ${to} is taken`,
    })
  const clash = hostProblems(config, [...others.map((server) => server.name), to]).find(
    ({ index }) => index === others.length,
  )
  return clash === undefined
    ? undefined
    : new ChangeError({ code: "PTTH_BAD_APPROVAL", detail: clash.detail })
}

/**
 * Plans a change.
 *
 * @param config the configuration in force
 */
export const plan = Effect.fn("ServerFiles.plan")(function* (
  folder: string,
  config: RelayConfig,
  name: string,
  change: ServerEdit.ServerChange,
): Effect.fn.Return<ServerPlan, ChangeError, FileSystem.FileSystem> {
  const refused = refusal(config, name, change)
  if (refused !== undefined) return yield* refused
  const before = yield* find(folder, name)
  if (before === undefined) return yield* cannot(`${name} is not registered in a file of ${folder}`)
  const text = ServerEdit.edit(before.text, name, change)
  if (text === undefined)
    return yield* cannot(`${before.path} is written in a form that the relay does not change`)
  if (text === "") return { name, change, before, after: undefined }
  const path =
    change.kind === "rename" && before.path === NodePath.join(folder, `${name}.toml`)
      ? NodePath.join(folder, `${change.to}.toml`)
      : before.path
  if (path !== before.path) {
    const fs = yield* FileSystem.FileSystem
    const exists = yield* Effect.mapError(fs.exists(path), failed(path))
    if (exists) return yield* cannot(`${path} exists already`)
  }
  return { name, change, before, after: { path, text } }
})

/**
 * Writes what was planned, if the file has not changed since. An invitation for
 * the name of a server that is removed or renamed ends, so that nobody gets back in with it.
 */
export const carryOut = Effect.fn("ServerFiles.carryOut")(function* ({
  after,
  before,
  change,
  name,
}: ServerPlan): Effect.fn.Return<void, ChangeError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.mapError(fs.readFileString(before.path), failed(before.path))
  if (text !== before.text)
    return yield* cannot(`${before.path} was changed meanwhile by somebody else`)
  if (after !== undefined)
    yield* Effect.mapError(
      Approval.write(NodePath.dirname(after.path), after.path, after.text),
      failed(after.path),
    )
  if (after?.path !== before.path)
    yield* Effect.mapError(fs.remove(before.path), failed(before.path))
  if ((change.kind === "remove" || change.kind === "rename") && isServerName(name))
    yield* Invitations.revoke(NodePath.dirname(before.path), name)
})
