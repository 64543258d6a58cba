/**
 * Checks that the path to serve is a folder or a file, for all commands that
 * serve one.
 */
import * as NodePath from "node:path"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { ConfigError } from "../../domain/config/ConfigError.ts"
import { single } from "../../domain/config/ConfigError.ts"

/** What is shared: a folder, or a single file of it. */
export interface Shared {
  /** An absolute path. */
  readonly folder: string
  /** The name of the file, if only that is shared. */
  readonly only: string | undefined
}

/** The folder or file at a path; fails if it is neither. */
export const checkShared = Effect.fn("Folder.checkShared")(function* (
  path: string,
): Effect.fn.Return<Shared, ConfigError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const absolute = NodePath.resolve(path)
  const invalid = (detail: string) =>
    single({ code: "PTTH_ROOT_NOT_FOLDER", where: absolute, detail })
  const info = yield* Effect.mapError(fs.stat(absolute), (error) =>
    invalid(
      error.reason._tag === "NotFound"
        ? "it does not exist"
        : `it cannot be read (${error.reason._tag})`,
    ),
  )
  if (info.type === "Directory") return { folder: absolute, only: undefined }
  if (info.type !== "File") return yield* invalid("it is neither a folder nor a file")
  // A link to a file stands for that file, wherever it is.
  const real = yield* Effect.orElseSucceed(fs.realPath(absolute), () => absolute)
  return { folder: NodePath.dirname(real), only: NodePath.basename(real) }
})
