/**
 * The requests that classic servers have and have not answered yet, as the
 * endpoints see them to which such a server sends answers and from which it
 * fetches bodies.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import * as Effect from "effect/Effect"
import type { RequestId } from "../../domain/RequestId.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import type * as Classic2 from "../../protocol/Classic2.ts"
import { maxInline, text } from "../../protocol/Wire.ts"
import type { Body } from "../../transport/body/Body.ts"
import { ReusableMap } from "../../transport/runtime/ReusableMap.ts"
import type { Pending } from "../dispatch/Pending.ts"
import type { Rendezvous } from "../dispatch/Rendezvous.ts"
import type { BackendCall } from "./BackendCall.ts"
import { ClassicLink } from "./ClassicLink.ts"
import type { KeyCheck } from "./KeyCheck.ts"

/** The other relays with which this one serves as one, as far as classic servers need them. */
export interface OtherRelays {
  /** Passes a request of a server to the relay that gave out an id; `false` if it is not known. */
  forward(id: string, path: string, request: IncomingMessage, response: ServerResponse): boolean
  /** Passes small answers to the relays that gave out their ids; returns the others. */
  forwardAnswers<A extends Classic2.DecodedAnswer>(
    answers: ReadonlyArray<A>,
    key: string,
  ): ReadonlyArray<A>
  /** Tells the relays that gave out these ids that a process has the requests. */
  acknowledge(name: ServerName, ids: ReadonlyArray<string>): void
  /** Tells all that a process takes no more requests, or is gone. */
  depart(process: string, isGone: boolean): void
  /** Tells all that a process is to cancel a request. */
  cancel(process: string, id: RequestId): void
  /** Whether there are none. */
  readonly isAlone: boolean
}

/** See the file's header. */
export class ClassicExchanges {
  private readonly rendezvous: Rendezvous["Service"]
  private readonly keys: KeyCheck
  /** Requests of servers that are in progress, to be broken off if their key is revoked. */
  private readonly transfers = new Map<ServerName, Set<BackendCall>>()
  /** Requests whose response is being sent although their body has not been fetched; it still may be. */
  private readonly unfetched = new ReusableMap<string, Pending>()
  private onFinished: (() => void) | undefined

  constructor(rendezvous: Rendezvous["Service"], keys: KeyCheck) {
    this.rendezvous = rendezvous
    this.keys = keys
  }

  /** Whether an id is of no request here, but may be of one at another relay. */
  isOfOther(id: string): boolean {
    return (
      !this.rendezvous.handedOut(id) &&
      this.unfetched.get(id) === undefined &&
      !this.rendezvous.wasForgotten(id)
    )
  }

  /**
   * Succeeds once no server owes an answer or may fetch a body, for which it may have to
   * connect; `undefined` if that is so.
   */
  awaitedConnections(): Effect.Effect<void> | undefined {
    if (!this.awaitsConnections) return undefined
    return Effect.callback<void>((resume) => {
      const look = (): void => {
        if (!this.awaitsConnections) resume(Effect.void)
      }
      this.onFinished = look
      const unlisten = this.rendezvous.onHandedBack(look)
      look()
      return Effect.sync(() => {
        this.onFinished = undefined
        unlisten()
      })
    })
  }

  private get awaitsConnections(): boolean {
    return (
      this.unfetched.size > 0 ||
      this.rendezvous.someHandedOut((pending) => linkOf(pending) !== undefined)
    )
  }

  /** A server of this name confirms that it has a request. */
  acknowledge(name: ServerName, id: string): void {
    const pending = this.rendezvous.handedOut(id)
    if (pending?.name === name) linkOf(pending)?.acknowledge(id)
  }

  /** The request of an id whose answer is awaited. If there is none, or the key is not its server's, an error is sent and nothing returned. */
  awaiting(id: string, call: BackendCall): Pending | undefined {
    return this.authorize(this.rendezvous.handedOut(id), id, call)
  }

  /** The same for a request whose body may be fetched: it may have been answered already. */
  fetchable(id: string, call: BackendCall): Pending | undefined {
    const pending = this.rendezvous.handedOut(id) ?? this.unfetched.get(id)
    return this.authorize(pending, id, call)
  }

  private authorize(
    pending: Pending | undefined,
    id: string,
    call: BackendCall,
  ): Pending | undefined {
    const { key } = call
    if (key === undefined) call.reject(403, text.noKey)
    else if (pending === undefined) {
      if (this.rendezvous.wasForgotten(id)) call.reject(502, text.noClient)
      else call.reject(400, text.unknownId)
    } else if (this.keys.identify(call.connection, pending.name, key)._tag === "Refused")
      call.reject(403, text.wrongServer)
    else return pending
    return undefined
  }

  /** The request of an id whose answer is awaited from the server of this key; `undefined` if there is none. */
  awaitingFrom(id: string, { connection, key }: BackendCall): Pending | undefined {
    const pending = this.rendezvous.handedOut(id)
    if (pending === undefined || key === undefined) return undefined
    const identity = this.keys.identify(connection, pending.name, key)
    return identity._tag === "Refused" ? undefined : pending
  }

  /** An answer begins; a body that has not been fetched may still be until {@link finished}. */
  answering(pending: Pending): void {
    if (isFetched(pending.body) && !pending.bodyTaken) this.unfetched.set(pending.id, pending)
  }

  /** The body of a request has been fetched, or may no longer be. */
  finished(id: string): void {
    this.unfetched.delete(id)
    this.onFinished?.()
  }

  /** Keeps a server's request, so that it can be broken off, until its response is closed. */
  track(name: ServerName, call: BackendCall): void {
    let requests = this.transfers.get(name)
    if (requests === undefined) {
      requests = new Set()
      this.transfers.set(name, requests)
    }
    const tracked = requests
    tracked.add(call)
    call.onClosed(() => {
      tracked.delete(call)
      if (tracked.size === 0 && this.transfers.get(name) === tracked) this.transfers.delete(name)
    })
  }

  /** Breaks off what a server sends and fetches. */
  breakOff(name: ServerName): void {
    for (const call of [...(this.transfers.get(name) ?? [])]) call.breakOff()
  }
}

/** The classic link that a request was offered to. */
export const linkOf = ({ link }: Pending): ClassicLink | undefined =>
  link instanceof ClassicLink ? link : undefined

/** Whether a body is not sent with its head, so that the server has to fetch it. */
const isFetched = ({ whole }: Body): boolean => whole === undefined || whole.length > maxInline
