/**
 * The traffic of one server over an hour, a day and a week: three rings of
 * numbers, each with one slot for so many minutes. Their size never changes.
 */
import { bounds, Histogram } from "../traffic/Histogram.ts"

/** A length of time that is shown. */
export type SpanName = "hour" | "day" | "week"

/** How it is divided. */
export interface Span {
  /** The length of a slot in milliseconds. */
  readonly step: number
  /** How many slots there are. */
  readonly slots: number
}

/** All spans, the shortest first. */
export const spans: Readonly<Record<SpanName, Span>> = {
  hour: { step: 60_000, slots: 60 },
  day: { step: 15 * 60_000, slots: 96 },
  week: { step: 60 * 60_000, slots: 168 },
}

/** The names of all spans. */
export const spanNames = Object.keys(spans) as ReadonlyArray<SpanName>

/** The span of this name; the shortest if there is none. */
export const spanOf = (text: string | undefined): SpanName =>
  spanNames.find((name) => name === text) ?? "hour"

const buckets = bounds.length + 1

/** Where each value stands in a slot. The first six are requests by the first digit of the status. */
export const place = {
  bytesIn: 6,
  bytesOut: 7,
  links: 8,
  waiting: 9,
  wait: 10,
  tunnel: 10 + buckets,
} as const

/** How many numbers a slot has. */
export const width = place.tunnel + buckets

/** Values of which a slot has the largest; of all others it has the sum. */
const isLevel = (at: number): boolean => at === place.links || at === place.waiting

/** One slot as it is read. */
export interface Slot {
  /** When it begins, in milliseconds since 1970. */
  readonly start: number
  /** As {@link place} says. */
  readonly values: Float32Array
}

/** The times of a slot: until a link took the requests, or from then to the heads of the responses. */
export const histogramOf = ({ values }: Slot, part: "wait" | "tunnel"): Histogram => {
  const histogram = new Histogram()
  histogram.addCounts([...values.subarray(place[part], place[part] + buckets)])
  return histogram
}

/** The slots of one span. A slot is that of its number modulo their count. */
export class Ring {
  readonly span: Span
  private readonly data: Float32Array
  /** The number of the newest slot: its start divided by the step. */
  private newest = Number.NEGATIVE_INFINITY

  constructor(span: Span) {
    this.span = span
    this.data = new Float32Array(span.slots * width)
  }

  /** Adds values at a time in milliseconds since 1970; whether that is within the span. */
  add(at: number, values: ArrayLike<number>): boolean {
    const number = Math.floor(at / this.span.step)
    this.advance(number)
    if (number <= this.newest - this.span.slots) return false
    const slot = this.slot(number)
    for (let i = 0; i < width; i++) {
      const value = values[i] ?? 0
      const before = slot[i] as number
      slot[i] = isLevel(i) ? Math.max(before, value) : before + value
    }
    return true
  }

  /** The slot at a time, which is to have been added to. */
  at(time: number): Slot {
    const number = Math.floor(time / this.span.step)
    return { start: number * this.span.step, values: this.slot(number) }
  }

  /** All slots up to that of a time, the oldest first. */
  read(now: number): ReadonlyArray<Slot> {
    const last = Math.floor(now / this.span.step)
    const none = new Float32Array(width)
    return Array.from({ length: this.span.slots }, (_, i) => {
      const number = last - this.span.slots + 1 + i
      const isThere = number <= this.newest && number > this.newest - this.span.slots
      return { start: number * this.span.step, values: isThere ? this.slot(number) : none }
    })
  }

  /** Clears the slots between the newest one and a later one. */
  private advance(number: number): void {
    if (number <= this.newest) return
    const first = Math.max(this.newest + 1, number - this.span.slots + 1)
    for (let one = first; one <= number; one++) this.slot(one).fill(0)
    this.newest = number
  }

  private slot(number: number): Float32Array {
    const { slots } = this.span
    const index = ((number % slots) + slots) % slots
    return this.data.subarray(index * width, (index + 1) * width)
  }
}

/** See the file's header. */
export class Series {
  readonly rings: Readonly<Record<SpanName, Ring>> = {
    hour: new Ring(spans.hour),
    day: new Ring(spans.day),
    week: new Ring(spans.week),
  }

  /** Adds what has happened since the last time, at a time in milliseconds since 1970. */
  add(at: number, values: ArrayLike<number>): void {
    for (const name of spanNames) this.rings[name].add(at, values)
  }
}
