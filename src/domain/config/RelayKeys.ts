/**
 * The keys of `ptth_relay.toml`, one row each. To add a key, add a row here and
 * use the field of its name in `RelayConfig`.
 */
import * as Schema from "effect/Schema"
import * as ServerHost from "../ServerHost.ts"
import { frontendAuthKeys, serverAuthKeys } from "./AuthRules.ts"
import {
  type ConfigValues,
  defaulting,
  optional,
  required,
  table,
  tables,
  withDefault,
} from "./ConfigKey.ts"
import * as Value from "./ConfigValue.ts"
import { oidcKeys } from "./OidcKeys.ts"

/** What the names of the relay's environment variables begin with. */
export const environmentPrefix = "PTTH_RELAY_"

/** The host where none is given: this machine only. */
export const defaultHost = "127.0.0.1"

/** The port where none is given. */
export const defaultPort = 4000

/** The administrator's port where none is given. */
export const defaultAdminPort = 4001

const nonEmpty = Value.text("a text that is not empty")
const pemFile = Value.text("the path of a PEM file")
const fileName = Value.text("the name of a file")

/** The certificate authority of ACME, for a relay or a server. */
export const acmeKeys = {
  acmeDirectory: withDefault({
    name: "acme_directory",
    value: Value.httpsUrl("https://acme.example.com/directory"),
    doc: "The directory of the certificate authority.",
    default: "https://acme-v02.api.letsencrypt.org/directory",
    flag: { metavar: "URL" },
  }),
  acmeCa: optional({
    name: "acme_ca",
    value: pemFile,
    doc: "A PEM file of certificates that are trusted for the connection to the certificate authority.",
    unset: "those of the system",
    flag: { metavar: "FILE" },
  }),
  acmeEabKeyId: optional({
    name: "acme_eab_key_id",
    value: nonEmpty,
    doc: "The id of the key by which the certificate authority recognises the customer (external account binding).",
    unset: "none",
  }),
  acmeEabKeyFile: optional({
    name: "acme_eab_key_file",
    value: Value.text("the path of a file"),
    doc: "The file of that key, in base64url as the certificate authority gives it.",
    unset: "none",
  }),
}

/** How the relay is reached. */
const addressKeys = {
  port: withDefault({
    name: "port",
    value: Value.integer(0, 65535, "a port number, 0 to 65535"),
    doc: "The port to listen on, on this machine only; 0 picks a free one, and `listen` takes precedence.",
    default: defaultPort,
    flag: { metavar: "PORT" },
  }),
  listen: withDefault({
    name: "listen",
    value: Value.listenAddress,
    doc: 'The address to listen on; "fd:3" takes a socket that is already open.',
    default: `${defaultHost}:${defaultPort}`,
    flag: { metavar: "HOST:PORT" },
  }),
  publicUrl: optional({
    name: "public_url",
    value: Value.httpUrl("https://relay.example.com"),
    doc: "The address at which visitors reach the relay.",
    unset: "not known",
    flag: { metavar: "URL" },
  }),
  domain: optional({
    name: "domain",
    value: Value.scalar(
      "text",
      Value.parsed(Schema.String, ServerHost.parseDomain),
      'a domain such as "relay.example.com"',
    ),
    doc: "The domain below which each server has a host, and so an origin, of its own.",
    see: "operating.md#one-origin-for-each-server",
    unset: "none",
    flag: { metavar: "DOMAIN" },
  }),
  pathMode: withDefault({
    name: "path_mode",
    value: Value.oneOf(["serve", "redirect"]),
    doc: "Whether `/servers/NAME/` serves the server or redirects to its host below `domain`.",
    default: "serve",
  }),
  unknownHosts: withDefault({
    name: "unknown_hosts",
    value: Value.oneOf(["serve", "refuse"]),
    doc: "Whether requests to hosts that are neither the relay's nor a server's get the relay's pages, or are refused with 421.",
    see: "operating.md#hosts-of-its-own",
    default: "serve",
  }),
  tlsCert: optional({
    name: "tls_cert",
    value: pemFile,
    doc: "The PEM file of the certificate and its chain with which the relay itself speaks TLS; it is reloaded when it changes.",
    unset: "no TLS",
    flag: { metavar: "FILE" },
  }),
  tlsKey: optional({
    name: "tls_key",
    value: pemFile,
    doc: "The PEM file of the certificate's key.",
    unset: "no TLS",
    flag: { metavar: "FILE" },
  }),
  acme: optional({
    name: "acme",
    value: Value.mailAddress,
    doc: "Obtain certificates by ACME, and so agree to the terms of the certificate authority, which gets this mail address; `listen` is then port 443, and `http_listen` port 80, of all addresses.",
    see: "operating.md#certificates-by-acme",
    unset: "no certificates by ACME",
    flag: { metavar: "EMAIL" },
  }),
  ...acmeKeys,
  acmeDnsHook: optional({
    name: "acme_dns_hook",
    value: Value.text("the path of a program"),
    doc: "The program that sets a TXT record in the zone of `domain`, called as `PROGRAM add NAME VALUE` and `PROGRAM remove NAME VALUE`; one certificate is then valid for all hosts below `domain`.",
    see: "operating.md#certificates-by-acme",
    unset: "none",
  }),
  acmeDnsServer: optional({
    name: "acme_dns_server",
    value: Value.peerAddress,
    doc: "Instead of `acme_dns_hook`, a name server that accepts updates (RFC 2136).",
    unset: "none",
  }),
  acmeDnsKeyFile: optional({
    name: "acme_dns_key_file",
    value: Value.text("the path of a file"),
    doc: "The file of the key for these updates, in the form that BIND's `tsig-keygen` prints.",
    unset: "none",
  }),
  httpListen: withDefault({
    name: "http_listen",
    value: Value.listenAddressOrFalse,
    doc: "The address for plain HTTP of a relay that speaks TLS: every request there is redirected to https.",
    see: "operating.md#the-plain-port",
    default: false,
    flag: { metavar: "HOST:PORT" },
  }),
  hsts: withDefault({
    name: "hsts",
    value: Value.hsts,
    doc: "The `Strict-Transport-Security` field of all responses over TLS, by which browsers use https only; true is one year.",
    see: "operating.md#the-plain-port",
    default: false,
  }),
  trustedProxies: withDefault({
    name: "trusted_proxies",
    value: Value.networks,
    doc: "The networks of proxies whose `X-Forwarded-*` fields are used.",
    default: [],
  }),
}

