/**
 * One connection between two relays. Requests hop in the direction in which it
 * was opened; presence comes back on it, so that a link that left is known to
 * have left before a request is refused for it. Messages go both ways.
 */
import type { Duplex } from "node:stream"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { ExchangeError } from "../../protocol/Exchange.ts"
import { isSafe } from "../../protocol/http/SafeMethod.ts"
import type { InterimHead, RequestHead, ResponseHead } from "../../protocol/Message.ts"
import * as PeerControl from "../../protocol/peer/PeerControl.ts"
import * as PeerFrame from "../../protocol/peer/PeerFrame.ts"
import type { LinkKey, PresentLink } from "../../protocol/peer/PresentLink.ts"
import * as StreamFrame from "../../protocol/StreamFrame.ts"
import { WireError } from "../../protocol/WireError.ts"
import type { Body } from "../../transport/body/Body.ts"
import type { Cancel } from "../../transport/body/Handler.ts"
import type { LeasedReply } from "../../transport/mux/ClientStream.ts"
import { Multiplexer, version } from "../../transport/mux/Multiplexer.ts"
import type { StreamHandler, StreamReply } from "../../transport/mux/ServerStream.ts"
import * as SocketWire from "../../transport/mux/SocketWire.ts"
import type { Deadline, Deadlines } from "../../transport/runtime/Deadlines.ts"
import type { RunningClock } from "../../transport/runtime/RunningClock.ts"
import {
  type HopFailure,
  type HopHandler,
  type HopLink,
  type HopReply,
  type HopRequest,
  type HopServerReply,
  hopLeaseMillis,
} from "../Peers.ts"
import { ControlChannel } from "./ControlChannel.ts"

/** What a connection is made of. */
export interface PeerConnectionOptions {
  readonly socket: Duplex
  readonly deadlines: Deadlines
  readonly clock: RunningClock
  /** Who this relay is. */
  readonly hello: PeerControl.PeerHello
  /** The links here, if the other end opened the connection. */
  readonly links?: ReadonlyArray<PresentLink>
  readonly onHello: (hello: PeerControl.PeerHello) => void
  readonly onPresence: (frame: PeerFrame.Presence) => void
  readonly onMessage: ConstructorParameters<typeof ControlChannel>[0]["onMessage"]
  readonly handler: () => HopHandler | undefined
  readonly onRoom: () => void
  readonly onClosed: (reason: string) => void
}

/** After how long without a byte the other end is asked for one; after as long again it is gone. In milliseconds. */
const heartbeatMillis = 1_000

/** How long the other end may take to say who it is, in milliseconds. */
const helloMillis = 3_000

/** How many requests may be on a connection at once. */
const maxHops = 65_536

/** The bytes of each body that may come before credit is given. */
const window = 512 * 1024

/** What a body's window may grow to, in bytes, on the shortest line: with 1 MiB, the default, large bodies are slower over TLS (docs/performance.md). */
const shortLinkWindow = 4 * 1024 * 1024

/** About how many bytes of links are in one frame. */
const snapshotPiece = 64 * 1024

const decodeHello = Schema.decodeUnknownOption(PeerControl.PeerHello)

/** See the file's header. */
export class PeerConnection implements HopLink {
  readonly openedAt: number
  readonly channel: ControlChannel
  hopVersion = 0
  private readonly options: PeerConnectionOptions
  private readonly multiplexer: Multiplexer
  /** Passes if the other end does not say who it is. */
  private readonly greeting: Deadline
  private peerHello: PeerControl.PeerHello | undefined
  /** The hop whose request comes next. */
  private nextHop: PeerFrame.Hop | undefined
  /** Hops of requests that may change something, by their streams. */
  private readonly changing = new Map<number, HopStream>()
  /** Why the stream whose reset comes next has no response. */
  private failure: { readonly stream: number; readonly error: ExchangeError } | undefined
  /** Of the last presence frame that was sent. */
  private sequence = 0

  constructor(options: PeerConnectionOptions) {
    const { clock, deadlines, socket } = options
    this.options = options
    this.openedAt = deadlines.now()
    this.channel = new ControlChannel({
      send: (frame) => this.multiplexer.send(frame),
      deadlines,
      onMessage: (kind, body, reply) => this.onMessage(kind, body, reply),
    })
    this.greeting = deadlines.set(helloMillis, () => this.close("it did not say who it is"))
    this.multiplexer = new Multiplexer({
      deadlines,
      clock,
      heartbeatMillis,
      leaseMillis: () => hopLeaseMillis,
      hello: { version, maxStreams: maxHops, window, publicUrl: "" },
      mostStreams: maxHops,
      shortLinkWindow,
      isTrusted: true,
      handlerOf: (stream) => this.handlerOf(stream),
      extension: {
        isKnown: PeerFrame.isPeerFrame,
        frame: (kind, stream, payload) => this.onFrame(kind, stream, payload),
      },
      onRoom: options.onRoom,
      onClosed: (reason) => {
        this.greeting.clear()
        this.channel.close()
        options.onClosed(reason)
      },
      wire: SocketWire.make(socket, {
        bytes: (chunk) => this.multiplexer.bytes(chunk),
        drained: () => this.multiplexer.drained(),
        closed: () => this.multiplexer.ended(),
      }),
    })
    this.sayHello(options.hello)
    if (options.links !== undefined) this.sendSnapshot(options.links)
  }

