/**
 * The relay's backend API for classic servers: routes their requests to the
 * endpoints for listens, answers and bodies. Follows protocol.md exactly, so
 * that servers and relays of the original can be on the other side.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type * as Effect from "effect/Effect"
import type { RequestId } from "../../domain/RequestId.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import {
  interimPath,
  listenPath,
  prefix,
  requestPath,
  responsePath,
  responsesPath,
} from "../../protocol/Wire.ts"
import type { Handler } from "../../transport/body/Handler.ts"
import type { Rendezvous } from "../dispatch/Rendezvous.ts"
import type { LinkLimit } from "../registry/LinkLimit.ts"
import type { Servers } from "../registry/Servers.ts"
import type { TicketCheck } from "../registry/TicketCheck.ts"
import type { RelaySettings } from "../settings/RelaySettings.ts"
import { AnswerEndpoint } from "./AnswerEndpoint.ts"
import { type BackendCall, ForwardedCall, NodeCall, rejectRequest } from "./BackendCall.ts"
import { BodyEndpoint } from "./BodyEndpoint.ts"
import { ClassicExchanges, type OtherRelays } from "./ClassicExchanges.ts"
import { KeyCheck } from "./KeyCheck.ts"
import { ListenEndpoint } from "./ListenEndpoint.ts"

/** What the endpoints need of the relay. */
export interface ClassicContext {
  readonly settings: RelaySettings["Service"]
  readonly servers: Servers["Service"]
  readonly rendezvous: Rendezvous["Service"]
  readonly limit: LinkLimit
  readonly tickets: TicketCheck
  readonly others: OtherRelays
}

interface Endpoint {
  /** What its path starts with; the rest is an argument. */
  readonly path: string
  readonly method: "GET" | "POST"
  readonly handle: (rest: string, call: BackendCall) => void
}

/** See the file's header. */
export class ClassicEndpoints {
  private readonly servers: Servers["Service"]
  private readonly exchanges: ClassicExchanges
  private readonly listens: ListenEndpoint
  private readonly others: OtherRelays
  private readonly endpoints: ReadonlyArray<Endpoint>

  constructor({ limit, others, rendezvous, servers, settings, tickets }: ClassicContext) {
    const keys = new KeyCheck(servers)
    this.servers = servers
    this.exchanges = new ClassicExchanges(rendezvous, keys)
    this.others = others
    this.listens = new ListenEndpoint({ settings, rendezvous, limit, keys, tickets, others })
    const answers = new AnswerEndpoint(this.exchanges, others)
    const bodies = new BodyEndpoint(this.exchanges)
    this.endpoints = [
      {
        path: responsePath,
        method: "POST",
        handle: (id, call) => answers.handleOne(id, call),
      },
      {
        path: interimPath,
        method: "POST",
        handle: (id, call) => answers.handleInterim(id, call),
      },
      {
        path: responsesPath,
        method: "POST",
        handle: (rest, call) => answers.handleMany(rest, call),
      },
      {
        path: requestPath,
        method: "GET",
        handle: (id, call) => bodies.handle(id, call),
      },
    ]
  }

  /** See `ClassicExchanges.awaitedConnections`. */
  awaitedConnections(): Effect.Effect<void> | undefined {
    return this.exchanges.awaitedConnections()
  }

  /** Whether a target is of the backend API. */
  takes(target: string): boolean {
    return (
      target.startsWith(`${prefix}/`) ||
      target.startsWith(listenPath) ||
      this.endpoints.some(({ path }) => target.startsWith(path))
    )
  }

  /** Handles a request of the backend API; `false` if it is a visitor's. */
  intercept(request: IncomingMessage, response: ServerResponse): boolean {
    const url = request.url ?? ""
    const path = url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : url
    const isListen = path.startsWith(listenPath)
    const endpoint = this.endpointOf(path)
    if (endpoint === undefined && !isListen) {
      if (path === url) return false
      rejectRequest(request, response, 404, "Not found\n")
      return true
    }
    response.on("error", () => {})
    request.on("error", () => {})
    if (request.method !== (endpoint?.method ?? "GET"))
      rejectRequest(request, response, 405, "Method not allowed\n")
    else if (endpoint === undefined)
      this.listens.handle(path.slice(listenPath.length), request, response)
    else this.toEndpoint(endpoint, path, request, response)
    return true
  }

  private endpointOf(path: string): Endpoint | undefined {
    return this.endpoints.find((one) => path.startsWith(one.path))
  }

  private toEndpoint(
    endpoint: Endpoint,
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const rest = path.slice(endpoint.path.length)
    if (this.exchanges.isOfOther(rest) && this.others.forward(rest, path, request, response)) return
    endpoint.handle(rest, new NodeCall(request, response))
  }

  /** Answers a request that came to another relay. */
  readonly handleForwarded: Handler = (head, body, reply) => {
    const endpoint = this.endpointOf(head.target)
    const call = new ForwardedCall(head, body, reply)
    if (endpoint?.method === head.method)
      endpoint.handle(head.target.slice(endpoint.path.length), call)
    else call.reject(404, "Not found\n")
    return () => call.close()
  }

  /** A process has acknowledged requests to another relay. */
  acknowledge(name: ServerName, ids: ReadonlyArray<string>): void {
    for (const id of ids) this.exchanges.acknowledge(name, id)
  }

  /** A process is to cancel a request that another relay gave out. */
  cancel(process: string, id: RequestId): void {
    this.listens.cancelHere(process, id)
  }

  /** A process has said farewell to another relay. */
  depart(process: string, isGone: boolean): void {
    this.listens.departElsewhere(process, isGone)
  }

  /** Ends the links of servers that the configuration in force does not accept. */
  recheck(): void {
    for (const link of this.listens.links) {
      if (this.servers.accepts(link.name, link.tripcode)) continue
      link.revoke()
      this.exchanges.breakOff(link.name)
    }
  }
}
