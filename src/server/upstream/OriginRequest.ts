/**
 * A request on its way to the origin, over one connection or two: a reused
 * connection may turn out to be closed, and then a repeatable request is sent
 * again on a new one (RFC 9112 9.3.1).
 */
import type { Socket } from "node:net"
import * as HeadText from "../../protocol/http/HeadText.ts"
import type { OriginResponse } from "../../protocol/http/OriginResponse.ts"
import type { Body } from "../../transport/body/Body.ts"
import type { Cancel } from "../../transport/body/Handler.ts"
import { Upload } from "./Upload.ts"

/** What is sent after the head. */
export type Content =
  | {
      readonly _tag: "Whole"
      readonly bytes: Uint8Array
    }
  | {
      readonly _tag: "Streamed"
      readonly body: Body
      readonly isChunked: boolean
      /** Whether the body waits for `100 Continue` (RFC 9110 10.1.1). */
      readonly expectsContinue: boolean
    }
  | {
      /** The request asks for a change of protocol; the body is the visitor's side after it. */
      readonly _tag: "Upgrade"
      readonly bytes: Uint8Array
      readonly body: Body
    }

/** One request. Of `answered` and `failed` one is called, once; none after it was cancelled. */
export interface OriginCall {
  readonly method: string
  /** The head with its empty line; a character stands for a byte. */
  readonly head: string
  readonly content: Content
  /** Whether it may be sent again when a reused connection turns out to be closed. */
  readonly repeatable: boolean
  /** See `Reply.commit`; `undefined` for a request without an effect. */
  readonly commit?: ((go: () => void) => void) | undefined
  /** Called with each interim response other than 100 and 101. */
  readonly informed: (response: OriginResponse) => void
  /** After status 101 the body is what the origin sends on the upgraded connection. */
  readonly answered: (response: OriginResponse, body: Body) => void
  readonly failed: (error: NodeJS.ErrnoException) => void
  /** The origin broke off the body of its response. */
  readonly cut?: () => void
}

/** Methods for which the content of a request has no meaning. */
const withoutContent: ReadonlySet<string> = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "TRACE"])

/** How long a body waits for `100 Continue` before it is sent anyway, in milliseconds. */
const continueMillis = 1_000

/**
 * What a connection that broke had done for the request:
 * - `Unsent`: it was a reused connection, and nothing of the request was written.
 * - `Unanswered`: it was a reused connection, and no byte of a response came.
 * - `Begun`: anything else.
 */
export type Progress = "Unsent" | "Unanswered" | "Begun"

/** The connection, as a request sees it (`OriginConnection.ts`). */
export interface Carrier {
  /** Sends a request; the connection is free. */
  send(request: OriginRequest): void
  /** The response is not wanted any more. */
  cancel(request: OriginRequest): void
  /** All of the request's body has been written. */
  uploaded(request: OriginRequest): void
  /** The request's body broke off. */
  uploadBroke(request: OriginRequest): void
}

/** See the file's header. */
export class OriginRequest {
  readonly call: OriginCall
  private readonly connect: () => Carrier
  private readonly upload: Upload | undefined
  private connection: Carrier | undefined
  private attempt: "First" | "Second" = "First"

  /** @param connect opens a new connection */
  constructor(call: OriginCall, connect: () => Carrier) {
    this.call = call
    this.connect = connect
    this.upload = this.uploadOf(call)
  }

  private uploadOf({ content, repeatable }: OriginCall): Upload | undefined {
    if (content._tag === "Whole") return undefined
    const isUpgrade = content._tag === "Upgrade"
    const framing = isUpgrade ? "Raw" : content.isChunked ? "Chunked" : "Length"
    return new Upload({
      body: content.body,
      framing,
      isRepeatable: repeatable && !isUpgrade,
      sent: () => this.connection?.uploaded(this),
      broke: () => this.connection?.uploadBroke(this),
    })
  }

  /** Whether some of the body is still to be sent. */
  get isUploading(): boolean {
    return this.upload?.isUnderWay ?? false
  }

  /** Whether the body is sent as it comes. */
  get isStreamed(): boolean {
    return this.upload !== undefined
  }

  /**
   * Whether all that the head promises has been sent. A body that waits for `100
   * Continue` is not sent after another response, and the origin would take what
   * follows on the connection for it.
   */
  get isWhole(): boolean {
    return this.call.content._tag !== "Streamed" || this.upload?.isWhole === true
  }

  /**
   * Whether the application may have left the body unread, and take it for the next
   * request: bodies mean nothing with this method (RFC 9110 9.3), or the response is no
   * success, which many give for a path alone.
   */
  mayHaveUnreadBody(status: number): boolean {
    const { content, method } = this.call
    const hasBody = content._tag === "Streamed" || content.bytes.length > 0
    return hasBody && (status >= 300 || withoutContent.has(method))
  }

  readonly cancel: Cancel = () => {
    this.upload?.stop()
    this.connection?.cancel(this)
  }

  sendOn(connection: Carrier): void {
    this.connection = connection
    connection.send(this)
  }

  /** Writes the request. */
  write(socket: Socket): void {
    const { content, head } = this.call
    if (content._tag !== "Streamed" && content.bytes.length > 0) {
      socket.write(HeadText.join(head, content.bytes))
      return
    }
    socket.write(head, "latin1")
    if (content._tag !== "Streamed") return
    this.upload?.attach(socket)
    if (content.expectsContinue) this.upload?.startWithin(continueMillis)
    else this.upload?.start()
  }

  /** The origin says `100 Continue`. */
  continued(): void {
    if (this.call.content._tag === "Streamed") this.upload?.start()
  }

  /** The head of the response has come. */
  answered(response: OriginResponse, body: Body): void {
    // A body that still waits is not wanted.
    if (this.upload?.isUnderWay === false) this.upload.stop()
    this.call.answered(response, body)
  }

  /** The origin has changed the protocol: the visitor's side is written from now on. */
  upgraded(response: OriginResponse, body: Body, socket: Socket): void {
    this.upload?.attach(socket)
    this.upload?.start()
    this.call.answered(response, body)
  }

  /** The connection cannot be written to any more. */
  writeFailed(): void {
    this.upload?.detach()
  }

  /** The connection is done with the request. */
  finished(): void {
    this.upload?.stop()
  }

  /** There is no response. */
  failed(error: Error, progress: Progress): void {
    if (this.mayRepeat(progress)) {
      this.attempt = "Second"
      this.upload?.detach()
      return this.sendOn(this.connect())
    }
    this.connection = undefined
    this.upload?.stop()
    this.call.failed(error)
  }

  /** Whether it is sent again on a new connection, after so much progress. */
  mayRepeat(progress: Progress): boolean {
    if (this.attempt === "Second") return false
    if (progress === "Unsent") return true
    const canStartAgain = this.upload?.canStartAgain ?? true
    return progress === "Unanswered" && this.call.repeatable && canStartAgain
  }
}
