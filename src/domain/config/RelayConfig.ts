/**
 * The relay's configuration: what the keys of `RelayKeys.ts` decode to, and the
 * checks that concern several keys. The file is `ptth_relay.toml`; every key
 * that is not a table can also be given as an environment variable.
 */
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as ListenAddress from "../ListenAddress.ts"
import type { Tripcode } from "../Tripcode.ts"
import type { AuthRules } from "./AuthRules.ts"
import type { DecodeOptions, Override } from "./ConfigDecode.ts"
import * as ConfigDecode from "./ConfigDecode.ts"
import type { ConfigError } from "./ConfigError.ts"
import * as ConfigKey from "./ConfigKey.ts"
import * as ConfigPrint from "./ConfigPrint.ts"
import type { Oidc, OidcTable } from "./OidcKeys.ts"
import * as RelayChecks from "./RelayChecks.ts"
import {
  defaultAdminPort,
  defaultHost,
  environmentPrefix,
  type limitKeys,
  type RelayFile,
  registeredServerKeys,
  relayKeys,
  type ServerEntry,
  type scraperKeyKeys,
  serversKey,
} from "./RelayKeys.ts"

/** Limits of one server; `undefined` is the relay's limit. */
export type ServerLimits = ConfigKey.ConfigValues<typeof limitKeys>

/** A server that may connect. */
export interface RegisteredServer
  extends Omit<ServerEntry, "tripcode" | "auth" | keyof ServerLimits> {
  /** The tripcodes of its keys, one of which it must present. */
  readonly tripcodes: readonly [Tripcode, ...ReadonlyArray<Tripcode>]
  /** Which visitors the relay lets in; `undefined` applies the rules of the frontend. */
  readonly auth: AuthRules | "open" | undefined
  readonly limits: ServerLimits
}

/** A key for the scraper API; times are milliseconds since 1970. */
export type ScraperKey = ConfigKey.ConfigValues<typeof scraperKeyKeys>

/** A relay's configuration, complete with defaults. Most fields are rows of `RelayKeys.ts`. */
export interface RelayConfig
  extends Omit<
    RelayFile,
    "port" | "tlsCert" | "tlsKey" | "servers" | "scraperKeys" | "frontendAuth" | "oidc"
  > {
  /** Which visitors the relay lets in, to its pages and to servers without rules of their own; `undefined` is everybody. */
  readonly frontendAuth: AuthRules | undefined
  /** Where visitors sign in by OpenID Connect. */
  readonly oidc: Oidc | undefined
  /** Certificate chain and key in PEM. */
  readonly tls: { readonly chain: string; readonly key: Redacted.Redacted<string> } | undefined
  /** The files of the certificate and its key, which are watched. */
  readonly tlsFiles: ReadonlyArray<string>
  readonly servers: ReadonlyArray<RegisteredServer>
  readonly scraperKeys: ReadonlyArray<ScraperKey>
}

/** Whether the relay speaks TLS itself. */
export const speaksTls = ({
  acme,
  tlsFiles,
  tls,
}: Pick<RelayConfig, "acme" | "tls" | "tlsFiles">): boolean =>
  acme !== undefined || tls !== undefined || tlsFiles.length > 0

const registered = (entry: ServerEntry, auth: RegisteredServer["auth"]): RegisteredServer => {
  const { maxBody, maxLinks, maxQueue, maxRequests, requestsPerSecond, tripcode, ...rest } = entry
  const limits = { maxLinks, maxQueue, maxBody, maxRequests, requestsPerSecond }
  return { ...rest, tripcodes: tripcode, auth, limits }
}

/** A server's registration with the required keys only. */
export const plainServer: Omit<RegisteredServer, "name" | "tripcodes"> = registered(
  ConfigKey.values(registeredServerKeys, {}),
  undefined,
)

/** The overrides that environment variables make. */
export const fromEnvironment = (env: {
  readonly [name: string]: string | undefined
}): ReadonlyArray<Override> => ConfigDecode.fromEnvironment(environmentPrefix, relayKeys, env)

/** The names of all keys. */
export const keys: ReadonlyArray<string> = Object.values(relayKeys).map(({ name }) => name)

const decodeFile = ConfigDecode.decoder(relayKeys)

const decodeServers = ConfigDecode.decoder(serversKey)

/**
 * `listen` and `port` together: `listen` wins, unless `port` comes from a source
 * of higher precedence. With ACME the default is the port of https everywhere.
 */
const listenOf = (
  { acme, listen, port }: RelayFile,
  rank: (key: string) => ConfigDecode.Rank,
): ListenAddress.ListenAddress => {
  if (rank("port") > rank("listen")) return { host: listen.host, port }
  return acme !== undefined && rank("listen") === 0
    ? { host: ListenAddress.everywhere, port: 443 }
    : listen
}

/** `http_listen`; with ACME the default is the port of http everywhere. */
const httpListenOf = (
  { acme, httpListen }: RelayFile,
  rank: (key: string) => ConfigDecode.Rank,
): RelayFile["httpListen"] =>
  acme !== undefined && rank("http_listen") === 0
    ? { host: ListenAddress.everywhere, port: 80 }
    : httpListen

/** `public_url`; with ACME the default is `domain` at the port that the relay listens on. */
const publicUrlOf = (
  { acme, domain, publicUrl }: RelayFile,
  { fd, port }: ListenAddress.ListenAddress,
): string | undefined => {
  if (publicUrl !== undefined || acme === undefined || domain === undefined) return publicUrl
  return port === 443 || port === 0 || fd !== undefined
    ? `https://${domain}`
    : `https://${domain}:${port}`
}

