/**
 * Finds out who may do what with the files of a server: from its configuration,
 * or from a file that this names.
 */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type { ConfigError } from "../../domain/config/ConfigError.ts"
import * as FileAccess from "../../domain/config/FileAccess.ts"
import type { AccessOptions } from "../../fileserver/access/Guard.ts"
import { readNamed } from "../shared/LoadConfig.ts"

/** The rules; `undefined` if there are neither users nor tokens. */
export const loadAccess = Effect.fn("LoadAccess.loadAccess")(function* (
  settings: FileAccess.AccessSettings & { readonly usersFile: string | undefined },
): Effect.fn.Return<AccessOptions | undefined, ConfigError, FileSystem.FileSystem> {
  const { usersFile: file } = settings
  const { tokens, users, visitors } =
    file === undefined
      ? settings
      : yield* Effect.fromResult(
          FileAccess.decode(yield* readNamed(file, "Check the path of `users_file`."), { file }),
        )
  if (users === undefined && tokens === undefined) return undefined
  return {
    users: (users ?? []).map(({ name, password, ...rule }) => ({ user: name, password, rule })),
    tokens: (tokens ?? []).map(({ token, ...rule }) => ({ tripcode: token, rule })),
    visitors,
  }
})
