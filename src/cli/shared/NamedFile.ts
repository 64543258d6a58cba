/**
 * Files that a configuration names, such as those of keys and certificates:
 * reads them, and refuses secrets that others can read.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { type ConfigError, single } from "../../domain/config/ConfigError.ts"

/** Why a file cannot be read, as the rest of a sentence, by the tag of the error's reason. */
export const unreadable = (reason: string): string => {
  if (reason === "NotFound") return "does not exist"
  return reason === "BadResource" ? "is a folder" : `cannot be read (${reason})`
}

/** Reads a file; `invalid` makes the error of what follows its path in a sentence. */
export const readText = (
  path: string,
  invalid: (detail: string) => ConfigError,
): Effect.Effect<string, ConfigError, FileSystem.FileSystem> =>
  FileSystem.FileSystem.use((fs) =>
    Effect.mapError(fs.readFileString(path), ({ reason }) => invalid(unreadable(reason._tag))),
  )

/** The error for a file that others can use; `subject` says what it contains. */
export const exposed = (path: string, where: string, mode: number, subject: string): ConfigError =>
  single({
    code: "PTTH_CONFIG_EXPOSED",
    where,
    detail: `${subject} and its mode is ${(mode & 0o777).toString(8).padStart(4, "0")}, so that other users can read or write it`,
    remedy: `Run \`chmod 600 ${path}\`.`,
  })

/**
 * What Windows has instead of modes: a command by which only this user can use
 * the file; `undefined` where modes are checked.
 */
export const accessNote = (
  path: string,
  platform: NodeJS.Platform = process.platform,
): string | undefined =>
  platform === "win32"
    ? `who can read ${path} is not checked on Windows; so that only you can: icacls "${path}" /inheritance:r /grant:r "%USERNAME%:F"`
    : undefined

/** What others than the owner must not do with a file: anything; its group may read it. */
const exposing = 0o027

/** Fails if others than the owner and the group can read a file with a secret, or others than the owner write it. Not checked on Windows, which has no such modes. */
export const refuseReadable = Effect.fn("NamedFile.refuseReadable")(function* (
  path: string,
  where: string,
): Effect.fn.Return<void, ConfigError, FileSystem.FileSystem> {
  if (process.platform === "win32") return
  const fs = yield* FileSystem.FileSystem
  const mode = yield* fs.stat(path).pipe(
    Effect.map(({ mode }) => mode),
    Effect.orElseSucceed(() => 0),
  )
  if ((mode & exposing) !== 0) yield* exposed(path, where, mode, `${path} contains a secret`)
})
