/**
 * An HTTP/1.1 client for small requests to one origin without TLS. The head and
 * the body of a request leave in one write, and the response is read from the
 * socket directly, which costs a fraction of Node's client (docs/performance.md).
 * A connection is used again only after a response whose end is beyond doubt.
 */
import { connect, type Socket } from "node:net"
import type { HeaderList } from "../../domain/HeaderList.ts"
import { BodyError } from "../../protocol/Exchange.ts"
import { ChunkedDecoder, type Decoded } from "../../protocol/http/ChunkedDecoder.ts"
import type { Framing } from "../../protocol/http/Framing.ts"
import * as HeadText from "../../protocol/http/HeadText.ts"
import {
  keepAliveSeconds,
  type PlainResponse,
  recognise,
} from "../../protocol/http/PlainResponse.ts"
import { passable } from "../../protocol/http/Trailers.ts"
import { type Body, empty, fromBytes } from "../../transport/body/Body.ts"
import type { Cancel } from "../../transport/body/Handler.ts"
import { PushedBody } from "../../transport/body/PushedBody.ts"
import * as BufferPressure from "../../transport/runtime/BufferPressure.ts"
import * as WriteBatch from "../../transport/runtime/WriteBatch.ts"

/** The origin, and how long its connections are kept. */
export interface PlainClientOptions {
  /** Name or address; an IPv6 address has no brackets. */
  readonly host: string
  readonly port: number
  /** How many idle connections are kept; 256 by default. */
  readonly maxIdle?: number
  /**
   * How long an idle connection is kept, in milliseconds, unless the origin sends
   * `Keep-Alive: timeout`; 4 s by default, because Node's servers close theirs after 5 s.
   */
  readonly idleMillis?: number
}

/** One request. Of `answered` and `failed` one is called, once; none after it was cancelled. */
export interface PlainCall {
  readonly method: string
  /** The head with its empty line; a character stands for a byte. */
  readonly head: string
  readonly body: Uint8Array
  /** Whether it may be sent again when a reused connection turns out to be closed (RFC 9112 9.3.1). */
  readonly repeatable: boolean
  readonly answered: (response: PlainResponse, body: Body) => void
  readonly failed: (error: NodeJS.ErrnoException) => void
}

const readSize = 64 * 1024

/** Upper bound for the origin's advertised keep-alive timeout, in milliseconds. */
const longestIdleMillis = 75_000

/** A connection is closed this long before the origin closes it, in milliseconds. */
const marginMillis = 1_000

/** How often idle connections are checked, in milliseconds. */
const sweepMillis = 1_000

/** A client with a pool of connections. See the file's header. */
export class PlainClient {
  /** All connections read into this buffer; bytes that are kept are copied out of it. */
  readonly readBuffer: Buffer = Buffer.allocUnsafeSlow(readSize)
  private readonly options: PlainClientOptions
  private readonly idle: Array<Connection> = []
  private readonly maxIdle: number
  private timer: NodeJS.Timeout | undefined
  private closed = false

  constructor(options: PlainClientOptions) {
    this.options = options
    this.maxIdle = options.maxIdle ?? 256
  }

  /** Sends a request. The returned function cancels it. */
  send(call: PlainCall): Cancel {
    const request = new SentRequest(this, call)
    request.sendOn(this.takeIdle() ?? this.connect())
    return request.cancel
  }

  /** Closes the idle connections, and keeps none any more. */
  close(): void {
    this.closed = true
    clearInterval(this.timer)
    for (const connection of this.idle.splice(0)) connection.destroy()
  }

  /** The idle connection that was used last: it is the least likely to be closed. */
  private takeIdle(): Connection | undefined {
    const now = performance.now()
    for (;;) {
      const connection = this.idle.pop()
      if (connection === undefined || connection.expiresAt > now) return connection
      connection.destroy()
    }
  }

  /** Opens a connection. */
  connect(): Connection {
    return new Connection(this, this.options.host, this.options.port)
  }

  /** Takes back a connection after a response with these fields. */
  release(connection: Connection, headers: HeaderList): void {
    const seconds = keepAliveSeconds(headers)
    const millis =
      seconds === undefined
        ? (this.options.idleMillis ?? 4_000)
        : Math.min(seconds * 1_000 - marginMillis, longestIdleMillis)
    if (this.closed || millis <= 0 || this.idle.length >= this.maxIdle) return connection.destroy()
    connection.expiresAt = performance.now() + millis
    this.idle.push(connection)
    this.timer ??= setInterval(this.sweep, sweepMillis).unref()
  }

