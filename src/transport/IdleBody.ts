/**
 * A body that is given up when no byte of it has moved for too long, whichever
 * side it waits for. There is no limit to how long a body may take in all.
 */
import { BodyError } from "../protocol/Exchange.ts"
import type { Body } from "./Body.ts"
import type { Deadlines } from "./Deadlines.ts"
import type { Handler } from "./Handler.ts"

/** The same body, failing as `idle` after `millis` milliseconds without a byte. */
export const idle = (body: Body, deadlines: Deadlines, millis: number): Body => {
  if (body.whole !== undefined) return body
  return {
    length: body.length,
    whole: undefined,
    discard: () => body.discard(),
    read: (sink) => {
      const deadline = deadlines.set(millis, () => {
        flow.cancel()
        sink.fail(new BodyError({ reason: "idle", detail: `no byte for ${millis / 1000} s` }))
      })
      const flow = body.read({
        data: (chunk) => {
          deadline.touch()
          return sink.data(chunk)
        },
        end: (trailers) => {
          deadline.clear()
          sink.end(trailers)
        },
        fail: (error) => {
          deadline.clear()
          sink.fail(error)
        },
      })
      return {
        resume: () => {
          deadline.touch()
          flow.resume()
        },
        moved: () => deadline.touch(),
        cancel: () => {
          deadline.clear()
          flow.cancel()
        },
      }
    },
  }
}

/** The same handler, whose requests' bodies are given up like that. */
export const idleRequests =
  (handler: Handler, deadlines: Deadlines, millis: number): Handler =>
  (head, body, reply) =>
    handler(head, idle(body, deadlines, millis), reply)