  /** The other end; `undefined` until it has said who it is. */
  get hello(): PeerControl.PeerHello | undefined {
    return this.peerHello
  }

  get room(): number {
    return this.hopVersion > 0 ? this.multiplexer.room : 0
  }

  get places(): number | undefined {
    return this.hopVersion > 0 ? this.multiplexer.places : undefined
  }

  get roundTrip(): number {
    return this.multiplexer.roundTrip
  }

  together(run: () => void): void {
    this.multiplexer.together(run)
  }

  /** Says who this relay is, again if that has changed. */
  sayHello(hello: PeerControl.PeerHello): void {
    this.channel.tell(PeerControl.helloKind.kind, hello)
  }

  /** Sends all links. */
  sendSnapshot(links: ReadonlyArray<PresentLink>): void {
    let from = 0
    do {
      let to = from
      for (let size = 0; to < links.length && size < snapshotPiece; to++)
        size += PeerFrame.sizeOfLink(links[to] as PresentLink)
      const joined = links.slice(from, to)
      const isFirst = from === 0
      from = to
      this.sendPresence(joined, [], isFirst, from >= links.length)
    } while (from < links.length)
  }

  /** Sends a change of the links. */
  sendChange(joined: ReadonlyArray<PresentLink>, left: ReadonlyArray<LinkKey>): void {
    this.sendPresence(joined, left, false, false)
  }

  hop(request: HopRequest, body: Body, reply: HopReply): Cancel {
    if (this.room === 0) {
      reply.fail(unsent, "unsent")
      return () => {}
    }
    const { head, millis, name, trace, visitor } = request
    const hop = new HopStream(this, reply)
    const before = (stream: number): Buffer => {
      hop.stream = stream
      if (!isSafe(head.method)) this.changing.set(stream, hop)
      return PeerFrame.hop({ stream, name, millis: Math.ceil(millis), trace, visitor })
    }
    const cancel = this.multiplexer.request(head, body, hop, before, true)
    return () => {
      this.settled(hop.stream)
      cancel()
    }
  }

  /** A hop has a response, or needs none. */
  settled(stream: number): void {
    this.changing.delete(stream)
  }

  /** Why a stream whose reset has come has no response, if the other end has said so. */
  takeFailure(stream: number): ExchangeError | undefined {
    const { failure } = this
    if (failure?.stream !== stream) return undefined
    this.failure = undefined
    return failure.error
  }

  /** Takes no more requests, answers those that are on their way, and ends the connection. */
  drain(): void {
    this.multiplexer.drain()
  }

  /** Ends the connection and everything on it. */
  close(reason: string): void {
    this.multiplexer.close(reason)
  }

  private sendPresence(
    joined: ReadonlyArray<PresentLink>,
    left: ReadonlyArray<LinkKey>,
    isFirst: boolean,
    isComplete: boolean,
  ): void {
    this.sequence = (this.sequence + 1) >>> 0
    const { sequence } = this
    this.multiplexer.send(PeerFrame.presence({ sequence, isFirst, isComplete, joined, left }))
  }

  // ------------------------------------------------------------ what comes

  private onFrame(kind: number, stream: number, payload: Buffer): WireError | undefined {
    const frame = PeerFrame.decode(kind, stream, payload)
    if (Result.isFailure(frame)) return frame.failure
    switch (frame.success._tag) {
      case "Presence":
        this.options.onPresence(frame.success)
        return undefined
      case "Hop":
        this.nextHop = frame.success
        return undefined
      case "Failure":
        this.failure = { stream, error: errorOf(frame.success.bytes) }
        return undefined
      case "Placed":
        this.changing.get(stream)?.placed(frame.success.millis)
        return undefined
      case "Control":
        return this.channel.frame(frame.success)
          ? undefined
          : new WireError({ detail: "a message is illegal" })
    }
  }

  private onMessage(
    kind: string,
    body: unknown,
    reply: Parameters<PeerConnectionOptions["onMessage"]>[2],
  ): void {
    if (kind !== PeerControl.helloKind.kind) {
      if (this.peerHello !== undefined) this.options.onMessage(kind, body, reply)
      return
    }
    const hello = decodeHello(body)
    if (hello._tag === "None") return this.close("its hello is illegal")
    if (this.peerHello !== undefined && this.peerHello.id !== hello.value.id)
      return this.close("it changed its id")
    this.peerHello = hello.value
    this.hopVersion = PeerControl.commonVersion(this.options.hello.hop, hello.value.hop) ?? 0
    this.greeting.clear()
    this.options.onHello(hello.value)
  }

