/**
 * The visitors' side of the relay: routes a request by host and path, and
 * passes those for a server to its tunnel.
 */

import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { isToOwnHost } from "../../domain/OwnHost.ts"
import * as ServerHost from "../../domain/ServerHost.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import type { Identity } from "../../domain/visitor/AllowList.ts"
import * as Multistatus from "../../protocol/address/Multistatus.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type * as Forwarded from "../../protocol/http/Forwarded.ts"
import * as PathPrefix from "../../protocol/http/PathPrefix.ts"
import type { InterimHead, ResponseHead } from "../../protocol/Message.ts"
import * as PassedConnection from "../../protocol/PassedConnection.ts"
import type { Body } from "../../transport/body/Body.ts"
import { empty } from "../../transport/body/Body.ts"
import type { Cancel, Handler, Reply } from "../../transport/body/Handler.ts"
import { refuse, respondText } from "../../transport/body/Replies.ts"
import { ReplyWrapper } from "../../transport/body/ReplyWrapper.ts"
import type { FrontRequest } from "../../transport/front/FrontRequest.ts"
import type { Rendezvous } from "../dispatch/Rendezvous.ts"
import type { Inspector } from "../inspect/Inspector.ts"
import type { Servers } from "../registry/Servers.ts"
import type { DerivedConfig } from "../settings/DerivedConfig.ts"
import type { RelaySettings } from "../settings/RelaySettings.ts"
import * as Subdomains from "../settings/Subdomains.ts"
import { clientAddress } from "../settings/TrustedProxies.ts"
import { originSeen } from "../settings/VisitorConnection.ts"
import type { SignIn } from "../signin/SignIn.ts"
import { isReserved } from "./AppBeside.ts"
import * as PrivateCookies from "./PrivateCookies.ts"
import * as RequestFields from "./RequestFields.ts"
import { isOpen, type Page, type Route, route } from "./Routes.ts"
import * as ScraperApi from "./ScraperApi.ts"
import type { ScraperNotes } from "./ScraperNotes.ts"
import * as ServerLimits from "./ServerLimits.ts"
import type { ServerPlaces } from "./ServerPlaces.ts"
import * as VisitorAuth from "./VisitorAuth.ts"
import * as WebDav from "./WebDav.ts"

/** What the visitors' side needs of the relay. */
export interface VisitorContext {
  readonly settings: RelaySettings["Service"]
  readonly servers: Servers["Service"]
  readonly rendezvous: Rendezvous["Service"]
  readonly auth: VisitorAuth.VisitorAuth
  readonly signIn: SignIn
  readonly limits: ServerLimits.ServerLimits
  readonly places: ServerPlaces
  readonly scrapers: ScraperNotes
  readonly inspector: Inspector["Service"]
  /** Answers with one of the relay's own pages. */
  readonly page: (page: Page, reply: Reply, visitor: string) => void
  /** The application beside the relay, if there is one. */
  readonly app?: Handler | undefined
}

/** A server, and which part of the visitor's path is for it. */
interface Destination {
  readonly name: ServerName
  /** Path and query as the server receives them. */
  readonly target: string
  /** The visitor's path before that, without its last slash. */
  readonly prefix: string
  /** Who the visitor is, if it was let in because it has signed in. */
  readonly identity?: Identity | undefined
}

const cancelNothing: Cancel = () => {}

/** See the file's header. A request enters by {@link handle}. */
export class VisitorFront {
  private readonly context: VisitorContext

  constructor(context: VisitorContext) {
    this.context = context
  }

  private get config(): RelayConfig {
    return this.context.settings.current()
  }

  private get derived(): DerivedConfig {
    return this.context.settings.derived()
  }

  /** Checks the limits of the visitor's address, then answers; see `FrontHandler`. */
  handle(request: FrontRequest, reply: Reply): Cancel {
    const error = PassedConnection.isPassed(request.head)
      ? noTunnels
      : ServerLimits.tooManyFields(this.config, request)
    return error === undefined
      ? this.context.limits.visitor(request, reply, () => this.answer(request, reply))
      : refuse(request.body, reply, error)
  }

  /** The registered server to which a host belongs, if connections to it are passed on unread. */
  passedThrough(host: string): ServerName | undefined {
    const { hasPassthrough, hosts, servers } = this.derived
    const to = hasPassthrough ? Subdomains.route(hosts, [["host", host]]) : undefined
    if (to?._tag !== "Server" || servers.get(to.name)?.tls !== "passthrough") return undefined
    return this.context.servers.isRegistered(to.name) ? to.name : undefined
  }

  /** Passes a connection on to a server that ends TLS itself; limited as a request is. */
  pass(name: ServerName, request: FrontRequest, reply: Reply): Cancel {
    const { limits, places, rendezvous } = this.context
    request.notes?.routed(name, request.head.target)
    if (this.derived.servers.get(name)?.paused === true) return refuse(request.body, reply, paused)
    return limits.visitor(request, reply, () =>
      limits.server(name, request, reply, () =>
        places.enter(name, rendezvous.places(name), request, reply, (body, reply) =>
          rendezvous.toServer(name, request.notes)(request.head, body, reply),
        ),
      ),
    )
  }

