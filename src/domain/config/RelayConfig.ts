/**
 * The relay's configuration: its keys, their rules and defaults. The file is
 * `ptth_relay.toml`; every scalar key also is an environment variable.
 */
import * as Duration from "effect/Duration"
import * as IpInterface from "effect/net/IpInterface"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { TomlDate } from "smol-toml"
import { isName } from "../HeaderList.ts"
import * as ListenAddress from "../ListenAddress.ts"
import * as ServerHost from "../ServerHost.ts"
import { isServerName, type ServerName } from "../ServerName.ts"
import { isTripcode, type Tripcode } from "../Tripcode.ts"
import * as AuthRules from "./AuthRules.ts"
import type { DecodeOptions, Override, ScalarKind } from "./ConfigDecode.ts"
import * as ConfigDecode from "./ConfigDecode.ts"
import {
  DurationOrZero,
  expectedDuration,
  field,
  PositiveDuration,
  reading,
  required,
} from "./ConfigDecode.ts"
import type { ConfigError, ConfigProblem } from "./ConfigError.ts"
import * as ConfigPrint from "./ConfigPrint.ts"

/** A server that may connect. */
export interface RegisteredServer {
  readonly name: ServerName
  /** Of the keys of which it must show one. */
  readonly tripcodes: readonly [Tripcode, ...ReadonlyArray<Tripcode>]
  /** What people see instead of the name. */
  readonly displayName: string | undefined
  /** How long it may take from hand-out to response head, where not the relay's own. */
  readonly responseTimeout: Duration.Duration | undefined
  /** Which visitors may come; `undefined` is whom the frontend's rules let in. */
  readonly auth: AuthRules.AuthRules | "open" | undefined
  /** What may be asked of it, where not as of all servers. */
  readonly limits: ServerLimits
  /** Whether its administrator can look into its last requests. */
  readonly inspect: boolean
}

/** What may be asked of one server; see the keys of the same names of {@link RelayConfig}. */
export interface ServerLimits {
  readonly maxLinks: number | undefined
  readonly maxQueue: number | undefined
  readonly maxBody: number | undefined
  readonly maxRequests: number | undefined
  readonly requestsPerSecond: number | undefined
}

/** A server's registration without anything that is left out mostly. */
export const plainServer: Omit<RegisteredServer, "name" | "tripcodes"> = {
  displayName: undefined,
  responseTimeout: undefined,
  auth: undefined,
  limits: {
    maxLinks: undefined,
    maxQueue: undefined,
    maxBody: undefined,
    maxRequests: undefined,
    requestsPerSecond: undefined,
  },
  inspect: false,
}

/** A key for the scraper API. */
export interface ScraperKey {
  readonly name: string
  /** Milliseconds since 1970 from which it is good. */
  readonly notBefore: number
  /** Milliseconds since 1970 after which it is not good any more. */
  readonly notAfter: number
  /** The tripcode of the key. */
  readonly hash: Tripcode
}

