/**
 * Whose turn it is on a connection whose requests come without waiting for
 * answers (RFC 9112 9.3.2): a few are answered side by side, the others wait,
 * and so do all while the visitor does not take what is written already.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Duplex } from "node:stream"

/** How many requests of one connection are answered side by side. */
const maxBeside = 8

/** The most requests that may wait on a connection. */
const maxWaiting = 256

/** What may have come on a connection behind the first request that waits; in bytes. */
const maxWaitingBytes = 1024 * 1024

interface Waiting {
  readonly response: ServerResponse
  readonly begin: () => void
  /** What had come on the connection by then, in bytes. */
  readonly at: number
}

interface Line {
  running: number
  readonly waiting: Array<Waiting>
}

/** See the file's header. One for all connections of a front. */
export class PipelineQueue {
  private readonly lines = new WeakMap<Duplex, Line>()

  /** Whether an answer on this connection is not through yet. */
  isBusy(socket: Duplex): boolean {
    return (this.lines.get(socket)?.running ?? 0) > 0
  }

  /** Whether a request waits on this connection. */
  isAwaited(socket: Duplex): boolean {
    return (this.lines.get(socket)?.waiting.length ?? 0) > 0
  }

  /** Calls `begin` when it is this request's turn. A connection on which too much waits is cut. */
  take({ socket }: IncomingMessage, response: ServerResponse, begin: () => void): void {
    let line = this.lines.get(socket)
    if (line === undefined) {
      line = { running: 0, waiting: [] }
      this.lines.set(socket, line)
    }
    const { waiting } = line
    if (waiting.length === 0 && mayRun(line, socket)) return this.run(line, socket, response, begin)
    waiting.push({ response, begin, at: socket.bytesRead })
    const bytes = socket.bytesRead - (waiting[0] as Waiting).at
    if (waiting.length > maxWaiting || bytes > maxWaitingBytes) socket.destroy()
  }

  private run(line: Line, socket: Duplex, response: ServerResponse, begin: () => void): void {
    line.running += 1
    response.once("close", () => {
      line.running -= 1
      while (line.waiting.length > 0 && !socket.destroyed && mayRun(line, socket)) {
        const next = line.waiting.shift() as Waiting
        this.run(line, socket, next.response, next.begin)
      }
    })
    begin()
  }
}

const mayRun = ({ running }: Line, socket: Duplex): boolean =>
  running === 0 || (running < maxBeside && socket.writableLength === 0)
