/**
 * `GET /http_listen/NAME` of the backend API (protocol.md, Answers to a
 * listen): a server process asks for requests. Its first listen opens its link.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { RequestId } from "../../domain/RequestId.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import { upgradeRequired } from "../../protocol/http/HopByHop.ts"
import { askedMillis, header, maxInstance, text, version2 } from "../../protocol/Wire.ts"
import type { Deadline } from "../../transport/runtime/Deadlines.ts"
import type { Rendezvous } from "../dispatch/Rendezvous.ts"
import { type LinkLimit, retrySeconds } from "../registry/LinkLimit.ts"
import type { KnownServer } from "../registry/Servers.ts"
import { refusalOf, type TicketCheck } from "../registry/TicketCheck.ts"
import type { RelaySettings } from "../settings/RelaySettings.ts"
import * as Subdomains from "../settings/Subdomains.ts"
import { clientOf } from "../settings/TrustedProxies.ts"
import { answerText, keyOf, programOf } from "./BackendCall.ts"
import type { OtherRelays } from "./ClassicExchanges.ts"
import { ClassicLink } from "./ClassicLink.ts"
import type { KeyCheck } from "./KeyCheck.ts"
import { StreamLink, usesClassic } from "./StreamLink.ts"

/** How long listens of a process may still arrive after its farewell, in milliseconds. */
const departedMillis = 3_000

/** What the endpoint needs of the relay. */
export interface ListenContext {
  readonly settings: RelaySettings["Service"]
  readonly rendezvous: Rendezvous["Service"]
  readonly limit: LinkLimit
  readonly keys: KeyCheck
  readonly tickets: TicketCheck
  readonly others: OtherRelays
}

/** See the file's header. */
export class ListenEndpoint {
  private readonly context: ListenContext
  /** By {@link processKey}, like `departed`. */
  private readonly linksByProcess = new Map<string, ClassicLink>()
  private readonly departed = new Map<string, Deadline>()

  constructor(context: ListenContext) {
    this.context = context
  }

  /** The links that are open. */
  get links(): ReadonlyArray<ClassicLink> {
    return [...this.linksByProcess.values()]
  }

  /** Redeems a ticket, if there is one, checks the key, then takes the listen. */
  handle(name: string, request: IncomingMessage, response: ServerResponse): void {
    const key = keyOf(request)
    if (key === undefined) return answerText(response, 403, text.noKey)
    if (refusalOf(request.headers) === undefined) return this.check(name, key, request, response)
    const { rendezvous, tickets } = this.context
    const holder = { name, key, headers: request.headers, address: this.addressOf(request) }
    tickets.before(holder, rendezvous.deadlines.now(), () =>
      this.check(name, key, request, response),
    )
  }

  private check(
    name: string,
    key: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const { keys, rendezvous } = this.context
    const now = rendezvous.deadlines.now()
    const identity = keys.knock(request.socket, name, key, () => this.addressOf(request), now)
    switch (identity._tag) {
      case "Limited":
        response.setHeader("Retry-After", `${identity.retryAfter}`)
        return answerText(response, 429, text.tooManyKeys)
      case "Refused": {
        const code = refusalOf(request.headers)
        if (code !== undefined) response.setHeader("X-PTTH-Code", code)
        return answerText(response, 401, text.badKey)
      }
      case "Known":
        return this.take(identity, request, response)
    }
  }

  private take(server: KnownServer, request: IncomingMessage, response: ServerResponse): void {
    const process = processKey(server, instanceOf(request))
    const link = this.linksByProcess.get(process)
    const ids = acknowledgedIds(request)
    for (const id of ids) link?.acknowledge(id)
    if (ids.length > 0) this.context.others.acknowledge(server.name, ids)
    const farewell = request.headers[header.farewell]
    if (farewell !== undefined) this.depart(process, farewell === "gone", response)
    else if (this.departed.has(process)) this.hold(response)
    else if (link === undefined) this.open(process, server, request, response)
    else this.listen(link, request, response)
  }

