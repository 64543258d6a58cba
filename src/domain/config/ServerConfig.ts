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
import type { ConfigError, ConfigProblem } from "./ConfigError.ts"
import type { ConfigValues } from "./ConfigKey.ts"
import * as ConfigPrint from "./ConfigPrint.ts"
import * as FileAccess from "./FileAccess.ts"
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

type Where = ConfigDecode.Decoded<unknown>["where"]

const relayUrlProblems = (settings: ServerSettings, where: Where): ReadonlyArray<ConfigProblem> => {
  const base = relayOfVisitors(settings)
  if (base === undefined) return []
  return [
    {
      code: "PTTH_CONFIG_INVALID",
      where: where(["relay_url"]),
      detail: `\`relay_url\`: it is the address at which visitors reach this server, with ${new URL(settings.relayUrl ?? base).pathname}`,
      remedy: `Use the relay's own address, such as ${base}.`,
    },
  ]
}

/** Two keys that are given together, if at all. */
const pairOf = (
  [one, first, other, second]: readonly [string, unknown, string, unknown],
  where: Where,
): ReadonlyArray<ConfigProblem> => {
  if ((first === undefined) === (second === undefined)) return []
  const [present, missing] = first === undefined ? [other, one] : [one, other]
  return [
    {
      code: "PTTH_CONFIG_INCOMPLETE",
      where: where([present]),
      detail: `\`${present}\` has no \`${missing}\` beside it`,
      remedy: "Give both or neither.",
    },
  ]
}

const pairProblems = (
  { authPassword, authUser, tlsCert, tlsKey }: Content,
  where: Where,
): ReadonlyArray<ConfigProblem> => [
  ...pairOf(["auth_user", authUser, "auth_password", authPassword], where),
  ...pairOf(["tls_cert", tlsCert, "tls_key", tlsKey], where),
]

/** What `to_ca` and `to_insecure` say has a meaning only for an https origin, and only one of them. */
const originProblems = (
  { to, toCa, toInsecure }: Pick<ServerSettings, "to" | "toCa" | "toInsecure">,
  where: Where,
): ReadonlyArray<ConfigProblem> => {
  const key = toCa !== undefined ? "to_ca" : toInsecure ? "to_insecure" : undefined
  if (key === undefined) return []
  const problem = (detail: string, remedy: string): ReadonlyArray<ConfigProblem> => [
    { code: "PTTH_CONFIG_INVALID", where: where([key]), detail: `\`${key}\`: ${detail}`, remedy },
  ]
  if (to?.startsWith("https:") !== true)
    return problem(
      "only an application at an https address has a certificate",
      "Use https:// in `to`, or leave it out.",
    )
  return toCa !== undefined && toInsecure
    ? problem("`to_insecure` accepts any certificate", "Leave one of them out.")
    : []
}

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
    const error = ConfigDecode.failing([
      ...relayUrlProblems(value, where),
      ...acmeProblems(value, where),
      ...contentProblems(value, where),
      ...serviceProblems(value, where),
      ...accessProblems(value, where),
      ...(value.services ?? []).flatMap((service, i) =>
        accessProblems(settingsOf(value, service), (path) => where(["services", i, ...path])),
      ),
    ])
    return error === undefined ? Result.succeed(value) : Result.fail(error)
  })

/** A certificate comes from files or by ACME, which may need a key of an account. */
const acmeProblems = (
  { acme, acmeEabKeyFile, acmeEabKeyId, tlsCert }: ServerSettings,
  where: Where,
): ReadonlyArray<ConfigProblem> => [
  ...pairOf(["acme_eab_key_id", acmeEabKeyId, "acme_eab_key_file", acmeEabKeyFile], where),
  ...(acme === undefined || tlsCert === undefined
    ? []
    : [
        {
          code: "PTTH_CONFIG_INVALID" as const,
          where: where(["acme"]),
          detail: "`tls_cert` has a certificate already",
          remedy: "Give `acme`, or `tls_cert` and `tls_key`.",
        },
      ]),
]

