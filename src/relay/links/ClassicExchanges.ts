/**
 * The requests that classic servers have and have not answered yet, as the
 * endpoints see them to which such a server sends answers and from which it
 * fetches bodies.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { ServerName } from "../../domain/ServerName.ts"
import { maxInline, text } from "../../protocol/Wire.ts"
import type { Body } from "../../transport/body/Body.ts"
import { ReusableMap } from "../../transport/runtime/ReusableMap.ts"
import type { Pending } from "../dispatch/Pending.ts"
import type { Rendezvous } from "../dispatch/Rendezvous.ts"
import { rejectRequest } from "./BackendAnswer.ts"
import { ClassicLink } from "./ClassicLink.ts"
import { type KeyCheck, keyOf } from "./KeyCheck.ts"

/** See the file's header. */
export class ClassicExchanges {
  private readonly rendezvous: Rendezvous["Service"]
  private readonly keys: KeyCheck
  /** Requests of servers that are in progress, to be broken off if their key is revoked. */
  private readonly transfers = new Map<ServerName, Set<IncomingMessage>>()
  /** Requests whose response is being sent although their body has not been fetched; it still may be. */
  private readonly unfetched = new ReusableMap<string, Pending>()

  constructor(rendezvous: Rendezvous["Service"], keys: KeyCheck) {
    this.rendezvous = rendezvous
    this.keys = keys
  }

  /** The request of an id whose answer is awaited. If there is none, or the key is not its server's, an error is sent and nothing returned. */
  awaiting(id: string, request: IncomingMessage, response: ServerResponse): Pending | undefined {
    return this.authorize(this.rendezvous.handedOut(id), id, request, response)
  }

  /** The same for a request whose body may be fetched: it may have been answered already. */
  fetchable(id: string, request: IncomingMessage, response: ServerResponse): Pending | undefined {
    const pending = this.rendezvous.handedOut(id) ?? this.unfetched.get(id)
    return this.authorize(pending, id, request, response)
  }

  private authorize(
    pending: Pending | undefined,
    id: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Pending | undefined {
    const key = keyOf(request)
    if (key === undefined) rejectRequest(request, response, 403, text.noKey)
    else if (pending === undefined) {
      if (this.rendezvous.wasForgotten(id)) rejectRequest(request, response, 502, text.noClient)
      else rejectRequest(request, response, 400, text.unknownId)
    } else if (this.keys.identify(request, pending.name, key)._tag === "Refused")
      rejectRequest(request, response, 403, text.wrongServer)
    else return pending
    return undefined
  }

  /** The request of an id whose answer is awaited from the server of this key; `undefined` if there is none. */
  awaitingFrom(id: string, request: IncomingMessage, key: string): Pending | undefined {
    const pending = this.rendezvous.handedOut(id)
    if (pending === undefined) return undefined
    const identity = this.keys.identify(request, pending.name, key)
    return identity._tag === "Refused" ? undefined : pending
  }

  /** An answer begins; a body that has not been fetched may still be until {@link finished}. */
  answering(pending: Pending): void {
    if (isFetched(pending.body) && !pending.bodyTaken) this.unfetched.set(pending.id, pending)
  }

  /** The body of a request has been fetched, or may no longer be. */
  finished(id: string): void {
    this.unfetched.delete(id)
  }

  /** Keeps a server's request, so that it can be broken off, until its response is closed. */
  track(name: ServerName, request: IncomingMessage, response: ServerResponse): void {
    let requests = this.transfers.get(name)
    if (requests === undefined) {
      requests = new Set()
      this.transfers.set(name, requests)
    }
    const tracked = requests
    tracked.add(request)
    response.once("close", () => {
      tracked.delete(request)
      if (tracked.size === 0 && this.transfers.get(name) === tracked) this.transfers.delete(name)
    })
  }

  /** Breaks off what a server sends and fetches. */
  breakOff(name: ServerName): void {
    for (const request of this.transfers.get(name) ?? []) request.socket.destroy()
  }
}

/** The classic link that a request was offered to. */
export const linkOf = ({ link }: Pending): ClassicLink | undefined =>
  link instanceof ClassicLink ? link : undefined

/** Whether a body is not sent with its head, so that the server has to fetch it. */
const isFetched = ({ whole }: Body): boolean => whole === undefined || whole.length > maxInline
