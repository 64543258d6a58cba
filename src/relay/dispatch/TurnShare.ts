/**
 * How many requests each server may be given in one turn of the event loop, so
 * that a server with thousands of requests at once does not make the turn long
 * for all others. While only one server has requests, there is no limit.
 */
import type { ServerName } from "../../domain/ServerName.ts"

/** The most requests of one server in a turn while others have requests, too. */
export const mostInTurn = 32

/** For how long a request of another server counts, in milliseconds. */
export const contestedMillis = 1_000

/** See the file's header. */
export class TurnShare {
  private readonly now: () => number
  private readonly given = new Map<ServerName, number>()
  private last: ServerName | undefined
  /** When a server was last given requests after another one, in monotonic milliseconds. */
  private changedAt = Number.NEGATIVE_INFINITY
  private isTurn = false

  /** @param now monotonic milliseconds */
  constructor(now: () => number) {
    this.now = now
  }

  /** How many requests a server that has some may be given in this turn. */
  of(name: ServerName): number {
    if (this.last !== name) {
      if (this.last !== undefined) this.changedAt = this.now()
      this.last = name
    }
    if (this.now() - this.changedAt >= contestedMillis) return Number.POSITIVE_INFINITY
    return Math.max(0, mostInTurn - (this.given.get(name) ?? 0))
  }

  /** A server was given so many requests. */
  give(name: ServerName, count: number): void {
    this.given.set(name, (this.given.get(name) ?? 0) + count)
    if (this.isTurn) return
    this.isTurn = true
    setImmediate(() => {
      this.isTurn = false
      this.given.clear()
    })
  }
}