  /** Serves the request of a stream if a hop came directly before it. */
  private handlerOf(stream: number): StreamHandler | undefined {
    const hop = this.nextHop
    this.nextHop = undefined
    return hop?.stream === stream
      ? (head, body, reply) => this.serve(hop, head, body, reply)
      : undefined
  }

  private serve(
    { millis, name, trace, visitor }: PeerFrame.Hop,
    head: RequestHead,
    body: Body,
    reply: StreamReply,
  ): Cancel {
    const handler = this.options.handler()
    if (handler === undefined) {
      body.discard()
      reply.abort("refused")
      return () => {}
    }
    const beginMillis = reply.beginBy - this.options.clock.now()
    const served = new ServedHop(this.multiplexer, reply, beginMillis)
    return handler({ name, head, millis, trace, visitor }, body, served, this.peerHello?.id ?? "")
  }
}

/** Waits for the response to a hop. */
class HopStream implements LeasedReply {
  /** Its number, once it is sent. */
  stream = 0
  private readonly connection: PeerConnection
  private readonly reply: HopReply

  constructor(connection: PeerConnection, reply: HopReply) {
    this.connection = connection
    this.reply = reply
  }

  respond(head: ResponseHead, body: Body, sent?: () => void): void {
    this.connection.settled(this.stream)
    this.reply.respond(head, body, sent)
  }

  inform(head: InterimHead): void {
    this.reply.inform?.(head)
  }

  placed(millis: number): void {
    this.reply.placed?.(millis)
  }

  fail(error: ExchangeError, reason?: StreamFrame.ResetReason): void {
    this.connection.settled(this.stream)
    const failure = this.connection.takeFailure(this.stream)
    if (failure === undefined) this.reply.fail(error, failureOf(error, reason))
    else this.reply.fail(failure)
  }

  begin(age: number, allow: (millis: number) => void): void {
    this.reply.begin?.(age, allow)
  }
}

/** Answers a hop on its stream. */
class ServedHop implements HopServerReply {
  readonly beginMillis: number
  private readonly multiplexer: Multiplexer
  private readonly reply: StreamReply

  constructor(multiplexer: Multiplexer, reply: StreamReply, beginMillis: number) {
    this.multiplexer = multiplexer
    this.reply = reply
    this.beginMillis = beginMillis
  }

  begin(age: number, allow: (millis: number) => void): void {
    this.reply.ask(age, allow)
  }

  placed(millis: number): void {
    this.multiplexer.send(PeerFrame.placed({ stream: this.reply.id, millis: Math.ceil(millis) }))
  }

  inform(head: InterimHead): void {
    this.reply.inform?.(head)
  }

  respond(head: ResponseHead, body: Body, sent?: () => void): void {
    if (StreamFrame.fitsResponse(head)) return this.reply.respond(head, body, sent)
    body.discard()
    this.reply.abort("protocol")
  }

  fail(error: ExchangeError, reason?: HopFailure): void {
    if (reason === undefined) {
      const bytes = Buffer.from(JSON.stringify(bodyOf(error)))
      this.multiplexer.send(PeerFrame.failure({ stream: this.reply.id, bytes }))
    }
    this.reply.abort(resetOf(reason))
  }
}

const decodeFailure = Schema.decodeUnknownOption(Schema.fromJsonString(PeerFrame.FailureBody))

/** The error that a failure frame stands for. */
const errorOf = (bytes: Uint8Array): ExchangeError => {
  const body = decodeFailure(Buffer.from(bytes).toString())
  return new ExchangeError(
    body._tag === "Some"
      ? body.value
      : { code: "PTTH_BAD_ANSWER", detail: "the other relay gave up" },
  )
}

const bodyOf = ({ code, detail, headers, retryAfter }: ExchangeError): PeerFrame.FailureBody => ({
  code,
  detail,
  ...(retryAfter === undefined ? {} : { retryAfter }),
  ...(headers === undefined ? {} : { headers }),
})

const unsent = new ExchangeError({
  code: "PTTH_LINK_LOST",
  detail: "the relay accepts no requests",
})

/** The reset with which a hop fails. */
const resetOf = (reason: HopFailure | undefined): StreamFrame.ResetReason => {
  switch (reason) {
    case "refused":
      return "refused"
    case "busy":
      return "limit"
    case "illegal":
      return "protocol"
    default:
      return "cut"
  }
}

/** Why a hop failed; `undefined` for an error that is the visitor's or this relay's. */
const failureOf = (
  { code }: ExchangeError,
  reason: StreamFrame.ResetReason | undefined,
): HopFailure | undefined => {
  switch (reason) {
    case "refused":
      return "refused"
    case "limit":
      return "busy"
    case "protocol":
      return "illegal"
    case undefined:
      return code === "PTTH_LINK_LOST" ? "lost" : undefined
    default:
      return "cut"
  }
}
