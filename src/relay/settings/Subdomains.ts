/**
 * Subdomain mode: the server to which a request's Host field belongs, and the
 * address of a server's own host.
 */
import { isIP } from "node:net"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { first, type HeaderList } from "../../domain/HeaderList.ts"
import * as ServerHost from "../../domain/ServerHost.ts"
import type { ServerName } from "../../domain/ServerName.ts"

/** What a host below the domain stands for: a server, no server, or it is invalid. */
export type HostRoute =
  | { readonly _tag: "Server"; readonly name: ServerName }
  | { readonly _tag: "UnknownServer"; readonly name: string }
  | { readonly _tag: "BadHost" }

/** The hosts of servers. */
export interface HostTable {
  /** The domain with a dot in front, if there is one. */
  readonly suffix: string | undefined
  /** By hosts that servers have besides. */
  readonly named: ReadonlyMap<string, HostRoute>
  /** The host of `public_url`, which is the relay's even below the domain. */
  readonly relayHost: string | undefined
  /** By the label in front of the domain. */
  readonly routes: ReadonlyMap<string, HostRoute>
}

const badHost: HostRoute = { _tag: "BadHost" }

/** The hosts of a configuration's servers; `undefined` if they have none. */
export const hostsOf = ({ domain, publicUrl, servers }: RelayConfig): HostTable | undefined =>
  domain === undefined && servers.every(({ hosts }) => hosts.length === 0)
    ? undefined
    : {
        suffix: domain === undefined ? undefined : `.${domain}`,
        named: new Map(
          servers.flatMap(({ hosts, name }) =>
            hosts.map((host): [string, HostRoute] => [host, { _tag: "Server", name }]),
          ),
        ),
        relayHost: publicUrl === undefined ? undefined : new URL(publicUrl).hostname,
        routes: new Map(
          servers.flatMap(({ name }): ReadonlyArray<[string, HostRoute]> => {
            const label = ServerHost.labelOf(name)
            return label === undefined ? [] : [[label, { _tag: "Server", name }]]
          }),
        ),
      }

/** The names of the relay itself: the host of `public_url`, unless that is an IP address, and `domain`. */
export const ownHostsOf = ({ domain, publicUrl }: RelayConfig): ReadonlyArray<string> => {
  const host = publicUrl === undefined ? undefined : new URL(publicUrl).hostname
  const isName = host !== undefined && isIP(host.replaceAll(/[[\]]/g, "")) === 0
  return [...new Set([...(isName ? [host] : []), ...(domain === undefined ? [] : [domain])])]
}

/** The route that a request's Host field selects; `undefined` if the host is the relay's own. */
export const route = (hosts: HostTable | undefined, headers: HeaderList): HostRoute | undefined => {
  if (hosts === undefined) return undefined
  const field = first(headers, "host")
  if (field === undefined || field === "") return undefined
  const host = ServerHost.hostOf(field)
  return host === undefined ? badHost : routeOf(hosts, host)
}

/** The same for a host in lower case. */
export const routeOf = (hosts: HostTable | undefined, host: string): HostRoute | undefined => {
  if (hosts === undefined) return undefined
  const { named, relayHost, routes, suffix } = hosts
  const byName = named.get(host)
  if (byName !== undefined) return byName
  if (suffix === undefined || !host.endsWith(suffix) || host === relayHost) return undefined
  const name = host.slice(0, -suffix.length)
  return routes.get(name) ?? { _tag: "UnknownServer", name }
}

/** The address of a target on a server's own host, with the scheme and port of a visitor's request. */
export const locationOf = (
  domain: string,
  name: ServerName,
  request: { readonly proto: string; readonly host: string },
  target: string,
): string | undefined => {
  const label = ServerHost.labelOf(name)
  return label === undefined
    ? undefined
    : `${request.proto}://${label}.${domain}${ServerHost.portOf(request.host)}${target}`
}

/** The address at which visitors reach a server; `undefined` without `public_url`. */
export const urlOf = (config: RelayConfig, name: ServerName): string | undefined =>
  config.publicUrl === undefined
    ? undefined
    : new URL(linkOf(config, name), `${config.publicUrl}/servers/`).href

/** The link to a server on the relay's list: its own host if it has one and `public_url` is set. */
export const linkOf = ({ domain, publicUrl, servers }: RelayConfig, name: ServerName): string => {
  if (publicUrl === undefined) return `${name}/`
  const { host, protocol } = new URL(publicUrl)
  if (domain === undefined) {
    const [own] = servers.find((server) => server.name === name)?.hosts ?? []
    return own === undefined ? `${name}/` : `${protocol}//${own}${ServerHost.portOf(host)}/`
  }
  return locationOf(domain, name, { proto: protocol.slice(0, -1), host }, "/") ?? `${name}/`
}
