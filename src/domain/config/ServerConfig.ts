/**
 * The server's configuration: its keys and their rules. The file is
 * `ptth_server.toml`, which holds the key and so must be nobody else's to
 * read; every key also is an environment variable.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { ApiKey } from "../ApiKey.ts"
import * as Key from "../ApiKey.ts"
import { isPasswordHash, type PasswordHash } from "../PasswordHash.ts"
import { isServerName, type ServerName } from "../ServerName.ts"
import type { DecodeOptions, Override, ScalarKind } from "./ConfigDecode.ts"
import * as ConfigDecode from "./ConfigDecode.ts"
import { field, reading } from "./ConfigDecode.ts"
import type { ConfigError } from "./ConfigError.ts"
import * as ConfigPrint from "./ConfigPrint.ts"

/** Which tunnel is spoken: `auto` tries stream first, then classic. */
export type TransportChoice = "auto" | "classic" | "stream"

/** Which symbolic links in the folder are followed: those that stay inside, none, or all. */
export type SymlinkPolicy = "inside" | "never" | "follow"

/** What a server's configuration says, some of which may be missing. */
export interface ServerSettings {
  readonly name: ServerName | undefined
  readonly apiKey: ApiKey | undefined
  /** The relay's base address, without the tunnel's prefix and without a slash at the end. */
  readonly relayUrl: string | undefined
  /** The folder to serve; relative to the working directory. */
  readonly fileServerRoot: string | undefined
  /** Which symbolic links are followed. */
  readonly symlinks: SymlinkPolicy
  /** Patterns of names that are neither listed nor served. */
  readonly hidden: ReadonlyArray<string>
  /** Whether names that begin with a dot are served. */
  readonly dotfiles: boolean
  /** Whether browsers may run what is in the files. */
  readonly trustedContent: boolean
  /** Whether visitors may put files into the folder. */
  readonly uploads: boolean
  /** Patterns of the folders that take files, `.` for the served one; `undefined` for all. */
  readonly uploadsFolders: ReadonlyArray<string> | undefined
  /** Whether an upload may take the place of a file. */
  readonly uploadsOverwrite: boolean
  /** The largest upload in bytes; `undefined` for no limit. */
  readonly uploadsMax: number | undefined
  /** The origin to pass requests on to instead of files, such as `http://localhost:3000`. */
  readonly to: string | undefined
  /** The `Host` that the origin hears instead of the visitor's. */
  readonly hostHeader: string | undefined
  /** Who must sign in, with {@link authPassword}. */
  readonly authUser: string | undefined
  /** The hash of the password. */
  readonly authPassword: PasswordHash | undefined
  readonly throttleUpload: boolean
  readonly transport: TransportChoice
  /** How many links to keep; `undefined` leaves it to the transport. */
  readonly connections: number | undefined
  /** Whether it may wait awake for the next of many small requests in a row. */
  readonly busyPoll: boolean
  /** A file of certificates (PEM) to trust beside the usual ones. */
  readonly ca: string | undefined
  /** Where traces, metrics and logs are sent by OTLP, without `/v1/traces` and the like. */
  readonly otlpEndpoint: string | undefined
}

/** A server's configuration, with everything that a server cannot do without. */
export interface ServerConfig extends ServerSettings {
  readonly name: ServerName
  readonly apiKey: ApiKey
  readonly relayUrl: string
}

/** The path segment in front of the tunnel's endpoints, which the original's addresses include. */
const tunnelPrefix = "/7ZSFUKGV"

const readHttpUrl = (text: string): URL | undefined => {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined
  const url = new URL(text)
  return url.username === "" && url.password === "" && url.search === "" && url.hash === ""
    ? url
    : undefined
}

/** A relay's base address; the tunnel's prefix at its end is taken off, so that it is sent once. */
export const readRelayUrl = (text: string): string | undefined => {
  const base = readHttpUrl(text)?.href.replace(/\/+$/, "")
  return base?.endsWith(tunnelPrefix)
    ? base.slice(0, -tunnelPrefix.length).replace(/\/+$/, "")
    : base
}

/** An origin: a port of this machine, or `http://HOST:PORT` without a path. */
export const readOrigin = (raw: string | number): string | undefined => {
  const text = String(raw)
  if (/^\d{1,5}$/.test(text)) {
    const port = Number(text)
    return port >= 1 && port <= 65535 ? `http://localhost:${port}` : undefined
  }
  const url = readHttpUrl(text)
  return url?.pathname === "/" ? url.origin : undefined
}

