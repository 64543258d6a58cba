/**
 * Limits how much of large bodies is on its way on one line, so that a small
 * response does not wait behind what fills the buffers of a slow line. All links
 * of one process to the same end share a line, and so one window.
 *
 * A ping after the data is answered once the data has arrived, which shows
 * what was delivered and how long it took. The window is what the line delivers
 * within the shortest round trip and {@link targetDelay}. It is found as in BBR.
 * It doubles until that delivers no more, then follows the highest rate of the
 * last seconds, and tries a little more in one round of eight. From time to time
 * it lets the queue empty to measure the shortest round trip.
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
/** Over how many milliseconds a rate is measured, at least: short times vary with who runs when. */
const sampleMillis = 50
/** How many bytes may be on their way while the shortest round trip is measured. */
const probeSize = 2 * 1024
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
  /** How many bytes had been sent on its link before it. */
  readonly sent: number
  /** How many bytes had arrived on all links, and when that was known. */
  readonly arrived: number
  readonly arrivedAt: number
}

/** The beginning of a sample of the rate. */
interface Sample {
  readonly at: number
  readonly arrived: number
}

const noSample: Sample = { at: 0, arrived: 0 }

/**
 * - `Starting`: the window doubles or triples in each round without a queue.
 * - `Steady`: the line's rate is known.
 * - `Probing`: the queue is emptied to measure the shortest round trip.
 */
type Phase = "Starting" | "Steady" | "Probing"

/** What a window uses of a link whose bodies are known as `B`. */
export interface BulkLink<B extends object> {
  /** Sends a ping behind what was sent, and returns its nonce. */
  ping(): number
  /** There is room for a body that waits. */
  onRoom(body: B): void
}

/** See the file's header. */
export class BulkWindow {
  readonly now: () => number
  private readonly onUnused: (() => void) | undefined
  private links = 0
  /** The bodies that wait, in the order in which they may use the room, and their links. */
  private readonly waiting = new Map<object, BulkLink<object>>()
  private phase: Phase = "Starting"
  private size = initialSize
  /** How many bytes of all links are on their way. */
  private flight = 0
  /** How many marks are. */
  private marks = 0
  private arrivedBytes = 0
  /** When the last mark was answered, or the first one sent. */
  private arrivedAt = Number.NEGATIVE_INFINITY
  /** The shortest round trip, in milliseconds. */
  private baseTrip = Number.POSITIVE_INFINITY
  /** When a round trip was last near the shortest one. */
  private baseAt = 0
  /** The highest rates, in bytes a millisecond, since `rateAt` and in the time before. */
  private rate = 0
  private earlierRate = 0
  private rateAt = 0
  /** How many bytes had arrived at the beginning of the last two samples of the rate, and when. */
  private samples: readonly [Sample, Sample] = [noSample, noSample]
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
   * @param onUnused the last link has left
   */
  constructor(now: () => number, onUnused?: () => void) {
    this.now = now
    this.onUnused = onUnused
  }

  /** A link shares the window from now on. */
  join<B extends object>(link: BulkLink<B>): BulkShare<B> {
    this.links += 1
    return new BulkShare(this, link)
  }

  // ------------------------------------------------------------ for the links' shares

  /** Whether something is on its way, on any link, whose arrival will be known. */
  get isMeasuring(): boolean {
    return this.marks > 0
  }

  /** How many bytes are between two marks. */
  get interval(): number {
    return Math.max(smallestSize / 2, this.size >> 2)
  }

  /** See {@link BulkShare.room}. */
  get room(): number {
    const { interval } = this
    const limit = this.phase === "Probing" ? probeSize : this.size
    if (!this.isMeasuring) return Math.min(limit, interval)
    const room = limit - this.flight
    // Less would be a small piece again and again, and always of the same bodies.
    return room < Math.min(limit, interval / 2) ? 0 : Math.min(room, interval)
  }

  /** Whether no large body was sent for so long that the round trip is to be measured. */
  get hasPaused(): boolean {
    return !this.isMeasuring && this.now() - this.arrivedAt >= pauseMillis
  }