/** What is wrong with what one name serves, and to whom. */
const contentProblems = (content: Content, where: Where): ReadonlyArray<ConfigProblem> => [
  ...pairProblems(content, where),
  ...originProblems(content, where),
  ...(content.routes ?? []).flatMap((route, i, routes) => {
    const inRoute: Where = (path) => where(["routes", i, ...path])
    const isRepeated = routes.slice(0, i).some(({ path }) => path === route.path)
    const repeated: ConfigProblem = {
      code: "PTTH_CONFIG_INVALID",
      where: inRoute(["path"]),
      detail: `\`routes.path\`: ${route.path} is there twice`,
      remedy: "Keep only one of the routes.",
    }
    return [...(isRepeated ? [repeated] : []), ...originProblems(route, inRoute)]
  }),
]

/** The keys that say what is served, and to whom. */
type Content = Pick<
  ServerSettings,
  "authPassword" | "authUser" | "routes" | "tlsCert" | "tlsKey" | "to" | "toCa" | "toInsecure"
>

const serviceProblems = (
  { name, services = [] }: ServerSettings,
  where: Where,
): ReadonlyArray<ConfigProblem> =>
  services.flatMap((service, i) => {
    const inService: Where = (path) => where(["services", i, ...path])
    const names = [name, ...services.slice(0, i).map((other) => other.name)]
    return [
      ...(names.includes(service.name)
        ? [
            {
              code: "PTTH_CONFIG_INVALID" as const,
              where: inService(["name"]),
              detail: `\`services.name\`: ${service.name} is there twice`,
              remedy: "Give each service a name of its own.",
            },
          ]
        : []),
      ...(service.to === undefined && service.fileServerRoot === undefined
        ? [
            {
              code: "PTTH_CONFIG_INCOMPLETE" as const,
              where: inService(["name"]),
              detail: `the service ${service.name} has neither \`to\` nor \`file_server_root\``,
              remedy: "Say what it serves.",
            },
          ]
        : []),
      ...contentProblems(service, inService),
    ]
  })

/** What keeps users and tokens from being asked for. */
const accessProblems = (settings: ServerSettings, where: Where): ReadonlyArray<ConfigProblem> => {
  const conflict = FileAccess.conflict(settings)
  if (conflict === undefined) return []
  const { key, ...problem } = conflict
  return [{ code: "PTTH_CONFIG_INVALID", where: where([key]), ...problem }]
}

/** Who may do what with a service: what it says itself, else what is said above. */
const accessOf = (
  above: ServerSettings,
  { authUser, usersFile }: Pick<ServerSettings, "authUser" | "usersFile">,
): Pick<ServerSettings, "tokens" | "users" | "usersFile" | "visitors"> => {
  if (authUser !== undefined || usersFile !== undefined)
    return { usersFile, users: undefined, tokens: undefined, visitors: undefined }
  const { tokens, users, visitors } = above
  return { usersFile: above.usersFile, users, tokens, visitors }
}

/** The settings of one service: its own, with what it takes from those above it. */
const settingsOf = (
  above: ServerSettings,
  service: NonNullable<ServerSettings["services"]>[number],
): ServerSettings => ({
  ...above,
  ...service,
  ...accessOf(above, service),
  services: undefined,
  apiKey: service.apiKey ?? above.apiKey,
  fileServerRoot: service.fileServerRoot ?? above.fileServerRoot,
  ...(service.authUser === undefined && service.usersFile === undefined
    ? { authUser: above.authUser, authPassword: above.authPassword }
    : {}),
  ...(service.tlsCert === undefined ? { tlsCert: above.tlsCert, tlsKey: above.tlsKey } : {}),
  responseTimeout: service.responseTimeout ?? above.responseTimeout,
  throttleUpload: service.throttleUpload ?? above.throttleUpload,
})

/**
 * All that a configuration serves, each with a name of its own: what the keys
 * above `[[services]]` say if they have a name, and the services.
 */
export const servicesOf = (settings: ServerSettings): ReadonlyArray<ServerSettings> => {
  const { name, services = [] } = settings
  const own =
    name === undefined && services.length > 0 ? [] : [{ ...settings, services: undefined }]
  return [...own, ...services.map((service) => settingsOf(settings, service))]
}

/** As {@link servicesOf}, with all that is required. */
export const completeServices = (
  settings: ServerSettings,
  file: string,
): Result.Result<ReadonlyArray<ServerConfig>, ConfigError> =>
  Result.all(
    servicesOf(settings).map((service) => require(service, ["name", "apiKey", "relayUrl"], file)),
  )

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
