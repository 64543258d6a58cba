/**
 * Limits how much of large bodies is on its way on one link, so that a small
 * response does not wait behind what fills the buffers of a slow line.
 *
 * A ping behind the data is answered once the data has arrived, which tells
 * what was delivered and how long it took. The window is what the line delivers
 * within the shortest round trip and {@link targetDelay}. It is found as in BBR:
 * it doubles until that delivers no more, follows the highest rate of the last
 * seconds, tries a little more in one round of eight, and now and then lets the
 * queue empty to measure the shortest round trip.
 */

/** The queueing delay, in milliseconds, that large bodies may cause; on long lines, half of the shortest round trip. */
export const targetDelay = 10
/** How many bytes may be on their way before anything was measured, or after a rest. */
export const initialSize = 128 * 1024
/** The smallest window, in bytes. */
export const smallestSize = 8 * 1024
/** The largest window, in bytes. */
export const largestSize = 64 * 1024 * 1024
/** For how long a round trip counts as the shortest, in milliseconds. */
export const baseLifetime = 30_000
/** For how long a rate counts as the highest, in milliseconds; at most twice as long. */
export const rateLifetime = 5_000
/** After so many milliseconds without large bodies the round trip is measured before the next one. */
const pauseMillis = 500
/** After so many milliseconds without large bodies the window is at most {@link initialSize}. */
export const restMillis = 5_000

/** What is left of the target delay, at least, when others fill the queue. */
const smallestShare = 0.25
/** A round delivers more if its rate is higher by this factor. */
const moreBy = 1.25
/** The factors of the window, one a round: more is tried, then the queue of that is drained. */
const gains = [1.25, 0.8, 1, 1, 1, 1, 1, 1] as const

/** A ping behind data. */
interface Mark {
  readonly nonce: number
  /** When it was sent, in monotonic milliseconds. */
  readonly at: number
  /** How many bytes had been sent before it. */
  readonly sent: number
  /** How many of them had arrived, and when that was known. */
  readonly arrived: number
  readonly arrivedAt: number
}

/**
 * - `Starting`: the window doubles or triples in each round without a queue.
 * - `Steady`: the line's rate is known.
 * - `Probing`: the queue is emptied to measure the shortest round trip.
 */
type Phase = "Starting" | "Steady" | "Probing"

/** See the file's header. */
export class BulkWindow {
  private readonly now: () => number
  private readonly ping: () => number
  private phase: Phase = "Starting"
  private size = initialSize
  private sentBytes = 0
  private arrivedBytes = 0
  /** When the last mark was answered, or the first one sent. */
  private arrivedAt = Number.NEGATIVE_INFINITY
  private readonly marks: Array<Mark> = []
  /** The shortest round trip, in milliseconds. */
  private baseTrip = Number.POSITIVE_INFINITY
  /** When a round trip was last near the shortest one. */
  private baseAt = 0
  /** The highest rates, in bytes a millisecond, since `rateAt` and in the time before. */
  private rate = 0
  private earlierRate = 0
  private rateAt = 0
  /** The rate that the next round of `Starting` has to exceed. */
  private rateToExceed = 0
  /** A mark that was sent when so many bytes had arrived ends the round. */
  private roundEnd = 0
  private round = 0
  /** The shortest round trip of this round and of the one before. */
  private roundTrip = Number.POSITIVE_INFINITY
  private lastRoundTrip = Number.POSITIVE_INFINITY
  /** Whether a body has waited for the window in this round. */
  private isLimiting = false

  /**
   * @param now monotonic milliseconds
   * @param ping sends a ping behind what was sent, and returns its nonce
   */
  constructor(now: () => number, ping: () => number) {
    this.now = now
    this.ping = ping
  }

  /** Whether something is on its way whose arrival will be known. */
  get isMeasuring(): boolean {
    return this.marks.length > 0
  }

  /**
   * How many bytes of large bodies may be sent now, in one piece: a part of the
   * window. The ping behind a piece tells only when all of it has arrived, so that
   * a piece as large as the window would look like a queue.
   */
  get room(): number {
    const limit = this.phase === "Probing" ? smallestSize : this.size
    const room = this.isMeasuring ? Math.max(0, limit - this.flight) : limit
    return Math.min(room, this.interval)
  }

  /** So many bytes of something else than a large body were sent while it measures. */
  sent(bytes: number): void {
    this.sentBytes += bytes
  }

  /**
   * A large body is about to be sent. After a pause the round trip is measured
   * before it: the last one known may be that of a busy moment.
   */
  begins(): void {
    if (this.isMeasuring || this.now() - this.arrivedAt < pauseMillis) return
    this.begin()
    this.mark()
  }

  /** So many bytes of a large body were sent. */
  sentBulk(bytes: number): void {
    if (!this.isMeasuring) this.begin()
    this.sentBytes += bytes
    const last = this.marks.at(-1)
    if (last === undefined || this.sentBytes - last.sent >= this.interval) this.mark()
  }

  /** A large body waits for room. */
  waits(): void {
    this.isLimiting = true
    if (!this.isMeasuring) this.mark()
  }