  /** The first bytes of a link that measured nothing are about to be sent. */
  begins(): void {
    if (this.isMeasuring) return
    const now = this.now()
    const pause = now - this.arrivedAt
    if (pause > restMillis) this.restart(now)
    // What the line delivered before a pause counts for as long after it.
    this.rateAt = Math.min(now, this.rateAt + pause)
    this.arrivedAt = now
    const sample = { at: now, arrived: this.arrivedBytes }
    this.samples = [sample, sample]
  }

  /** More (or fewer) bytes are on their way. */
  fly(bytes: number): void {
    this.flight += bytes
  }

  /** A mark of a link. */
  mark(nonce: number, sent: number): Mark {
    this.marks += 1
    const { arrivedAt, arrivedBytes: arrived } = this
    return { nonce, at: this.now(), sent, arrived, arrivedAt }
  }

  /** So many marks were answered or given up. */
  unmark(count: number): void {
    this.marks -= count
  }

  /** So many bytes have arrived before a mark. */
  arrives(mark: Mark, bytes: number): void {
    this.flight -= bytes
    this.arrivedBytes += bytes
    this.arrivedAt = this.now()
    this.measure(mark, bytes)
  }

  /** A large body of a link waits for room. */
  waits<B extends object>(body: B, link: BulkLink<B>): void {
    this.isLimiting = true
    this.waiting.set(body, link)
  }

  /** A body waits no more. */
  gaveUp(body: object): void {
    this.waiting.delete(body)
  }

  /** Lets the bodies that wait use the room, each in its turn. */
  offer(): void {
    // Those that wait again are behind the others.
    let turns = this.waiting.size
    for (const [body, link] of this.waiting) {
      if (turns === 0 || this.room === 0) return
      turns -= 1
      this.waiting.delete(body)
      link.onRoom(body)
    }
  }

  /** A link has ended; what waits uses its room. */
  leave(): void {
    this.links -= 1
    if (this.links === 0) this.onUnused?.()
    else this.offer()
  }

  /** The round trip of a ping, in milliseconds, while nothing large was on its way. */
  idle(trip: number): void {
    if (this.isMeasuring) return
    const isOld = this.now() - this.baseAt > baseLifetime
    if (isOld || trip < this.baseTrip) this.setBase(trip)
  }

  // ------------------------------------------------------------ the line

  /** The queueing delay to aim at, in milliseconds. */
  private get target(): number {
    return Math.max(targetDelay, this.baseTrip / 2)
  }

  /** The highest rate of the last seconds, in bytes a millisecond. */
  private get bestRate(): number {
    return Math.max(this.rate, this.earlierRate)
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

  private measure(mark: Mark, arrived: number): void {
    const now = this.arrivedAt
    const trip = now - mark.at
    if (this.phase === "Probing") return this.probed(trip, mark)
    this.roundTrip = Math.min(this.roundTrip, trip)
    if (trip <= this.baseTrip * 1.1 + 1) this.setBase(Math.min(trip, this.baseTrip))
    const hasQueue = trip - this.baseTrip > this.target
    const rate = this.rateSince(mark)
    // What neither the window nor the line has limited says nothing of the line.
    if (hasQueue || this.isLimiting || rate > this.bestRate) this.addRate(rate)
    if (this.phase === "Starting" && !hasQueue) this.grow(arrived, trip - this.baseTrip)
    if (mark.arrived >= this.roundEnd) this.endOfRound(hasQueue)
    if (this.phase === "Steady" && this.bestRate > 0) this.follow()
    if (now - this.baseAt > baseLifetime) this.probe()
  }

  /** The rate, in bytes a millisecond, of this sample, 0 while it is too short; at the start, of one round trip. */
  private rateSince(mark: Mark): number {
    const { arrivedAt: now, arrivedBytes: arrived } = this
    const [before, last] = this.samples
    if (now - last.at > this.sampleMillis) this.samples = [last, { at: now, arrived }]
    const elapsed = now - before.at
    if (this.phase === "Starting")
      return (arrived - mark.arrived) / Math.max(0.05, now - mark.arrivedAt)
    return elapsed < this.sampleMillis ? 0 : (arrived - before.arrived) / elapsed
  }

  private get sampleMillis(): number {
    return Math.max(sampleMillis, 2 * this.baseTrip)
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
      if (this.bestRate < this.rateToExceed) this.steady()
      this.rateToExceed = this.bestRate * moreBy
    }
    this.endRound()
  }

