/**
 * Converts bodies of callbacks to Streams, and Streams to bodies.
 * Back-pressure and cancellation pass in both directions, and a body in memory
 * stays one chunk.
 */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { HeaderList } from "../../domain/HeaderList.ts"
import { BodyError } from "../../protocol/Exchange.ts"
import { type Body, type BodyFlow, type BodySink, fromBytes } from "../body/Body.ts"

/** How many bytes are queued for the consumer of a Stream before the sender is paused. */
export const highWater = 64 * 1024

type Chunks = [Uint8Array, ...Array<Uint8Array>]

// ---------------------------------------------------------------- Body to Stream

/** A body that is read as a Stream. */
export interface OpenBody {
  /** The bytes. It can be run once; the first pull starts to read the body. */
  readonly stream: Stream.Stream<Uint8Array, BodyError>
  /** The trailer fields; waits for the end of the body, and is empty if that broke off. */
  readonly trailers: Effect.Effect<HeaderList>
  /** Cancels the body; a pending pull fails as `cancelled`. Idempotent. */
  readonly cancel: () => void
}

/** Options of {@link open}. */
export interface OpenOptions {
  /** Called when the consumer has taken every byte; at most once, and not after `cancel`. */
  readonly onTaken?: (() => void) | undefined
}

/** Makes a body readable as a Stream. */
export const open = (body: Body, options: OpenOptions = {}): OpenBody => {
  if (body.whole !== undefined) return openWhole(body, body.whole, options)
  const reader = new Reader(body, options)
  return {
    stream: reader.stream,
    trailers: Effect.suspend(() =>
      reader.isOver ? Effect.succeed(reader.trailers) : reader.awaitTrailers,
    ),
    cancel: () => reader.cancel(),
  }
}

/** The body as a Stream; see {@link open}. */
export const toStream = (body: Body): Stream.Stream<Uint8Array, BodyError> => open(body).stream

const none: HeaderList = []

/** No trailer fields. */
export const noTrailers: Effect.Effect<HeaderList> = Effect.succeed(none)

const openWhole = (body: Body, bytes: Uint8Array, { onTaken }: OpenOptions): OpenBody => {
  body.discard()
  onTaken?.()
  return { stream: ofBytes(bytes), trailers: noTrailers, cancel: () => {} }
}

const wholes = new WeakMap<object, Uint8Array>()

/** Bytes in memory as a Stream; converted back to a Body it has them as `whole`. */
export const ofBytes = (bytes: Uint8Array): Stream.Stream<Uint8Array> => {
  if (bytes.length === 0) return Stream.empty
  const stream = Stream.succeed(bytes)
  wholes.set(stream, bytes)
  return stream
}

/** The bytes of a Stream that was made by {@link ofBytes}, if they are all of the body. */
const wholeOf = (stream: object, { length, trailers }: SendOptions): Uint8Array | undefined => {
  const bytes = stream === Stream.empty ? noBytes : wholes.get(stream)
  const hasNoTrailers = trailers === undefined || trailers === noTrailers
  return hasNoTrailers && bytes?.length === (length ?? bytes?.length) ? bytes : undefined
}

const noBytes = new Uint8Array(0)

const cancelled = new BodyError({ reason: "cancelled", detail: "it is not wanted any more" })

const readBefore = new BodyError({ reason: "cancelled", detail: "it has been read already" })

/**
 * Reads a body into a Stream. It is not a `PushedBody`: bytes are pushed to it,
 * but its consumer pulls all that have come, and waits on a latch.
 */
class Reader implements BodySink {
  readonly stream: Stream.Stream<Uint8Array, BodyError>
  readonly awaitTrailers: Effect.Effect<HeaderList>
  trailers: HeaderList = none
  private readonly body: Body
  private readonly options: OpenOptions
  private readonly over = Latch.makeUnsafe(false)
  /** Open while there is something to pull. */
  private readonly news = Latch.makeUnsafe(false)
  private state: "new" | "opened" | "reading" | "over" = "new"
  private hasRun = false
  private flow: BodyFlow | undefined
  private waiting: Array<Uint8Array> = []
  private size = 0
  private held = false
  private isEndUntold = false
  private exit: Exit.Exit<never, BodyError | Cause.Done> | undefined

  constructor(body: Body, options: OpenOptions) {
    this.body = body
    this.options = options
    this.awaitTrailers = Effect.map(this.over.await, () => this.trailers)
    const pull = Effect.suspend(() => this.pull())
    this.stream = Stream.fromChannel(
      Channel.fromTransform((_, scope) => Effect.suspend(() => this.start(scope, pull))),
    )
  }