/** A relay's configuration, complete with defaults. */
export interface RelayConfig {
  readonly listen: ListenAddress.ListenAddress
  /** Where visitors reach the relay, without a slash at the end. */
  readonly publicUrl: string | undefined
  /** Each server is at its name below this domain, too, with an origin of its own; lower case. */
  readonly domain: string | undefined
  /** What is at `/servers/NAME/` where there is a domain: the server, or the way to its own origin. */
  readonly pathMode: "serve" | "redirect"
  /** Beginnings of names of cookies that no server gets, besides the relay's own. */
  readonly privateCookies: ReadonlyArray<string>
  /** Which visitors may come, to servers without rules of their own and to the relay's pages; `undefined` is everybody. */
  readonly frontendAuth: AuthRules.AuthRules | undefined
  /** The certificate and key in PEM with which the relay itself speaks TLS, chain and key. */
  readonly tls: { readonly chain: string; readonly key: Redacted.Redacted<string> } | undefined
  /** The files of the certificate and its key, which are followed. */
  readonly tlsFiles: ReadonlyArray<string>
  readonly enableScraperApi: boolean
  readonly servers: ReadonlyArray<RegisteredServer>
  readonly scraperKeys: ReadonlyArray<ScraperKey>
  /** Accepted as the original accepts it; any content. */
  readonly devMode: { readonly [key: string]: unknown } | undefined
  /** How long a visitor waits for a server that is not connected. */
  readonly waitForServer: Duration.Duration
  /** From hand-out to response head. */
  readonly responseTimeout: Duration.Duration
  /** Between the bytes of a body. */
  readonly idleTimeout: Duration.Duration
  /** How long a stream link may be silent before it is asked, and again before it is given up. */
  readonly heartbeat: Duration.Duration
  /** How long running bodies may go on when the relay stops. */
  readonly shutdownGrace: Duration.Duration
  /** Whether it may wait awake for the next of many small requests in a row. */
  readonly busyPoll: boolean
  /** How many links one server may have, of all its processes together. */
  readonly maxLinks: number
  /** How many requests may wait for one server. */
  readonly maxQueue: number
  /** Bytes of a visitor's body; `undefined` is no limit. */
  readonly maxBody: number | undefined
  /** How many requests may run on one server at once, those that wait included; `undefined` is no limit. */
  readonly maxRequests: number | undefined
  /** How many requests may come for one server, in the long run; `undefined` is no limit. */
  readonly requestsPerSecond: number | undefined
  /** How many requests of one visitor's address may run at once; `undefined` is no limit. */
  readonly maxRequestsPerAddress: number | undefined
  /** How many requests may come from one visitor's address, in the long run; `undefined` is no limit. */
  readonly requestsPerSecondPerAddress: number | undefined
  /** Bytes of a request's head. */
  readonly maxHead: number
  /** Fields of a request's head. */
  readonly maxFields: number
  /** Peers whose `X-Forwarded-*` fields are believed. */
  readonly trustedProxies: ReadonlyArray<IpNetwork.IpNetwork>
  /** How each request is written to a log, if at all. */
  readonly accessLog: "off" | "json" | "common" | "combined"
  /** The log's file; standard output where `undefined`. */
  readonly accessLogFile: string | undefined
  /** The file in which the audit log is kept, besides memory. */
  readonly auditLog: string | undefined
  /** Where traces, metrics and logs are sent by OTLP, without `/v1/traces` and the like. */
  readonly otlpEndpoint: string | undefined
  /** Where the administrator's pages and API are; `false` is nowhere. */
  readonly adminListen: ListenAddress.ListenAddress | false
  /** Where the administrator's browser reaches them, if not at that address: an origin. */
  readonly adminUrl: string | undefined
  /** The tripcode of the token by which scripts use the administrator's API. */
  readonly adminToken: Tripcode | undefined
  /** The field in which a proxy in front of the administrator's pages names who has signed in; lower case. */
  readonly adminTrustedHeader: string | undefined
  /** The peers that are believed about that. */
  readonly adminTrustedProxies: ReadonlyArray<IpNetwork.IpNetwork>
}

/** The administrator's port where none is given. */
export const defaultAdminPort = 4001

/** The port where none is given. */
export const defaultPort = 4000

/** The host where none is given: this machine only. */
export const defaultHost = "127.0.0.1"

const longestKeyMillis = 30 * 24 * 3_600_000

const Name = reading(Schema.String, (text) => (isServerName(text) ? text : undefined))
const Trip = reading(Schema.String, (text) => (isTripcode(text) ? text : undefined))
const nonEmpty = Schema.String.check(Schema.isMinLength(1))
const expectedTripcode = "the 44 characters that `ptth hash-api-key` prints"

// RFC 3339 5.6.
const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i

const Time = reading(Schema.Unknown, (raw) => {
  if (raw instanceof TomlDate) {
    return raw.isDateTime() && !raw.isLocal() ? raw.getTime() : undefined
  }
  if (typeof raw !== "string" || !timePattern.test(raw)) return undefined
  const millis = Date.parse(raw)
  return Number.isNaN(millis) ? undefined : millis
})
const expectedTime = 'a time with its zone, such as "2026-01-31T12:00:00Z"'

