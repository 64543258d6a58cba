/**
 * The other relays with which this one serves as one: who they are, which links
 * of servers they have, requests that hop to them, and messages. Without
 * `[cluster]` and with one worker there are none, and everything here is empty.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { ServerName } from "../domain/ServerName.ts"
import type { ExchangeError } from "../protocol/Exchange.ts"
import type { RequestHead } from "../protocol/Message.ts"
import type { ControlKind } from "../protocol/peer/PeerControl.ts"
import type { PresentLink } from "../protocol/peer/PresentLink.ts"
import type { Body } from "../transport/body/Body.ts"
import type { Cancel, Reply } from "../transport/body/Handler.ts"

export type { PresentLink }

/** Another relay, as far as it is known. */
export interface PeerView {
  readonly id: string
  readonly machine: string
  readonly worker: number | undefined
  /** As in `Member.at`. */
  readonly address: string
  /** The version of its program. */
  readonly program: string
  /** Since when it is in this state, in milliseconds since 1970. */
  readonly since: number
  /** In milliseconds. */
  readonly roundTrip: number
  readonly state: "up" | "dialling" | "gone"
  /** Whether it accepts no more links of servers. */
  readonly isDraining: boolean
  /** The digest of its configuration. */
  readonly digest: string
  /** Whether requests may hop to it: both speak a common version. */
  readonly takesHops: boolean
  readonly slot: number
  /** How many links of servers it has. */
  readonly links: number
}

/**
 * Whether a relay should be there: one that drained and ended may be started
 * again, but a worker then has another number.
 */
export const isExpected = ({ isDraining, state, worker }: PeerView): boolean =>
  state !== "gone" || !isDraining || worker === undefined

/** A peer that has links of a server. */
export interface Holder {
  readonly peer: string
  readonly links: ReadonlyArray<PresentLink>
}

/** A change of the links of one peer. */
export interface PresenceChange {
  readonly peer: string
  readonly joined: ReadonlyArray<PresentLink>
  readonly left: ReadonlyArray<PresentLink>
}

/** A request that hops to a relay whose server it is for. */
export interface HopRequest {
  /** Empty for a request of a server to the backend API of the peer. */
  readonly name: ServerName | ""
  readonly head: RequestHead
  /** How long the server has for the head of its response, in milliseconds. */
  readonly millis: number
  /** `traceparent` of the visitor's request; empty if there is none. */
  readonly trace: string
  /** The id that the visitor's relay gives it in its log. */
  readonly visitor: string
}

/** Why a hop has no response. */
export type HopFailure =
  /** The connection takes no more. Nobody has seen the request. */
  | "unsent"
  /** It has no link of the server. Nobody has seen the request. */
  | "refused"
  /** It has links, but they take no more. Nobody has seen the request. */
  | "busy"
  /** A server may have seen it; the relay there has waited until the server will not begin it any more. */
  | "cut"
  /** The link between the relays was lost: the server may still begin it within the lease. */
  | "lost"
  /** What came as a response was not one. */
  | "illegal"

/** Who waits for the response to a hop. */
export interface HopReply extends Omit<Reply, "fail"> {
  fail(error: ExchangeError, reason?: HopFailure): void
  /**
   * The server asks whether it may begin the request, which took about `age`
   * milliseconds to arrive: calls `allow` with for how many milliseconds it may.
   */
  begin?(age: number, allow: (millis: number) => void): void
  /** The request was just handed to a server, which begins it within so many milliseconds, or asks. */
  placed?(millis: number): void
}

/** Serves the hops of other relays; `from` is the id of the visitor's. */
export type HopHandler = (
  hop: HopRequest,
  body: Body,
  reply: HopServerReply,
  from: string,
) => Cancel

/** How a hop is answered. */
export interface HopServerReply extends HopReply {
  /** Until when it may be handed to a server without asking, from now, in milliseconds. */
  readonly beginMillis: number
  /** Asks the visitor's relay whether it may still be begun; `allow` is called if so. */
  begin(age: number, allow: (millis: number) => void): void
  placed(millis: number): void
}

/** The connection to a peer, as a link of servers needs it. */
export interface HopLink {
  /** The version of hops that both ends speak; 0 if there is none, or it is not known. */
  readonly hopVersion: number
  /** How many more requests it takes now. */
  readonly room: number
  /** How many more requests it has places for; `undefined` if it takes none. */
  readonly places: number | undefined
  /** In milliseconds. */
  readonly roundTrip: number
  /** Sends a request. Its body is not read before the peer has handed the request to a server. */
  hop(request: HopRequest, body: Body, reply: HopReply): Cancel
  /** Writes what `run` sends when it returns. */
  together(run: () => void): void
}

