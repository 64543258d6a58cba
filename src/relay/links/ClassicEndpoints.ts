/**
 * The relay's backend API for classic servers: routes their requests to the
 * endpoints for listens, answers and bodies. Follows protocol.md exactly, so
 * that servers and relays of the original can be on the other side.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import {
  interimPath,
  listenPath,
  prefix,
  requestPath,
  responsePath,
  responsesPath,
} from "../../protocol/Wire.ts"
import type { Rendezvous } from "../dispatch/Rendezvous.ts"
import type { Servers } from "../registry/Servers.ts"
import type { RelaySettings } from "../settings/RelaySettings.ts"
import { AnswerEndpoint } from "./AnswerEndpoint.ts"
import { rejectRequest } from "./BackendAnswer.ts"
import { BodyEndpoint } from "./BodyEndpoint.ts"
import { ClassicExchanges } from "./ClassicExchanges.ts"
import { KeyCheck } from "./KeyCheck.ts"
import type { LinkLimit } from "./LinkLimit.ts"
import { ListenEndpoint } from "./ListenEndpoint.ts"

/** What the endpoints need of the relay. */
export interface ClassicContext {
  readonly settings: RelaySettings["Service"]
  readonly servers: Servers["Service"]
  readonly rendezvous: Rendezvous["Service"]
  readonly limit: LinkLimit
}

interface Endpoint {
  /** What its path starts with; the rest is an argument. */
  readonly path: string
  readonly method: "GET" | "POST"
  readonly handle: (rest: string, request: IncomingMessage, response: ServerResponse) => void
}

/** See the file's header. */
export class ClassicEndpoints {
  private readonly servers: Servers["Service"]
  private readonly exchanges: ClassicExchanges
  private readonly listens: ListenEndpoint
  private readonly endpoints: ReadonlyArray<Endpoint>

  constructor({ limit, rendezvous, servers, settings }: ClassicContext) {
    const keys = new KeyCheck(servers)
    this.servers = servers
    this.exchanges = new ClassicExchanges(rendezvous, keys)
    this.listens = new ListenEndpoint({ settings, rendezvous, limit, keys })
    const answers = new AnswerEndpoint(this.exchanges)
    const bodies = new BodyEndpoint(this.exchanges)
    this.endpoints = [
      {
        path: listenPath,
        method: "GET",
        handle: (name, request, response) => this.listens.handle(name, request, response),
      },
      {
        path: responsePath,
        method: "POST",
        handle: (id, request, response) => answers.handleOne(id, request, response),
      },
      {
        path: interimPath,
        method: "POST",
        handle: (id, request, response) => answers.handleInterim(id, request, response),
      },
      {
        path: responsesPath,
        method: "POST",
        handle: (rest, request, response) => answers.handleMany(rest, request, response),
      },
      {
        path: requestPath,
        method: "GET",
        handle: (id, request, response) => bodies.handle(id, request, response),
      },
    ]
  }

  /** Whether a target is of the backend API. */
  takes(target: string): boolean {
    return (
      target.startsWith(`${prefix}/`) || this.endpoints.some(({ path }) => target.startsWith(path))
    )
  }

  /** Handles a request of the backend API; `false` if it is a visitor's. */
  intercept(request: IncomingMessage, response: ServerResponse): boolean {
    const url = request.url ?? ""
    const path = url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : url
    const endpoint = this.endpoints.find((one) => path.startsWith(one.path))
    if (endpoint === undefined) {
      if (path === url) return false
      rejectRequest(request, response, 404, "Not found\n")
      return true
    }
    response.on("error", () => {})
    request.on("error", () => {})
    if (request.method !== endpoint.method)
      rejectRequest(request, response, 405, "Method not allowed\n")
    else endpoint.handle(path.slice(endpoint.path.length), request, response)
    return true
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
