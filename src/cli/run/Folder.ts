/**
 * The folder that is to be served.
 */
import * as NodePath from "node:path"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { ConfigError } from "../../domain/config/ConfigError.ts"
import { single } from "../../domain/config/ConfigError.ts"

/** The absolute path of a folder, if it is one. */
export const checkFolder = Effect.fn("Folder.checkFolder")(function* (
  path: string,
): Effect.fn.Return<string, ConfigError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const absolute = NodePath.resolve(path)
  const refuse = (detail: string) =>
    single({ code: "PTTH_ROOT_NOT_FOLDER", where: absolute, detail })
  const info = yield* Effect.mapError(fs.stat(absolute), (error) =>
    refuse(
      error.reason._tag === "NotFound"
        ? "there is nothing there"
        : `it cannot be read (${error.reason._tag})`,
    ),
  )
  if (info.type !== "Directory") return yield* refuse("it is not a folder")
  return absolute
})
