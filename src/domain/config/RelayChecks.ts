/**
 * Checks of the relay's configuration that concern several keys: names and
 * hosts of servers, sign-in, certificates, and scraper keys.
 */
import * as Result from "effect/Result"
import { format, isConfidential } from "../ListenAddress.ts"
import * as ServerHost from "../ServerHost.ts"
import type { ServerName } from "../ServerName.ts"
import * as AuthRules from "./AuthRules.ts"
import type { ConfigProblem } from "./ConfigError.ts"
import type { RelayFile, ServerEntry } from "./RelayKeys.ts"
import type { Path } from "./Toml.ts"

/** The place of a part of a file, as errors name it. */
export type Where = (path: Path) => string

/** The servers of one file. */
export interface ListedServers {
  readonly servers: ReadonlyArray<ServerEntry>
  readonly where: Where
}

const invalid = (where: string, detail: string, remedy: string): ConfigProblem => ({
  code: "PTTH_CONFIG_INVALID",
  where,
  detail,
  remedy,
})

/** A key has no meaning without another one. */
const needs = (
  where: string,
  key: string,
  missing: string,
  remedy = `Add \`${missing}\`.`,
): ConfigProblem => ({
  code: "PTTH_CONFIG_INCOMPLETE",
  where,
  detail: `\`${key}\` needs \`${missing}\`, which is missing`,
  remedy,
})

/** Names of servers whose hosts below `domain` are invalid, or taken by another server or the relay. */
export const hostProblems = (
  { domain, publicUrl }: Pick<RelayFile, "domain" | "publicUrl">,
  names: ReadonlyArray<ServerName>,
): ReadonlyArray<{ readonly index: number; readonly detail: string }> => {
  if (domain === undefined) return []
  const relayHost = publicUrl === undefined ? undefined : new URL(publicUrl).hostname
  const nameByLabel = new Map<string, ServerName>()
  return names.flatMap((name, index) => {
    const label = ServerHost.labelOf(name)
    if (label === undefined) return [{ index, detail: `${name} cannot be the beginning of a host` }]
    const host = `${label}.${domain}`
    const other = nameByLabel.get(label)
    nameByLabel.set(label, other ?? name)
    if (host === relayHost) return [{ index, detail: `${host} is the relay's own host` }]
    return other === undefined || other === name
      ? []
      : [{ index, detail: `${name} and ${other} would both be at ${host}` }]
  })
}

/** Hosts of servers that are given twice, or the relay's own. */
const namedHosts = (
  { domain, publicUrl }: RelayFile,
  listed: ReadonlyArray<ListedServers>,
): ReadonlyArray<ConfigProblem> => {
  const owners = new Map<string, string>()
  if (publicUrl !== undefined) owners.set(new URL(publicUrl).hostname, "the relay")
  if (domain !== undefined) {
    owners.set(domain, "the relay")
    for (const { name } of listed.flatMap(({ servers }) => servers))
      owners.set(`${ServerHost.labelOf(name)}.${domain}`, name)
  }
  return listed.flatMap(({ servers, where }) =>
    servers.flatMap(({ hosts, name }, i) =>
      hosts.flatMap((host, j) => {
        const owner = owners.get(host)
        owners.set(host, owner ?? name)
        return owner === undefined
          ? []
          : [
              invalid(
                where(["servers", i, "hosts", j]),
                `${host} is the host of ${owner} already`,
                "Give each host to one server.",
              ),
            ]
      }),
    ),
  )
}

const hosts = (
  file: RelayFile,
  listed: ReadonlyArray<ListedServers>,
): ReadonlyArray<ConfigProblem> => {
  const named = listed.flatMap(({ servers, where }) =>
    servers.map(({ name }, i) => ({ name, place: where(["servers", i, "name"]) })),
  )
  return hostProblems(
    file,
    named.map(({ name }) => name),
  ).map(({ detail, index }) =>
    invalid(named[index]?.place ?? "", detail, "Choose another name, or leave out `domain`."),
  )
}

const pathMode = ({ domain, pathMode }: RelayFile, where: Where): ReadonlyArray<ConfigProblem> =>
  pathMode === "redirect" && domain === undefined
    ? [
        invalid(
          where(["path_mode"]),
          "there is no `domain` to redirect to",
          'Set `domain`, or leave `path_mode` at "serve".',
        ),
      ]
    : []

const repeatedNames = (files: ReadonlyArray<ListedServers>): ReadonlyArray<ConfigProblem> => {
  const firstPlace = new Map<string, string>()
  return files.flatMap(({ servers, where }) =>
    servers.flatMap(({ name }, i) => {
      const first = firstPlace.get(name)
      const place = where(["servers", i, "name"])
      if (first === undefined) {
        firstPlace.set(name, place)
        return []
      }
      const detail = `a second server is called ${name}${first === "" ? "" : `; the first is at ${first}`}`
      return [invalid(place, detail, "Give each server its own name.")]
    }),
  )
}

