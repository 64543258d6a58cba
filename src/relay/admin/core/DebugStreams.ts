/**
 * An endless download, and an upload that is counted and discarded, for
 * measuring the connection to a relay without a server.
 */
import { ExchangeError } from "../../../protocol/Exchange.ts"
import type { Body } from "../../../transport/body/Body.ts"
import type { Cancel, Handler } from "../../../transport/body/Handler.ts"
import { refuse, respondText } from "../../../transport/body/Replies.ts"
import { throttle } from "../../../transport/body/ThrottledBody.ts"
import * as Format from "../../../web/Format.ts"

/** Limit of concurrent streams. */
export const maxDebugStreams = 10

/** The rate of throttled streams, in bytes a second. */
export const throttledRate = 1024 * 1024

/** The path of the download; {@link throttledSuffix} may follow. */
export const sourcePath = "/debug/source"
/** The path of the upload; {@link throttledSuffix} may follow. */
export const sinkPath = "/debug/sink"
/** At the end of a path: at most {@link throttledRate}. */
export const throttledSuffix = "/throttled"

const chunk = Buffer.alloc(64 * 1024, "PTTH ".repeat(13_107).concat("\n"))

/** Number of chunks that are sent before other events are handled. */
const chunksPerTick = 16

/** A body without an end. */
const endless: Body = {
  length: undefined,
  whole: undefined,
  discard: () => {},
  read: (sink) => {
    let open = true
    let scheduled = false
    const send = (): void => {
      scheduled = false
      for (let i = 0; i < chunksPerTick; i++) if (!open || !sink.data(chunk)) return
      later()
    }
    const later = (): void => {
      if (scheduled) return
      scheduled = true
      setImmediate(send)
    }
    later()
    return {
      resume: later,
      cancel: () => {
        open = false
      },
    }
  },
}

const isThrottled = (path: string): boolean => path.endsWith(throttledSuffix)

/** Whether a path is one of the streams. */
export const takes = (path: string): boolean =>
  [sourcePath, sinkPath].some((one) => path === one || path === one + throttledSuffix)

const paced = (path: string, body: Body): Body =>
  isThrottled(path) ? throttle(body, throttledRate) : body

const tooMany = new ExchangeError({
  code: "PTTH_QUEUE_FULL",
  detail: `${maxDebugStreams} debug streams are open`,
  retryAfter: 30,
})

const wrongMethod = (allow: string) =>
  new ExchangeError({
    code: "PTTH_METHOD_NOT_ALLOWED",
    detail: "the stream has another method",
    headers: [["Allow", allow]],
  })

/** Both streams as one handler. `AdminFront.ts` has checked the caller. */
export class DebugStreams {
  private running = 0

  readonly handle: Handler = (head, body, reply) => {
    const [path = ""] = head.target.split("?", 1)
    const isSource = path.startsWith(sourcePath)
    const methods = isSource ? ["GET", "HEAD"] : ["POST", "PUT"]
    const fail = (error: ExchangeError): Cancel => refuse(body, reply, error)
    if (!methods.includes(head.method)) return fail(wrongMethod(methods.join(", ")))
    if (this.running >= maxDebugStreams) return fail(tooMany)
    this.running += 1
    const cancel = isSource
      ? this.sendSource(path, body, reply)
      : this.receiveSink(path, body, reply)
    let isOver = false
    return () => {
      if (!isOver) this.running -= 1
      isOver = true
      cancel()
    }
  }

  private sendSource(path: string, ...[body, reply]: Tail): Cancel {
    body.discard()
    reply.respond(
      { status: 200, headers: [["Content-Type", "application/octet-stream"]] },
      paced(path, endless),
    )
    return () => {}
  }

  private receiveSink(path: string, ...[body, reply]: Tail): Cancel {
    const startedAt = performance.now()
    let bytes = 0
    const flow = paced(path, body).read({
      data: (part) => {
        bytes += part.length
        return true
      },
      end: () => {
        const millis = performance.now() - startedAt
        respondText(reply, 200, `${bytes} bytes in ${Format.millis(millis)}\n`)
      },
      fail: () => {},
    })
    return () => flow.cancel()
  }
}

type Tail = readonly [body: Parameters<Handler>[1], reply: Parameters<Handler>[2]]
