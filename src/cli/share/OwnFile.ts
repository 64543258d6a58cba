/**
 * Writes the files that `ptth share` keeps for its user.
 */
import * as NodePath from "node:path"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"

/** Writes a file that only its owner can read, and its folder; one that was there before is replaced at once. */
export const replace = Effect.fn("OwnFile.replace")(function* (
  path: string,
  text: string,
): Effect.fn.Return<void, PlatformError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const temporary = `${path}.${process.pid}.tmp`
  yield* fs.makeDirectory(NodePath.dirname(path), { recursive: true, mode: 0o700 })
  yield* fs.writeFileString(temporary, text, { mode: 0o600 })
  yield* fs.rename(temporary, path)
})