const PublicUrl = reading(Schema.String, (text) => {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined
  const url = new URL(text)
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    return undefined
  }
  return url.href.replace(/\/+$/, "")
})

const Network = reading(Schema.String, (text) => {
  const written = text.includes("/")
    ? IpInterface.fromString(text)
    : Result.flatMap(NetAddress.ipFromString(text), (address) =>
        IpInterface.make(address, NetAddress.width(address)),
      )
  return Result.getOrUndefined(Result.map(written, IpNetwork.fromInterface))
})

const Domain = reading(Schema.String, ServerHost.parseDomain)

// RFC 6265 4.1.1: a token.
const CookieName = Schema.String.check(Schema.isPattern(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/))

const expectedNetworks = 'a list of networks, such as ["10.0.0.0/8", "::1/128"]'

const Listen = reading(Schema.String, ListenAddress.parse)

const ListenOrOff = reading(Schema.Union([Schema.Boolean, Schema.String]), (raw) =>
  raw === false || (typeof raw === "string" && /^(?:false|off|no)$/i.test(raw))
    ? false
    : raw === true
      ? undefined
      : ListenAddress.parse(raw),
)

const Origin = reading(Schema.String, (text) => {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined
  const url = new URL(text)
  return url.pathname === "/" && url.href.replace(/\/$/, "") === url.origin ? url.origin : undefined
})

const FieldName = reading(Schema.String, (text) => (isName(text) ? text.toLowerCase() : undefined))

const Tripcodes = reading(
  Schema.Union([Schema.String, Schema.Array(Schema.String)]),
  (raw): RegisteredServer["tripcodes"] | undefined => {
    const [first, ...rest] = (typeof raw === "string" ? [raw] : raw).map((text) =>
      isTripcode(text) ? text : undefined,
    )
    return first === undefined || rest.includes(undefined)
      ? undefined
      : [first, ...rest.filter((one) => one !== undefined)]
  },
)
const expectedTripcodes = `${expectedTripcode}, or a list of such`

const between = (minimum: number, maximum: number) =>
  Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const Rate = Schema.Finite.check(Schema.isBetween({ minimum: 0.01, maximum: 1_000_000 }))
const RateOrZero = reading(Schema.Finite, (rate) =>
  rate === 0 || (rate >= 0.01 && rate <= 1_000_000) ? rate : undefined,
)

/** Keys that stand for all servers at the top, and for one in its table. */
const ofEachServer = {
  max_links: field(between(1, 10_000), "a number from 1 to 10000"),
  max_queue: field(between(0, 1_000_000), "a number from 0 to 1000000"),
  max_body: field(between(0, Number.MAX_SAFE_INTEGER), "a number of bytes"),
  max_requests: field(between(1, 1_000_000), "a number from 1 to 1000000"),
  requests_per_second: field(Rate, "a number from 0.01 to 1000000"),
}

const FileServerEntry = Schema.Struct({
  name: required(Name, "1 to 63 of the characters A-Z a-z 0-9 - _"),
  tripcode: required(Tripcodes, expectedTripcodes),
  display_name: field(nonEmpty, "a text that is not empty"),
  response_timeout: field(PositiveDuration, expectedDuration),
  auth: field(AuthRules.ServerAuth, "a table, headed [servers.auth]"),
  inspect: field(Schema.Boolean, "true or false"),
  ...ofEachServer,
})

const ScraperKeyEntry = Schema.Struct({
  name: required(nonEmpty, "a text that is not empty"),
  not_before: required(Time, expectedTime),
  not_after: required(Time, expectedTime),
  hash: required(Trip, expectedTripcode),
})

