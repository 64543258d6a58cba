/**
 * Routes a visitor's path on the relay. Paths are taken byte for byte: nothing
 * is decoded, merged or normalised on the way to a server (protocol.md, URLs).
 */

import { isServerName, type ServerName } from "../../domain/ServerName.ts"
import * as Assets from "../../web/Assets.ts"

/** Where a request is routed. */
export type Route =
  | {
      readonly _tag: "Server"
      readonly name: ServerName
      /** Path and query as the server receives them. */
      readonly target: string
      /** The visitor's path before `target`, without its last slash. */
      readonly prefix: string
    }
  | { readonly _tag: "UnknownServer"; readonly name: string }
  | { readonly _tag: "Redirect"; readonly status: 307 | 308; readonly location: string }
  | { readonly _tag: "Page"; readonly page: Page }
  | { readonly _tag: "NotFound" }

/** The relay's own pages, and what they load. */
export type Page =
  | Assets.Asset
  | "servers"
  | "upCheck"
  | "healthz"
  | "readyz"
  | "favicon"
  | "style"
  | "script"
  | "events"

/** Whether a page needs no authentication: health checks, and the assets of error pages. */
export const isOpen = (page: Page): boolean => openPages.has(page)

const openPages: ReadonlySet<Page> = new Set<Page>([
  "upCheck",
  "healthz",
  "readyz",
  "favicon",
  "style",
  Assets.style,
  Assets.logo,
])

const pages: ReadonlyMap<string, Page> = new Map<string, Page>([
  ["/frontend/servers/", "servers"],
  ["/frontend/relay_up_check", "upCheck"],
  ["/frontend/events", "events"],
  ["/assets/style.css", "style"],
  ["/assets/app.js", "script"],
  ...[Assets.style, Assets.logo, Assets.liveScript].map(
    (asset) => [`/${asset.path}`, asset] as const,
  ),
  ["/healthz", "healthz"],
  ["/readyz", "readyz"],
  ["/favicon.svg", "favicon"],
  ["/favicon.ico", "favicon"],
])

const redirects: ReadonlyMap<string, string> = new Map([
  ["/", "frontend/servers/"],
  ["/servers/", "../frontend/servers/"],
  ["/servers", "frontend/servers/"],
  ["/frontend/servers", "servers/"],
  ["/frontend/", "servers/"],
  ["/frontend", "frontend/servers/"],
])

const serverPath = /^(?:\/frontend)?\/servers\/([^/?]+)(.*)$/s

/** The prefixes below which a visitor sees the same server as below `prefix`. */
export const equivalents = (prefix: string): ReadonlyArray<string> => {
  const [, name, rest] = serverPath.exec(prefix) ?? []
  return name === undefined || rest !== ""
    ? [prefix]
    : [`/servers/${name}`, `/frontend/servers/${name}`]
}

/** The route of a request target in origin-form. */
export const route = (target: string): Route => {
  const server = serverPath.exec(target)
  if (server !== null) return serverRoute(target, server[1] as string, server[2] as string)
  const question = target.indexOf("?")
  const path = question < 0 ? target : target.slice(0, question)
  const page = pages.get(path)
  if (page !== undefined) return { _tag: "Page", page }
  const location = redirects.get(path)
  return location === undefined ? { _tag: "NotFound" } : { _tag: "Redirect", status: 307, location }
}

const serverRoute = (target: string, name: string, rest: string): Route => {
  if (!isServerName(name)) return { _tag: "UnknownServer", name }
  if (!rest.startsWith("/")) return { _tag: "Redirect", status: 308, location: `${name}/${rest}` }
  return {
    _tag: "Server",
    name,
    target: rest,
    prefix: target.slice(0, target.length - rest.length),
  }
}