/** Limits that hold for every server, and that a server can have of its own. */
export const limitKeys = {
  maxLinks: optional({
    name: "max_links",
    value: Value.integer(1, 10_000),
    doc: "How many links one server may have, all its processes together.",
    unset: "the relay's",
  }),
  maxQueue: optional({
    name: "max_queue",
    value: Value.integer(0, 1_000_000),
    doc: "How many requests may wait for one server.",
    unset: "the relay's",
  }),
  maxBody: optional({
    name: "max_body",
    value: Value.bytes(0),
    doc: "The largest allowed request body, in bytes.",
    unset: "the relay's",
  }),
  maxRequests: optional({
    name: "max_requests",
    value: Value.integer(1, 1_000_000),
    doc: "How many requests to one server may run at the same time, waiting ones included.",
    unset: "the relay's",
  }),
  requestsPerSecond: optional({
    name: "requests_per_second",
    value: Value.rate,
    doc: "How many requests a second one server may get, with up to 10 seconds' worth of them at once.",
    unset: "the relay's",
  }),
}

/** How much visitors may ask for. */
const relayLimitKeys = {
  maxLinks: defaulting(limitKeys.maxLinks, 64),
  maxQueue: defaulting(limitKeys.maxQueue, 256),
  maxBody: { ...limitKeys.maxBody, unset: "no limit" },
  maxRequests: { ...limitKeys.maxRequests, unset: "no limit" },
  requestsPerSecond: { ...limitKeys.requestsPerSecond, unset: "no limit" },
  maxRequestsPerAddress: withDefault({
    name: "max_requests_per_address",
    value: Value.orUnlimited(Value.integer(1, 1_000_000)),
    doc: "How many requests from one address may run at the same time.",
    default: 512,
  }),
  requestsPerSecondPerAddress: withDefault({
    name: "requests_per_second_per_address",
    value: Value.orUnlimited(Value.rate),
    doc: "How many requests a second may come from one address, with up to 10 seconds' worth of them at once.",
    default: 200,
  }),
  maxHead: withDefault({
    name: "max_head",
    value: Value.integer(1024, 1_048_576, "a number of bytes from 1024 to 1048576"),
    doc: "The largest allowed request head, in bytes.",
    default: 65_536,
  }),
  maxFields: withDefault({
    name: "max_fields",
    value: Value.integer(1, 10_000),
    doc: "How many header fields a request may have.",
    default: 256,
  }),
}

