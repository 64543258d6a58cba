/**
 * The reply to a plain request, written to the socket directly: the head and a
 * small body in one write, larger bodies as they come.
 */
import type { Socket } from "node:net"
import { type HeaderList, has } from "../../domain/HeaderList.ts"
import * as HeadText from "../../protocol/http/HeadText.ts"
import type { InterimHead, RequestHead, ResponseHead } from "../../protocol/Message.ts"
import type { Body } from "../body/Body.ts"
import { cutOff } from "../net/ConnectionClose.ts"
import { whenWritten } from "../net/NodeBody.ts"
import type { VisitNotes } from "../observe/VisitNotes.ts"
import { STATUS_CODES } from "../runtime/NodeHttp.ts"
import * as WriteBatch from "../runtime/WriteBatch.ts"
import { FrontReply, type ReplyRules } from "./FrontReply.ts"
import { interimText, planOf, type ResponsePlan } from "./ResponsePlan.ts"

/** The connection, as a reply on it sees it. */
export interface PlainTurn {
  /** Whether the connection closes after the response that is about to be written. */
  readonly isLast: () => boolean
  /** The response has been handed to the network. */
  readonly next: () => void
}

/** A body up to this size is copied behind its head; in bytes. */
const maxCopied = 64 * 1024

/** See the file's header. */
export class PlainReply extends FrontReply {
  private readonly socket: Socket
  private readonly method: string
  private readonly turn: PlainTurn

  constructor(
    socket: Socket,
    request: RequestHead,
    rules: ReplyRules,
    notes: VisitNotes | undefined,
    turn: PlainTurn,
  ) {
    super(request, rules, notes)
    this.socket = socket
    this.method = request.method
    this.turn = turn
  }

  /** The socket takes more. */
  resume(): void {
    this.flow?.resume()
  }

  protected writeInterim(head: InterimHead): void {
    if (!this.socket.writableNeedDrain) this.socket.write(interimText(head), "latin1")
  }

  protected write(head: ResponseHead, body: Body, sent: (() => void) | undefined): void {
    const { notes, socket } = this
    const plan = planOf(this.method, head, body, true)
    const { chunked, streamed, whole } = plan
    this.isChunked = chunked
    const text = headText(head.status, plan, this.turn.isLast())
    if (streamed !== undefined) {
      // The head does not wait for a body that is slow to come.
      socket.cork()
      setImmediate(uncork, socket)
      socket.write(text, "latin1")
      notes?.answered(head.status)
      return this.stream(streamed, chunked, sent)
    }
    notes?.answered(head.status)
    if (whole !== undefined) notes?.sent(whole.length)
    WriteBatch.add(() => {
      if (this.state === "Over") return
      // A write with TLS is never done at once: its own callback spares an empty write behind it.
      const onWritten = "encrypted" in socket ? this.whenTaken(sent) : undefined
      if (whole === undefined) socket.write(text, "latin1", onWritten)
      else writeWhole(socket, text, whole, onWritten)
      if (onWritten === undefined) this.finish(sent)
    })
  }

  private stream(body: Body, chunked: boolean, sent: (() => void) | undefined): void {
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

  /** Waits until the kernel has taken everything. */
  private finish(sent: (() => void) | undefined): void {
    const { socket } = this
    if (socket.writableLength === 0) return this.done(sent)
    socket.write(noBytes, this.whenTaken(sent))
  }

  private whenTaken(sent: (() => void) | undefined): (error?: Error | null) => void {
    return (error) => {
      if (!error) this.done(sent)
    }
  }

  private done(sent: (() => void) | undefined): void {
    if (this.state === "Over") return
    this.end(true, sent)
    this.turn.next()
  }
}

const noBytes = new Uint8Array(0)

const uncork = (socket: Socket): void => socket.uncork()

const writeWhole = (
  socket: Socket,
  text: string,
  body: Uint8Array,
  onWritten: ((error?: Error | null) => void) | undefined,
): void => {
  if (body.length <= maxCopied) {
    socket.write(HeadText.join(text, body), onWritten)
    return
  }
  socket.cork()
  socket.write(text, "latin1")
  socket.write(body, onWritten)
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
  { chunked, headers, offersUpgrade }: ResponsePlan,
  isLast: boolean,
): string => {
  let lines = has(headers, "date") ? "" : `Date: ${date()}\r\n`
  if (chunked) lines += "Transfer-Encoding: chunked\r\n"
  if (offersUpgrade) lines += "Connection: Upgrade\r\n"
  lines += isLast ? "Connection: close\r\n" : keepAlive
  return HeadText.response(status, STATUS_CODES[status] ?? "Unknown", headers, lines)
}

const keepAlive = "Connection: keep-alive\r\nKeep-Alive: timeout=75\r\n"

let dateText = ""
let dateSecond = 0

/** The value of Date (RFC 9110 5.6.7), formatted once a second. */
const date = (): string => {
  const second = Math.floor(Date.now() / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    dateText = new Date(second * 1000).toUTCString()
  }
  return dateText
}