/** The keys as they stand in the file. */
export const RelayFile = Schema.Struct({
  port: field(between(0, 65535), "a port number, 0 to 65535"),
  listen: field(Listen, ListenAddress.expected),
  public_url: field(PublicUrl, 'an address such as "https://relay.example.com"'),
  domain: field(Domain, 'a domain such as "relay.example.com"'),
  path_mode: field(Schema.Literals(["serve", "redirect"]), '"serve" or "redirect"'),
  private_cookies: field(
    Schema.Array(CookieName),
    'a list of beginnings of names, such as ["_oauth2_proxy"]',
  ),
  frontend_auth: field(AuthRules.FrontendAuth, "a table, headed [frontend_auth]"),
  tls_cert: field(nonEmpty, "the path of a PEM file"),
  tls_key: field(nonEmpty, "the path of a PEM file"),
  enable_scraper_api: field(Schema.Boolean, "true or false"),
  servers: field(Schema.Array(FileServerEntry), "a table for each server, headed [[servers]]"),
  scraper_keys: field(
    Schema.Array(ScraperKeyEntry),
    "a table for each key, headed [[scraper_keys]]",
  ),
  dev_mode: field(Schema.Record(Schema.String, Schema.Unknown), "a table, headed [dev_mode]"),
  wait_for_server: field(DurationOrZero, expectedDuration),
  response_timeout: field(PositiveDuration, expectedDuration),
  idle_timeout: field(PositiveDuration, expectedDuration),
  heartbeat: field(PositiveDuration, expectedDuration),
  shutdown_grace: field(DurationOrZero, expectedDuration),
  busy_poll: field(Schema.Boolean, "true or false"),
  ...ofEachServer,
  max_requests_per_address: field(
    between(0, 1_000_000),
    "a number from 1 to 1000000, or 0 for no limit",
  ),
  requests_per_second_per_address: field(
    RateOrZero,
    "a number from 0.01 to 1000000, or 0 for no limit",
  ),
  max_head: field(between(1024, 1_048_576), "a number of bytes from 1024 to 1048576"),
  max_fields: field(between(1, 10_000), "a number from 1 to 10000"),
  trusted_proxies: field(Schema.Array(Network), expectedNetworks),
  access_log: field(
    Schema.Literals(["off", "json", "common", "combined"]),
    '"off", "json", "common" or "combined"',
  ),
  access_log_file: field(nonEmpty, "the name of a file"),
  audit_log: field(nonEmpty, "the name of a file"),
  otlp_endpoint: field(PublicUrl, 'an address such as "http://127.0.0.1:4318"'),
  admin_listen: field(ListenOrOff, `false, or ${ListenAddress.expected}`),
  admin_url: field(Origin, 'an address without a path, such as "https://admin.example.com"'),
  admin_token: field(Trip, expectedTripcode),
  admin_trusted_header: field(FieldName, 'the name of a header field, such as "X-Forwarded-Email"'),
  admin_trusted_proxies: field(Schema.Array(Network), expectedNetworks),
})

/** A file that registers servers and nothing else. */
const ServersFile = Schema.Struct({
  servers: field(Schema.Array(FileServerEntry), "a table for each server, headed [[servers]]"),
})

/** What the names of the relay's environment variables begin with. */
export const environmentPrefix = "PTTH_RELAY_"

const environmentKinds: { readonly [key: string]: ScalarKind } = {
  port: "number",
  listen: "text",
  public_url: "text",
  domain: "text",
  path_mode: "text",
  private_cookies: "list",
  tls_cert: "text",
  tls_key: "text",
  enable_scraper_api: "switch",
  wait_for_server: "text",
  response_timeout: "text",
  idle_timeout: "text",
  heartbeat: "text",
  shutdown_grace: "text",
  busy_poll: "switch",
  max_links: "number",
  max_queue: "number",
  max_body: "number",
  max_requests: "number",
  requests_per_second: "number",
  max_requests_per_address: "number",
  requests_per_second_per_address: "number",
  max_head: "number",
  max_fields: "number",
  trusted_proxies: "list",
  access_log: "text",
  access_log_file: "text",
  audit_log: "text",
  otlp_endpoint: "text",
  admin_listen: "text",
  admin_url: "text",
  admin_token: "text",
  admin_trusted_header: "text",
  admin_trusted_proxies: "list",
}