const readKey = (text: string): ApiKey | undefined =>
  // It is sent as the value of a header field (RFC 9110 5.5).
  /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text) ? Key.make(text) : undefined

const Name = reading(Schema.String, (text) => (isServerName(text) ? text : undefined))
const nonEmpty = Schema.String.check(Schema.isMinLength(1))
const plainText = Schema.String.check(Schema.isPattern(/^[\x21-\x7e]+$/))

/** The keys as they stand in the file. */
export const ServerFile = Schema.Struct({
  name: field(Name, "1 to 63 of the characters A-Z a-z 0-9 - _"),
  api_key: field(reading(Schema.String, readKey), "a key such as `ptth keygen` prints"),
  relay_url: field(
    reading(Schema.String, readRelayUrl),
    'an address such as "https://relay.example.com"',
  ),
  file_server_root: field(nonEmpty, "the path of a folder"),
  symlinks: field(Schema.Literals(["inside", "never", "follow"]), '"inside", "never" or "follow"'),
  hidden: field(Schema.Array(nonEmpty), 'a list of patterns such as ["*.bak", "private/**"]'),
  dotfiles: field(Schema.Boolean, "true or false"),
  trusted_content: field(Schema.Boolean, "true or false"),
  uploads: field(Schema.Boolean, "true or false"),
  uploads_folders: field(
    Schema.Array(nonEmpty),
    'a list of patterns such as ["inbox", "photos/**"]',
  ),
  uploads_overwrite: field(Schema.Boolean, "true or false"),
  uploads_max: field(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
    "a number of bytes",
  ),
  to: field(
    reading(Schema.Union([Schema.Number, Schema.String]), readOrigin),
    'a port, or an address without a path such as "http://127.0.0.1:3000"',
  ),
  host_header: field(plainText, 'a host such as "app.example.com"'),
  auth_user: field(
    Schema.String.check(Schema.isPattern(/^[^\x00-\x1f\x7f:]+$/)),
    "a name without a colon",
  ),
  auth_password: field(
    reading(Schema.String, (text) => (isPasswordHash(text) ? text : undefined)),
    "what `ptth hash-password` prints",
  ),
  throttle_upload: field(Schema.Boolean, "true or false"),
  transport: field(Schema.Literals(["auto", "classic", "stream"]), '"auto", "classic" or "stream"'),
  connections: field(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 64 })),
    "a number from 1 to 64",
  ),
  busy_poll: field(Schema.Boolean, "true or false"),
  ca: field(nonEmpty, "the path of a file of certificates"),
  otlp_endpoint: field(
    reading(Schema.String, (text) => readHttpUrl(text)?.href.replace(/\/+$/, "")),
    'an address such as "http://127.0.0.1:4318"',
  ),
})

/** What the names of the server's environment variables begin with. */
export const environmentPrefix = "PTTH_SERVER_"

const environmentKinds: { readonly [key: string]: ScalarKind } = {
  name: "text",
  api_key: "text",
  relay_url: "text",
  file_server_root: "text",
  symlinks: "text",
  hidden: "list",
  dotfiles: "switch",
  trusted_content: "switch",
  uploads: "switch",
  uploads_folders: "list",
  uploads_overwrite: "switch",
  uploads_max: "number",
  to: "text",
  host_header: "text",
  auth_user: "text",
  auth_password: "text",
  throttle_upload: "switch",
  transport: "text",
  connections: "number",
  busy_poll: "switch",
  ca: "text",
  otlp_endpoint: "text",
}

/** What environment variables say instead of the file. */
export const fromEnvironment = (env: {
  readonly [name: string]: string | undefined
}): ReadonlyArray<Override> =>
  ConfigDecode.fromEnvironment(environmentPrefix, environmentKinds, env)

/** All keys. */
export const keys: ReadonlyArray<string> = ConfigDecode.keysOf(ServerFile.ast)

const secrets: ReadonlySet<string> = new Set(["api_key", "auth_password"])

/** Whether a file's text may hold a secret, also if it is no TOML; comments count. */
export const holdsSecret = (text: string): boolean => /api_?key|auth_?password/i.test(text)

const decodeFile = ConfigDecode.decodeWith(ServerFile, secrets)

