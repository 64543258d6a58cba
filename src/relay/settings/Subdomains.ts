/**
 * Subdomain mode: which server, if any, a request's host belongs to, and where
 * a server has an origin of its own.
 */

import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { first, type HeaderList } from "../../domain/HeaderList.ts"
import * as ServerHost from "../../domain/ServerHost.ts"
import type { ServerName } from "../../domain/ServerName.ts"

/** Whom a host belongs to: a server, nobody, or it is no host at all. */
export type HostRoute =
  | { readonly _tag: "Server"; readonly name: ServerName }
  | { readonly _tag: "UnknownServer"; readonly name: string }
  | { readonly _tag: "BadHost" }

interface Domain {
  readonly suffix: string
  /** The relay's own host, where that is below the domain as well. */
  readonly own: string | undefined
  readonly routes: ReadonlyMap<string, HostRoute>
}

const domains = new WeakMap<RelayConfig, Domain>()
const badHost: HostRoute = { _tag: "BadHost" }

const domainOf = (config: RelayConfig, domain: string): Domain => {
  let made = domains.get(config)
  if (made === undefined) {
    made = {
      suffix: `.${domain}`,
      own: config.publicUrl === undefined ? undefined : new URL(config.publicUrl).hostname,
      routes: new Map(
        config.servers.flatMap(({ name }): ReadonlyArray<[string, HostRoute]> => {
          const label = ServerHost.labelOf(name)
          return label === undefined ? [] : [[label, { _tag: "Server", name }]]
        }),
      ),
    }
    domains.set(config, made)
  }
  return made
}

/** Whose a request is by its host; `undefined` if the host is the relay's own, or there is no `domain`. */
export const route = (config: RelayConfig, headers: HeaderList): HostRoute | undefined => {
  if (config.domain === undefined) return undefined
  const field = first(headers, "host")
  if (field === undefined || field === "") return undefined
  const host = ServerHost.hostOf(field)
  if (host === undefined) return badHost
  const { own, routes, suffix } = domainOf(config, config.domain)
  if (!host.endsWith(suffix) || host === own) return undefined
  const name = host.slice(0, -suffix.length)
  return routes.get(name) ?? { _tag: "UnknownServer", name }
}

/** A place on the origin of a server, for a visitor who came by this scheme and Host field. */
export const locationOf = (
  domain: string,
  name: ServerName,
  came: { readonly proto: string; readonly host: string },
  target: string,
): string | undefined => {
  const label = ServerHost.labelOf(name)
  return label === undefined
    ? undefined
    : `${came.proto}://${label}.${domain}${ServerHost.portOf(came.host)}${target}`
}

/** Where visitors reach a server, if `public_url` says how the relay is reached. */
export const urlOf = (config: RelayConfig, name: ServerName): string | undefined =>
  config.publicUrl === undefined
    ? undefined
    : new URL(linkOf(config, name), `${config.publicUrl}/servers/`).href

/** Where the relay's list of servers links to: the server's own origin, if `public_url` says how it is reached. */
export const linkOf = ({ domain, publicUrl }: RelayConfig, name: ServerName): string => {
  if (domain === undefined || publicUrl === undefined) return `${name}/`
  const { host, protocol } = new URL(publicUrl)
  return locationOf(domain, name, { proto: protocol.slice(0, -1), host }, "/") ?? `${name}/`
}