/** What environment variables say instead of the file. */
export const fromEnvironment = (env: {
  readonly [name: string]: string | undefined
}): ReadonlyArray<Override> =>
  ConfigDecode.fromEnvironment(environmentPrefix, environmentKinds, env)

/** All keys. */
export const keys: ReadonlyArray<string> = ConfigDecode.keysOf(RelayFile.ast)

const decodeFile = ConfigDecode.decodeWith(
  RelayFile,
  new Set(["servers", "scraper_keys", "dev_mode", "frontend_auth"]),
)

const decodeServers = ConfigDecode.decodeWith(ServersFile, new Set(["servers"]))

type Where = (path: ReadonlyArray<string | number>) => string

/** Servers of one file. */
interface Listed {
  readonly servers: ReadonlyArray<typeof FileServerEntry.Type>
  readonly where: Where
}

/** What is wrong with servers' names as hosts below a domain: hosts that cannot be, or belong to somebody else. */
export const hostProblems = (
  { domain, publicUrl }: Pick<RelayConfig, "domain" | "publicUrl">,
  names: ReadonlyArray<ServerName>,
): ReadonlyArray<{ readonly index: number; readonly detail: string }> => {
  if (domain === undefined) return []
  const own = publicUrl === undefined ? undefined : new URL(publicUrl).hostname
  const taken = new Map<string, ServerName>()
  return names.flatMap((name, index) => {
    const label = ServerHost.labelOf(name)
    if (label === undefined) return [{ index, detail: `${name} cannot be the beginning of a host` }]
    const host = `${label}.${domain}`
    const other = taken.get(label)
    taken.set(label, other ?? name)
    if (host === own) return [{ index, detail: `${host} is the relay's own host` }]
    return other === undefined || other === name
      ? []
      : [{ index, detail: `${name} and ${other} would both be at ${host}` }]
  })
}

const badHosts = (
  file: typeof RelayFile.Type,
  where: Where,
  listed: ReadonlyArray<Listed>,
): ReadonlyArray<ConfigProblem> => {
  const nowhere = file.path_mode === "redirect" && file.domain === undefined
  const named = listed.flatMap(({ servers, where: whereIn }) =>
    servers.map(({ name }, i) => ({ name, place: whereIn(["servers", i, "name"]) })),
  )
  return [
    ...(nowhere
      ? [
          {
            code: "PTTH_CONFIG_INVALID" as const,
            where: where(["path_mode"]),
            detail: "there is no `domain` to redirect to",
            remedy: 'Set `domain`, or leave `path_mode` at "serve".',
          },
        ]
      : []),
    ...hostProblems(
      { domain: file.domain, publicUrl: file.public_url },
      named.map(({ name }) => name),
    ).map(({ detail, index }) => ({
      code: "PTTH_CONFIG_INVALID" as const,
      where: named[index]?.place ?? "",
      detail,
      remedy: "Choose another name, or leave out `domain`.",
    })),
  ]
}

const repeatedNames = (files: ReadonlyArray<Listed>): ReadonlyArray<ConfigProblem> => {
  const seen = new Map<string, string>()
  return files.flatMap(({ servers, where }) =>
    servers.flatMap(({ name }, i) => {
      const before = seen.get(name)
      const here = where(["servers", i, "name"])
      if (before === undefined) {
        seen.set(name, here)
        return []
      }
      return [
        {
          code: "PTTH_CONFIG_INVALID" as const,
          where: here,
          detail: `a second server is called ${name}${before === "" ? "" : `; the first is at ${before}`}`,
          remedy: "Give each server its own name.",
        },
      ]
    }),
  )
}