  /** The rates of single round trips are too high, if there is a better one. */
  private steady(): void {
    this.phase = "Steady"
    const [before] = this.samples
    const elapsed = this.arrivedAt - before.at
    if (elapsed < this.sampleMillis) return
    this.earlierRate = 0
    this.rate = (this.arrivedBytes - before.arrived) / elapsed
  }

  private endRound(): void {
    this.roundEnd = this.arrivedBytes + this.flight
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
    this.roundEnd = this.arrivedBytes + this.flight
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

/** The part that one link has in the window of its line. */
export class BulkShare<B extends object> {
  private readonly window: BulkWindow
  private readonly link: BulkLink<B>
  private readonly marks: Array<Mark> = []
  private sentBytes = 0
  private arrivedBytes = 0

  constructor(window: BulkWindow, link: BulkLink<B>) {
    this.window = window
    this.link = link
  }

  /** Whether something is on its way on this link whose arrival will be known. */
  get isMeasuring(): boolean {
    return this.marks.length > 0
  }

  /**
   * How many bytes of large bodies may be sent now, in one piece: a part of the
   * window. The ping behind a piece tells only when all of it has arrived, so that
   * a piece as large as the window would look like a queue.
   */
  get room(): number {
    return this.window.room
  }

  /** So many bytes of something else than a large body were sent while it measures. */
  sent(bytes: number): void {
    this.sentBytes += bytes
    this.window.fly(bytes)
  }

  /**
   * A large body is about to be sent. After a pause the round trip is measured
   * before it: the last one known may be that of a busy moment.
   */
  begins(): void {
    if (!this.window.hasPaused) return
    this.window.begins()
    this.mark()
  }

  /** So many bytes of a large body were sent. */
  sentBulk(bytes: number): void {
    if (!this.isMeasuring) this.window.begins()
    this.sent(bytes)
    const last = this.marks.at(-1)
    if (last === undefined || this.sentBytes - last.sent >= this.window.interval) this.mark()
  }

  /** A large body waits for room. */
  waits(body: B): void {
    if (!this.window.isMeasuring) {
      this.window.begins()
      this.mark()
    }
    this.window.waits(body, this.link)
  }

  /** A body waits no more. */
  gaveUp(body: B): void {
    this.window.gaveUp(body)
  }

  /**
   * The answer to a ping has come, which stands for those to all earlier ones: the
   * other end may answer a mark and a ping behind it, such as a heartbeat, with one
   * pong. `true`: it was a mark's.
   */
  answered(nonce: number): boolean {
    const index = this.marks.findLastIndex((mark) => isUpTo(mark.nonce, nonce))
    const mark = this.marks[index]
    if (mark === undefined) return false
    this.marks.splice(0, index + 1)
    this.window.unmark(index + 1)
    const arrived = mark.sent - this.arrivedBytes
    this.arrivedBytes = mark.sent
    this.window.arrives(mark, arrived)
    if (!this.isMeasuring) this.forget()
    this.window.offer()
    return true
  }

  /** The round trip of a ping, in milliseconds, while nothing large was on its way. */
  idle(trip: number): void {
    this.window.idle(trip)
  }

  /** The link has ended. */
  leave(): void {
    this.window.unmark(this.marks.length)
    this.marks.length = 0
    this.forget()
    this.window.leave()
  }

  private mark(): void {
    this.marks.push(this.window.mark(this.link.ping(), this.sentBytes))
  }

  /** The arrival of what is still on its way will not be known. */
  private forget(): void {
    this.window.fly(this.arrivedBytes - this.sentBytes)
    this.arrivedBytes = this.sentBytes
  }
}

/** Whether a ping was sent before another one, or is the same; nonces wrap at 32 bits. */
const isUpTo = (nonce: number, other: number): boolean => ((other - nonce) | 0) >= 0