  get isOver(): boolean {
    return this.state === "over"
  }

  private start(
    scope: Scope.Scope,
    pull: Pull.Pull<Chunks, BodyError>,
  ): Effect.Effect<Pull.Pull<Chunks, BodyError>> {
    if (this.hasRun) return Effect.succeed(Effect.fail(readBefore))
    this.hasRun = true
    if (this.state === "new") this.state = "opened"
    const close = Effect.sync(() => this.cancel())
    return Effect.as(Scope.addFinalizer(scope, close), pull)
  }

  data(chunk: Uint8Array): boolean {
    if (this.state === "over") return false
    if (chunk.length > 0) {
      this.waiting.push(chunk)
      this.size += chunk.length
      this.news.openUnsafe()
    }
    this.held = this.size >= highWater
    return !this.held
  }

  end(trailers: HeaderList): void {
    if (this.state === "over") return
    this.trailers = trailers
    this.isEndUntold = true
    this.finish(Exit.fail(Cause.Done()))
  }

  fail(error: BodyError): void {
    if (this.state !== "over") this.finish(Exit.fail(error))
  }

  cancel(): void {
    this.isEndUntold = false
    if (this.state === "over") return
    const { flow } = this
    this.waiting = []
    this.finish(Exit.fail(cancelled))
    if (flow === undefined) this.body.discard()
    else flow.cancel()
  }

  private finish(exit: Exit.Exit<never, BodyError | Cause.Done>): void {
    this.state = "over"
    this.flow = undefined
    this.exit = exit
    this.over.openUnsafe()
    this.news.openUnsafe()
  }

  private pull(): Pull.Pull<Chunks, BodyError> {
    if (this.waiting.length > 0) return Effect.succeed(this.take())
    if (this.exit !== undefined) {
      if (this.isEndUntold) {
        this.isEndUntold = false
        this.options.onTaken?.()
      }
      return this.exit
    }
    if (this.state === "opened") {
      this.state = "reading"
      this.flow = this.body.read(this)
    }
    this.news.closeUnsafe()
    return Effect.flatMap(this.news.await, () => this.pull())
  }

  private take(): Chunks {
    const { waiting } = this
    this.waiting = []
    this.size = 0
    if (this.held) {
      this.held = false
      this.flow?.resume()
    }
    return waiting as Chunks
  }
}

// ---------------------------------------------------------------- Stream to Body

/** Options of a Stream that becomes a body. */
export interface SendOptions {
  /** The promised length in bytes; the body fails as `short` or `long` if the Stream has another. */
  readonly length?: number | undefined
  /** The trailer fields, run once the Stream has ended. */
  readonly trailers?: Effect.Effect<HeaderList> | undefined
  /** Called when the receiver cancels; default: interrupts the sending fiber. */
  readonly onCancel?: (() => void) | undefined
}

/**
 * Gives a body to `deliver` and, once that is read, runs the Stream into it in
 * this fiber. Succeeds when every byte was taken or the body was discarded;
 * fails as the Stream fails.
 */
export const send = <E>(
  stream: Stream.Stream<Uint8Array, E>,
  options: SendOptions,
  deliver: (body: Body) => void,
): Effect.Effect<void, E | BodyError> =>
  Effect.withFiber((fiber) => {
    const bytes = wholeOf(stream, options)
    if (bytes !== undefined) {
      deliver(fromBytes(bytes))
      return Effect.void
    }
    const outlet = new Outlet(options, () => fiber.interruptUnsafe())
    deliver(outlet)
    return outlet.run(stream)
  })

/** Options of {@link fromStream}. */
export interface FromStreamOptions extends Omit<SendOptions, "onCancel"> {
  /** The context in which the Stream is run. */
  readonly context?: Context.Context<never> | undefined
}

/** A body that runs a Stream. */
export interface StreamBody extends Body {
  /** Stops the Stream; the reader's body fails as `cut`. Idempotent. */
  readonly stop: () => void
}