const halfTls = (file: typeof RelayFile.Type, where: Where): ReadonlyArray<ConfigProblem> => {
  if ((file.tls_cert === undefined) === (file.tls_key === undefined)) return []
  const [given, missing] =
    file.tls_key === undefined ? ["tls_cert", "tls_key"] : ["tls_key", "tls_cert"]
  return [
    {
      code: "PTTH_CONFIG_INCOMPLETE",
      where: where([given as string]),
      detail: `\`${given}\` is of no use without \`${missing}\``,
      remedy: `Add \`${missing}\`.`,
    },
  ]
}

/** The header is only believed of somebody, so one without the other is a mistake. */
const halfTrust = (file: typeof RelayFile.Type, where: Where): ReadonlyArray<ConfigProblem> => {
  const header = file.admin_trusted_header !== undefined
  const proxies = (file.admin_trusted_proxies ?? []).length > 0
  if (header === proxies) return []
  const [given, missing] = header
    ? ["admin_trusted_header", "admin_trusted_proxies"]
    : ["admin_trusted_proxies", "admin_trusted_header"]
  return [
    {
      code: "PTTH_CONFIG_INCOMPLETE",
      where: where([given]),
      detail: `\`${given}\` is of no use without \`${missing}\``,
      remedy: `Add \`${missing}\`.`,
    },
  ]
}

interface Authorized {
  readonly frontend: AuthRules.AuthRules | undefined
  /** In the order of the servers in all files. */
  readonly servers: ReadonlyArray<RegisteredServer["auth"]>
  readonly problems: ReadonlyArray<ConfigProblem>
}

const authOf = (
  file: typeof RelayFile.Type,
  inFile: Where,
  listed: ReadonlyArray<Listed>,
): Authorized => {
  const problems: Array<ConfigProblem> = []
  const hasProxies = (file.trusted_proxies ?? []).length > 0
  const read = <Table, Rules>(
    table: Table | undefined,
    place: () => string,
    from: (table: Table, hasProxies: boolean) => Result.Result<Rules, string>,
  ): Rules | undefined => {
    if (table === undefined) return undefined
    const made = from(table, hasProxies)
    if (Result.isSuccess(made)) return made.success
    problems.push({
      code: "PTTH_CONFIG_INVALID",
      where: place(),
      detail: made.failure,
      remedy: "Say who may come in, or leave the table out.",
    })
    return undefined
  }
  return {
    frontend: read(file.frontend_auth, () => inFile(["frontend_auth"]), AuthRules.fromTable),
    servers: listed.flatMap(({ servers, where }) =>
      servers.map(({ auth }, i) =>
        read(auth, () => where(["servers", i, "auth"]), AuthRules.fromServerTable),
      ),
    ),
    problems,
  }
}

const badPeriods = (file: typeof RelayFile.Type, where: Where): ReadonlyArray<ConfigProblem> =>
  (file.scraper_keys ?? []).flatMap((key, i) => {
    const period = key.not_after - key.not_before
    if (period > 0 && period <= longestKeyMillis) return []
    return [
      {
        code: "PTTH_CONFIG_INVALID" as const,
        where: where(["scraper_keys", i, "not_after"]),
        detail:
          period > 0
            ? "the scraper key is good for more than 30 days"
            : "the scraper key ends before it begins",
        remedy: "Let `not_after` be at most 30 days after `not_before`.",
      },
    ]
  })

const orNone = (limit: number): number | undefined => (limit === 0 ? undefined : limit)

/** A listen address from `listen` and `port`: `listen` wins, unless `port` comes from a stronger source. */
const listenOf = (
  file: typeof RelayFile.Type,
  rank: (key: string) => number,
): ListenAddress.ListenAddress => {
  if (file.listen === undefined) return { host: defaultHost, port: file.port ?? defaultPort }
  return file.port !== undefined && rank("port") > rank("listen")
    ? { host: file.listen.host, port: file.port }
    : file.listen
}

/** Where the administrator's side is if nothing is said: never in the way of the relay itself, and beside one on any free port, on any free port. */
const defaultAdmin = (listen: ListenAddress.ListenAddress): ListenAddress.ListenAddress => ({
  host: defaultHost,
  port:
    listen.port === 0 && listen.fd === undefined
      ? 0
      : listen.port === defaultAdminPort
        ? defaultAdminPort + 1
        : defaultAdminPort,
})