  /** A connection is closed. */
  forget(connection: Connection): void {
    const at = this.idle.indexOf(connection)
    if (at >= 0) this.idle.splice(at, 1)
  }

  private readonly sweep = (): void => {
    const now = performance.now()
    for (const connection of this.idle.filter(({ expiresAt }) => expiresAt <= now))
      connection.destroy()
    if (this.idle.length > 0) return
    clearInterval(this.timer)
    this.timer = undefined
  }
}

/** A request on its way, over one connection or two. */
class SentRequest {
  readonly call: PlainCall
  private readonly client: PlainClient
  private connection: Connection | undefined
  private repeated = false

  constructor(client: PlainClient, call: PlainCall) {
    this.client = client
    this.call = call
  }

  readonly cancel: Cancel = () => this.connection?.cancel(this)

  sendOn(connection: Connection): void {
    this.connection = connection
    connection.send(this)
  }

  answered(response: PlainResponse, body: Body): void {
    this.call.answered(response, body)
  }

  /**
   * There is no response.
   *
   * @param wasIdle whether a reused connection closed before a byte of the response
   */
  failed(error: Error, wasIdle: boolean): void {
    if (wasIdle && this.call.repeatable && !this.repeated) {
      this.repeated = true
      return this.sendOn(this.client.connect())
    }
    this.connection = undefined
    this.call.failed(error)
  }
}

/** One connection, with one request at a time. */
class Connection {
  /** When it is closed if it is idle, in milliseconds of `performance.now`. */
  expiresAt = 0
  private readonly client: PlainClient
  private readonly socket: Socket
  private request: SentRequest | undefined
  private response: PlainResponse | undefined
  /** What has come of a head; `undefined` before its first byte. */
  private partialHead: Buffer | undefined
  private body: PushedBody | undefined
  private decoder: ChunkedDecoder | undefined
  /** How many bytes of a body of known length are missing. */
  private remaining = 0
  private paused = false
  private reused = false

  constructor(client: PlainClient, host: string, port: number) {
    this.client = client
    this.socket = connect({
      host,
      port,
      noDelay: true,
      onread: { buffer: client.readBuffer, callback: this.onRead },
    })
    this.socket.on("end", this.onEnd)
    this.socket.on("error", this.onError)
    this.socket.on("close", this.onClose)
  }

  destroy(): void {
    this.client.forget(this)
    this.socket.destroy()
  }

  /** Sends a request on a connection that is free. */
  send(request: SentRequest): void {
    const { body, head } = request.call
    this.request = request
    if (this.reused) this.socket.ref()
    WriteBatch.add(() => {
      if (this.request !== request) return
      if (body.length === 0) this.socket.write(head, "latin1")
      else this.socket.write(HeadText.join(head, body))
    })
  }

  /** The response is not wanted any more; without it the connection cannot be used again. */
  cancel(request: SentRequest): void {
    if (this.request !== request) return
    const { body } = this
    this.abandon()
    body?.fail(new BodyError({ reason: "cancelled", detail: "it was given up here" }))
  }

  private readonly onRead = (size: number): boolean => {
    const bytes = this.client.readBuffer.subarray(0, size)
    // Bytes that no request asked for.
    if (this.request === undefined) this.destroy()
    else if (this.body !== undefined) this.onBody(this.body, bytes)
    else this.onHead(this.request, bytes)
    return !this.paused
  }

  private onHead(request: SentRequest, received: Buffer): void {
    let bytes =
      this.partialHead === undefined ? received : Buffer.concat([this.partialHead, received])
    this.partialHead = noBytes
    for (;;) {
      const head = recognise(bytes, request.call.method)
      if (head._tag === "Unfinished") {
        this.partialHead = Buffer.from(bytes)
        return
      }
      if (head._tag === "Broken") return this.breakOff(new Error(head.detail))
      bytes = bytes.subarray(head.end)
      if (head.status >= 200) return this.onResponse(request, head, bytes)
      if (head.status === 101) return this.breakOff(new Error("it changes the protocol unasked"))
    }
  }

