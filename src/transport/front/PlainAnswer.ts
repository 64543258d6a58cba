/**
 * The answer to a plain request, written to the socket itself: head and small
 * body as one piece, larger bodies as they come.
 */
import { STATUS_CODES } from "node:http"
import type { Socket } from "node:net"
import type { Failure, RenderedFailure } from "../../domain/Failure.ts"
import { first, type HeaderList, has } from "../../domain/HeaderList.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import * as HeadText from "../../protocol/http/HeadText.ts"
import type { RequestHead, ResponseHead } from "../../protocol/Message.ts"
import type { Body, BodyFlow } from "../body/Body.ts"
import { fromBytes } from "../body/Body.ts"
import type { Cancel, Reply } from "../body/Handler.ts"
import { cutOff } from "../net/ConnectionClose.ts"
import { whenWritten } from "../net/NodeBody.ts"
import type { VisitNotes } from "../observe/VisitNotes.ts"
import * as WriteBatch from "../runtime/WriteBatch.ts"
import { faultOf, planOf } from "./FrontAnswer.ts"

/** The connection, as an answer on it sees it. */
export interface PlainTurn {
  /** Whether the answer that is about to be written is the connection's last. */
  readonly isLast: () => boolean
  /** The answer has been given to the network. */
  readonly next: () => void
}

/** A whole body up to here is copied behind its head; in bytes. */
const copyBelow = 64 * 1024

/** See the file's header. */
export class PlainAnswer implements Reply {
  private readonly socket: Socket
  private readonly request: RequestHead
  private readonly failure: (failure: Failure, accept: string | undefined) => RenderedFailure
  private readonly notes: VisitNotes | undefined
  private readonly turn: PlainTurn
  private answered = false
  private over = false
  private flow: BodyFlow | undefined
  private cancel: Cancel | undefined

  constructor(
    socket: Socket,
    request: RequestHead,
    failure: (failure: Failure, accept: string | undefined) => RenderedFailure,
    notes: VisitNotes | undefined,
    turn: PlainTurn,
  ) {
    this.socket = socket
    this.request = request
    this.failure = failure
    this.notes = notes
    this.turn = turn
  }

  start(cancel: Cancel): void {
    if (this.over) cancel()
    else this.cancel = cancel
  }

  /** The socket takes more. */
  resume(): void {
    this.flow?.resume()
  }

  /** The visitor takes no more yet, but reads what there is. */
  moved(): void {
    this.flow?.moved?.()
  }

  /** The visitor is gone. */
  giveUp(): void {
    if (this.over) return
    this.over = true
    this.notes?.over(false)
    this.flow?.cancel()
    this.cancel?.()
  }

  respond(head: ResponseHead, body: Body, sent?: () => void): void {
    if (this.answered || this.over) return body.discard()
    const detail = faultOf(head, false)
    if (detail !== undefined) {
      body.discard()
      return this.fail(new ExchangeError({ code: "PTTH_BAD_ANSWER", detail }))
    }
    this.write(head, body, sent)
  }

  fail(error: ExchangeError): void {
    if (this.answered || this.over) return
    this.notes?.failed(error.code)
    const accept = first(this.request.headers, "accept")
    const { body, headers, status } = this.failure(error.failure, accept)
    this.write({ status, headers }, fromBytes(body), undefined)
  }

  private write(head: ResponseHead, body: Body, sent: (() => void) | undefined): void {
    this.answered = true
    const { notes, socket } = this
    const { chunked, headers, streamed, whole } = planOf(this.request.method, head, body, true)
    const text = headText(head.status, headers, chunked, this.turn.isLast())
    if (streamed !== undefined) {
      // A head does not wait for a body that is slow to come.
      socket.cork()
      setImmediate(uncork, socket)
      socket.write(text, "latin1")
      notes?.answered(head.status)
      return this.send(streamed, chunked, sent)
    }
    notes?.answered(head.status)
    if (whole !== undefined) notes?.sent(whole.length)
    WriteBatch.add(() => {
      if (this.over) return
      if (whole === undefined) socket.write(text, "latin1")
      else writeWhole(socket, text, whole)
      this.finish(sent)
    })
  }

  private send(body: Body, chunked: boolean, sent: (() => void) | undefined): void {
    const { notes, socket } = this
    this.flow = body.read({
      data: (chunk, release) => {
        notes?.sent(chunk.length)
        if (!chunked) {
          return release === undefined
            ? socket.write(chunk)
            : socket.write(chunk, whenWritten(release))
        }
        return chunk.length === 0 || writeChunk(socket, chunk)
      },
      end: (trailers) => {
        this.flow = undefined
        if (chunked) socket.write(lastChunk(trailers), "latin1")
        this.finish(sent)
      },
      fail: () => {
        this.flow = undefined
        cutOff(socket)
      },
    })
  }

  private finish(sent: (() => void) | undefined): void {
    const { socket } = this
    if (socket.writableLength === 0) return this.done(sent)
    socket.write(nothing, (error) => {
      if (!error) this.done(sent)
    })
  }

  private done(sent: (() => void) | undefined): void {
    if (this.over) return
    this.over = true
    this.notes?.over(true)
    sent?.()
    this.cancel?.()
    this.turn.next()
  }
}

const nothing = new Uint8Array(0)

const uncork = (socket: Socket): void => socket.uncork()

const writeWhole = (socket: Socket, text: string, body: Uint8Array): void => {
  if (body.length <= copyBelow) {
    socket.write(HeadText.join(text, body))
    return
  }
  socket.cork()
  socket.write(text, "latin1")
  socket.write(body)
  socket.uncork()
}

const writeChunk = (socket: Socket, chunk: Uint8Array): boolean => {
  socket.cork()
  socket.write(`${chunk.length.toString(16)}\r\n`, "latin1")
  socket.write(chunk)
  const more = socket.write("\r\n", "latin1")
  socket.uncork()
  return more && !socket.writableNeedDrain
}

const lastChunk = (trailers: HeaderList): string =>
  `0\r\n${HeadText.fieldLines(trailers.filter(HeadText.isWritable))}\r\n`

const headText = (
  status: number,
  headers: HeaderList,
  chunked: boolean,
  isLast: boolean,
): string => {
  let lines = has(headers, "date") ? "" : `Date: ${date()}\r\n`
  if (chunked) lines += "Transfer-Encoding: chunked\r\n"
  lines += isLast ? "Connection: close\r\n" : keepAlive
  return HeadText.response(status, STATUS_CODES[status] ?? "Unknown", headers, lines)
}

const keepAlive = "Connection: keep-alive\r\nKeep-Alive: timeout=75\r\n"

let dateText = ""
let dateSecond = 0

/** RFC 9110 5.6.7; made once a second. */
const date = (): string => {
  const second = Math.floor(Date.now() / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    dateText = new Date(second * 1000).toUTCString()
  }
  return dateText
}