/** How long things may take. */
const timeKeys = {
  waitForServer: withDefault({
    name: "wait_for_server",
    value: Value.durationOrZero,
    doc: "How long a request waits for a server that is not connected.",
    default: "10 s",
  }),
  responseTimeout: withDefault({
    name: "response_timeout",
    value: Value.duration,
    doc: "How long a server may take from receiving a request to sending the response head, apart from waiting for the visitor's body.",
    default: "30 s",
  }),
  maxResponseTimeout: withDefault({
    name: "max_response_timeout",
    value: Value.duration,
    doc: "The longest `response_timeout` that a server may ask for itself.",
    default: "10 min",
  }),
  idleTimeout: withDefault({
    name: "idle_timeout",
    value: Value.duration,
    doc: "How long a body may make no progress, in either direction.",
    default: "5 min",
  }),
  heartbeat: withDefault({
    name: "heartbeat",
    value: Value.duration,
    doc: "The time without a message after which a WebSocket link is pinged. After the same time without an answer it is closed.",
    default: "15 s",
  }),
  shutdownGrace: withDefault({
    name: "shutdown_grace",
    value: Value.durationOrZero,
    doc: "How long requests in progress may continue when the relay stops.",
    default: "30 s",
  }),
  lameDuck: withDefault({
    name: "lame_duck",
    value: Value.durationOrZero,
    doc: "The part of `shutdown_grace` during which a relay that stops still accepts connections, if visitors are connected.",
    see: "operating.md#upgrade-and-restart",
    default: "5 s",
  }),
  busyPoll: withDefault({
    name: "busy_poll",
    value: Value.boolean,
    doc: "Busy-poll for up to 1 ms while small requests follow each other closely.",
    see: "operating.md#latency-and-processor-time",
    default: true,
  }),
}

/** The keys of `[[servers]]`. */
export const registeredServerKeys = {
  name: required({
    name: "name",
    value: Value.serverName,
    doc: "The server's name, which is part of its address.",
  }),
  tripcode: required({
    name: "tripcode",
    value: Value.tripcodes,
    doc: "The tripcode of its key, or a list of several while the key is being changed.",
  }),
  displayName: optional({
    name: "display_name",
    value: nonEmpty,
    doc: "What pages show instead of the name.",
    unset: "the name",
  }),
  hosts: withDefault({
    name: "hosts",
    value: Value.hosts,
    doc: "Further hosts of the server, besides the one below `domain`.",
    see: "operating.md#hosts-of-its-own",
    default: [],
  }),
  responseTimeout: optional({
    name: "response_timeout",
    value: Value.duration,
    doc: "How long it may take from receiving a request to sending the response head, apart from waiting for the visitor's body.",
    unset: "the relay's",
  }),
  auth: optional({
    name: "auth",
    value: table(serverAuthKeys, "a table, headed [servers.auth]"),
    doc: "Which visitors the relay lets in to this server.",
    unset: "`[frontend_auth]`",
  }),
  tls: withDefault({
    name: "tls",
    value: Value.oneOf(["terminate", "passthrough"]),
    doc: "Where visitors' TLS ends: at the relay (terminate), or at the server (passthrough), so that the relay cannot read anything.",
    see: "operating.md#end-to-end-encryption",
    default: "terminate",
  }),
  inspect: withDefault({
    name: "inspect",
    value: Value.boolean,
    doc: "Let the administrator look into its last requests.",
    see: "operating.md#inspecting-requests",
    default: false,
  }),
  paused: withDefault({
    name: "paused",
    value: Value.boolean,
    doc: "Answer its visitors with status 503 instead of passing their requests on.",
    see: "operating.md#changing-servers",
    default: false,
  }),
  ...limitKeys,
}

/** The key `servers`, which files of `servers.d` have as well. */
export const serversKey = {
  servers: optional({
    name: "servers",
    value: tables(registeredServerKeys, "a table for each server, headed [[servers]]"),
    doc: "The servers that may connect; files `servers.d/*.toml` beside this one may have more.",
    unset: "none",
  }),
}

