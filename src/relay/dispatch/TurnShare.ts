/**
 * Shares each turn of the event loop among servers, so that one with thousands
 * of requests at once does not make the turns long for all others. While
 * several servers are active, each gets a few requests in a turn, and a few
 * frames of its links are read. The rest waits for the next turns, in which the
 * waiting servers are served round robin. While only one server is active, there
 * is no limit.
 */
import type { ServerName } from "../../domain/ServerName.ts"
import type { ReadShare } from "../../transport/mux/FrameParser.ts"

/** The most requests or frames of one server in a turn while others are active. */
export const mostInTurn = 16

/** The most requests and frames that wait from turn to turn, of all servers together, in one turn. */
export const mostWaiting = 32

/** For how long a server counts as active, in milliseconds. */
export const contestedMillis = 10_000

/** What of one server is limited together: its requests, or the frames of its links. */
export class Share implements ReadShare {
  readonly name: ServerName
  private readonly turns: TurnShare
  private taken = 0
  private turn = 0
  private waiting: Array<() => void> = []

  constructor(turns: TurnShare, name: ServerName) {
    this.turns = turns
    this.name = name
  }

  /** How many more may be processed in this turn; infinite while no other server is active. */
  get left(): number {
    if (!this.turns.isContested(this.name)) return Number.POSITIVE_INFINITY
    return Math.max(0, mostInTurn - this.takenNow)
  }

  /** Whether other servers are active, and nothing of this one was processed in this turn. */
  get isUnused(): boolean {
    return this.turns.isContested(this.name) && this.takenNow === 0
  }

  /** So many were processed. */
  take(count: number): void {
    this.taken = this.takenNow + count
    this.turn = this.turns.turn
    this.turns.processed(count)
  }

  /** Calls `go` in one of the next turns, after what has waited for longer. */
  later(go: () => void): void {
    this.waiting.push(go)
    this.turns.wait(this)
  }

  /** Calls what waits, as far as this turn allows. */
  run(): void {
    while (this.isWaiting && this.left > 0) this.waiting.shift()?.()
  }

  /** Whether something waits for a turn. */
  get isWaiting(): boolean {
    return this.waiting.length > 0
  }

  private get takenNow(): number {
    return this.turn === this.turns.turn ? this.taken : 0
  }
}

/** See the file's header. */
export class TurnShare {
  /** The number of the turn. */
  turn = 0
  private readonly now: () => number
  private readonly nextTurn: (call: () => void) => void
  private last: ServerName | undefined
  /** When a server was last active after another one, in monotonic milliseconds; `undefined` once that does not count any more. */
  private changedAt: number | undefined
  private readonly waiting = new Set<Share>()
  /** How much was processed since the last turn began. */
  private count = 0
  private isScheduled = false

  /**
   * @param now monotonic milliseconds
   * @param nextTurn calls back in the next turn of the event loop
   */
  constructor(now: () => number, nextTurn: (call: () => void) => void = setImmediate) {
    this.now = now
    this.nextTurn = nextTurn
  }

  /** Whether another server is active beside this one, which is. The clock is read only if that may have changed. */
  isContested(name: ServerName): boolean {
    const { last } = this
    if (last !== name) {
      this.last = name
      if (last !== undefined) this.changedAt = this.now()
    } else if (this.changedAt !== undefined && this.now() - this.changedAt >= contestedMillis)
      this.changedAt = undefined
    return this.changedAt !== undefined
  }

  /** So many requests or frames were processed. */
  processed(count: number): void {
    this.count += count
    this.schedule()
  }

  /** Something of a share waits for one of the next turns. */
  wait(share: Share): void {
    this.waiting.add(share)
    this.schedule()
  }

  private schedule(): void {
    if (this.isScheduled) return
    this.isScheduled = true
    this.nextTurn(this.begin)
  }

  private readonly begin = (): void => {
    this.isScheduled = false
    this.turn += 1
    this.count = 0
    for (const share of [...this.waiting]) {
      if (this.count >= mostWaiting) break
      this.waiting.delete(share)
      share.run()
      if (share.isWaiting) this.waiting.add(share)
    }
    if (this.waiting.size > 0) this.schedule()
  }
}