/** A further file that registers servers. */
export interface ServersPart {
  /** How errors name it. */
  readonly file: string
  readonly text: string
}

/** What is decoded beside the text of the file. */
export interface RelayDecodeOptions extends DecodeOptions {
  /** The files of `servers.d`. */
  readonly parts?: ReadonlyArray<ServersPart> | undefined
}

/** A file that the configuration names, and where it does. */
export interface NamedFile {
  readonly path: string
  readonly where: string
}

/** The files of `tls_cert` and `tls_key`. */
export interface CertificateFiles {
  readonly certificate: NamedFile
  readonly key: NamedFile
}

/** A configuration, and the files that are still to be read for it. */
export interface Decoded {
  /** Without a certificate. */
  readonly config: RelayConfig
  readonly certificate: CertificateFiles | undefined
}

/**
 * Reads a relay's configuration: the text of its file, further files with
 * servers, and what environment and flags say instead. Every problem that
 * there is comes back, each with its line.
 */
export const decodeNaming = (
  text: string,
  options?: RelayDecodeOptions,
): Result.Result<Decoded, ConfigError> => {
  const decoded = decodeFile(text, options)
  const parts = (options?.parts ?? []).map(({ file, text }) => decodeServers(text, { file }))
  const broken = ConfigDecode.failing(
    [decoded, ...parts].flatMap((one) => (Result.isFailure(one) ? one.failure.problems : [])),
  )
  if (broken !== undefined || Result.isFailure(decoded))
    return Result.fail(broken ?? Result.getOrThrow(Result.flip(decoded)))
  const { value: file, rank, where } = decoded.success
  const listed: ReadonlyArray<Listed> = [
    { servers: file.servers ?? [], where },
    ...parts.flatMap((part) =>
      Result.isSuccess(part)
        ? [{ servers: part.success.value.servers ?? [], where: part.success.where }]
        : [],
    ),
  ]
  const auth = authOf(file, where, listed)
  const error = ConfigDecode.failing([
    ...repeatedNames(listed),
    ...badHosts(file, where, listed),
    ...auth.problems,
    ...badPeriods(file, where),
    ...halfTrust(file, where),
    ...halfTls(file, where),
  ])
  if (error !== undefined) return Result.fail(error)
  const listen = listenOf(file, rank)
  const named = (path: string, key: string): NamedFile => ({ path, where: where([key]) })
  const certificate =
    file.tls_cert === undefined || file.tls_key === undefined
      ? undefined
      : { certificate: named(file.tls_cert, "tls_cert"), key: named(file.tls_key, "tls_key") }
  const config: RelayConfig = {
    listen,
    publicUrl: file.public_url,
    domain: file.domain,
    pathMode: file.path_mode ?? "serve",
    privateCookies: file.private_cookies ?? [],
    tls: undefined,
    tlsFiles: certificate === undefined ? [] : [certificate.certificate.path, certificate.key.path],
    enableScraperApi: file.enable_scraper_api ?? false,
    frontendAuth: auth.frontend,
    servers: listed
      .flatMap(({ servers }) => servers)
      .map((server, i) => ({
        name: server.name,
        tripcodes: server.tripcode,
        displayName: server.display_name,
        responseTimeout: server.response_timeout,
        auth: auth.servers[i],
        limits: {
          maxLinks: server.max_links,
          maxQueue: server.max_queue,
          maxBody: server.max_body,
          maxRequests: server.max_requests,
          requestsPerSecond: server.requests_per_second,
        },
        inspect: server.inspect ?? false,
      })),
    scraperKeys: (file.scraper_keys ?? []).map((key) => ({
      name: key.name,
      notBefore: key.not_before,
      notAfter: key.not_after,
      hash: key.hash,
    })),
    devMode: file.dev_mode,
    waitForServer: file.wait_for_server ?? Duration.seconds(10),
    responseTimeout: file.response_timeout ?? Duration.seconds(30),
    idleTimeout: file.idle_timeout ?? Duration.minutes(5),
    heartbeat: file.heartbeat ?? Duration.seconds(15),
    shutdownGrace: file.shutdown_grace ?? Duration.seconds(30),
    busyPoll: file.busy_poll ?? true,
    maxLinks: file.max_links ?? 64,
    maxQueue: file.max_queue ?? 256,
    maxBody: file.max_body,
    maxRequests: file.max_requests,
    requestsPerSecond: file.requests_per_second,
    maxRequestsPerAddress: orNone(file.max_requests_per_address ?? 512),
    requestsPerSecondPerAddress: orNone(file.requests_per_second_per_address ?? 200),
    maxHead: file.max_head ?? 65_536,
    maxFields: file.max_fields ?? 256,
    trustedProxies: file.trusted_proxies ?? [],
    accessLog: file.access_log ?? "off",
    accessLogFile: file.access_log_file,
    auditLog: file.audit_log,
    otlpEndpoint: file.otlp_endpoint,
    adminListen: file.admin_listen ?? defaultAdmin(listen),
    adminUrl: file.admin_url,
    adminToken: file.admin_token,
    adminTrustedHeader: file.admin_trusted_header,
    adminTrustedProxies: file.admin_trusted_proxies ?? [],
  }
  return Result.succeed({ config, certificate })
}

