/**
 * The folder with the sockets by which the workers of a relay reach each other,
 * and `ptth relay peers` and `ptth relay roll` the relay: `$RUNTIME_DIRECTORY`,
 * as systemd sets it, or a private folder of this process.
 */
import { lstatSync, mkdirSync, readdirSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import * as NodePath from "node:path"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { entry } from "../../domain/ErrorRegistry.ts"
import { addressIn } from "../../transport/net/PrivateSocket.ts"
import * as LoadConfig from "../shared/LoadConfig.ts"
import { pathsIn } from "../shared/UserPaths.ts"

/** The folder cannot be used. */
export class RuntimeFolderError extends Data.TaggedError("RuntimeFolderError")<{
  readonly detail: string
}> {
  readonly code = "PTTH_RUNTIME_FOLDER"
  override get message(): string {
    return `${this.code}: ${this.detail}. ${entry(this.code).remedy}`
  }
}

/** The process, as far as the folder depends on it. */
export interface FolderOwner {
  readonly env: { readonly [name: string]: string | undefined }
  readonly uid: number
  readonly pid: number
}

/** This process. */
export const ofProcess = (): FolderOwner => ({
  env: process.env,
  uid: process.getuid?.() ?? 0,
  pid: process.pid,
})

/** The longest path of a socket on Linux, without the final zero (unix(7)); other systems have a few less. */
const longestPath = 103

/** The name of the socket for commands. */
export const controlName = "control.sock"

/** The folders in `/run` that units of a relay may have, by their `RuntimeDirectory=`. */
export const unitFolder = /^ptth/

/** The folder that systemd has made for this unit; it separates several by colons. */
export const given = ({ env }: FolderOwner): string | undefined =>
  env.RUNTIME_DIRECTORY?.split(":")[0] || undefined

/** The folder that has one for each relay of this user that runs outside of systemd. */
const shared = ({ env, uid }: FolderOwner): string =>
  NodePath.join(env.XDG_RUNTIME_DIR || tmpdir(), `ptth-${uid}`)

/**
 * Makes a folder if there is none. Fails unless it is this user's alone: in a
 * folder for all users somebody else could have made it. Windows has a folder for
 * temporary files for each user.
 *
 * @param refused the permissions that others may not have
 */
export const requirePrivate = (folder: string, { uid }: FolderOwner, refused = 0o077): void => {
  mkdirSync(folder, { mode: 0o700, recursive: true })
  if (process.platform === "win32") return
  const stats = lstatSync(folder)
  if (!stats.isDirectory() || stats.uid !== uid || (stats.mode & refused) !== 0)
    throw new Error(`${folder} is not a folder of this user alone`)
}

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

/** Removes the folders of relays that were killed. */
const removeStale = (folder: string): void => {
  for (const name of readdirSync(folder))
    if (!isRunning(Number(name)))
      rmSync(NodePath.join(folder, name), { recursive: true, force: true })
}

const make = (owner: FolderOwner): string => {
  const folder = shared(owner)
  requirePrivate(folder, owner)
  removeStale(folder)
  const own = NodePath.join(folder, `${owner.pid}`)
  rmSync(own, { recursive: true, force: true })
  mkdirSync(own, { mode: 0o700 })
  return own
}

/**
 * Opens the folder for as long as the Scope is open.
 *
 * @param longestName the longest name of a socket in it
 */
export const open = Effect.fn("RuntimeFolder.open")(function* (
  owner: FolderOwner,
  longestName: string,
): Effect.fn.Return<string, RuntimeFolderError, Scope.Scope> {
  const folder = yield* Effect.acquireRelease(
    Effect.try({
      try: () => given(owner) ?? make(owner),
      catch: (error) => new RuntimeFolderError({ detail: (error as Error).message }),
    }),
    (folder) =>
      Effect.sync(() => {
        if (folder !== given(owner)) rmSync(folder, { recursive: true, force: true })
      }),
  )
  const longest = addressIn(folder, longestName)
  if (Buffer.byteLength(longest) > longestPath)
    return yield* new RuntimeFolderError({
      detail: `the path ${longest} of a socket is longer than ${longestPath} bytes`,
    })
  return folder
})

/** The folders of the units of the system. */
export const unitFolders = (): ReadonlyArray<string> => pathsIn("/run", unitFolder)

/** Where relays of this machine may have their sockets for commands. */
export const controlSockets = (owner: FolderOwner): ReadonlyArray<string> => {
  const folder = given(owner)
  return [
    ...(folder === undefined ? [] : [folder]),
    ...unitFolders(),
    ...pathsIn(shared(owner), /^\d+$/),
  ].map((folder) => addressIn(folder, controlName))
}

/** How `ptth relay peers` names the configuration of a relay: the real path of its file, or of where it would be. */
export const configPlace = (path: string | undefined): string => {
  const absolute = NodePath.resolve(path ?? LoadConfig.relayFile)
  try {
    return realpathSync(absolute)
  } catch {
    return absolute
  }
}
