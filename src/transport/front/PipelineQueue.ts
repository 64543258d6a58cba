/**
 * Limits HTTP pipelining (RFC 9112 9.3.2): of the requests of a connection up
 * to 8 run at once and the rest wait; none starts while the visitor does not
 * read what is written already.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Duplex } from "node:stream"

/** How many requests of a connection run at once. */
const maxRunning = 8

/** How many requests of a connection may wait. */
const maxWaiting = 256

/** How many bytes may come on a connection behind the first request that waits. */
const maxWaitingBytes = 1024 * 1024

interface Waiting {
  readonly response: ServerResponse
  readonly begin: () => void
  /** How many bytes had come on the connection when it began to wait. */
  readonly bytesRead: number
}

interface Pipeline {
  running: number
  readonly waiting: Array<Waiting>
}

/** See the file's header. One for all connections of a front. */
export class PipelineQueue {
  private readonly pipelines = new WeakMap<Duplex, Pipeline>()

  /** Whether a request of this connection is running. */
  isBusy(socket: Duplex): boolean {
    return (this.pipelines.get(socket)?.running ?? 0) > 0
  }

  /** Whether a request of this connection waits. */
  isAwaited(socket: Duplex): boolean {
    return (this.pipelines.get(socket)?.waiting.length ?? 0) > 0
  }

  /** Calls `begin` when the request may run. Closes the connection if too much waits on it. */
  take({ socket }: IncomingMessage, response: ServerResponse, begin: () => void): void {
    let pipeline = this.pipelines.get(socket)
    if (pipeline === undefined) {
      pipeline = { running: 0, waiting: [] }
      this.pipelines.set(socket, pipeline)
    }
    const { waiting } = pipeline
    if (waiting.length === 0 && mayRun(pipeline, socket))
      return this.run(pipeline, socket, response, begin)
    waiting.push({ response, begin, bytesRead: socket.bytesRead })
    const bytes = socket.bytesRead - (waiting[0] as Waiting).bytesRead
    if (waiting.length > maxWaiting || bytes > maxWaitingBytes) socket.destroy()
  }

  private run(
    pipeline: Pipeline,
    socket: Duplex,
    response: ServerResponse,
    begin: () => void,
  ): void {
    pipeline.running += 1
    response.once("close", () => {
      pipeline.running -= 1
      while (pipeline.waiting.length > 0 && !socket.destroyed && mayRun(pipeline, socket)) {
        const next = pipeline.waiting.shift() as Waiting
        this.run(pipeline, socket, next.response, next.begin)
      }
    })
    begin()
  }
}

const mayRun = ({ running }: Pipeline, socket: Duplex): boolean =>
  running === 0 || (running < maxRunning && socket.writableLength === 0)
