/**
 * A body that is given up when no byte of it has moved for too long. There is
 * no limit to how long a body may take in all.
 */
import { BodyError } from "../../protocol/Exchange.ts"
import type { Deadlines } from "../runtime/Deadlines.ts"
import type { Body } from "./Body.ts"
import type { Handler } from "./Handler.ts"

/** What an idle limit is for: whichever side a body waits for, or only who sends it. */
export type Waiting = "either" | "sender"

/** The same body, failing as `idle` after `millis` milliseconds without a byte. */
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
    discard: () => body.discard(),
    read: (sink) => {
      let over = false
      const start = () =>
        deadlines.set(millis, () => {
          over = true
          flow.cancel()
          sink.fail(new BodyError({ reason: "idle", detail: `no byte for ${millis / 1000} s` }))
        })
      let deadline = start()
      const finish = (): void => {
        over = true
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
          if (!over) deadline = start()
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

/** The same handler, whose requests' bodies are given up when their sender sends nothing for so long. */
export const idleRequests =
  (handler: Handler, deadlines: Deadlines, millis: number): Handler =>
  (head, body, reply) =>
    handler(head, idle(body, deadlines, millis, "sender"), reply)
