/**
 * Checks that the path to serve is a folder, for all commands that serve one.
 */
import * as NodePath from "node:path"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { ConfigError } from "../../domain/config/ConfigError.ts"
import { single } from "../../domain/config/ConfigError.ts"

/** The absolute path of a folder; fails if it is not one. */
export const checkFolder = Effect.fn("Folder.checkFolder")(function* (
  path: string,
): Effect.fn.Return<string, ConfigError, FileSystem.FileSystem> {
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
  if (info.type !== "Directory") return yield* invalid("it is not a folder")
  return absolute
})
