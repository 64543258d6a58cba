/**
 * The visitors' side of the relay: finds out what a request is for, and hands
 * those for a server to its tunnel.
 */

import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import type { Header, HeaderList } from "../../domain/HeaderList.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import * as Forwarded from "../../protocol/http/Forwarded.ts"
import * as HopByHop from "../../protocol/http/HopByHop.ts"
import * as PathPrefix from "../../protocol/http/PathPrefix.ts"
import { header } from "../../protocol/Wire.ts"
import type { Body } from "../../transport/body/Body.ts"
import { empty } from "../../transport/body/Body.ts"
import type { Cancel, Handler, Reply } from "../../transport/body/Handler.ts"
import { refuse, respondText } from "../../transport/body/Replies.ts"
import type { FrontHandler, FrontRequest } from "../../transport/front/NodeFront.ts"
import type { Rendezvous } from "../dispatch/Rendezvous.ts"
import type { Inspector } from "../inspect/Inspector.ts"
import type { Servers } from "../registry/Servers.ts"
import type { RelaySettings } from "../settings/RelaySettings.ts"
import * as Subdomains from "../settings/Subdomains.ts"
import { clientAddress, isTrusted } from "../settings/TrustedProxies.ts"
import { isRelays } from "./AppBeside.ts"
import * as PrivateCookies from "./PrivateCookies.ts"
import { isOpen, type Page, type Route, route } from "./Routes.ts"
import * as ScraperApi from "./ScraperApi.ts"
import type { ScraperNotes } from "./ScraperNotes.ts"
import * as ServerLimits from "./ServerLimits.ts"
import * as VisitorAuth from "./VisitorAuth.ts"

/** What the visitors' side stands on. */
export interface VisitorContext {
  readonly settings: RelaySettings["Service"]
  readonly servers: Servers["Service"]
  readonly rendezvous: Rendezvous["Service"]
  readonly auth: VisitorAuth.VisitorAuth
  readonly limits: ServerLimits.Limits
  readonly scrapers: ScraperNotes
  readonly inspector: Inspector["Service"]
  /** The relay's own pages. */
  readonly page: (page: Page, reply: Reply) => void
  /** Answers what is not the relay's, where there is an application besides. */
  readonly app?: Handler | undefined
}

/** A server, and what of the visitor's path is for it. */
interface Place {
  readonly name: ServerName
  readonly target: string
  readonly prefix: string
}

const never: Cancel = () => {}

