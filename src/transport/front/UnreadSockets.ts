/**
 * Closes connections whose other end reads nothing of what is written to it. A
 * reader that is only slow keeps its connection. All connections are checked
 * together now and then, instead of a timer for each write.
 */
import type { Socket } from "node:net"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { cutOff } from "../net/ConnectionClose.ts"
import * as SendQueues from "../net/SendQueues.ts"
import { elapsedMillis } from "../runtime/Deadlines.ts"

/** Milliseconds between two checks: a quarter of the idle time, but within these bounds. */
const longestInterval = 15_000
const shortestInterval = 100

/** How far a connection with unsent bytes was at the last check. */
interface Progress {
  /** How many bytes the kernel had accepted. */
  accepted: number
  /** How many bytes the kernel had still to send; `undefined` if that was not looked up. */
  queued: number | undefined
  /** When either last changed, in monotonic milliseconds. */
  since: number
}

/** See the file's header. */
export class UnreadSockets {
  private readonly open = new Set<Socket>()
  private readonly unread = new Map<Socket, Progress>()
  private readonly millis: () => number

  /** @param millis how long the other end may read nothing, in milliseconds */
  constructor(millis: () => number) {
    this.millis = millis
  }

  /** Watches a connection until it closes. */
  add(socket: Socket): void {
    this.open.add(socket)
    socket.once("close", () => this.leave(socket))
  }

  /** Stops watching a connection. */
  leave(socket: Socket): void {
    this.open.delete(socket)
    this.unread.delete(socket)
  }

  /**
   * Checks until it is interrupted.
   *
   * @param onMoved called with each connection whose other end has read something
   */
  watch(onMoved: (socket: Socket) => void): Effect.Effect<never> {
    const pause = Effect.suspend(() =>
      Effect.sleep(Math.max(shortestInterval, Math.min(longestInterval, this.millis() / 4))),
    )
    return Effect.flatMap(Clock.Clock, (clock) => {
      const now = () => elapsedMillis(clock)
      const check = Effect.promise(() => this.check(now, onMoved)).pipe(
        // A check that fails must not be the last one.
        Effect.catchCause((cause) =>
          Effect.logError("unread connections cannot be checked", cause),
        ),
      )
      return Effect.forever(Effect.andThen(pause, check))
    })
  }

  private async check(now: () => number, onMoved: (socket: Socket) => void): Promise<void> {
    const time = now()
    const stalled: Array<Socket> = []
    for (const socket of this.open) {
      const progress = this.unread.get(socket)
      if (socket.writableLength === 0) {
        if (progress !== undefined) this.unread.delete(socket)
        continue
      }
      const accepted = socket.bytesWritten - socket.writableLength
      if (progress?.accepted === accepted) stalled.push(socket)
      else {
        this.unread.set(socket, { accepted, queued: undefined, since: time })
        if (progress !== undefined) onMoved(socket)
      }
    }
    if (stalled.length === 0) return
    const queues = await SendQueues.read(stalled)
    for (const socket of stalled) {
      const progress = this.unread.get(socket)
      if (progress === undefined) continue
      const before = progress.queued
      progress.queued = queues.get(socket)
      if (before !== undefined && progress.queued !== undefined && before !== progress.queued) {
        progress.since = time
        onMoved(socket)
      } else if (time - progress.since >= this.millis()) {
        this.leave(socket)
        cutOff(socket)
      }
    }
  }
}
