/**
 * One HTTP/1.1 connection to the origin, with one request at a time. It is used
 * again only after a response whose end is beyond doubt: a byte that is taken for
 * the next response would be another visitor's. SECURITY.md says what is promised.
 */
import type { Socket } from "node:net"
import { BodyError } from "../../protocol/Exchange.ts"
import { ChunkedDecoder, type Decoded } from "../../protocol/http/ChunkedDecoder.ts"
import type { Framing } from "../../protocol/http/Framing.ts"
import {
  endsKeepAlive,
  type OriginResponse,
  recognise,
} from "../../protocol/http/OriginResponse.ts"
import { passable } from "../../protocol/http/Trailers.ts"
import { type Body, empty, fromBytes } from "../../transport/body/Body.ts"
import { PushedBody } from "../../transport/body/PushedBody.ts"
import { cutOff, endSoon } from "../../transport/net/ConnectionClose.ts"
import * as BufferPool from "../../transport/runtime/BufferPool.ts"
import * as BufferPressure from "../../transport/runtime/BufferPressure.ts"
import * as WriteBatch from "../../transport/runtime/WriteBatch.ts"
import type { Carrier, OriginRequest, Progress } from "./OriginRequest.ts"
import { connect, type OriginAddress } from "./OriginSocket.ts"

/** The client to which a connection belongs. */
export interface ConnectionOwner {
  readonly address: OriginAddress
  /** All connections read into this buffer, except large bodies; bytes that are kept are copied out of it. */
  readonly readBuffer: Buffer
  /** How long the rest of an answered request may make no progress, in milliseconds. */
  readonly stallMillis: number
  /** The TLS session to resume. */
  session: Buffer | undefined
  /** The connection is free, after this response. */
  release(connection: OriginConnection, response: OriginResponse): void
  /** The connection is closed. */
  forget(connection: OriginConnection): void
  /** The origin has sent bytes that no request asked for. */
  distrust(): void
}

/**
 * What the next bytes are:
 * - `Idle`: nobody's, since no request has been written.
 * - `Head`: the head of the response.
 * - `Body`: its body.
 * - `Rest`: nobody's; the response is whole, but the request is still being sent.
 * - `Upgraded`: another protocol's.
 * - `Over`: not wanted.
 */
type Reading = "Idle" | "Head" | "Body" | "Rest" | "Upgraded" | "Over"

/** Fewer bytes than this, of a body that is read into buffers of its own, are copied. */
const copyBelow = 32 * 1024

/** How long a response may take to arrive after a write has failed, in milliseconds. */
const lateResponseMillis = 1_000

/** See the file's header. */
export class OriginConnection implements Carrier {
  /** When it is closed if it is idle, in milliseconds of `performance.now`. */
  expiresAt = 0
  private readonly owner: ConnectionOwner
  private readonly socket: Socket
  private reading: Reading = "Idle"
  private flow: "Flowing" | "Paused" = "Flowing"
  private use: "New" | "Reused" = "New"
  /** `Failed`: the origin has closed the connection while it was written to. */
  private writing: "Open" | "Failed" = "Open"
  private request: OriginRequest | undefined
  private response: OriginResponse | undefined
  /** What has come of a head; `undefined` before its first byte. */
  private partialHead: Buffer | undefined
  private body: PushedBody | undefined
  private decoder: ChunkedDecoder | undefined
  /** How many bytes of a body of known length are missing. */
  private remaining = 0
  private timer: NodeJS.Timeout | undefined
  /** Whether the body comes so fast that it is read into buffers of its own. */
  private isLarge = false
  /** The one into which the next read goes. */
  private ownBuffer: Buffer | undefined

  constructor(owner: ConnectionOwner) {
    this.owner = owner
    const { address, session } = owner
    const events = {
      read: this.onRead,
      ended: this.onEnded,
      writeFailed: this.onWriteFailed,
      failed: (error: Error) => this.breakOff(error),
      closed: () => this.breakOff(ended),
    }
    this.socket = connect(address, this.nextBuffer, events, session)
    if (address.isSecure)
      this.socket.on("session", (session: Buffer) => {
        owner.session = session
      })
  }

  destroy(): void {
    this.detach()
    this.socket.destroy()
  }

  // ------------------------------------------------------------ for the request

  send(request: OriginRequest): void {
    this.request = request
    if (this.use === "Reused") this.socket.ref()
    const { commit } = request.call
    if (commit === undefined) return WriteBatch.add(() => this.write(request))
    const write = (): void => commit(() => this.write(request))
    // What is written sooner waits in the socket, however long the connection takes.
    if (this.use === "Reused") WriteBatch.add(write)
    else this.socket.once(this.owner.address.isSecure ? "secureConnect" : "connect", write)
  }

  private write(request: OriginRequest): void {
    if (this.request !== request || this.reading !== "Idle") return
    this.reading = "Head"
    request.write(this.socket)
  }

  cancel(request: OriginRequest): void {
    if (this.request !== request) return
    const { body } = this
    this.destroy()
    body?.fail(new BodyError({ reason: "cancelled", detail: "it was given up here" }))
  }