/** The administrator's default address: port 4001; 4002 if the relay uses 4001; 0 if the relay uses port 0. */
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

/** What is decoded besides the text of the file. */
export interface RelayDecodeOptions extends DecodeOptions {
  /** The files of `servers.d`. */
  readonly parts?: ReadonlyArray<ServersPart> | undefined
}

/** A file that the configuration names, and the place where it does. */
export interface NamedFile {
  readonly path: string
  readonly where: string
}

/** The files of `tls_cert` and `tls_key`. */
export interface CertificateFiles {
  readonly certificate: NamedFile
  readonly key: NamedFile
}

/** A configuration, and the files that still have to be read for it. */
export interface Decoded {
  /** Without a certificate, and without the provider of `oidc`. */
  readonly config: RelayConfig
  readonly certificate: CertificateFiles | undefined
  /** The provider, and the file of its secret. */
  readonly oidc: { readonly table: OidcTable; readonly secret: NamedFile } | undefined
}

interface Sources {
  readonly file: ConfigDecode.Decoded<RelayFile>
  /** The servers of the file and of each part. */
  readonly servers: ReadonlyArray<RelayChecks.ListedServers>
}

/** Decodes the file and the parts, each by itself. */
const decodeSources = (
  text: string,
  options: RelayDecodeOptions | undefined,
): Result.Result<Sources, ConfigError> => {
  const decoded = decodeFile(text, options)
  const parts = (options?.parts ?? []).map(({ file, text }) => decodeServers(text, { file }))
  const error = ConfigDecode.failing(
    [decoded, ...parts].flatMap((one) => (Result.isFailure(one) ? one.failure.problems : [])),
  )
  if (error !== undefined) return Result.fail(error)
  return Result.map(Result.all([decoded, Result.all(parts)]), ([file, parts]) => ({
    file,
    servers: [file, ...parts].map(({ value, where }) => ({ servers: value.servers ?? [], where })),
  }))
}

/** The files of the certificate, if there is one. */
const certificateOf = (
  { tlsCert, tlsKey }: RelayFile,
  where: RelayChecks.Where,
): CertificateFiles | undefined =>
  tlsCert === undefined || tlsKey === undefined
    ? undefined
    : {
        certificate: { path: tlsCert, where: where(["tls_cert"]) },
        key: { path: tlsKey, where: where(["tls_key"]) },
      }

/**
 * Decodes a relay's configuration: the text of its file, further files with
 * servers, and the overrides of environment and flags. All problems are
 * collected, each with its place.
 */
export const decodeNaming = (
  text: string,
  options?: RelayDecodeOptions,
): Result.Result<Decoded, ConfigError> =>
  Result.flatMap(decodeSources(text, options), ({ file: { rank, value, where }, servers }) => {
    const auth = RelayChecks.authOf(value, where, servers)
    const error = ConfigDecode.failing([
      ...RelayChecks.problems(value, where, servers),
      ...auth.problems,
    ])
    if (error !== undefined) return Result.fail(error)
    const { port: _port, tlsCert: _tlsCert, tlsKey: _tlsKey, oidc, ...settings } = value
    const listen = listenOf(value, rank)
    const certificate = certificateOf(value, where)
    const config: RelayConfig = {
      ...settings,
      listen,
      httpListen: httpListenOf(value, rank),
      publicUrl: publicUrlOf(value, listen),
      adminListen: rank("admin_listen") === 0 ? defaultAdmin(listen) : settings.adminListen,
      frontendAuth: auth.frontend,
      oidc: undefined,
      tls: undefined,
      tlsFiles:
        certificate === undefined ? [] : [certificate.certificate.path, certificate.key.path],
      servers: servers
        .flatMap((one) => one.servers)
        .map((entry, i) => registered(entry, auth.servers[i])),
      scraperKeys: settings.scraperKeys ?? [],
    }
    const secret = {
      path: oidc?.clientSecretFile ?? "",
      where: where(["oidc", "client_secret_file"]),
    }
    return Result.succeed({ config, certificate, oidc: oidc && { table: oidc, secret } })
  })

/** As {@link decodeNaming}, without the files that still have to be read. */
export const decode = (
  text: string,
  options?: RelayDecodeOptions,
): Result.Result<RelayConfig, ConfigError> =>
  Result.map(decodeNaming(text, options), ({ config }) => config)

/** The configuration in force and the source of each value, without secrets; see {@link decode}. */
export const explain = (
  text: string,
  options?: RelayDecodeOptions,
): Result.Result<string, ConfigError> =>
  Result.flatMap(decode(text, options), ({ adminListen, httpListen, listen, publicUrl }) =>
    Result.map(decodeFile(text, options), (decoded) => {
      const rows = ConfigPrint.rows(relayKeys, decoded).filter(({ key }) => key !== "port")
      const { rank, where } = decoded
      const address = rank("port") > rank("listen") ? "port" : "listen"
      const effective: { readonly [key: string]: unknown } = {
        admin_listen: adminListen === false ? false : ListenAddress.format(adminListen),
        http_listen: httpListen === false ? false : ListenAddress.format(httpListen),
        public_url: publicUrl,
      }
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
      return ConfigPrint.whole([
        ConfigPrint.print(
          rows.map((row) =>
            row.key === "listen"
              ? {
                  ...row,
                  value: ListenAddress.format(listen),
                  rank: rank(address),
                  where: where([address]),
                }
              : { ...row, value: effective[row.key] ?? row.value },
          ),
        ),
        ...parts,
      ])
    }),
  )

/** The configuration of a relay without a file, flags and environment: no servers, this machine only. */
export const empty: RelayConfig = Result.getOrThrow(decode(""))