/** The handler of all visitors. */
export const make = (context: VisitorContext): FrontHandler => {
  /** A request's fields for who answers it below a prefix, and how its visitor sees that. */
  const told = (
    { address, head, secure, upgrade }: FrontRequest,
    prefix: string,
    name?: ServerName,
  ) => {
    const config = context.settings.current()
    const trusted = isTrusted(config.trustedProxies, address)
    const visitor = { address, secure, trusted }
    const seen = Forwarded.seen(head.headers, visitor, prefix)
    const kept = PrivateCookies.strip(config, forServer(head.headers, upgrade))
    const bare = VisitorAuth.strip(config, name, kept)
    return { seen, headers: Forwarded.apply(bare, visitor, seen) }
  }

  /** The visitor's, as far as it is known. */
  const addressOf = ({ address, head }: FrontRequest): string =>
    clientAddress(context.settings.current().trustedProxies, address, head.headers)

  const toServer = (request: FrontRequest, reply: Reply, to: Place): Cancel => {
    const { body, head } = request
    if (!context.servers.isRegistered(to.name)) return refuse(body, reply, unknown(to.name))
    request.notes?.routed(to.name, to.target)
    return context.limits.server(to.name, request, reply, () => {
      const { headers, seen } = told(request, to.prefix, to.name)
      const passed = request.notes?.forwarded(headers) ?? headers
      const tunnel = context.rendezvous.toServer(to.name, request.notes)
      const handler = context.inspector.isOn()
        ? context.inspector.watched(to.name, addressOf(request), tunnel)
        : tunnel
      return handler(
        { method: head.method, target: to.target, headers: passed },
        body,
        seenFrom(context.settings.current(), reply, seen),
      )
    })
  }

  const toScraper = (request: FrontRequest, reply: Reply): Cancel => {
    const { body, head } = request
    const { rendezvous } = context
    const { deadlines } = rendezvous
    const answer = ScraperApi.answer(
      {
        config: context.settings.current(),
        now: deadlines.now(),
        lastSeen: (name) => rendezvous.status(name).lastSeen,
        onKey: (shown) => context.scrapers.note(shown, addressOf(request), deadlines.now()),
      },
      head.method,
      head.target,
      head.headers,
    )
    if (answer._tag === "Server") return toServer(request, reply, answer)
    body.discard()
    respondText(reply, answer.status, answer.text)
    return never
  }

  /** Whatever is asked for at a server's own host is the server's: no path is reserved there. */
  const toOrigin = (request: FrontRequest, reply: Reply, to: Subdomains.HostRoute): Cancel => {
    switch (to._tag) {
      case "Server":
        return toServer(request, reply, { name: to.name, target: request.head.target, prefix: "" })
      case "UnknownServer":
        return refuse(request.body, reply, unknown(to.name))
      case "BadHost":
        return refuse(request.body, reply, badHost)
    }
  }

  /** Goes on if the configuration lets this visitor come to a server, or to the relay's pages. */
  const guarded = (
    request: FrontRequest,
    reply: Reply,
    name: ServerName | undefined,
    next: () => Cancel,
  ): Cancel => {
    const rules = VisitorAuth.rulesFor(context.settings.current(), name)
    if (rules === undefined) return next()
    if (name !== undefined && context.servers.isRegistered(name))
      request.notes?.routed(name, request.head.target)
    return context.auth.admit(rules, name ?? "relay", request, reply, next)
  }

  const toRoute = (request: FrontRequest, reply: Reply, to: Route): Cancel => {
    const { body, head } = request
    switch (to._tag) {
      case "Server":
        return toServer(request, reply, to)
      case "UnknownServer":
        return refuse(body, reply, unknown(to.name))
      case "NotFound":
        return refuse(body, reply, notFound)
      case "Redirect":
        return redirect(body, reply, to.status, to.location)
      case "Page":
        body.discard()
        if (head.method === "GET" || head.method === "HEAD") context.page(to.page, reply)
        else reply.fail(methodNotAllowed)
        return never
    }
  }

  /** Where a server's own origin is, for a visitor who should rather be there. */
  const elsewhere = (request: FrontRequest, to: Route): string | undefined => {
    const { domain, pathMode } = context.settings.current()
    return domain === undefined || pathMode === "serve" || to._tag !== "Server"
      ? undefined
      : Subdomains.locationOf(domain, to.name, told(request, "").seen, to.target)
  }

  const answer: FrontHandler = (request, reply) => {
    const { body, head } = request
    const origin = Subdomains.route(context.settings.current(), head.headers)
    if (origin !== undefined) {
      const name = origin._tag === "Server" ? origin.name : undefined
      return guarded(request, reply, name, () => toOrigin(request, reply, origin))
    }
    if (head.target.startsWith(ScraperApi.scraperPath)) return toScraper(request, reply)
    if (context.app !== undefined && !isRelays(head.target)) {
      const { headers } = told(request, "")
      return context.app({ method: head.method, target: head.target, headers }, body, reply)
    }
    const to = route(head.target)
    const location = elsewhere(request, to)
    if (location !== undefined) return redirect(body, reply, 308, location)
    if (to._tag === "Page" && isOpen(to.page)) return toRoute(request, reply, to)
    const name = to._tag === "Server" ? to.name : undefined
    return guarded(request, reply, name, () => toRoute(request, reply, to))
  }

  return (request, reply) => {
    const error = ServerLimits.tooManyFields(context.settings.current(), request)
    return error === undefined
      ? context.limits.visitor(request, reply, () => answer(request, reply))
      : refuse(request.body, reply, error)
  }
}

/** Makes of what the server says what its visitor may hear. */
const seenFrom = (config: RelayConfig, reply: Reply, seen: Forwarded.Seen): Reply => ({
  fail: (error) => reply.fail(error),
  respond: (head, body, sent) =>
    reply.respond(
      {
        status: head.status,
        headers: PathPrefix.rewrite(head.headers, seen, (value) =>
          PrivateCookies.isSetBy(config, value),
        ),
      },
      body,
      sent,
    ),
})

const notFound = new ExchangeError({
  code: "PTTH_NOT_FOUND",
  detail: "the relay has no such page",
})

const badHost = new ExchangeError({
  code: "PTTH_BAD_REQUEST",
  detail: "its Host field is not a host",
})

const methodNotAllowed = new ExchangeError({
  code: "PTTH_METHOD_NOT_ALLOWED",
  detail: "the relay's own pages are only read",
  headers: [["Allow", "GET, HEAD"]],
})

const unknown = (name: string): ExchangeError =>
  new ExchangeError({
    code: "PTTH_UNKNOWN_SERVER",
    detail: `no server is called ${JSON.stringify(name).slice(1, -1)}`,
  })

const redirect = (body: Body, reply: Reply, status: number, location: string): Cancel => {
  body.discard()
  reply.respond({ status, headers: [["Location", location]] }, empty)
  return never
}

/** Underscores count as hyphens: CGI and WSGI applications cannot tell them apart. */
const isKey = (name: string): boolean =>
  name.length === header.apiKey.length && name.toLowerCase().replaceAll("_", "-") === header.apiKey

/** A visitor's fields as the server gets them: without this connection's, and without any key. */
const forServer = (headers: HeaderList, upgrade: boolean): HeaderList => {
  const kept: Array<Header> = HopByHop.strip(headers).filter(([name]) => !isKey(name))
  if (HopByHop.takesTrailers(headers)) kept.push(["TE", "trailers"])
  const protocol = upgrade ? HopByHop.upgradeOf(headers) : undefined
  if (protocol !== undefined) kept.push(["Connection", "Upgrade"], ["Upgrade", protocol])
  return kept
}