/** A pair of keys of which one has no meaning without the other. */
const pair = (
  first: { readonly key: string; readonly given: boolean },
  second: { readonly key: string; readonly given: boolean },
  where: Where,
): ReadonlyArray<ConfigProblem> => {
  if (first.given === second.given) return []
  const [present, missing] = first.given ? [first.key, second.key] : [second.key, first.key]
  return [needs(where([present]), present, missing)]
}

/** Keys that mean nothing unless the relay speaks TLS itself. */
const onlyWithTls = (file: RelayFile, where: Where): ReadonlyArray<ConfigProblem> => {
  if (file.tlsCert !== undefined || file.acme !== undefined) return []
  const present = [
    ...(file.httpListen === false ? [] : ["http_listen"]),
    ...(file.hsts === false ? [] : ["hsts"]),
  ]
  return present.map((key) => ({
    code: "PTTH_CONFIG_INCOMPLETE" as const,
    where: where([key]),
    detail: `\`${key}\` is for a relay that speaks TLS itself, and there is no certificate`,
    remedy: `Add \`acme\`, or \`tls_cert\` and \`tls_key\`, or remove \`${key}\`.`,
  }))
}

/** One port cannot take both TLS and plain HTTP. */
const plainPort = (
  { httpListen, listen }: RelayFile,
  where: Where,
): ReadonlyArray<ConfigProblem> =>
  httpListen === false || httpListen.port === 0 || format(httpListen) !== format(listen)
    ? []
    : [
        invalid(
          where(["http_listen"]),
          `\`http_listen\` is ${format(listen)}, as \`listen\` is`,
          "Give plain HTTP a port of its own, such as 80.",
        ),
      ]

/** What certificates by ACME need. */
const acme = (file: RelayFile, where: Where): ReadonlyArray<ConfigProblem> => {
  if (file.acme === undefined) return []
  const host = file.publicUrl === undefined ? undefined : new URL(file.publicUrl).hostname
  const hasHost = file.domain !== undefined || (host !== undefined && !isAddress(host))
  const dnsKey = file.acmeDnsHook === undefined ? "acme_dns_server" : "acme_dns_hook"
  const hasDns = file.acmeDnsHook !== undefined || file.acmeDnsServer !== undefined
  return [
    ...(hasHost ? [] : [needs(where(["acme"]), "acme", "domain")]),
    ...(hasDns && file.domain === undefined ? [needs(where([dnsKey]), dnsKey, "domain")] : []),
    ...(file.acmeDnsHook !== undefined && file.acmeDnsServer !== undefined
      ? [
          invalid(
            where(["acme_dns_server"]),
            "`acme_dns_hook` sets the records already",
            "Remove one of the two.",
          ),
        ]
      : []),
  ]
}

/** Whether the host of a URL is an IP address. */
const isAddress = (host: string): boolean => /^(?:\[.*\]|\d+(?:\.\d+){3})$/.test(host)

const pairs = (file: RelayFile, where: Where): ReadonlyArray<ConfigProblem> => [
  ...pair(
    { key: "admin_trusted_header", given: file.adminTrustedHeader !== undefined },
    { key: "admin_trusted_proxies", given: file.adminTrustedProxies.length > 0 },
    where,
  ),
  ...pair(
    { key: "tls_cert", given: file.tlsCert !== undefined },
    { key: "tls_key", given: file.tlsKey !== undefined },
    where,
  ),
  ...pair(
    { key: "acme_eab_key_id", given: file.acmeEabKeyId !== undefined },
    { key: "acme_eab_key_file", given: file.acmeEabKeyFile !== undefined },
    where,
  ),
  ...pair(
    { key: "acme_dns_server", given: file.acmeDnsServer !== undefined },
    { key: "acme_dns_key_file", given: file.acmeDnsKeyFile !== undefined },
    where,
  ),
]

const maxScraperKeyMillis = 30 * 24 * 3_600_000

const scraperPeriods = (
  { scraperKeys = [] }: RelayFile,
  where: Where,
): ReadonlyArray<ConfigProblem> =>
  scraperKeys.flatMap(({ notAfter, notBefore }, i) => {
    const period = notAfter - notBefore
    if (period > 0 && period <= maxScraperKeyMillis) return []
    return [
      invalid(
        where(["scraper_keys", i, "not_after"]),
        period > 0
          ? "the scraper key is valid for more than 30 days"
          : "the scraper key ends before it begins",
        "Let `not_after` be at most 30 days after `not_before`.",
      ),
    ]
  })

/** Machines that find each other need an address and a key. */
const cluster = (file: RelayFile, where: Where): ReadonlyArray<ConfigProblem> => {
  const table = file.cluster
  if (table === undefined) return []
  const [present] = [
    ...(table.engine === undefined ? [] : ["engine"]),
    ...(table.peers.length === 0 ? [] : ["peers"]),
    ...(table.listen === undefined ? [] : ["listen"]),
    ...(table.advertise === undefined ? [] : ["advertise"]),
    ...(table.keyFile === undefined ? [] : ["key_file"]),
  ]
  const missing = [
    ...(table.listen === undefined ? ["listen"] : []),
    ...(table.keyFile === undefined ? ["key_file"] : []),
  ]
  return [
    ...(present === undefined
      ? []
      : missing.map((key) =>
          needs(where(["cluster", present]), present, key, `Add \`${key}\` to [cluster].`),
        )),
    ...(table.engine === undefined || table.peers.length === 0
      ? []
      : [
          invalid(
            where(["cluster", "peers"]),
            "`engine` says already who the other machines are",
            "Remove `peers` or `engine`.",
          ),
        ]),
  ]
}