/** Which servers and visitors there are. */
const accessKeys = {
  ...serversKey,
  frontendAuth: optional({
    name: "frontend_auth",
    value: table(frontendAuthKeys, "a table, headed [frontend_auth]"),
    doc: "Which visitors the relay lets in.",
    see: "operating.md#authentication",
    unset: "everybody",
  }),
  oidc: optional({
    name: "oidc",
    value: table(oidcKeys, "a table, headed [oidc]"),
    doc: "The provider of OpenID Connect at which visitors sign in; it needs `public_url`.",
    see: "operating.md#sign-in-by-openid-connect",
    unset: "none",
  }),
  privateCookies: withDefault({
    name: "private_cookies",
    // RFC 6265 4.1.1: a token.
    value: Value.listOf(
      /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/,
      'a list of prefixes of names, such as ["_oauth2_proxy"]',
    ),
    doc: "Prefixes of names of cookies that are not passed on to servers.",
    default: [],
  }),
}

/** What is kept over restarts. */
const stateKeys = {
  stateDir: optional({
    name: "state_dir",
    value: Value.text("the path of a folder"),
    doc: "Where the relay keeps keys, accounts and statistics.",
    unset: "none",
    flag: { metavar: "DIR" },
  }),
}

/** What visitors of the relay itself see. */
const pageKeys = {
  title: optional({
    name: "title",
    value: nonEmpty,
    doc: "The title of the relay's own page.",
    unset: "`Servers`",
  }),
  description: optional({
    name: "description",
    value: nonEmpty,
    doc: "A sentence of the operator on that page.",
    unset: "none",
  }),
  publicList: withDefault({
    name: "public_list",
    value: Value.boolean,
    doc: "Whether that page lists the servers, with name, state, address, and whether one has to sign in.",
    default: true,
  }),
}

/** Logs and telemetry. */
const observationKeys = {
  accessLog: withDefault({
    name: "access_log",
    value: Value.oneOf(["off", "json", "common", "combined"]),
    doc: "The format of the access log, one line for each request.",
    see: "operating.md#monitoring",
    default: "off",
  }),
  accessLogFile: optional({
    name: "access_log_file",
    value: fileName,
    doc: "The file of the access log.",
    unset: "standard output",
  }),
  auditLog: optional({
    name: "audit_log",
    value: fileName,
    doc: "The file to which the audit log is written, as lines of JSON.",
    see: "operating.md#audit-log",
    unset: "memory only",
  }),
  otlpEndpoint: optional({
    name: "otlp_endpoint",
    value: Value.httpUrl("http://127.0.0.1:4318"),
    doc: "Where traces, metrics and logs are sent by OTLP, without `/v1/traces` and the like.",
    see: "operating.md#traces",
    unset: "OTEL_EXPORTER_OTLP_ENDPOINT",
  }),
}

/** The administrator's pages and API. */
const adminKeys = {
  adminListen: withDefault({
    name: "admin_listen",
    value: Value.listenAddressOrFalse,
    doc: "The address of the administrator's pages and API, or false for none.",
    see: "operating.md#the-administrators-side",
    default: `${defaultHost}:${defaultAdminPort}`,
    flag: { metavar: "HOST:PORT" },
  }),
  adminUrl: optional({
    name: "admin_url",
    value: Value.origin("https://admin.example.com"),
    doc: "The address at which the administrator's browser reaches them through a proxy.",
    unset: "`admin_listen`",
  }),
  adminToken: optional({
    name: "admin_token",
    value: Value.tripcode,
    doc: "The tripcode of the token with which scripts use the API.",
    unset: "no token",
  }),
  adminTrustedHeader: optional({
    name: "admin_trusted_header",
    value: Value.fieldName("X-Forwarded-Email"),
    doc: "The header field in which a proxy of `admin_trusted_proxies` names the administrator.",
    unset: "none",
  }),
  adminTrustedProxies: withDefault({
    name: "admin_trusted_proxies",
    value: Value.networks,
    doc: "The networks of the proxies whose `admin_trusted_header` is used.",
    default: [],
  }),
}

/** The keys of `[[scraper_keys]]`. */
export const scraperKeyKeys = {
  name: required({ name: "name", value: nonEmpty, doc: "The key's name." }),
  notBefore: required({
    name: "not_before",
    value: Value.time,
    doc: "The time from which the key is valid.",
  }),
  notAfter: required({
    name: "not_after",
    value: Value.time,
    doc: "The time until which the key is valid, at most 30 days later.",
  }),
  hash: required({ name: "hash", value: Value.tripcode, doc: "The tripcode of the key." }),
}

