/**
 * The reply to a request that came on a stream of HTTP/2.
 */
import { createHash } from "node:crypto"
import type { ServerHttp2Stream } from "node:http2"
import type { Failure } from "../../domain/Failure.ts"
import { first, grouped, type HeaderList, without } from "../../domain/HeaderList.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import { allExcept } from "../../protocol/http/ConnectionFields.ts"
import { acceptSuffix } from "../../protocol/http/WebSocketHandshake.ts"
import type { InterimHead, RequestHead, ResponseHead } from "../../protocol/Message.ts"
import { type Body, empty } from "../body/Body.ts"
import { FrontReply, type ReplyRules } from "../front/FrontReply.ts"
import { planOf, type ResponsePlan } from "../front/ResponsePlan.ts"
import { whenWritten } from "../net/NodeBody.ts"
import type { VisitNotes } from "../observe/VisitNotes.ts"

/** Codes of RFC 9113 7. */
export const codes = { noError: 0, internalError: 2, cancel: 8 } as const

/** The largest frame that is written at once, in bytes, so that streams share a connection. */
const pieceBytes = 64 * 1024

/** Fields of a 101 response that are not those of a 200 (RFC 8441 5). */
const ofSwitch = allExcept([], ["sec-websocket-accept", "content-length"])

/** Fields that a response can have on HTTP/1.1 only: 426 keeps its Upgrade field (RFC 9113 8.2.2). */
const onlyHttp1 = new Set(["upgrade", "http2-settings"])

/** Node's library ends the response of this status with its head, since it has no content (RFC 9110 15.3.6). */
const resetContent = 205

/** The largest status that Node's library writes; whoever reads a larger one takes it for a 500 (RFC 9110 15). */
const maxStatus = 599

const lengthFields = new Set(["content-length"])

/** The request that is replied to. */
export interface Http2Call {
  readonly stream: ServerHttp2Stream
  readonly head: RequestHead
  /** Of the handshake that was made up for a WebSocket. */
  readonly webSocketKey: string | undefined
}

/** See the file's header. */
export class Http2Reply extends FrontReply {
  private readonly stream: ServerHttp2Stream
  private readonly method: string
  private readonly webSocketKey: string | undefined
  private sent: (() => void) | undefined
  private trailers: HeaderList = []
  private written = 0
  private writtenAtCheck = 0
  /** For how many milliseconds the visitor has read nothing of what waits. */
  private unreadMillis = 0
  private isReset = false

  constructor(call: Http2Call, rules: ReplyRules, notes: VisitNotes | undefined) {
    const { head, stream, webSocketKey } = call
    super(head, rules, notes)
    this.stream = stream
    this.method = webSocketKey === undefined ? head.method : "CONNECT"
    this.webSocketKey = webSocketKey
    stream.on("error", ignore)
    stream.on("drain", this.onDrain)
    stream.once("close", () => {
      this.end(stream.rstCode === codes.noError && stream.writableFinished, this.sent)
    })
  }

  protected override get canUpgrade(): boolean {
    return this.webSocketKey !== undefined
  }

  /** Asks for the body of a request with `Expect: 100-continue`. */
  writeContinue(): void {
    if (this.state === "Waiting") this.writeInterim({ status: 100, headers: [] })
  }

  /** The rest of the request's body is not wanted: the stream is reset after the response (RFC 9113 8.1). */
  abandonRequest(): void {
    const { stream } = this
    if (stream.writableFinished) return stream.close(codes.noError)
    stream.once("finish", () => stream.close(codes.noError))
  }

  /** Adds to the time in which nothing was read; resets the stream when it is too long. */
  addUnread(millis: number, limit: number): void {
    const { stream } = this
    // The reset has to wait as well when the visitor does not read the connection.
    if (this.isReset) return void stream.destroy()
    const isMoved = this.written !== this.writtenAtCheck
    this.writtenAtCheck = this.written
    const isWaiting = stream.writableLength > 0 || (stream.writableEnded && stream.readableEnded)
    if (!isWaiting || isMoved) {
      if (isMoved) this.moved()
      this.unreadMillis = 0
      return
    }
    this.unreadMillis += millis
    if (this.unreadMillis < limit) return
    this.isReset = true
    stream.close(codes.cancel)
  }

  protected writeInterim({ headers, status }: InterimHead): void {
    const { stream } = this
    if (stream.destroyed || stream.closed) return
    try {
      stream.additionalHeaders({ ":status": status, ...grouped(headers) })
    } catch {
      // The response follows without it.
    }
  }