/**
 * Reads a server's configuration, of which parts may be missing: the text of
 * its file, and what environment and flags say instead. Every problem that
 * there is comes back, each with its line.
 */
export const decodeSettings = (
  text: string,
  options?: DecodeOptions,
): Result.Result<ServerSettings, ConfigError> => {
  const decoded = decodeFile(text, options)
  if (Result.isFailure(decoded)) return Result.fail(decoded.failure)
  const { value: file, where } = decoded.success
  const unpaired = (given: "auth_user" | "auth_password", missing: string) =>
    Result.fail(
      ConfigDecode.failing([
        {
          code: "PTTH_CONFIG_INCOMPLETE",
          where: where([given]),
          detail: `\`${given}\` has no \`${missing}\` beside it`,
          remedy: "Give both or neither.",
        },
      ]) as ConfigError,
    )
  if (file.auth_user !== undefined && file.auth_password === undefined) {
    return unpaired("auth_user", "auth_password")
  }
  if (file.auth_password !== undefined && file.auth_user === undefined) {
    return unpaired("auth_password", "auth_user")
  }
  return Result.succeed({
    name: file.name,
    apiKey: file.api_key,
    relayUrl: file.relay_url,
    fileServerRoot: file.file_server_root,
    symlinks: file.symlinks ?? "inside",
    hidden: file.hidden ?? [],
    dotfiles: file.dotfiles ?? false,
    trustedContent: file.trusted_content ?? false,
    uploads: file.uploads ?? false,
    uploadsFolders: file.uploads_folders,
    uploadsOverwrite: file.uploads_overwrite ?? false,
    uploadsMax: file.uploads_max,
    to: file.to,
    hostHeader: file.host_header,
    authUser: file.auth_user,
    authPassword: file.auth_password,
    throttleUpload: file.throttle_upload ?? false,
    transport: file.transport ?? "auto",
    connections: file.connections,
    busyPoll: file.busy_poll ?? true,
    ca: file.ca,
    otlpEndpoint: file.otlp_endpoint,
  })
}

/** What is in force where nothing is said; of all other keys nothing is. */
export const defaults: { readonly [Key in keyof typeof ServerFile.Type]?: unknown } = {
  file_server_root: ".",
  symlinks: "inside",
  hidden: [],
  dotfiles: false,
  trusted_content: false,
  uploads: false,
  uploads_overwrite: false,
  throttle_upload: false,
  transport: "auto",
  connections: 2,
  busy_poll: true,
}

/** What is in force and where it comes from, secrets left out; see {@link decodeSettings}. */
export const explain = (
  text: string,
  options?: DecodeOptions,
): Result.Result<string, ConfigError> =>
  Result.flatMap(decodeSettings(text, options), () =>
    Result.map(decodeFile(text, options), ({ given, rank, where }) => {
      const isApplication = given("to") !== undefined
      return ConfigPrint.whole([
        ConfigPrint.print(
          keys.map((key) => ({
            key,
            value:
              given(key) ??
              (isApplication && key === "file_server_root"
                ? undefined
                : defaults[key as keyof typeof defaults]),
            rank: rank(key),
            where: where([key]),
          })),
        ),
      ])
    }),
  )

/** The keys that a server cannot do without, and how each may be given. */
const needed = {
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

/** Settings in which some fields are known to be there. */
export type With<Field extends keyof typeof needed> = ServerSettings & {
  readonly [F in Field]: Exclude<ServerSettings[F], undefined>
}

/** Insists on some fields: all that are missing are named. */
export const require = <const Field extends keyof typeof needed>(
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
        detail: `\`${needed[name].key}\` is missing`,
        remedy: needed[name].remedy,
      })),
  )
  return error === undefined ? Result.succeed(settings as With<Field>) : Result.fail(error)
}

/** Reads a server's configuration and insists on `name`, `api_key` and `relay_url`. */
export const decode = (
  text: string,
  options?: DecodeOptions,
): Result.Result<ServerConfig, ConfigError> =>
  Result.flatMap(decodeSettings(text, options), (settings) =>
    require(settings, ["name", "apiKey", "relayUrl"], options?.file),
  )

/** Whether the way to the relay would show the key to a network: plain http beyond this machine. */
export const showsKey = (relayUrl: string, isLoopback: (host: string) => boolean): boolean => {
  const url = new URL(relayUrl)
  return url.protocol === "http:" && !isLoopback(url.hostname)
}
