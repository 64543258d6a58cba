/**
 * Small requests to one origin over plain HTTP/1.1, on connections that are
 * kept: head and body leave in one write, and the answer is read on the socket
 * itself, at a fraction of what Node's client costs.
 */
import { connect, type Socket } from "node:net"
import type { HeaderList } from "../../domain/HeaderList.ts"
import { BodyError } from "../../protocol/Exchange.ts"
import { ChunkedDecoder, type Decoded } from "../../protocol/http/ChunkedDecoder.ts"
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

/** The origin, and how its connections are kept. */
export interface PlainClientOptions {
  /** Name or address, without the brackets of IPv6. */
  readonly host: string
  readonly port: number
  /** How many idle connections are kept; 256 if it is not said. */
  readonly maxIdle?: number
  /**
   * How long a connection is kept idle, in milliseconds, if the origin does not
   * say how long it keeps it itself; 4 s if it is not said, because Node closes its own after 5 s.
   */
  readonly idleMillis?: number
}

/** One request, and who hears what comes of it: one of the two, once. */
export interface PlainCall {
  readonly method: string
  /** Request line and fields, with the empty line behind them; a character stands for a byte. */
  readonly head: string
  readonly body: Uint8Array
  /** Whether it may be sent once more, should a kept connection turn out to be dead (RFC 9110 9.2.2). */
  readonly repeatable: boolean
  readonly answered: (response: PlainResponse, body: Body) => void
  readonly failed: (error: NodeJS.ErrnoException) => void
}

const readSize = 64 * 1024

/** What an origin that says how long it keeps a connection is believed at most, in milliseconds. */
const mostIdleMillis = 75_000

/** A connection is let go this long before the origin closes it, in milliseconds. */
const marginMillis = 1_000

const sweepMillis = 1_000

/** Requests to one origin, with a pool of connections. */
export class PlainClient {
  /** Every read goes here first: what is kept of it is copied, to its own size. */
  readonly room: Buffer = Buffer.allocUnsafeSlow(readSize)
  private readonly options: PlainClientOptions
  private readonly idle: Array<Connection> = []
  private readonly maxIdle: number
  private timer: NodeJS.Timeout | undefined
  private closed = false

  constructor(options: PlainClientOptions) {
    this.options = options
    this.maxIdle = options.maxIdle ?? 256
  }

  /** Sends a request. The returned function leaves it, whatever has come of it. */
  send(call: PlainCall): Cancel {
    const exchange = new Exchange(this, call)
    exchange.start(this.kept() ?? this.fresh())
    return exchange.cancel
  }

  /** Closes what is idle, and keeps nothing any more. */
  close(): void {
    this.closed = true
    clearInterval(this.timer)
    for (const connection of this.idle.splice(0)) connection.destroy()
  }

  /** The connection that was used last, because that is the one most likely to live. */
  private kept(): Connection | undefined {
    const now = performance.now()
    for (;;) {
      const connection = this.idle.pop()
      if (connection === undefined || connection.until > now) return connection
      connection.destroy()
    }
  }

  /** A new connection. */
  fresh(): Connection {
    return new Connection(this, this.options.host, this.options.port)
  }

  /** Takes back a connection whose answer is whole. */
  keep(connection: Connection, headers: HeaderList): void {
    const seconds = keepAliveSeconds(headers)
    const millis =
      seconds === undefined
        ? (this.options.idleMillis ?? 4_000)
        : Math.min(seconds * 1_000 - marginMillis, mostIdleMillis)
    if (this.closed || millis <= 0 || this.idle.length >= this.maxIdle) return connection.destroy()
    connection.until = performance.now() + millis
    this.idle.push(connection)
    this.timer ??= setInterval(this.sweep, sweepMillis).unref()
  }

  /** A connection is not to be used again. */
  forget(connection: Connection): void {
    const at = this.idle.indexOf(connection)
    if (at >= 0) this.idle.splice(at, 1)
  }

  private readonly sweep = (): void => {
    const now = performance.now()
    for (const connection of this.idle.filter(({ until }) => until <= now)) connection.destroy()
    if (this.idle.length > 0) return
    clearInterval(this.timer)
    this.timer = undefined
  }
}

/** One call, over the one or two connections that it takes. */
class Exchange {
  readonly call: PlainCall
  private readonly client: PlainClient
  private connection: Connection | undefined
  private repeated = false

  constructor(client: PlainClient, call: PlainCall) {
    this.client = client
    this.call = call
  }

  readonly cancel: Cancel = () => this.connection?.leave(this)

  start(connection: Connection): void {
    this.connection = connection
    connection.send(this)
  }

  answered(response: PlainResponse, body: Body): void {
    this.call.answered(response, body)
  }

  /** There was no answer. `untouched`: not a byte of one has come on a connection that was kept. */
  failed(error: Error, untouched: boolean): void {
    if (untouched && this.call.repeatable && !this.repeated) {
      this.repeated = true
      return this.start(this.client.fresh())
    }
    this.connection = undefined
    this.call.failed(error)
  }
}

/** See the file's header. */
class Connection {
  /** When it is to be let go, if it is idle. */
  until = 0
  private readonly client: PlainClient
  private readonly socket: Socket
  private exchange: Exchange | undefined
  private response: PlainResponse | undefined
  /** The start of a head whose end has not come. */
  private begun: Buffer | undefined
  private body: PushedBody | undefined
  private decoder: ChunkedDecoder | undefined
  /** What is missing of a body of known length, in bytes. */
  private left = 0
  private paused = false
  private reused = false

