/**
 * A stream of Node whose bytes come from the body of a request and go into the
 * body of its response: a connection that was passed on, for what needs a socket.
 */
import { Duplex } from "node:stream"
import { BodyError } from "../../protocol/Exchange.ts"
import type { Body, BodyFlow } from "../body/Body.ts"
import { type BodySource, PushedBody } from "../body/PushedBody.ts"

/** See the file's header. */
export class BodySocket extends Duplex implements BodySource {
  /** What is written to the stream. */
  readonly outgoing: Body
  private readonly pushed: PushedBody
  private readonly flow: BodyFlow
  /** Bytes that were written and not read yet, and the callback for when they are. */
  private unread = 0
  private onRead: (() => void) | undefined
  private hasEnded = false

  constructor(incoming: Body) {
    super({ allowHalfOpen: true })
    this.pushed = new PushedBody(undefined, this)
    this.outgoing = this.pushed
    this.flow = incoming.read({
      data: (chunk, release) => {
        // A stream keeps its chunks for as long as it likes.
        const bytes = release === undefined ? chunk : Buffer.from(chunk)
        release?.()
        return this.push(bytes)
      },
      end: () => {
        this.hasEnded = true
        this.push(null)
      },
      fail: (error) => {
        this.hasEnded = true
        this.destroy(error)
      },
    })
  }

  override _read(): void {
    this.flow.resume()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.unread += chunk.length
    this.onRead = done
    this.pushed.data(chunk)
    this.tellRead()
  }

  override _final(done: (error?: Error) => void): void {
    this.pushed.end([])
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.hasEnded) this.flow.cancel()
    this.pushed.fail(new BodyError({ reason: "cut", detail: "the connection was closed" }))
    done(error)
  }

  /** See {@link BodySource}. */
  consumed(bytes: number): void {
    this.unread -= bytes
    this.tellRead()
  }

  /** See {@link BodySource}: the visitor has left. */
  abandon(): void {
    this.destroy()
  }

  private tellRead(): void {
    const { onRead } = this
    if (this.unread > 0 || onRead === undefined) return
    this.onRead = undefined
    onRead()
  }
}