  /** Routes by host first, then by path. */
  private answer(request: FrontRequest, reply: Reply): Cancel {
    const { target } = request.head
    const host = Subdomains.route(this.derived.hosts, request.head.headers)
    const name = host?._tag === "Server" ? host.name : undefined
    if (this.config.oidc !== undefined) {
      const isAsked = () => VisitorAuth.rulesFor(this.derived, name)?.signIn !== undefined
      const cancel = this.context.signIn.handle(request, reply, isAsked)
      if (cancel !== undefined) return cancel
    }
    if (host?._tag !== "Server" && this.isUnknown(request))
      return refuse(request.body, reply, unknownHost)
    if (host !== undefined)
      return this.withAuth(request, reply, name, (identity) =>
        this.toOrigin(request, reply, host, identity),
      )
    if (target.startsWith(ScraperApi.scraperPath)) return this.toScraper(request, reply)
    if (this.context.app !== undefined && !isReserved(target))
      return this.toApp(this.context.app, request, reply)
    const to = route(target)
    const location = this.originOf(request, to)
    if (location !== undefined) return redirect(request.body, reply, 308, location)
    if (to._tag === "Page" && isOpen(to.page)) return this.toRoute(request, reply, to)
    return this.withAuth(request, reply, to._tag === "Server" ? to.name : undefined, (identity) =>
      this.toRoute(request, reply, to, identity),
    )
  }

  /** Whether the request is to a host that is neither the relay's nor a server's, and such are refused. */
  private isUnknown({ head }: FrontRequest): boolean {
    const { config, ownHosts } = this.derived
    return config.unknownHosts === "refuse" && !isToOwnHost(head.headers, ownHosts)
  }

  /** Continues with `next` if the visitor may use this server; `undefined` stands for the relay's pages. */
  private withAuth(
    request: FrontRequest,
    reply: Reply,
    name: ServerName | undefined,
    next: (identity: Identity | undefined) => Cancel,
  ): Cancel {
    const rules = VisitorAuth.rulesFor(this.derived, name)
    if (rules === undefined) return next(undefined)
    if (name !== undefined && this.context.servers.isRegistered(name))
      request.notes?.routed(name, request.head.target)
    return this.context.auth.admit(rules, name ?? "relay", request, reply, next)
  }

  /** At a server's own host every path is the server's; the relay reserves none. */
  private toOrigin(
    request: FrontRequest,
    reply: Reply,
    host: Subdomains.HostRoute,
    identity: Identity | undefined,
  ): Cancel {
    switch (host._tag) {
      case "Server": {
        const { target } = request.head
        return this.toServer(request, reply, { name: host.name, target, prefix: "", identity })
      }
      case "UnknownServer":
        return refuse(request.body, reply, unknownServer(host.name))
      case "BadHost":
        return refuse(request.body, reply, badHost)
    }
  }

  /** The scraper API answers itself or passes the request to a server. */
  private toScraper(request: FrontRequest, reply: Reply): Cancel {
    const { body, head } = request
    const { rendezvous, scrapers } = this.context
    const now = rendezvous.deadlines.now()
    const answer = ScraperApi.answer(
      {
        config: this.config,
        now,
        lastSeen: (name) => rendezvous.lastSeen(name),
        onKey: (key) => scrapers.note(key, this.addressOf(request), now),
      },
      head.method,
      head.target,
      head.headers,
    )
    if (answer._tag === "Server") return this.toServer(request, reply, answer)
    body.discard()
    respondText(reply, answer.status, answer.text)
    return cancelNothing
  }

  private toApp(app: Handler, request: FrontRequest, reply: Reply): Cancel {
    const { method, target } = request.head
    const { headers } = RequestFields.forward(this.derived, request, "", undefined)
    return app({ method, target, headers }, RequestFields.bodyOf(this.derived, request.body), reply)
  }

  private toRoute(
    request: FrontRequest,
    reply: Reply,
    to: Route,
    identity?: Identity | undefined,
  ): Cancel {
    const { body, head } = request
    switch (to._tag) {
      case "Server":
        return this.toServer(request, reply, identity === undefined ? to : { ...to, identity })
      case "UnknownServer":
        return refuse(body, reply, unknownServer(to.name))
      case "NotFound":
        return refuse(body, reply, notFound)
      case "Redirect":
        return redirect(body, reply, to.status, to.location)
      case "Page":
        body.discard()
        if (head.method === "GET" || head.method === "HEAD")
          this.context.page(to.page, reply, this.addressOf(request))
        else reply.fail(methodNotAllowed)
        return cancelNothing
    }
  }

