/**
 * What `ptth share` shares: an application, by its port or address, or a folder
 * or file, by its path.
 */
import { existsSync } from "node:fs"
import * as NodePath from "node:path"
import * as Effect from "effect/Effect"
import { type ConfigError, usage } from "../../domain/config/ConfigError.ts"
import { parseUpstream, socketPathOf } from "../../domain/config/ServerKeys.ts"
import { withoutSecrets } from "../../domain/SecretNames.ts"

/** What is shared, as the keys of a server's configuration say it. */
export type Target =
  | { readonly _tag: "Application"; readonly to: string }
  | { readonly _tag: "Files"; readonly path: string }

const unknown = (text: string): ConfigError =>
  usage(
    "TARGET",
    `${JSON.stringify(withoutSecrets(text))} is neither a port, an address, nor a folder or file that exists`,
    "Share a port such as 3000, an address such as http://192.168.1.5:8123, unix:/run/app.sock, or a path.",
  )

/** An address of which the path of a socket is absolute. */
const absolute = (to: string): string => {
  const socketPath = socketPathOf(to)
  return socketPath === undefined ? to : `unix:${NodePath.resolve(socketPath)}`
}

/** Reads what was typed. A path that exists is one, unless it is a number: that is a port. */
export const parse = (text: string): Effect.Effect<Target, ConfigError> => {
  const path = NodePath.resolve(text)
  const to = parseUpstream(text)
  if (!/^:?\d+$/.test(text) && existsSync(path)) return Effect.succeed({ _tag: "Files", path })
  return to === undefined
    ? Effect.fail(unknown(text))
    : Effect.succeed({ _tag: "Application", to: absolute(to) })
}
