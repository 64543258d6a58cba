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
  /** When a server last had requests after another one, in monotonic milliseconds; `undefined` once that does not count any more. */
  private changedAt: number | undefined
  private isTurn = false
  private readonly endTurn = (): void => {
    this.isTurn = false
    this.given.clear()
  }

  /** @param now monotonic milliseconds */
  constructor(now: () => number) {
    this.now = now
  }

  /** How many requests a server that has some may be given in this turn. */
  of(name: ServerName): number {
    if (!this.isContested(name)) return Number.POSITIVE_INFINITY
    return Math.max(0, mostInTurn - (this.given.get(name) ?? 0))
  }

  /** Whether another server than this one has requests, too. The clock is read only if that may have changed. */
  private isContested(name: ServerName): boolean {
    const { last } = this
    if (last !== name) {
      this.last = name
      if (last !== undefined) this.changedAt = this.now()
    } else if (this.changedAt !== undefined && this.now() - this.changedAt >= contestedMillis)
      this.changedAt = undefined
    return this.changedAt !== undefined
  }

  /** A server was given so many requests. */
  give(name: ServerName, count: number): void {
    this.given.set(name, (this.given.get(name) ?? 0) + count)
    if (this.isTurn) return
    this.isTurn = true
    setImmediate(this.endTurn)
  }
}