  constructor(client: PlainClient, host: string, port: number) {
    this.client = client
    this.socket = connect({
      host,
      port,
      noDelay: true,
      onread: { buffer: client.room, callback: this.onRead },
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
  send(exchange: Exchange): void {
    const { body, head } = exchange.call
    this.exchange = exchange
    if (this.reused) this.socket.ref()
    WriteBatch.add(() => {
      if (this.exchange !== exchange) return
      if (body.length === 0) this.socket.write(head, "latin1")
      else this.socket.write(HeadText.join(head, body))
    })
  }

  /** An exchange is not wanted any more. */
  leave(exchange: Exchange): void {
    if (this.exchange !== exchange) return
    const { body } = this
    this.abandon()
    body?.fail(new BodyError({ reason: "cancelled", detail: "it was given up here" }))
  }

  private readonly onRead = (size: number): boolean => {
    const bytes = this.client.room.subarray(0, size)
    if (this.exchange === undefined) this.destroy()
    else if (this.body !== undefined) this.onBody(this.body, bytes)
    else this.onHead(this.exchange, bytes)
    return !this.paused
  }

  private onHead(exchange: Exchange, fresh: Buffer): void {
    let bytes = this.begun === undefined ? fresh : Buffer.concat([this.begun, fresh])
    this.begun = nothing
    for (;;) {
      const found = recognise(bytes, exchange.call.method)
      if (found._tag === "Unfinished") {
        this.begun = Buffer.from(bytes)
        return
      }
      if (found._tag === "Broken") return this.refuse(found.detail)
      bytes = bytes.subarray(found.end)
      if (found.status >= 200) return this.onResponse(exchange, found, bytes)
      if (found.status === 101) return this.refuse("it changes the protocol unasked")
    }
  }

  private onResponse(exchange: Exchange, response: PlainResponse, rest: Buffer): void {
    this.response = response
    this.begun = undefined
    const { framing } = response
    if (framing._tag === "None") return this.whole(exchange, response, empty, rest.length)
    if (framing._tag === "Length") {
      this.left = framing.length
      if (rest.length >= this.left) {
        const behind = rest.length - this.left
        return this.whole(exchange, response, bodyOf(rest.subarray(0, this.left)), behind)
      }
    }
    if (framing._tag === "Chunked") this.decoder = new ChunkedDecoder()
    const body = this.start()
    exchange.answered(response, body)
    if (rest.length > 0) this.onBody(body, rest)
  }

  /** Makes the body that the rest of the answer goes to. */
  private start(): PushedBody {
    const { framing } = this.response as PlainResponse
    const body = new PushedBody(framing._tag === "Length" ? framing.length : undefined, {
      resume: this.resume,
      abandon: this.abandon,
    })
    this.body = body
    return body
  }

  /** Answers with what is here already. */
  private whole(exchange: Exchange, response: PlainResponse, body: Body, behind: number): void {
    this.done(behind)
    exchange.answered(response, body)
  }

  private onBody(body: PushedBody, bytes: Buffer): void {
    if (this.decoder !== undefined) return this.onDecoded(body, this.decoder.decode(bytes))
    if (this.response?.framing._tag === "Close") return this.give(body, bytes)
    const behind = bytes.length - this.left
    const part = behind > 0 ? bytes.subarray(0, this.left) : bytes
    this.left -= part.length
    this.give(body, part)
    if (this.left > 0 || this.body !== body) return
    this.done(Math.max(0, behind))
    body.end([])
  }

  private onDecoded(body: PushedBody, { behind, data, fault }: Decoded): void {
    const trailers = this.decoder?.trailers ?? []
    if (data.length > 0) this.give(body, data)
    if (this.body !== body) return
    if (fault !== undefined) return this.breakOff(new Error(fault))
    if (behind === undefined) return
    this.done(behind)
    body.end(trailers.length === 0 ? [] : passable(trailers))
  }

  private give(body: PushedBody, bytes: Buffer): void {
    BufferPressure.count(bytes.length)
    const copy = Buffer.allocUnsafe(bytes.length)
    copy.set(bytes)
    this.paused = !body.data(copy)
  }

  /** The answer is whole; what came `behind` it was never asked for. */
  private done(behind: number): void {
    const { response, socket } = this
    this.exchange = undefined
    this.response = undefined
    this.body = undefined
    this.decoder = undefined
    const isFree = behind === 0 && socket.writableLength === 0 && !socket.destroyed
    if (response?.persists !== true || !isFree) return this.destroy()
    this.reused = true
    this.resume()
    socket.unref()
    this.client.keep(this, response.headers)
  }

  private readonly resume = (): void => {
    if (!this.paused) return
    this.paused = false
    this.socket.resume()
  }

  private readonly abandon = (): void => {
    this.body = undefined
    this.exchange = undefined
    this.destroy()
  }

  private refuse(detail: string): void {
    this.breakOff(new Error(detail))
  }

  private readonly onEnd = (): void => {
    const { body } = this
    if (body === undefined || this.response?.framing._tag !== "Close") return this.breakOff(ended)
    this.done(0)
    body.end([])
  }

  private readonly onError = (error: Error): void => this.breakOff(error)

  private readonly onClose = (): void => this.breakOff(ended)

  /** The connection is of no more use. */
  private breakOff(error: Error): void {
    const { body, exchange } = this
    const untouched = this.reused && this.begun === undefined
    this.abandon()
    if (exchange === undefined) return
    if (body !== undefined)
      body.fail(new BodyError({ reason: "cut", detail: "the connection broke" }))
    else exchange.failed(error, untouched)
  }
}

const nothing = Buffer.alloc(0)

const ended = Object.assign(new Error("the connection ended"), { code: "ECONNRESET" })

/** A body of its own, out of bytes that are soon others. */
const bodyOf = (bytes: Buffer): Body => {
  if (bytes.length === 0) return empty
  const copy = Buffer.allocUnsafe(bytes.length)
  copy.set(bytes)
  return fromBytes(copy)
}