/** The scraper API of PTTH 2.x, and what is only accepted for compatibility. */
const scraperKeys = {
  enableScraperApi: withDefault({
    name: "enable_scraper_api",
    value: Value.boolean,
    doc: "Serve the scraper API.",
    see: "protocol.md#scraper-api-of-the-original",
    default: false,
  }),
  scraperKeys: optional({
    name: "scraper_keys",
    value: tables(scraperKeyKeys, "a table for each key, headed [[scraper_keys]]"),
    doc: "The keys for the scraper API.",
    unset: "none",
  }),
  devMode: optional({
    name: "dev_mode",
    value: {
      kind: "table" as const,
      schema: Schema.Record(Schema.String, Schema.Unknown),
      expected: "a table, headed [dev_mode]",
    },
    doc: "Accepted for compatibility with PTTH 2.x; it has no effect.",
    unset: "none",
  }),
}

/** The keys of `[cluster]`. */
const clusterKeys = {
  id: optional({
    name: "id",
    value: Value.matching(
      /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/,
      "1 to 63 of the characters A-Z a-z 0-9 . - _",
    ),
    doc: "This machine's name, which must be unique in the cluster.",
    unset: "its host name",
  }),
  listen: optional({
    name: "listen",
    value: Value.peerAddress,
    doc: "The address to listen on for the other machines; it must not be reachable for visitors.",
    unset: "this machine only",
  }),
  advertise: optional({
    name: "advertise",
    value: Value.reachableAddress,
    doc: "The address at which the other machines reach this one.",
    unset: "`listen`",
  }),
  keyFile: optional({
    name: "key_file",
    value: nonEmpty,
    doc: "The file of the cluster's key, which all machines share: one line of at least 32 characters, or two while the key is being changed.",
    unset: "none",
  }),
  engine: optional({
    name: "engine",
    value: Value.engine,
    doc: "How the machines find each other: Redis or Valkey, which also stores what they share, or a name in the DNS.",
    unset: "`peers`",
    secret: true,
  }),
  peers: withDefault({
    name: "peers",
    value: Value.peerAddresses,
    doc: "The addresses of the other machines, if there is no `engine`.",
    default: [],
  }),
  name: withDefault({
    name: "name",
    value: Value.matching(/^[A-Za-z0-9_-]{1,63}$/, "1 to 63 of the characters A-Z a-z 0-9 - _"),
    doc: "The name of the cluster, with which all keys in the engine begin.",
    default: "ptth",
  }),
  spread: withDefault({
    name: "spread",
    value: Value.integer(1, 64),
    doc: "Over how many relays each server spreads its links; each worker of each machine counts.",
    default: 4,
  }),
}

/** How many processes and machines serve as one relay. */
const scaleKeys = {
  workers: withDefault({
    name: "workers",
    value: Value.countOrAuto(1, 256),
    doc: 'How many processes serve; "auto" is one for each processor.',
    default: 1,
    flag: { metavar: "N" },
  }),
  cluster: optional({
    name: "cluster",
    value: table(clusterKeys, "a table, headed [cluster]"),
    doc: "Other machines with which this one serves as one relay.",
    unset: "none",
  }),
}

/** The sections of `docs/configuration.md`. */
export const relaySections = {
  "Addresses and TLS": addressKeys,
  "Servers and visitors": accessKeys,
  "The relay's own page": pageKeys,
  Times: timeKeys,
  Limits: relayLimitKeys,
  State: stateKeys,
  "Logs and telemetry": observationKeys,
  "Administrator's side": adminKeys,
  "Many processes and machines": scaleKeys,
  "Scraper API": scraperKeys,
}

/** All keys. */
export const relayKeys = {
  ...addressKeys,
  ...accessKeys,
  ...pageKeys,
  ...timeKeys,
  ...relayLimitKeys,
  ...stateKeys,
  ...observationKeys,
  ...adminKeys,
  ...scaleKeys,
  ...scraperKeys,
}

/** What the file decodes to, key by key. */
export type RelayFile = ConfigValues<typeof relayKeys>

/** What a table of `[[servers]]` decodes to. */
export type ServerEntry = ConfigValues<typeof registeredServerKeys>