/** What a relay cannot do with connections that it cannot read. */
const passthrough = (
  file: RelayFile,
  listed: ReadonlyArray<ListedServers>,
): ReadonlyArray<ConfigProblem> =>
  listed.flatMap(({ servers, where }) =>
    servers.flatMap(({ auth, hosts, inspect, name, tls }, i) => {
      if (tls !== "passthrough") return []
      const place = (key: string): string => where(["servers", i, key])
      const asks = auth?.open !== true && (auth ?? file.frontendAuth ?? file.oidc) !== undefined
      return [
        ...(file.domain === undefined && hosts.length === 0
          ? [
              invalid(
                place("tls"),
                `${name} needs a host of its own for \`tls = "passthrough"\``,
                "Set `domain`, or its `hosts`.",
              ),
            ]
          : []),
        ...(file.tlsCert === undefined && file.acme === undefined
          ? [
              invalid(
                place("tls"),
                '`tls = "passthrough"` needs a relay that speaks TLS itself',
                "Set `acme`, or `tls_cert` and `tls_key`; what is in front of the relay must pass TLS on unread.",
              ),
            ]
          : []),
        ...(asks
          ? [
              invalid(
                place(auth === undefined ? "tls" : "auth"),
                `the relay cannot ask visitors of ${name} to sign in, since it passes their TLS on unread`,
                "Set `auth = { open = true }`, and let the server ask them.",
              ),
            ]
          : []),
        ...(inspect
          ? [
              invalid(
                place("inspect"),
                `the relay cannot inspect requests to ${name}, since it passes their TLS on unread`,
                "Leave `inspect` out.",
              ),
            ]
          : []),
      ]
    }),
  )

/** The provider sends visitors back to `public_url`, where their sessions are kept in cookies that need TLS. */
const oidc = ({ oidc, publicUrl }: RelayFile, where: Where): ReadonlyArray<ConfigProblem> => {
  if (oidc === undefined || (publicUrl !== undefined && isConfidential(publicUrl))) return []
  return publicUrl === undefined
    ? [
        {
          code: "PTTH_CONFIG_INCOMPLETE",
          where: where(["oidc"]),
          detail: "[oidc] needs `public_url`, which is missing",
          remedy: "Add `public_url`, the address to which the provider sends visitors back.",
        },
      ]
    : [
        invalid(
          where(["public_url"]),
          "[oidc] needs a `public_url` with https, except on this machine",
          "Use https: browsers keep sessions only over TLS.",
        ),
      ]
}

/** What is wrong with names, hosts, certificates, scraper keys, the cluster, sign-in and passthrough. */
export const problems = (
  file: RelayFile,
  where: Where,
  servers: ReadonlyArray<ListedServers>,
): ReadonlyArray<ConfigProblem> => [
  ...repeatedNames(servers),
  ...pathMode(file, where),
  ...hosts(file, servers),
  ...namedHosts(file, servers),
  ...scraperPeriods(file, where),
  ...pairs(file, where),
  ...onlyWithTls(file, where),
  ...plainPort(file, where),
  ...acme(file, where),
  ...cluster(file, where),
  ...oidc(file, where),
  ...passthrough(file, servers),
]

/** The sign-in rules of a configuration. */
export interface CheckedAuth {
  readonly frontend: AuthRules.AuthRules | undefined
  /** In the order of the servers of all files. */
  readonly servers: ReadonlyArray<AuthRules.AuthRules | "open" | undefined>
  readonly problems: ReadonlyArray<ConfigProblem>
}

/** Reads the sign-in rules of the frontend and of all servers. */
export const authOf = (
  { frontendAuth, oidc, trustedProxies }: RelayFile,
  where: Where,
  listed: ReadonlyArray<ListedServers>,
): CheckedAuth => {
  const problems: Array<ConfigProblem> = []
  const check = <Rules>(
    rules: Result.Result<Rules, string> | undefined,
    place: () => string,
  ): Rules | undefined => {
    if (rules === undefined) return undefined
    if (Result.isSuccess(rules)) return rules.success
    problems.push(invalid(place(), rules.failure, "Say who may come in, or leave the table out."))
    return undefined
  }
  const surroundings = { hasTrustedProxies: trustedProxies.length > 0, signIn: oidc?.allow }
  return {
    frontend:
      frontendAuth === undefined && oidc !== undefined
        ? { ...AuthRules.none, signIn: oidc.allow }
        : check(frontendAuth && AuthRules.fromTable(frontendAuth, surroundings), () =>
            where(["frontend_auth"]),
          ),
    servers: listed.flatMap(({ servers, where }) =>
      servers.map(({ auth }, i) =>
        check(auth && AuthRules.fromServerTable(auth, surroundings), () =>
          where(["servers", i, "auth"]),
        ),
      ),
    ),
    problems,
  }
}
