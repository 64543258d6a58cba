/**
 * Ends connections whose other end takes nothing of what is written for it:
 * one look at all of them now and then, instead of a timer for each write.
 * Whoever takes something, if only slowly, keeps his connection.
 */
import type { Socket } from "node:net"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { cutOff } from "../net/ConnectionClose.ts"
import { elapsedMillis } from "../runtime/Deadlines.ts"
import * as SendQueues from "./SendQueues.ts"

/** How often is looked at most, in milliseconds; and at least four times within the time that is given. */
const lookMillis = 15_000
const shortestLook = 100

/** What was seen of a connection with bytes that wait. */
interface Seen {
  /** What its kernel had taken, in bytes. */
  taken: number
  /** What its kernel had not been rid of, in bytes, as far as that was looked at. */
  queued: number | undefined
  /** When it last moved. */
  since: number
}

/** See the file's header. */
export class UnreadSockets {
  private readonly open = new Set<Socket>()
  private readonly unread = new Map<Socket, Seen>()
  private readonly millis: () => number

  /** @param millis how long nothing may be taken, in milliseconds */
  constructor(millis: () => number) {
    this.millis = millis
  }

  /** Watches a connection until it closes. */
  add(socket: Socket): void {
    this.open.add(socket)
    socket.once("close", () => this.leave(socket))
  }

  /** Watches it no more. */
  leave(socket: Socket): void {
    this.open.delete(socket)
    this.unread.delete(socket)
  }

  /**
   * Looks for ever.
   *
   * @param onMoved told of each connection that took something of what waits for it
   */
  watch(onMoved: (socket: Socket) => void): Effect.Effect<never> {
    const nap = Effect.suspend(() =>
      Effect.sleep(Math.max(shortestLook, Math.min(lookMillis, this.millis() / 4))),
    )
    return Effect.flatMap(Clock.Clock, (clock) => {
      const now = () => elapsedMillis(clock)
      const look = Effect.promise(() => this.look(now, onMoved)).pipe(
        // Whatever fails is not to stop the watch over everybody else.
        Effect.catchCause((cause) => Effect.logError("unread connections cannot be seen", cause)),
      )
      return Effect.forever(Effect.andThen(nap, look))
    })
  }

  private async look(now: () => number, onMoved: (socket: Socket) => void): Promise<void> {
    const at = now()
    const still: Array<Socket> = []
    for (const socket of this.open) {
      const seen = this.unread.get(socket)
      if (socket.writableLength === 0) {
        if (seen !== undefined) this.unread.delete(socket)
        continue
      }
      const taken = socket.bytesWritten - socket.writableLength
      if (seen?.taken === taken) still.push(socket)
      else {
        this.unread.set(socket, { taken, queued: undefined, since: at })
        if (seen !== undefined) onMoved(socket)
      }
    }
    if (still.length === 0) return
    const queues = await SendQueues.read(still)
    for (const socket of still) {
      const seen = this.unread.get(socket)
      if (seen === undefined) continue
      const before = seen.queued
      seen.queued = queues.get(socket)
      if (before !== undefined && seen.queued !== undefined && before !== seen.queued) {
        seen.since = at
        onMoved(socket)
      } else if (at - seen.since >= this.millis()) {
        this.leave(socket)
        cutOff(socket)
      }
    }
  }
}
