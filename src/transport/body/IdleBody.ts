/**
 * An idle timeout for bodies: a body fails if none of its bytes moves for too
 * long. The duration of the whole body is not limited.
 */
import { BodyError } from "../../protocol/Exchange.ts"
import type { Deadlines } from "../runtime/Deadlines.ts"
import type { Body } from "./Body.ts"
import type { Handler } from "./Handler.ts"

/** When the timeout runs: always, or only while the body waits for its sender. */
export type Waiting = "either" | "sender"

/** The same body, which fails as `idle` after `millis` milliseconds without a byte. */
export const idle = (
  body: Body,
  deadlines: Deadlines,
  millis: number,
  waiting: Waiting = "either",
): Body => {
  if (body.whole !== undefined) return body
  return {
    length: body.length,
    whole: undefined,
    content: body.content,
    discard: () => body.discard(),
    read: (sink) => {
      let isOver = false
      const start = () =>
        deadlines.set(millis, () => {
          isOver = true
          flow.cancel()
          sink.fail(new BodyError({ reason: "idle", detail: `no byte for ${millis / 1000} s` }))
        })
      let deadline = start()
      const finish = (): void => {
        isOver = true
        deadline.clear()
      }
      const flow = body.read({
        data: (chunk) => {
          deadline.touch()
          const wantsMore = sink.data(chunk)
          if (!wantsMore && waiting === "sender") deadline.clear()
          return wantsMore
        },
        end: (trailers) => {
          finish()
          sink.end(trailers)
        },
        fail: (error) => {
          finish()
          sink.fail(error)
        },
      })
      return {
        resume: () => {
          deadline.clear()
          if (!isOver) deadline = start()
          flow.resume()
        },
        moved: () => deadline.touch(),
        cancel: () => {
          finish()
          flow.cancel()
        },
      }
    },
  }
}

/** The same handler with an idle timeout for request bodies, which runs while they wait for their sender. */
export const idleRequests =
  (handler: Handler, deadlines: Deadlines, millis: number): Handler =>
  (head, body, reply) =>
    handler(head, idle(body, deadlines, millis, "sender"), reply)
