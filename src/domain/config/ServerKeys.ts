/**
 * The keys of `ptth_server.toml`, one row each. To add a key, add a row here
 * and use the field of its name in `ServerConfig`.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ApiKey from "../ApiKey.ts"
import { optional, required, tables, withDefault } from "./ConfigKey.ts"
import * as Value from "./ConfigValue.ts"
import { accessKeys } from "./FileAccess.ts"
import { acmeKeys } from "./RelayKeys.ts"

/** What the names of the server's environment variables begin with. */
export const environmentPrefix = "PTTH_SERVER_"

/** The path prefix of the tunnel's endpoints, which addresses of PTTH 2.x include. */
const tunnelPrefix = "/7ZSFUKGV"

/** The base address of a relay, without the tunnel's prefix and without a slash at the end. */
export const parseRelayUrl = (text: string): string | undefined => {
  const base = Value.parseHttpUrl(text)?.href.replace(/\/+$/, "")
  return base?.endsWith(tunnelPrefix)
    ? base.slice(0, -tunnelPrefix.length).replace(/\/+$/, "")
    : base
}

const portPattern = /^:?(\d{1,5})(\/.*)?$/

/** HOST:PORT without a scheme; an IPv6 address has brackets. */
const hostPattern = /^(?!https?:)(?:\[[^\]/]+\]|[^:/?#@[\]]+):\d{1,5}(?:\/.*)?$/i

/** The path of a unix socket in an address such as `unix:/run/app.sock`; `undefined` for other addresses. */
export const socketPathOf = (to: string): string | undefined => /^unix:([^\0]+)$/s.exec(to)?.[1]

/**
 * The address of an application: a port of this machine, HOST:PORT, :PORT or a
 * URL, each with or without a path, as a URL without a slash at its end; or
 * `unix:PATH`, as it is.
 */
export const parseUpstream = (input: string | number): string | undefined => {
  const text = String(input)
  if (text.startsWith("unix:")) return socketPathOf(text) === undefined ? undefined : text
  const [, port, path = ""] = portPattern.exec(text) ?? []
  const url = Value.parseHttpUrl(
    port !== undefined
      ? `http://localhost:${port}${path}`
      : hostPattern.test(text)
        ? `http://${text}`
        : text,
  )
  return url === undefined || url.port === "0" ? undefined : url.href.replace(/\/+$/, "")
}

const keyExpected = "a key such as `ptth keygen` prints"

const parseApiKey = (text: string): Result.Result<ApiKey.ApiKey, string> =>
  Result.mapError(ApiKey.parse(text), (fault) => `expected ${keyExpected}, but this one ${fault}`)

const relayUrl = Value.scalar(
  "text",
  Value.parsed(Schema.String, parseRelayUrl),
  'an address such as "https://relay.example.com"',
)

/** The server's identity and its relay. */
const identityKeys = {
  name: optional({
    name: "name",
    value: Value.serverName,
    doc: "The name by which the relay knows the server.",
    unset: "required",
    flag: { metavar: "NAME" },
  }),
  apiKey: optional({
    name: "api_key",
    value: Value.scalar("text", Value.explained(Schema.String, parseApiKey), keyExpected),
    doc: "The server's key; there is no flag for it, since other users of the machine could read it.",
    unset: "required",
    secret: true,
  }),
  relayUrl: optional({
    name: "relay_url",
    value: relayUrl,
    doc: "The relay's address.",
    unset: "required",
    flag: { metavar: "URL" },
  }),
  ca: optional({
    name: "ca",
    value: Value.text("the path of a file of certificates"),
    doc: "A PEM file of certificates to trust in addition to the usual ones.",
    unset: "SSL_CERT_FILE",
    flag: { metavar: "FILE" },
  }),
}

/** What of a folder is served. */
export const fileKeys = {
  symlinks: withDefault({
    name: "symlinks",
    value: Value.oneOf(["inside", "never", "follow"]),
    doc: "Which symbolic links are followed: those that stay inside the folder (inside), none (never), or all (follow).",
    default: "inside",
    flag: { metavar: "POLICY" },
  }),
  hidden: withDefault({
    name: "hidden",
    value: Value.texts('a list of patterns such as ["*.bak", "private/**"]'),
    doc: "Patterns of names that are neither listed nor served.",
    default: [],
    flag: { metavar: "PATTERNS" },
  }),
  dotfiles: withDefault({
    name: "dotfiles",
    value: Value.boolean,
    doc: "Serve names that begin with a dot, too.",
    default: false,
    flag: {},
  }),
  trustedContent: withDefault({
    name: "trusted_content",
    value: Value.boolean,
    doc: "Let browsers run scripts in the files, such as those of HTML pages.",
    default: false,
    flag: {},
  }),
  precompressed: withDefault({
    name: "precompressed",
    value: Value.boolean,
    doc: "Send FILE.br, FILE.zst or FILE.gz in place of FILE to clients that accept the coding; never in folders that take uploads.",
    default: false,
    flag: {},
  }),
  archives: withDefault({
    name: "archives",
    value: Value.boolean,
    doc: "Let visitors download folders, or what they choose in one, as an archive.",
    default: true,
    flag: {},
  }),
  shareLinks: withDefault({
    name: "share_links",
    value: Value.boolean,
    doc: "Let visitors make links to a file or folder that end, and that need no sign-in at this server.",
    default: false,
    flag: {},
  }),
  thumbnailCacheMax: withDefault({
    name: "thumbnail_cache_max",
    value: Value.bytes(0),
    doc: "How much disk the cache of thumbnails may take, in bytes; 0 keeps it in memory only.",
    see: "files.md#thumbnails",
    default: 512 * 1024 * 1024,
    flag: { metavar: "BYTES" },
  }),
  index: withDefault({
    name: "index",
    value: Value.boolean,
    doc: "Send the `index.html` of a folder in place of its listing, and the folder's `404.html` for what does not exist. The files are then also at `/`.",
    default: false,
    flag: {},
  }),
  spa: withDefault({
    name: "spa",
    value: Value.boolean,
    doc: "Send the served folder's `index.html` in place of pages that do not exist, for a single-page application; implies `index`. Its scripts need `trusted_content`.",
    default: false,
    flag: {},
  }),
  uploads: withDefault({
    name: "uploads",
    value: Value.boolean,
    doc: "Let visitors upload files into the folder.",
    default: false,
    flag: {},
  }),
  uploadsFolders: optional({
    name: "uploads_folders",
    value: Value.texts('a list of patterns such as ["inbox", "photos/**"]'),
    doc: "Patterns of the folders that take uploads; `.` is the served folder itself.",
    unset: "all",
    flag: { metavar: "PATTERNS" },
  }),
  uploadsOverwrite: withDefault({
    name: "uploads_overwrite",
    value: Value.boolean,
    doc: "Let an upload replace a file.",
    default: false,
    flag: {},
  }),
  uploadsMax: optional({
    name: "uploads_max",
    value: Value.bytes(1),
    doc: "The largest allowed upload, in bytes.",
    unset: "no limit",
    flag: { metavar: "BYTES" },
  }),
  manage: withDefault({
    name: "manage",
    value: Value.boolean,
    doc: "Let visitors change the folder: upload, replace, rename, move and delete, also as a network drive (WebDAV).",
    see: "files.md#changing-files",
    default: false,
    flag: {},
  }),
  manageFolders: optional({
    name: "manage_folders",
    value: Value.texts('a list of patterns such as ["inbox", "photos/**"]'),
    doc: "Patterns of the folders whose entries may be changed; `.` is the served folder itself.",
    unset: "all",
    flag: { metavar: "PATTERNS" },
  }),
  usersFile: optional({
    name: "users_file",
    value: Value.text("the path of a file"),
    doc: "A TOML file with `[[users]]`, `[[tokens]]` and `[visitors]`: who may read, upload and change what.",
    see: "files.md#who-may-do-what",
    unset: "none",
    flag: { metavar: "FILE" },
  }),
}

const upstream = Value.scalar(
  "text",
  Value.parsed(Schema.Union([Schema.Number, Schema.String]), parseUpstream),
  'a port, or an address such as "127.0.0.1:3000", "http://127.0.0.1:3000/path" or "unix:/run/app.sock"',
)

/** The application that is served, and how it is spoken to. */
export const originKeys = {
  to: optional({
    name: "to",
    value: upstream,
    doc: "The application to which requests are forwarded instead of serving a folder: a local port, HOST:PORT, a URL, or unix:PATH for a unix socket. A path of a URL is put before each target.",
    unset: "off",
    flag: { metavar: "PORT|URL" },
  }),
  hostHeader: optional({
    name: "host_header",
    value: Value.hostField,
    doc: "The Host field that the application of `to` receives. Origin and Referer follow it if they are the visitor's own.",
    unset: "the visitor's",
    flag: { metavar: "HOST" },
  }),
  toCa: optional({
    name: "to_ca",
    value: Value.text("the path of a file of certificates"),
    doc: "A PEM file of certificates to trust in addition to the usual ones when `to` is an https address.",
    unset: "NODE_EXTRA_CA_CERTS",
    flag: { metavar: "FILE" },
  }),
  toInsecure: withDefault({
    name: "to_insecure",
    value: Value.boolean,
    doc: "Accept any certificate of an https address in `to`; for applications on trusted networks only.",
    default: false,
    flag: {},
  }),
}

/** The path of a route without slashes at its end; no query, and nothing that is percent-encoded in two ways. */
const parseRoute = (text: string): string | undefined => {
  const path = text.replace(/\/+$/, "")
  const isPath = /^(?:\/[A-Za-z0-9._~!$&'()*+,;=:@-]+)+$/.test(path)
  return isPath && !/\/\.\.?(?:\/|$)/.test(path) ? path : undefined
}

/** The keys of `[[routes]]`. */
export const routeKeys = {
  path: required({
    name: "path",
    value: Value.scalar("text", Value.parsed(Schema.String, parseRoute), 'a path such as "/api"'),
    doc: "The path that is forwarded, with everything below it. If several match, the longest is used.",
  }),
  ...originKeys,
  to: required({
    name: "to",
    value: upstream,
    doc: "The application to which requests for the path are forwarded, which sees the whole path.",
  }),
}

const routes = optional({
  name: "routes",
  value: tables(routeKeys, "a table for each path, headed [[routes]]"),
  doc: "Paths that are forwarded to applications of their own; the rest goes to `to` or the folder.",
  unset: "none",
})

/** What `ptth dev` takes as flags. */
export const devKeys = { ...originKeys, ...fileKeys }

/** What is served. */
const contentKeys = {
  fileServerRoot: withDefault({
    name: "file_server_root",
    value: Value.text("the path of a folder"),
    doc: "The folder to serve, relative to the working directory.",
    default: ".",
    flag: { metavar: "DIR" },
  }),
  ...fileKeys,
  ...originKeys,
  routes,
}

/** Who must sign in. */
export const signInKeys = {
  authUser: optional({
    name: "auth_user",
    value: Value.userName,
    doc: "The user name that visitors must give, together with the password of `auth_password`.",
    unset: "off",
    flag: { name: "auth", metavar: "USER" },
  }),
  authPassword: optional({
    name: "auth_password",
    value: Value.passwordHash,
    doc: "The hash of the password, as `ptth hash-password` prints it.",
    unset: "off",
    secret: true,
  }),
  ...accessKeys,
}

/** TLS of visitors, where it ends at the server. */
const tlsKeys = {
  tlsCert: optional({
    name: "tls_cert",
    value: Value.text("the path of a PEM file"),
    doc: 'The PEM file of the certificate and its chain, if the relay has `tls = "passthrough"` for this server; it is reloaded when it changes.',
    see: "operating.md#end-to-end-encryption",
    unset: "no TLS",
    flag: { metavar: "FILE" },
  }),
  tlsKey: optional({
    name: "tls_key",
    value: Value.text("the path of a PEM file"),
    doc: "The PEM file of the certificate's key.",
    unset: "no TLS",
    flag: { metavar: "FILE" },
  }),
  acme: optional({
    name: "acme",
    value: Value.mailAddress,
    doc: "Obtain the certificate by ACME through the tunnel instead, and so agree to the terms of the certificate authority, which gets this mail address.",
    see: "operating.md#end-to-end-encryption",
    unset: "no certificate by ACME",
    flag: { metavar: "EMAIL" },
  }),
  ...acmeKeys,
  stateDir: optional({
    name: "state_dir",
    value: Value.text("the path of a folder"),
    doc: "The folder for the account and the certificates of ACME.",
    unset: "STATE_DIRECTORY, or the user's folder for state",
    flag: { metavar: "DIR" },
  }),
}

/** How the tunnel works. */
const tunnelKeys = {
  transport: withDefault({
    name: "transport",
    value: Value.oneOf(["auto", "classic", "stream"]),
    doc: "How the relay is reached: over WebSockets (stream), by plain requests (classic), or over WebSockets if they work (auto).",
    default: "auto",
    flag: { metavar: "KIND" },
  }),
  responseTimeout: optional({
    name: "response_timeout",
    value: Value.duration,
    doc: "How long this server may take from receiving a request to sending the response head, apart from waiting for the visitor's body. A `response_timeout` in the relay's entry for the server takes precedence. The relay's `max_response_timeout` is the limit.",
    unset: "the relay's",
  }),
  connections: optional({
    name: "connections",
    value: Value.integer(1, 64),
    doc: "How many WebSockets are kept open.",
    unset: "2, or more if several relays ask for it",
    flag: { metavar: "N" },
  }),
  throttleUpload: withDefault({
    name: "throttle_upload",
    value: Value.boolean,
    doc: "Limit each response to 1 MiB a second.",
    default: false,
    flag: {},
  }),
  busyPoll: withDefault({
    name: "busy_poll",
    value: Value.boolean,
    doc: "Busy-poll for up to 1 ms while small requests follow each other closely.",
    default: true,
  }),
  otlpEndpoint: optional({
    name: "otlp_endpoint",
    value: Value.httpUrl("http://127.0.0.1:4318"),
    doc: "Where traces, metrics and logs are sent by OTLP, without `/v1/traces` and the like.",
    unset: "OTEL_EXPORTER_OTLP_ENDPOINT",
  }),
}

const { fileServerRoot, ...otherContent } = contentKeys

/** The keys of `[[services]]`. */
export const serviceKeys = {
  name: required({
    name: "name",
    value: Value.serverName,
    doc: "The name by which the relay knows this service.",
  }),
  apiKey: { ...identityKeys.apiKey, doc: "The service's own key.", unset: "the one above" },
  fileServerRoot: optional({
    name: "file_server_root",
    value: fileServerRoot.value as Value.ConfigValue<string>,
    doc: "The folder to serve, relative to the working directory.",
    unset: "needed unless there is `to`",
  }),
  ...otherContent,
  authUser: { ...signInKeys.authUser, unset: "the one above" },
  authPassword: { ...signInKeys.authPassword, unset: "the one above" },
  tlsCert: { ...tlsKeys.tlsCert, unset: "the one above" },
  tlsKey: { ...tlsKeys.tlsKey, unset: "the one above" },
  responseTimeout: { ...tunnelKeys.responseTimeout, unset: "the one above" },
  throttleUpload: optional({
    name: "throttle_upload",
    value: Value.boolean,
    doc: tunnelKeys.throttleUpload.doc,
    unset: "the one above",
  }),
}

/** What is served besides, in the same process. */
const furtherKeys = {
  services: optional({
    name: "services",
    value: tables(serviceKeys, "a table for each service, headed [[services]]"),
    doc: "Further servers in the same process. If there is no `name` outside of them, they are the only ones.",
    see: "operating.md#several-services",
    unset: "none",
  }),
}

/** The sections of `docs/configuration.md`. */
export const serverSections = {
  "Name, key and relay": identityKeys,
  "What is served": contentKeys,
  "Sign-in": signInKeys,
  "End-to-end encryption": tlsKeys,
  Tunnel: tunnelKeys,
  "Several services": furtherKeys,
}

/** All keys. */
export const serverKeys = {
  ...identityKeys,
  ...contentKeys,
  ...signInKeys,
  ...tlsKeys,
  ...tunnelKeys,
  ...furtherKeys,
}

const { to: _to, ...originFlags } = originKeys
const { connections, throttleUpload, transport } = tunnelKeys

/** What `ptth share` takes as flags; what it shares is its argument. */
export const shareKeys = {
  name: {
    ...identityKeys.name,
    doc: "The server's name at the relay, which is part of its address.",
    unset: "that of the same TARGET before, else two random words",
  },
  ca: identityKeys.ca,
  ...fileKeys,
  ...originFlags,
  authUser: {
    ...signInKeys.authUser,
    doc: "The user name that visitors must give, together with a password, which is asked for, or whose hash is in PTTH_SHARE_AUTH_PASSWORD.",
  },
  transport,
  connections,
  throttleUpload,
}

/** The keys of the user's own `config.toml`, for commands without a configuration of their own. */
export const userKeys = {
  relay: optional({
    name: "relay",
    value: relayUrl,
    doc: "The address of the relay through which `ptth share` serves.",
    unset: "the one that was used last",
    flag: { metavar: "URL" },
  }),
  ca: optional({
    name: "ca",
    value: Value.text("the path of a file of certificates"),
    doc: "A PEM file of certificates to trust in addition to the usual ones.",
    unset: "SSL_CERT_FILE",
  }),
  insecure: withDefault({
    name: "insecure",
    value: Value.boolean,
    doc: "Allow a plain http:// relay on another machine, which sends the key unencrypted.",
    default: false,
  }),
}
