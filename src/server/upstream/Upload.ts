/**
 * Writes the body of a request to a connection, with back-pressure. What has been
 * written of the body of a repeatable request is retained while it is small, so
 * that it can be written again to a second connection.
 */
import type { Socket } from "node:net"
import type { HeaderList } from "../../domain/HeaderList.ts"
import { fieldLines, isWritable } from "../../protocol/http/HeadText.ts"
import type { Body, BodyFlow } from "../../transport/body/Body.ts"
import { whenWritten } from "../../transport/net/NodeBody.ts"

/** How the body is delimited. `Raw`: by the end of our side of the connection, after a change of protocol. */
export type UploadFraming = "Length" | "Chunked" | "Raw"

/** What an upload is made of. */
export interface UploadOptions {
  readonly body: Body
  readonly framing: UploadFraming
  /** Whether it may have to be written to a second connection. */
  readonly isRepeatable: boolean
  /** All of it has been written to the socket. */
  readonly sent: () => void
  /** The body broke off. */
  readonly broke: () => void
}

/** The largest body that is retained for a repetition, in bytes. */
const maxRetained = 64 * 1024

/**
 * - `Waiting`: nothing has been read yet.
 * - `Sending`: the body is being read.
 * - `Sent`: all of it has been read.
 * - `Stopped`: it broke off, or is not wanted any more.
 */
type State = "Waiting" | "Sending" | "Sent" | "Stopped"

/** See the file's header. */
export class Upload {
  private readonly options: UploadOptions
  private state: State = "Waiting"
  private isWritten = false
  private socket: Socket | undefined
  private flow: BodyFlow | undefined
  /** The body so far; `undefined` if it is too large to be repeated. */
  private retained: Array<Uint8Array> | undefined
  private retainedSize = 0
  private trailers: HeaderList = []
  private timer: NodeJS.Timeout | undefined

  constructor(options: UploadOptions) {
    this.options = options
    this.retained = options.isRepeatable ? [] : undefined
  }

  /** Whether some of the body is still to come. */
  get isUnderWay(): boolean {
    return this.state === "Sending"
  }

  /** Whether the origin has got all of it, or will. */
  get isWhole(): boolean {
    return this.isWritten
  }

  /** Whether it can be written to another connection from the start. */
  get canStartAgain(): boolean {
    return this.state === "Waiting" || (this.state !== "Stopped" && this.retained !== undefined)
  }

  /** Writes the body to this socket from now on: what was written to another one first. */
  attach(socket: Socket): void {
    this.detach()
    this.socket = socket
    socket.on("drain", this.onDrain)
    if (this.state === "Waiting") return
    for (const bytes of this.retained ?? []) this.write(bytes)
    if (this.state === "Sent") this.finish()
    else this.flow?.resume()
  }

  /** Writes no more; {@link attach} continues. */
  detach(): void {
    this.socket?.off("drain", this.onDrain)
    this.socket = undefined
  }

  /** Starts to read the body when that is called for, after so many milliseconds at the latest. */
  startWithin(millis: number): void {
    if (this.state === "Waiting") this.timer ??= setTimeout(() => this.start(), millis)
  }

  /** Starts to read the body. */
  start(): void {
    if (this.state !== "Waiting") return
    clearTimeout(this.timer)
    this.state = "Sending"
    this.flow = this.options.body.read({
      data: (chunk, release) => this.onData(chunk, release),
      end: (trailers) => {
        this.trailers = trailers
        this.state = "Sent"
        this.finish()
      },
      fail: () => {
        this.state = "Stopped"
        this.detach()
        this.options.broke()
      },
    })
  }

  /** The rest is not wanted. */
  stop(): void {
    clearTimeout(this.timer)
    this.detach()
    const { state } = this
    this.state = "Stopped"
    this.retained = undefined
    if (state === "Waiting") this.options.body.discard()
    else if (state === "Sending") this.flow?.cancel()
  }

  private onData(chunk: Uint8Array, release?: () => void): boolean {
    this.retain(chunk)
    if (this.socket === undefined) return false
    return this.write(chunk, release)
  }

  private retain(chunk: Uint8Array): void {
    if (this.retained === undefined) return
    this.retainedSize += chunk.length
    if (this.retainedSize > maxRetained) this.retained = undefined
    else this.retained.push(Uint8Array.from(chunk))
  }

  private write(bytes: Uint8Array, release?: () => void): boolean {
    const { socket } = this
    // An empty chunk would be the last one.
    if (socket === undefined || bytes.length === 0) return socket !== undefined
    const onWritten = release === undefined ? undefined : whenWritten(release)
    if (this.options.framing !== "Chunked") return socket.write(bytes, onWritten)
    socket.cork()
    socket.write(`${bytes.length.toString(16)}\r\n`, "latin1")
    socket.write(bytes, onWritten)
    const wantsMore = socket.write("\r\n", "latin1")
    socket.uncork()
    return wantsMore
  }

  private finish(): void {
    const { socket } = this
    if (socket === undefined) return
    const { framing, sent } = this.options
    if (framing === "Chunked")
      socket.write(`0\r\n${fieldLines(this.trailers.filter(isWritable))}\r\n`, "latin1")
    else if (framing === "Raw") socket.end()
    this.isWritten = true
    socket.off("drain", this.onDrain)
    sent()
  }

  private readonly onDrain = (): void => this.flow?.resume()
}