  uploaded(request: OriginRequest): void {
    if (this.request === request && this.reading === "Rest") this.leave(true)
  }

  uploadBroke(request: OriginRequest): void {
    if (this.request !== request) return
    if (this.reading === "Upgraded") cutOff(this.socket)
    this.breakOff(requestBroke)
  }

  // ------------------------------------------------------------ what arrives

  /** Where the next read goes. Node reads into nothing else once this has returned. */
  private readonly nextBuffer = (): Uint8Array => {
    if (this.body !== undefined && this.isLarge) {
      this.ownBuffer ??= BufferPool.take()
      return this.ownBuffer
    }
    this.isLarge = false
    if (this.ownBuffer !== undefined) BufferPool.giveBack(this.ownBuffer)
    this.ownBuffer = undefined
    return this.owner.readBuffer
  }

  private readonly onRead = (size: number): boolean => {
    const buffer = this.ownBuffer ?? this.owner.readBuffer
    if (size === buffer.length) this.isLarge = true
    const bytes = buffer.subarray(0, size)
    if (this.body !== undefined) this.onBody(this.body, bytes)
    else if (this.reading === "Head" && this.request !== undefined) this.onHead(this.request, bytes)
    else this.onUnasked(bytes)
    return this.flow === "Flowing"
  }

  /** Bytes that no request asked for. */
  private onUnasked(bytes: Buffer): void {
    if (this.reading !== "Idle" && this.reading !== "Rest") return
    if (this.reading === "Idle" && this.use === "Reused" && endsKeepAlive(bytes))
      return this.breakOff(ended)
    this.owner.distrust()
    if (this.reading === "Idle") this.breakOff(new Error("it sent bytes that nobody asked for"))
  }

  private onHead(request: OriginRequest, received: Buffer): void {
    let bytes =
      this.partialHead === undefined ? received : Buffer.concat([this.partialHead, received])
    for (;;) {
      const head = recognise(bytes, request.call.method)
      if (head._tag === "Unfinished") {
        this.partialHead = Buffer.from(bytes)
        return
      }
      if (head._tag === "Broken") {
        if (this.use === "Reused") this.owner.distrust()
        return this.breakOff(new Error(head.detail))
      }
      if (head.status === 408 && !head.persists && this.mayBeLate(request))
        return this.breakOff(ended)
      this.partialHead = noBytes
      bytes = bytes.subarray(head.end)
      if (head.status >= 200) return this.onResponse(request, head, bytes)
      if (head.status === 101) return this.onSwitching(request, head, bytes)
      if (head.status === 100) request.continued()
      else request.call.informed(head)
      // The request may have been given up.
      if (this.request !== request) return
    }
  }

  /**
   * Whether the first response on a reused connection may be one by which the origin
   * ended it before the request came, and the request can be sent again.
   */
  private mayBeLate(request: OriginRequest): boolean {
    return this.progress === "Unanswered" && request.mayRepeat("Unanswered")
  }

  private onResponse(request: OriginRequest, response: OriginResponse, rest: Buffer): void {
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
    if (rest.length > 0 && this.body === body) this.onBody(body, rest)
  }

  /** Makes the body that the rest of the response is pushed to. */
  private startBody(framing: Framing): PushedBody {
    this.reading = "Body"
    clearTimeout(this.timer)
    const body = new PushedBody(framing._tag === "Length" ? framing.length : undefined, {
      resume: this.resume,
      abandon: this.abandon,
    })
    this.body = body
    return body
  }

  /** The whole response came in one read. */
  private answerWhole(
    request: OriginRequest,
    response: OriginResponse,
    body: Body,
    behind: number,
  ): void {
    this.done(behind)
    request.answered(response, body)
  }

  /** Status 101: the connection belongs to the new protocol until it is closed. */
  private onSwitching(request: OriginRequest, response: OriginResponse, rest: Buffer): void {
    if (request.call.content._tag !== "Upgrade")
      return this.breakOff(new Error("it changes the protocol unasked"))
    const body = this.startBody(untilClose)
    this.reading = "Upgraded"
    request.upgraded(response, body, this.socket)
    if (rest.length > 0 && this.body === body) this.onBody(body, rest)
  }

  private onBody(body: PushedBody, bytes: Buffer): void {
    if (this.decoder !== undefined) return this.onDecoded(body, this.decoder.decode(bytes))
    if (this.endsWithConnection) return this.push(body, bytes)
    const behind = bytes.length - this.remaining
    const part = behind > 0 ? bytes.subarray(0, this.remaining) : bytes
    this.remaining -= part.length
    this.push(body, part)
    if (this.remaining > 0 || this.body !== body) return
    this.done(Math.max(0, behind))
    body.end([])
  }

  private get endsWithConnection(): boolean {
    return this.reading === "Upgraded" || this.response?.framing._tag === "Close"
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
    this.flow = this.deliver(body, bytes) ? "Flowing" : "Paused"
  }