  private open(
    process: string,
    server: KnownServer,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const { servers } = this.context.settings.derived()
    if (servers.get(server.name)?.tls === "passthrough") {
      response.setHeader("Upgrade", "websocket")
      response.setHeader("X-PTTH-Code", "PTTH_NEEDS_STREAM")
      return answerText(response, upgradeRequired, text.needsStream)
    }
    const { limit, others, rendezvous, settings } = this.context
    const instance = instanceOf(request)
    // A network that has forgotten a process's WebSockets may let only plain requests pass afterwards.
    for (const other of rendezvous.ownLinks(server.name))
      if (other instanceof StreamLink) other.suspect(usesClassic)
    const giveBack = limit.take(server.name, false, { instance: instance ?? "", number: "" })
    if (giveBack === undefined) return this.refuseLink(server.name, request, response)
    const config = settings.current()
    const responseLimit = askedMillis(request.headers[header.responseTimeout])
    const link = new ClassicLink({
      name: server.name,
      tripcode: server.tripcode,
      instance: instance ?? "",
      transport: instance === undefined ? "classic 1" : "classic 2",
      deadlines: rendezvous.deadlines,
      publicUrl: config.publicUrl,
      openUrl: Subdomains.urlOf(config, server.name),
      displayName: settings.derived().servers.get(server.name)?.displayName,
      reason: `${request.headers[header.reason] ?? ""}`.slice(0, 200),
      program: programOf(request),
      responseMillis: (name) => rendezvous.responseMillis(name, responseLimit),
      onReady: (ready) => rendezvous.ready(ready),
      onAbsent: others.isAlone ? undefined : (absent) => rendezvous.absent(absent),
      onCancel: others.isAlone ? undefined : (id) => others.cancel(process, id),
      isElsewhere: () => rendezvous.isElsewhere(link),
      onGone: (reason) => {
        leave(reason)
        this.linksByProcess.delete(process)
        giveBack()
      },
    })
    this.linksByProcess.set(process, link)
    const leave = rendezvous.join(link, this.addressOf(request))
    if (link.transport === "classic 2") link.greet(response)
    else this.listen(link, request, response)
  }

  private listen(link: ClassicLink, request: IncomingMessage, response: ServerResponse): void {
    const isFull =
      link.transport === "classic 1" && link.parkedCount >= this.context.limit.most(link.name)
    if (isFull) this.refuseLink(link.name, request, response)
    else link.listen(response)
  }

  /**
   * A process says farewell. Listens that it sent before may still arrive;
   * they must not open a link, so the process is remembered for a while.
   */
  private depart(process: string, isGone: boolean, response: ServerResponse): void {
    this.remember(process)
    this.context.others.depart(process, isGone)
    const link = this.linksByProcess.get(process)
    if (link === undefined) answerEmpty(response)
    else link.farewell(response, isGone)
  }

  /** A process has said farewell to another relay. */
  departElsewhere(process: string, isGone: boolean): void {
    this.remember(process)
    this.linksByProcess.get(process)?.farewell(undefined, isGone)
  }

  /** A request of a process is cancelled at another relay, which has no listen of it. */
  cancelHere(process: string, id: RequestId): void {
    this.linksByProcess.get(process)?.cancelOf(id)
  }

  private remember(process: string): void {
    this.departed.get(process)?.clear()
    const { deadlines } = this.context.rendezvous
    const expiry = deadlines.set(departedMillis, () => this.departed.delete(process))
    this.departed.set(process, expiry)
  }

  /**
   * Holds a listen that arrives after the farewell until the entry of its
   * process expires; a stopping process closes it, a running one retries.
   */
  private hold(response: ServerResponse): void {
    const { deadlines } = this.context.rendezvous
    const expiry = deadlines.set(departedMillis, () => answerEmpty(response))
    response.once("close", () => expiry.clear())
  }

  private refuseLink(name: ServerName, request: IncomingMessage, response: ServerResponse): void {
    this.context.limit.refused(name, this.addressOf(request))
    response.setHeader("Retry-After", `${retrySeconds}`)
    response.setHeader("X-PTTH-Code", "PTTH_TOO_MANY_LINKS")
    answerText(response, 429, text.tooManyLinks)
  }

  private addressOf(request: IncomingMessage): string {
    return clientOf(this.context.settings.current().trustedProxies, request)
  }
}

/** Classic 1 has no instances: all processes that use one key share a link. */
const processKey = ({ name, tripcode }: KnownServer, instance: string | undefined): string =>
  `${name} ${instance ?? "classic 1"} ${tripcode}`

/** The id that a process of classic 2 sends; `undefined` for classic 1. */
const instanceOf = (request: IncomingMessage): string | undefined => {
  if (request.headers[header.version] !== version2) return undefined
  const instance = request.headers[header.instance]
  return typeof instance === "string" && instance.length <= maxInstance ? instance : "unnamed"
}

const acknowledgedIds = (request: IncomingMessage): ReadonlyArray<string> => {
  const ids = request.headers[header.ack]
  return typeof ids === "string" ? ids.split(",").map((id) => id.trim()) : []
}

/** Answers a classic 2 listen that belongs to no link. */
const answerEmpty = (response: ServerResponse): void => {
  response.writeHead(204, [header.version, version2])
  response.end()
}