/** A peer did not answer. */
export class PeerError extends Data.TaggedError("PeerError")<{
  readonly reason: "unknown" | "timeout" | "lost" | "failed"
  readonly peer: string
  readonly detail: string
}> {
  override get message(): string {
    return `${this.peer}: ${this.detail}`
  }
}

/** What the service {@link Peers} does. */
export interface PeersShape {
  readonly self: {
    readonly id: string
    readonly machine: string
    readonly worker: number | undefined
    readonly slot: () => number
    /** The version of its program. */
    readonly program: string
    /** The digest of its configuration. */
    readonly digest: () => string
  }
  /** Whether there are no peers and never will be. */
  readonly isAlone: boolean
  /** Whether the links of all peers are known that were there at the start, or that was waited for long enough. */
  isSettled(): boolean
  /** Tells the peers the digest and the slot again, which may have changed. */
  refresh(): void
  list(): ReadonlyArray<PeerView>
  /** The addresses of members that were never reached. */
  unreached(): ReadonlyArray<string>
  /** Why an address could not be connected to when that was last tried; `undefined` while it is connected. */
  failure(at: string): string | undefined
  /** Calls the listener when a peer comes, goes or tells something new of itself. */
  onPeers(listener: () => void): () => void

  /** Tells all peers of a link that joined here; the returned function, that it left. */
  announce(link: PresentLink): () => void
  /** Tells all peers that there are no links here, from now on. */
  withdraw(): void
  /** This relay drains: others are to find it no more. */
  readonly leave: Effect.Effect<void>
  /** All links of a peer. */
  linksOf(peer: string): ReadonlyArray<PresentLink>
  /** The peers that have links of a server. */
  holders(name: ServerName): ReadonlyArray<Holder>
  onPresence(listener: (change: PresenceChange) => void): () => void
  /** A peer has no link of a server, contrary to what it announced. */
  forget(peer: string, name: ServerName): void

  /** The connection over which requests hop to a peer; `undefined` if there is none. */
  link(peer: string): HopLink | undefined
  /** Calls the listener when a peer may take more requests. */
  onRoom(listener: (peer: string) => void): () => void
  /** Serves the requests that hop here. */
  onHop(handler: HopHandler): void

  /** Sends a message to a peer, or to all. It may be lost. */
  tell<A, R>(to: string, kind: ControlKind<A, R>, message: A): void
  /** Sends a message and waits for the reply, for at most `millis` milliseconds. This relay can ask itself. */
  ask<A, R>(
    to: string,
    kind: ControlKind<A, R>,
    message: A,
    millis: number,
  ): Effect.Effect<R, PeerError>
  /** Answers messages of a kind; one handler for each kind. */
  onControl<A, R>(
    kind: ControlKind<A, R>,
    handler: (message: A, from: string) => Effect.Effect<R, string>,
  ): void
}

/**
 * How long a request that hops may take until it is handed to a server without
 * asking whether it may still be begun, in milliseconds.
 */
export const hopLeaseMillis = 1_000

/** `to` of {@link PeersShape.tell}: all peers. */
export const everybody = "*"

const ignore = (): void => {}

/** No peers. */
export const noPeers: PeersShape = {
  self: {
    id: "",
    machine: "",
    worker: undefined,
    slot: () => 0,
    program: "",
    digest: () => "",
  },
  isAlone: true,
  isSettled: () => true,
  refresh: ignore,
  list: () => [],
  unreached: () => [],
  failure: () => undefined,
  onPeers: () => ignore,
  announce: () => ignore,
  withdraw: ignore,
  leave: Effect.void,
  linksOf: () => [],
  holders: () => [],
  onPresence: () => ignore,
  forget: ignore,
  link: () => undefined,
  onRoom: () => ignore,
  onHop: ignore,
  tell: ignore,
  ask: (to) =>
    Effect.fail(new PeerError({ reason: "unknown", peer: to, detail: "there is no such relay" })),
  onControl: ignore,
}

/** See the file's header. A relay by itself has none. */
export const Peers: Context.Reference<PeersShape> = Context.Reference<PeersShape>(
  "ptth/cluster/Peers",
  { defaultValue: () => noPeers },
)