  protected write(head: ResponseHead, body: Body, sent: (() => void) | undefined): void {
    const { notes, stream } = this
    if (stream.destroyed || stream.closed) return body.discard()
    if (head.status === 101) return this.writeSwitch(head, body, sent)
    // To CONNECT every 2xx says that the protocol was changed (RFC 8441 5).
    if (this.webSocketKey !== undefined && head.status < 300)
      return this.refuseSwitch(body, `it answers ${head.status} to a WebSocket`)
    const { chunked, headers, streamed, whole } = this.plan(head, body)
    const isEmpty = streamed === undefined && (whole === undefined || whole.length === 0)
    this.sent = sent
    this.writeHead(head.status, headers, isEmpty, chunked)
    notes?.answered(head.status)
    if (isEmpty) return
    if (whole !== undefined) {
      notes?.sent(whole.length)
      stream.end(whole, this.onWritten)
    } else if (streamed !== undefined) this.read(streamed)
  }

  private plan(head: ResponseHead, body: Body): ResponsePlan {
    if (head.status !== resetContent) return planOf(this.method, head, body, true)
    body.discard()
    const headers = without(head.headers, lengthFields)
    return planOf(this.method, { status: resetContent, headers }, empty, true)
  }

  private writeHead(
    status: number,
    headers: HeaderList,
    endStream: boolean,
    hasTrailers: boolean,
  ): void {
    const { stream } = this
    const raw: Array<string> = [":status", `${status > maxStatus ? 500 : status}`]
    for (const [name, value] of headers) {
      const lower = name.toLowerCase()
      if (!onlyHttp1.has(lower)) raw.push(lower, value)
    }
    if (hasTrailers && !endStream)
      stream.once("wantTrailers", () =>
        this.attempt(() => stream.sendTrailers(grouped(this.trailers))),
      )
    const options = { endStream, waitForTrailers: hasTrailers && !endStream }
    this.attempt(() => stream.respond(raw, options))
  }

  /** Refuses a request that no handler has got. */
  refuse(failure: Failure): void {
    this.writeFailure(failure)
  }

  private refuseSwitch(body: Body, detail: string): void {
    body.discard()
    this.writeFailure(new ExchangeError({ code: "PTTH_BAD_ANSWER", detail }).failure)
  }

  /** Node's library throws for fields that it does not allow; such a response must not end the process. */
  private attempt(write: () => void): void {
    try {
      write()
    } catch {
      this.stream.close(codes.internalError)
    }
  }

  private readonly onDrain = (): void => this.flow?.resume()

  private readonly onWritten = (): void => {
    this.written += 1
  }

  private read(body: Body): void {
    const { notes, stream } = this
    this.flow = body.read({
      data: (chunk, release) => {
        notes?.sent(chunk.length)
        return this.writePieces(chunk, release)
      },
      end: (trailers) => {
        this.flow = undefined
        this.trailers = trailers
        stream.end()
      },
      fail: () => {
        this.flow = undefined
        stream.close(codes.internalError)
      },
    })
  }

  private writePieces(chunk: Uint8Array, release: (() => void) | undefined): boolean {
    const { stream } = this
    const done = release === undefined ? undefined : whenWritten(release)
    const onWritten = (error?: Error | null): void => {
      this.onWritten()
      done?.(error)
    }
    let wantsMore = true
    for (let at = 0; at < chunk.length; at += pieceBytes) {
      const isLast = at + pieceBytes >= chunk.length
      wantsMore = stream.write(
        chunk.subarray(at, at + pieceBytes),
        isLast ? onWritten : this.onWritten,
      )
    }
    return wantsMore
  }

  /** A WebSocket is a 200 here, and both directions of the stream are its (RFC 8441 5). */
  private writeSwitch(head: ResponseHead, body: Body, sent: (() => void) | undefined): void {
    const { webSocketKey = "" } = this
    const accept = createHash("sha1")
      .update(webSocketKey + acceptSuffix)
      .digest("base64")
    if (first(head.headers, "sec-websocket-accept") !== accept) {
      return this.refuseSwitch(
        body,
        "its Sec-WebSocket-Accept is not the answer to the request's key",
      )
    }
    this.sent = sent
    const headers = head.headers.filter(([name]) => !ofSwitch.has(name.toLowerCase()))
    this.writeHead(200, headers, false, false)
    this.notes?.answered(101)
    this.read(body)
  }
}

const ignore = (): void => {}