/** As {@link decodeNaming}, for whoever has no use for the files that are named. */
export const decode = (
  text: string,
  options?: RelayDecodeOptions,
): Result.Result<RelayConfig, ConfigError> =>
  Result.map(decodeNaming(text, options), ({ config }) => config)

/** What is in force where nothing is said; of all other keys nothing is. */
export const defaults: { readonly [Key in keyof typeof RelayFile.Type]?: unknown } = {
  listen: `${defaultHost}:${defaultPort}`,
  path_mode: "serve",
  private_cookies: [],
  enable_scraper_api: false,
  wait_for_server: "10 s",
  response_timeout: "30 s",
  idle_timeout: "5 min",
  heartbeat: "15 s",
  shutdown_grace: "30 s",
  busy_poll: true,
  max_links: 64,
  max_queue: 256,
  max_requests_per_address: 512,
  requests_per_second_per_address: 200,
  max_head: 65_536,
  max_fields: 256,
  trusted_proxies: [],
  access_log: "off",
  admin_listen: `${defaultHost}:${defaultAdminPort}`,
  admin_trusted_proxies: [],
}

/** What is in force and where it comes from, secrets left out; see {@link decode}. */
export const explain = (
  text: string,
  options?: RelayDecodeOptions,
): Result.Result<string, ConfigError> =>
  Result.flatMap(decode(text, options), (config) =>
    Result.map(decodeFile(text, options), ({ given, rank, where }) => {
      const address = rank("port") > rank("listen") ? "port" : "listen"
      const { adminListen } = config
      const made: { readonly [key: string]: unknown } = {
        listen: ListenAddress.format(config.listen),
        admin_listen: adminListen === false ? false : ListenAddress.format(adminListen),
      }
      const printed = keys
        .filter((key) => key !== "port")
        .map((key) => {
          const from = key === "listen" ? address : key
          const value = made[key] ?? given(key) ?? defaults[key as keyof typeof defaults]
          return { key, value, rank: rank(from), where: where([from]) }
        })
      const parts = (options?.parts ?? []).map(({ file, text }) =>
        ConfigPrint.print([
          {
            key: "servers",
            value: Result.getOrUndefined(decodeServers(text, { file }))?.given("servers"),
            rank: 1,
            where: file,
          },
        ]),
      )
      return ConfigPrint.whole([ConfigPrint.print(printed), ...parts])
    }),
  )

/** The configuration of a relay without a file, flags and environment: no servers, this machine only. */
export const empty: RelayConfig = Result.getOrThrow(decode(""))