  private onResponse(request: SentRequest, response: PlainResponse, rest: Buffer): void {
    this.response = response
    this.partialHead = undefined
    const { framing } = response
    if (framing._tag === "None") return this.answerWhole(request, response, empty, rest.length)
    if (framing._tag === "Length") {
      this.remaining = framing.length
      if (rest.length >= this.remaining) {
        const behind = rest.length - this.remaining
        return this.answerWhole(request, response, copyOf(rest.subarray(0, this.remaining)), behind)
      }
    }
    if (framing._tag === "Chunked") this.decoder = new ChunkedDecoder()
    const body = this.startBody(framing)
    request.answered(response, body)
    if (rest.length > 0) this.onBody(body, rest)
  }

  /** Makes the body that the rest of the response is pushed to. */
  private startBody(framing: Framing): PushedBody {
    const body = new PushedBody(framing._tag === "Length" ? framing.length : undefined, {
      resume: this.resume,
      abandon: this.abandon,
    })
    this.body = body
    return body
  }

  /** The whole response came in one read. */
  private answerWhole(
    request: SentRequest,
    response: PlainResponse,
    body: Body,
    behind: number,
  ): void {
    this.done(behind)
    request.answered(response, body)
  }

  private onBody(body: PushedBody, bytes: Buffer): void {
    if (this.decoder !== undefined) return this.onDecoded(body, this.decoder.decode(bytes))
    if (this.response?.framing._tag === "Close") return this.push(body, bytes)
    const behind = bytes.length - this.remaining
    const part = behind > 0 ? bytes.subarray(0, this.remaining) : bytes
    this.remaining -= part.length
    this.push(body, part)
    if (this.remaining > 0 || this.body !== body) return
    this.done(Math.max(0, behind))
    body.end([])
  }

  private onDecoded(body: PushedBody, { behind, data, fault }: Decoded): void {
    const trailers = this.decoder?.trailers ?? []
    if (data.length > 0) this.push(body, data)
    if (this.body !== body) return
    if (fault !== undefined) return this.breakOff(new Error(fault))
    if (behind === undefined) return
    this.done(behind)
    body.end(trailers.length === 0 ? [] : passable(trailers))
  }

  private push(body: PushedBody, bytes: Buffer): void {
    BufferPressure.count(bytes.length)
    const copy = Buffer.allocUnsafe(bytes.length)
    copy.set(bytes)
    this.paused = !body.data(copy)
  }

  /**
   * The response is whole.
   *
   * @param behind how many bytes came behind it, which no request asked for
   */
  private done(behind: number): void {
    const { response, socket } = this
    this.request = undefined
    this.response = undefined
    this.body = undefined
    this.decoder = undefined
    const isFree = behind === 0 && socket.writableLength === 0 && !socket.destroyed
    if (response?.persists !== true || !isFree) return this.destroy()
    this.reused = true
    this.resume()
    socket.unref()
    this.client.release(this, response.headers)
  }

  private readonly resume = (): void => {
    if (!this.paused) return
    this.paused = false
    this.socket.resume()
  }

  private readonly abandon = (): void => {
    this.body = undefined
    this.request = undefined
    this.destroy()
  }

  private readonly onEnd = (): void => {
    const { body } = this
    if (body === undefined || this.response?.framing._tag !== "Close") return this.breakOff(ended)
    this.done(0)
    body.end([])
  }

  private readonly onError = (error: Error): void => this.breakOff(error)

  private readonly onClose = (): void => this.breakOff(ended)

  /** Closes the connection and fails its request. */
  private breakOff(error: Error): void {
    const { body, request } = this
    const wasIdle = this.reused && this.partialHead === undefined
    this.abandon()
    if (request === undefined) return
    if (body !== undefined)
      body.fail(new BodyError({ reason: "cut", detail: "the connection broke" }))
    else request.failed(error, wasIdle)
  }
}

const noBytes = Buffer.alloc(0)

const ended = Object.assign(new Error("the connection ended"), { code: "ECONNRESET" })

/** A body with a copy of bytes of the read buffer. */
const copyOf = (bytes: Buffer): Body => {
  if (bytes.length === 0) return empty
  const copy = Buffer.allocUnsafe(bytes.length)
  copy.set(bytes)
  return fromBytes(copy)
}
