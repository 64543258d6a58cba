/**
 * The server's configuration: what the keys of `ServerKeys.ts` decode to, and
 * the checks that concern several keys. The file is `ptth_server.toml`, which
 * only its owner may read since it holds the key; every key can also be given
 * as an environment variable.
 */
import * as Result from "effect/Result"
import type { ApiKey } from "../ApiKey.ts"
import type { ServerName } from "../ServerName.ts"
import type { DecodeOptions, Override } from "./ConfigDecode.ts"
import * as ConfigDecode from "./ConfigDecode.ts"
import { type ConfigError, single } from "./ConfigError.ts"
import type { ConfigValues } from "./ConfigKey.ts"
import * as ConfigPrint from "./ConfigPrint.ts"
import { environmentPrefix, serverKeys } from "./ServerKeys.ts"

/** A server's configuration, in which required keys may still be missing; see `ServerKeys.ts`. */
export interface ServerSettings extends ConfigValues<typeof serverKeys> {}

/** Which tunnel is used: `auto` tries stream first, then classic. */
export type TransportChoice = ServerSettings["transport"]

/** Which symbolic links in the folder are followed: those that stay inside, none, or all. */
export type SymlinkPolicy = ServerSettings["symlinks"]

/** A server's configuration with all that is required. */
export interface ServerConfig extends ServerSettings {
  readonly name: ServerName
  readonly apiKey: ApiKey
  readonly relayUrl: string
}

/** The overrides that environment variables make. */
export const fromEnvironment = (env: {
  readonly [name: string]: string | undefined
}): ReadonlyArray<Override> => ConfigDecode.fromEnvironment(environmentPrefix, serverKeys, env)

/** The names of all keys. */
export const keys: ReadonlyArray<string> = Object.values(serverKeys).map(({ name }) => name)

const secretPattern = new RegExp(
  Object.values(serverKeys)
    .filter(({ secret }) => secret === true)
    .map(({ name }) => name.replaceAll("_", "_?"))
    .join("|"),
  "i",
)

/** Whether a file's text may hold a secret, even if it is invalid TOML; comments count. */
export const holdsSecret = (text: string): boolean => secretPattern.test(text)

/** The relay of an address that a browser shows for a server of this name; `undefined` if it is not such an address. */
const relayOfVisitors = ({ name, relayUrl }: ServerSettings): string | undefined => {
  if (name === undefined || relayUrl === undefined) return undefined
  const [, base] = new RegExp(`^(.*?)(?:/frontend)?/servers/${name}(?:/|$)`).exec(relayUrl) ?? []
  return base
}

const decodeFile = ConfigDecode.decoder(serverKeys)

/**
 * Decodes a server's configuration, of which parts may be missing: the text of
 * its file, and the overrides of environment and flags. All problems are
 * collected, each with its place.
 */
export const decodeSettings = (
  text: string,
  options?: DecodeOptions,
): Result.Result<ServerSettings, ConfigError> =>
  Result.flatMap(decodeFile(text, options), ({ value, where }) => {
    const base = relayOfVisitors(value)
    if (base !== undefined)
      return Result.fail(
        single({
          code: "PTTH_CONFIG_INVALID",
          where: where(["relay_url"]),
          detail: `\`relay_url\`: it is the address at which visitors reach this server, with ${new URL(value.relayUrl ?? base).pathname}`,
          remedy: `Use the relay's own address, such as ${base}.`,
        }),
      )
    const pairs = [
      ["auth_user", value.authUser, "auth_password", value.authPassword],
      ["tls_cert", value.tlsCert, "tls_key", value.tlsKey],
    ] as const
    for (const [one, first, other, second] of pairs) {
      if ((first === undefined) === (second === undefined)) continue
      const [given, missing] = first === undefined ? [other, one] : [one, other]
      return Result.fail(
        single({
          code: "PTTH_CONFIG_INCOMPLETE",
          where: where([given]),
          detail: `\`${given}\` has no \`${missing}\` beside it`,
          remedy: "Give both or neither.",
        }),
      )
    }
    return Result.succeed(value)
  })

/** The configuration in force and the source of each value, without secrets; see {@link decodeSettings}. */
export const explain = (
  text: string,
  options?: DecodeOptions,
): Result.Result<string, ConfigError> =>
  Result.flatMap(decodeSettings(text, options), ({ to }) =>
    Result.map(decodeFile(text, options), (decoded) => {
      const rows = ConfigPrint.rows(serverKeys, decoded)
      return ConfigPrint.whole([
        ConfigPrint.print(
          rows.map((row) =>
            // Without a folder of its own, a server with `to` serves none.
            row.key === "file_server_root" && row.rank === 0 && to !== undefined
              ? { ...row, value: undefined }
              : row,
          ),
        ),
      ])
    }),
  )

/** The required keys, and how each can be given. */
const requiredKeys = {
  name: { key: "name", remedy: 'Add `name = "NAME"`, or use --name.' },
  apiKey: {
    key: "api_key",
    remedy: 'Add `api_key = "KEY"` with a key that `ptth keygen` makes, or use --auto-gen-key.',
  },
  relayUrl: {
    key: "relay_url",
    remedy: 'Add `relay_url = "https://relay.example.com"`, or use --relay-url.',
  },
} as const

/** Settings in which some fields are present. */
export type With<Field extends keyof typeof requiredKeys> = ServerSettings & {
  readonly [F in Field]: Exclude<ServerSettings[F], undefined>
}

/** Fails with all of these fields that are missing. */
export const require = <const Field extends keyof typeof requiredKeys>(
  settings: ServerSettings,
  fields: ReadonlyArray<Field>,
  file?: string,
): Result.Result<With<Field>, ConfigError> => {
  const error = ConfigDecode.failing(
    fields
      .filter((name) => settings[name] === undefined)
      .map((name) => ({
        code: "PTTH_CONFIG_INCOMPLETE" as const,
        where: file ?? "",
        detail: `\`${requiredKeys[name].key}\` is missing`,
        remedy: requiredKeys[name].remedy,
      })),
  )
  return error === undefined ? Result.succeed(settings as With<Field>) : Result.fail(error)
}

/** Decodes a server's configuration; `name`, `api_key` and `relay_url` are required. */
export const decode = (
  text: string,
  options?: DecodeOptions,
): Result.Result<ServerConfig, ConfigError> =>
  Result.flatMap(decodeSettings(text, options), (settings) =>
    require(settings, ["name", "apiKey", "relayUrl"], options?.file),
  )

/** Whether the key would be sent unencrypted over a network: plain http to another machine. */
export const showsKey = (relayUrl: string, isLoopback: (host: string) => boolean): boolean => {
  const url = new URL(relayUrl)
  return url.protocol === "http:" && !isLoopback(url.hostname)
}