  /** Passes the request to a server's tunnel; see `Rendezvous.toServer`. */
  private toServer(request: FrontRequest, reply: Reply, to: Destination): Cancel {
    const registered = this.derived.servers.get(to.name)
    if (registered === undefined) return refuse(request.body, reply, unknownServer(to.name))
    request.notes?.routed(to.name, to.target)
    if (registered.tls === "passthrough") return refuse(request.body, reply, notHere)
    if (registered.paused) return refuse(request.body, reply, paused)
    const { limits, places, rendezvous } = this.context
    return limits.server(to.name, request, reply, () =>
      places.enter(to.name, rendezvous.places(to.name), request, reply, (body, reply) =>
        this.throughTunnel(request, body, reply, to),
      ),
    )
  }

  private throughTunnel(request: FrontRequest, body: Body, reply: Reply, to: Destination): Cancel {
    const { config } = this
    const { inspector, rendezvous } = this.context
    const { identity, name, prefix } = to
    const { headers, publicAddress } = RequestFields.forward(
      this.derived,
      request,
      prefix,
      name,
      identity,
    )
    const isBelow = prefix !== ""
    const refusal = isBelow ? WebDav.refusal(request.head, publicAddress, to) : undefined
    if (refusal !== undefined) return refuse(body, reply, refusal)
    const { method } = request.head
    const fields = isBelow ? Multistatus.readable(method, headers) : headers
    const tunnel = rendezvous.toServer(to.name, request.notes)
    const handler = inspector.isOn()
      ? inspector.watched(to.name, this.addressOf(request), tunnel, request.notes)
      : tunnel
    return handler(
      {
        method,
        target: to.target,
        headers: request.notes?.forwarded(fields) ?? fields,
      },
      RequestFields.bodyOf(this.derived, body),
      new RewritingReply(
        config,
        isBelow ? WebDav.reply(method, publicAddress, reply) : reply,
        publicAddress,
      ),
    )
  }

  /** Where a server's own origin is, if visitors of its path are redirected there. */
  private originOf(request: FrontRequest, to: Route): string | undefined {
    const { domain, pathMode } = this.config
    if (to._tag !== "Server") return undefined
    const server = this.derived.servers.get(to.name)
    if (pathMode === "serve" && server?.tls !== "passthrough") return undefined
    const publicAddress = originSeen(this.config, request, "")
    if (domain !== undefined)
      return Subdomains.locationOf(domain, to.name, publicAddress, to.target)
    const [own] = server?.hosts ?? []
    return (
      own && `${publicAddress.proto}://${own}${ServerHost.portOf(publicAddress.host)}${to.target}`
    )
  }

  /** The visitor's address, from a trusted proxy's fields if it came through one. */
  private addressOf({ address, head }: FrontRequest): string {
    return clientAddress(this.config.trustedProxies, address, head.headers)
  }
}

/** The reply with the server's fields rewritten for its visitor. */
class RewritingReply extends ReplyWrapper {
  private readonly config: RelayConfig
  private readonly publicAddress: Forwarded.PublicAddress

  constructor(config: RelayConfig, reply: Reply, publicAddress: Forwarded.PublicAddress) {
    super(reply)
    this.config = config
    this.publicAddress = publicAddress
  }

  override inform(head: InterimHead): void {
    super.inform(this.rewritten(head))
  }

  override respond(head: ResponseHead, body: Body, sent?: () => void): void {
    super.respond(this.rewritten(head), body, sent)
  }

  private rewritten(head: ResponseHead): ResponseHead {
    const isPrivate = (value: string): boolean => PrivateCookies.isSetBy(this.config, value)
    const headers = PathPrefix.rewrite(head.headers, this.publicAddress, isPrivate)
    return headers === head.headers ? head : { status: head.status, headers }
  }
}

const unknownHost = new ExchangeError({
  code: "PTTH_WRONG_HOST",
  detail: "neither the relay nor a server has this host",
  ownerRemedy: "Add the host to `hosts` of a server in the relay's configuration.",
})

const notFound = new ExchangeError({
  code: "PTTH_NOT_FOUND",
  detail: "the relay has no such page",
})

const badHost = new ExchangeError({
  code: "PTTH_BAD_REQUEST",
  detail: "its Host field is not a host",
})

const noTunnels = new ExchangeError({
  code: "PTTH_METHOD_NOT_ALLOWED",
  detail: "CONNECT is not possible here",
})

const notHere = new ExchangeError({
  code: "PTTH_NOT_HERE",
  detail: "TLS for this host ends at the server, but this connection's was for another host",
})

const methodNotAllowed = new ExchangeError({
  code: "PTTH_METHOD_NOT_ALLOWED",
  detail: "the relay's own pages can only be read",
  headers: [["Allow", "GET, HEAD"]],
})

const paused = new ExchangeError({
  code: "PTTH_SERVER_PAUSED",
  detail: "the relay's administrator has paused it",
  retryAfter: 60,
})

const unknownServer = (name: string): ExchangeError =>
  new ExchangeError({
    code: "PTTH_UNKNOWN_SERVER",
    detail: `no server is called ${JSON.stringify(name).slice(1, -1)}`,
  })

const redirect = (body: Body, reply: Reply, status: number, location: string): Cancel => {
  body.discard()
  reply.respond({ status, headers: [["Location", location]] }, empty)
  return cancelNothing
}