  private deliver(body: PushedBody, bytes: Buffer): boolean {
    const { ownBuffer } = this
    if (ownBuffer !== undefined && bytes.length >= copyBelow) {
      this.ownBuffer = undefined
      return body.data(bytes, BufferPool.releaseOf(ownBuffer))
    }
    BufferPressure.count(bytes.length)
    const copy = Buffer.allocUnsafe(bytes.length)
    copy.set(bytes)
    return body.data(copy)
  }

  private readonly onEnded = (): void => {
    const { body } = this
    if (body === undefined || !this.endsWithConnection) return this.breakOff(ended)
    if (this.reading === "Upgraded") this.body = undefined
    else this.done(0)
    body.end([])
  }

  /** What the origin sent before it closed the connection is still read. */
  private readonly onWriteFailed = (error: Error): void => {
    const { reading } = this
    this.request?.writeFailed()
    if (reading !== "Head" && reading !== "Body") return this.breakOff(error)
    this.writing = "Failed"
    if (reading === "Head")
      this.timer ??= setTimeout(() => this.breakOff(error), lateResponseMillis)
  }

  // ------------------------------------------------------------ how it ends

  /**
   * The response is whole.
   *
   * @param behind how many bytes came behind it, which no request asked for
   */
  private done(behind: number): void {
    const { decoder, request, response } = this
    if (behind > 0) this.owner.distrust()
    this.body = undefined
    this.decoder = undefined
    if (response === undefined || request === undefined) return this.destroy()
    const isReusable =
      response.isReusable &&
      behind === 0 &&
      decoder?.isStrict !== false &&
      this.writing === "Open" &&
      !request.mayHaveUnreadBody(response.status)
    // An application that responds before it has the whole body may never read the rest.
    if (response.persists && this.writing === "Open" && request.isUploading) {
      this.reading = "Rest"
      this.resume()
      this.watchRest()
    } else if (isReusable && request.isWhole && this.socket.writableLength === 0)
      this.free(response)
    else this.leave(response.persists && request.isStreamed)
  }

  /** Closes the connection if no more of the request comes, or the origin does not read it. */
  private watchRest(): void {
    const { socket } = this
    let lastWritten = socket.bytesWritten
    this.timer = setInterval(() => {
      if (socket.bytesWritten === lastWritten) this.destroy()
      lastWritten = socket.bytesWritten
    }, this.owner.stallMillis)
  }

  /** The exchange is over, and the connection can be used again. */
  private free(response: OriginResponse): void {
    const { request, socket } = this
    if (socket.destroyed) return this.destroy()
    clearTimeout(this.timer)
    this.timer = undefined
    this.request = undefined
    this.response = undefined
    this.reading = "Idle"
    this.use = "Reused"
    request?.finished()
    this.resume()
    socket.unref()
    this.owner.release(this, response)
  }

  /**
   * The exchange is over, and the connection is not used again.
   *
   * @param isFlushed whether the origin still gets what has been written
   */
  private leave(isFlushed: boolean): void {
    const { socket } = this
    if (!isFlushed || socket.writableLength === 0) return this.destroy()
    this.detach()
    endSoon(socket)
  }

  private readonly resume = (): void => {
    if (this.flow === "Flowing") return
    this.flow = "Flowing"
    this.socket.resume()
  }

  /** The reader of the body has left. */
  private readonly abandon = (): void => {
    const { reading, socket } = this
    if (reading !== "Upgraded") return this.destroy()
    const isEnding = socket.writableEnded
    this.detach()
    if (isEnding) endSoon(socket)
    else cutOff(socket)
  }

  /** Closes the connection and fails its request. */
  private breakOff(error: Error): void {
    const { body, progress, reading, request } = this
    if (reading === "Over") return
    const isAnswered = reading !== "Idle" && reading !== "Head"
    // Its upload goes on if it is sent again.
    if (!isAnswered) this.request = undefined
    this.destroy()
    if (reading === "Body" && error !== requestBroke) request?.call.cut?.()
    if (isAnswered) body?.fail(new BodyError({ reason: "cut", detail: "the connection broke" }))
    else request?.failed(error, progress)
  }

  /** What has been done for the request. */
  private get progress(): Progress {
    if (this.reading === "Idle" && this.use === "Reused") return "Unsent"
    return this.use === "Reused" && this.partialHead === undefined ? "Unanswered" : "Begun"
  }

  /** Leaves the request and the client; the socket is closed by the caller. */
  private detach(): void {
    const { request } = this
    this.reading = "Over"
    this.request = undefined
    this.response = undefined
    this.body = undefined
    this.decoder = undefined
    clearTimeout(this.timer)
    this.owner.forget(this)
    this.resume()
    request?.finished()
  }
}

const noBytes = Buffer.alloc(0)

const untilClose: Framing = { _tag: "Close" }

const requestBroke = new Error("the request broke off")

const ended = Object.assign(new Error("the connection ended"), { code: "ECONNRESET" })

/** A body with a copy of bytes of the read buffer. */
const copyOf = (bytes: Buffer): Body => {
  if (bytes.length === 0) return empty
  const copy = Buffer.allocUnsafe(bytes.length)
  copy.set(bytes)
  return fromBytes(copy)
}