  /**
   * The answer to a ping has come, which stands for those to all earlier ones: the
   * other end may answer a mark and a ping behind it, such as a heartbeat, with one
   * pong. `true`: there may be more room.
   */
  answered(nonce: number): boolean {
    const index = this.marks.findLastIndex((mark) => isUpTo(mark.nonce, nonce))
    const mark = this.marks[index]
    if (mark === undefined) return false
    this.marks.splice(0, index + 1)
    const arrived = mark.sent - this.arrivedBytes
    this.arrivedBytes = mark.sent
    this.arrivedAt = this.now()
    const { isLimiting } = this
    this.measure(mark, arrived)
    if (isLimiting && !this.isMeasuring && this.flight > 0) this.mark()
    return true
  }

  /** The round trip of a ping, in milliseconds, while nothing large was on its way. */
  idle(trip: number): void {
    if (this.isMeasuring) return
    const isOld = this.now() - this.baseAt > baseLifetime
    if (isOld || trip < this.baseTrip) this.setBase(trip)
  }

  /** How many bytes are between two marks. */
  private get interval(): number {
    return Math.max(smallestSize / 2, this.size >> 2)
  }

  private get flight(): number {
    return this.sentBytes - this.arrivedBytes
  }

  /** The queueing delay to aim at, in milliseconds. */
  private get target(): number {
    return Math.max(targetDelay, this.baseTrip / 2)
  }

  /** The highest rate of the last seconds, in bytes a millisecond. */
  private get bestRate(): number {
    return Math.max(this.rate, this.earlierRate)
  }

  private begin(): void {
    const now = this.now()
    this.arrivedBytes = this.sentBytes
    if (now - this.arrivedAt > restMillis) this.restart(now)
    this.arrivedAt = now
  }

  private restart(now: number): void {
    this.baseAt = now
    if (this.size < initialSize) return
    this.size = initialSize
    this.rate = 0
    this.earlierRate = 0
    this.start()
  }

  private start(): void {
    this.phase = "Starting"
    this.rateToExceed = 0
    this.endRound()
  }

  private mark(): void {
    const { arrivedAt, arrivedBytes: arrived, sentBytes: sent } = this
    this.marks.push({ nonce: this.ping(), at: this.now(), sent, arrived, arrivedAt })
  }

  private measure(mark: Mark, arrived: number): void {
    const now = this.arrivedAt
    const trip = now - mark.at
    if (this.phase === "Probing") return this.probed(trip, mark)
    this.roundTrip = Math.min(this.roundTrip, trip)
    if (trip <= this.baseTrip * 1.1 + 1) this.setBase(Math.min(trip, this.baseTrip))
    const hasQueue = trip - this.baseTrip > this.target
    const rate = (mark.sent - mark.arrived) / Math.max(0.05, now - mark.arrivedAt)
    // What neither the window nor the line has limited says nothing of the line.
    if (hasQueue || this.isLimiting || rate > this.bestRate) this.addRate(rate)
    if (this.phase === "Starting" && !hasQueue) this.grow(arrived, trip - this.baseTrip)
    if (mark.arrived >= this.roundEnd) this.endOfRound(hasQueue)
    if (this.phase === "Steady") this.follow()
    if (now - this.baseAt > baseLifetime) this.probe()
  }

  private addRate(rate: number): void {
    const now = this.arrivedAt
    if (now - this.rateAt > rateLifetime) {
      this.earlierRate = now - this.rateAt > 2 * rateLifetime ? 0 : this.rate
      this.rate = 0
      this.rateAt = now
    }
    this.rate = Math.max(this.rate, rate)
  }

  private grow(arrived: number, delay: number): void {
    const growth = delay < this.target / 2 ? 2 * arrived : arrived
    if (this.isLimiting) this.size = Math.min(largestSize, this.size + growth)
  }

  private endOfRound(hasQueue: boolean): void {
    if (hasQueue && this.phase === "Starting") {
      if (this.bestRate < this.rateToExceed) this.phase = "Steady"
      this.rateToExceed = this.bestRate * moreBy
    }
    this.endRound()
  }

  private endRound(): void {
    this.roundEnd = this.sentBytes
    this.round += 1
    this.lastRoundTrip = this.roundTrip
    this.roundTrip = Number.POSITIVE_INFINITY
    this.isLimiting = false
  }

  /**
   * Sets the window to what the line delivers in the shortest round trip and
   * the target delay, or a part of that delay if the queue is still longer: then
   * others fill it, too.
   */
  private follow(): void {
    const gain = gains[this.round % gains.length] ?? 1
    const delay = Math.min(this.roundTrip, this.lastRoundTrip) - this.baseTrip
    const share = Math.min(1, Math.max(smallestShare, this.target / Math.max(1, delay)))
    const size = Math.floor(this.bestRate * (this.baseTrip + this.target * share) * gain)
    this.size = Math.min(largestSize, Math.max(smallestSize, size))
  }

  private probe(): void {
    this.phase = "Probing"
    this.roundEnd = this.sentBytes
  }

  /** Takes the round trip of the first mark behind the emptied queue for the shortest. */
  private probed(trip: number, mark: Mark): void {
    if (mark.arrived < this.roundEnd) return
    this.setBase(trip)
    this.phase = "Steady"
    this.endRound()
  }

  private setBase(trip: number): void {
    this.baseTrip = trip
    this.baseAt = this.now()
  }
}

/** Whether a ping was sent before another one, or is the same; nonces wrap at 32 bits. */
const isUpTo = (nonce: number, other: number): boolean => ((other - nonce) | 0) >= 0
