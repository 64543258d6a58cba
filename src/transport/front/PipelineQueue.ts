/**
 * Limits HTTP pipelining (RFC 9112 9.3.2): up to 8 requests of a connection with
 * safe methods run at once, and the rest waits. None starts while the visitor does
 * not read what is written already. One that may change something
 * runs alone, so that requests take effect in the order in which they were sent.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Duplex } from "node:stream"
import { isSafe } from "../../protocol/http/SafeMethod.ts"

/** How many requests of a connection run at once. */
const maxRunning = 8

/** How many requests of a connection may wait. */
const maxWaiting = 256

/** How many bytes may come on a connection behind the first request that waits. */
const maxWaitingBytes = 1024 * 1024

interface Waiting {
  readonly response: ServerResponse
  readonly safe: boolean
  readonly begin: () => void
  /** How many bytes had come on the connection when it began to wait. */
  readonly bytesRead: number
}

interface Pipeline {
  running: number
  /** Whether the only running request has a method that is not safe. */
  exclusive: boolean
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
  take({ method, socket }: IncomingMessage, response: ServerResponse, begin: () => void): void {
    let pipeline = this.pipelines.get(socket)
    if (pipeline === undefined) {
      pipeline = { running: 0, exclusive: false, waiting: [] }
      this.pipelines.set(socket, pipeline)
    }
    const { waiting } = pipeline
    const request = { response, safe: isSafe(method ?? ""), begin, bytesRead: socket.bytesRead }
    if (waiting.length === 0 && mayRun(pipeline, socket, request))
      return this.run(pipeline, socket, request)
    waiting.push(request)
    const bytes = socket.bytesRead - (waiting[0] as Waiting).bytesRead
    if (waiting.length > maxWaiting || bytes > maxWaitingBytes) socket.destroy()
  }

  private run(pipeline: Pipeline, socket: Duplex, { begin, response, safe }: Waiting): void {
    const { waiting } = pipeline
    pipeline.running += 1
    pipeline.exclusive = !safe
    response.once("close", () => {
      pipeline.running -= 1
      if (!safe) pipeline.exclusive = false
      for (;;) {
        const next = waiting[0]
        if (next === undefined || socket.destroyed || !mayRun(pipeline, socket, next)) return
        waiting.shift()
        this.run(pipeline, socket, next)
      }
    })
    begin()
  }
}

const mayRun = (pipeline: Pipeline, socket: Duplex, { safe }: Waiting): boolean =>
  pipeline.running === 0 ||
  (safe && !pipeline.exclusive && pipeline.running < maxRunning && socket.writableLength === 0)