/** A Stream as a body. Reading the body runs the Stream in a fiber of its own. */
export const fromStream = (
  stream: Stream.Stream<Uint8Array, BodyError>,
  options: FromStreamOptions = {},
): StreamBody => {
  const bytes = wholeOf(stream, options)
  if (bytes !== undefined) return { ...fromBytes(bytes), stop: () => {} }
  let fiber: Fiber.Fiber<void, BodyError> | undefined
  const outlet = new Outlet(options, () => fiber?.interruptUnsafe())
  const begin = (): void => {
    if (outlet.isOver) return
    const logged = Effect.tapCause(outlet.run(stream), (cause) =>
      Cause.hasDies(cause) ? Effect.logError("a body failed", cause) : Effect.void,
    )
    fiber = Effect.runForkWith(options.context ?? Context.empty())(logged)
  }
  return {
    length: outlet.length,
    whole: undefined,
    discard: () => outlet.discard(),
    read: (sink) => {
      const flow = outlet.read(sink)
      queueMicrotask(begin)
      return flow
    },
    stop: () => {
      if (fiber === undefined) outlet.break(stopped)
      else fiber.interruptUnsafe()
    },
  }
}

const stopped = new BodyError({ reason: "cut", detail: "its sender stopped" })

/** The error of the body whose Stream failed. */
const errorOf = (cause: Cause.Cause<unknown>): BodyError => {
  for (const reason of cause.reasons) {
    if (reason._tag === "Fail" && reason.error instanceof BodyError) return reason.error
  }
  return Cause.hasInterruptsOnly(cause)
    ? stopped
    : new BodyError({ reason: "cut", detail: "its sender failed" })
}

/** The body that a Stream is run into. */
class Outlet implements Body {
  readonly length: number | undefined
  readonly whole = undefined
  private readonly options: SendOptions
  private readonly interrupt: () => void
  private readonly room = Latch.makeUnsafe(false)
  private readonly wanted = Latch.makeUnsafe(false)
  private sink: BodySink | undefined
  private sent = 0
  private state: "open" | "discarded" | "over" = "open"
  private broken: BodyError | undefined

  constructor(options: SendOptions, interrupt: () => void) {
    this.length = options.length
    this.options = options
    this.interrupt = options.onCancel ?? interrupt
  }

  get isOver(): boolean {
    return this.state !== "open"
  }

  read(sink: BodySink): BodyFlow {
    this.sink = sink
    queueMicrotask(() => {
      if (this.broken !== undefined) this.tell(this.broken)
      else this.wanted.openUnsafe()
    })
    return {
      resume: () => {
        this.room.openUnsafe()
      },
      cancel: () => {
        if (this.state !== "open") return
        this.state = "over"
        this.interrupt()
      },
    }
  }

  discard(): void {
    if (this.state !== "open") return
    this.state = "discarded"
    this.wanted.openUnsafe()
  }

  /** The sender breaks it off. */
  break(error: BodyError): void {
    if (this.state !== "open") return
    this.broken = error
    if (this.sink !== undefined) this.tell(error)
  }

  private tell(error: BodyError): void {
    if (this.state !== "open") return
    this.state = "over"
    this.sink?.fail(error)
  }

  run<E>(stream: Stream.Stream<Uint8Array, E>): Effect.Effect<void, E | BodyError> {
    const pumped = Effect.flatMap(this.wanted.await, () =>
      this.state === "open"
        ? Stream.runForEachArray(stream, (chunks) => this.give(chunks, 0)).pipe(
            Effect.andThen(Effect.suspend(() => this.finish())),
          )
        : Effect.void,
    )
    return Effect.onExit(pumped, (exit) =>
      Exit.isFailure(exit) ? Effect.sync(() => this.break(errorOf(exit.cause))) : Effect.void,
    )
  }

  private give(chunks: ReadonlyArray<Uint8Array>, from: number): Effect.Effect<void, BodyError> {
    const { length, room, sink } = this
    for (let i = from; i < chunks.length; i++) {
      if (this.state !== "open") return Effect.interrupt
      const chunk = chunks[i] as Uint8Array
      if (chunk.length === 0) continue
      this.sent += chunk.length
      if (length !== undefined && this.sent > length)
        return Effect.fail(
          new BodyError({ reason: "long", detail: `more than the promised ${length} bytes` }),
        )
      room.closeUnsafe()
      if (sink?.data(chunk) === true) continue
      return Effect.flatMap(room.await, () => this.give(chunks, i + 1))
    }
    return Effect.void
  }

  private finish(): Effect.Effect<void, BodyError> {
    const { length, sent } = this
    if (length !== undefined && sent < length)
      return Effect.fail(
        new BodyError({ reason: "short", detail: `${sent} of the promised ${length} bytes` }),
      )
    return Effect.map(this.options.trailers ?? noTrailers, (trailers) => {
      if (this.state !== "open") return
      this.state = "over"
      this.sink?.end(trailers)
    })
  }
}
