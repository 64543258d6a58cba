import { assert, describe, it } from "@effect/vitest"
import {
  type BulkShare,
  BulkWindow,
  initialSize,
  targetDelay,
} from "../../../src/transport/mux/BulkWindow.ts"

/** A line that delivers `rate` bytes a millisecond, in order, in virtual time. */
class Line {
  time = 0
  rate: number
  trip: number
  private readonly arrivals: Array<{ readonly at: number; readonly run: () => void }> = []
  private freeAt = 0

  constructor(rate: number, trip: number) {
    this.rate = rate
    this.trip = trip
  }

  /** How long a byte that is sent now waits for others. */
  get queue(): number {
    return Math.max(0, this.freeAt - this.time)
  }

  send(bytes: number): void {
    this.freeAt = Math.max(this.freeAt, this.time) + bytes / this.rate
  }

  /** Runs something once what has been sent has arrived and an answer has come back. */
  answer(run: () => void): void {
    this.arrivals.push({ at: Math.max(this.freeAt, this.time) + this.trip, run })
  }

  /** Lets one millisecond pass. */
  tick(): void {
    this.time += 1
    while (this.arrivals[0] !== undefined && this.arrivals[0].at <= this.time)
      this.arrivals.shift()?.run()
  }
}

/** A link whose large bodies always have more to send. */
class Link {
  sent = 0
  readonly window: BulkShare<Link>
  private readonly line: Line
  private nonce = 0

  constructor(line: Line, window = new BulkWindow(() => line.time)) {
    this.line = line
    this.window = window.join({
      ping: () => {
        const nonce = this.nonce++
        line.answer(() => this.window.answered(nonce))
        return nonce
      },
      onRoom: () => this.fill(),
    })
    this.window.idle(line.trip)
  }

  /** Sends pieces of up to 64 KiB while there is room. */
  fill(most = Number.POSITIVE_INFINITY): void {
    for (let left = most; left > 0; ) {
      const size = Math.min(this.window.room, 64 * 1024, left)
      if (size === 0) return this.window.waits(this)
      this.window.begins()
      this.line.send(size)
      this.window.sentBulk(size)
      this.sent += size
      left -= size
    }
  }
}

/** Runs for so many milliseconds; the longest queue that was seen. */
const run = (line: Line, links: ReadonlyArray<Link>, millis: number, most?: number): number => {
  let queue = 0
  for (const end = line.time + millis; line.time < end; ) {
    for (const link of links) link.fill(most)
    queue = Math.max(queue, line.queue)
    line.tick()
  }
  return queue
}

describe("a window for large bodies", () => {
  it("keeps the queue of a slow line short, and the line busy", () => {
    const line = new Line(1000, 2)
    const link = new Link(line)
    run(line, [link], 1000)
    const before = link.sent
    assert.isBelow(run(line, [link], 10_000), 2 * targetDelay)
    assert.isAbove(link.sent - before, 0.85 * 10_000 * line.rate)
  })

  it("keeps a line busy whose round trip is long beside its queue", () => {
    const line = new Line(1000, 30)
    const link = new Link(line)
    run(line, [link], 1000)
    const before = link.sent
    assert.isBelow(run(line, [link], 10_000), 2 * line.trip)
    assert.isAbove(link.sent - before, 0.85 * 10_000 * line.rate)
  })

  it("does not take a slow answer from an idle moment for the shortest round trip", () => {
    const line = new Line(1000, 2)
    const link = new Link(line)
    link.window.idle(200)
    run(line, [link], 1000)
    assert.isBelow(run(line, [link], 5000), 2 * targetDelay)
  })

  it("shares a short queue with the windows of other links", () => {
    const line = new Line(1000, 2)
    const links = Array.from({ length: 4 }, () => new Link(line))
    run(line, links, 3000)
    const before = links.map(({ sent }) => sent)
    assert.isBelow(run(line, links, 10_000), 5 * targetDelay)
    const shares = links.map(({ sent }, i) => sent - (before[i] as number))
    assert.isAbove(
      shares.reduce((a, b) => a + b),
      0.9 * 10_000 * line.rate,
    )
    assert.isAbove(Math.min(...shares), 0.1 * 10_000 * line.rate)
  })

  it("is shared by the links of a line, each in its turn, with one short queue", () => {
    const line = new Line(1000, 2)
    const window = new BulkWindow(() => line.time)
    const links = Array.from({ length: 6 }, () => new Link(line, window))
    for (const link of links) link.fill()
    run(line, [], 3000)
    const before = links.map(({ sent }) => sent)
    assert.isBelow(run(line, [], 10_000), 2 * targetDelay)
    const shares = links.map(({ sent }, i) => sent - (before[i] as number))
    assert.isAbove(
      shares.reduce((a, b) => a + b),
      0.85 * 10_000 * line.rate,
    )
    assert.isAbove(Math.min(...shares), 0.8 * Math.max(...shares))
  })

  it("gives the room of a link that has ended to the others", () => {
    const line = new Line(1000, 2)
    const window = new BulkWindow(() => line.time)
    const [first, second] = [new Link(line, window), new Link(line, window)]
    first.fill()
    second.fill()
    const before = second.sent
    assert.strictEqual(second.window.room, 0)
    first.window.gaveUp(first)
    first.window.leave()
    assert.isAbove(second.sent, before)
    run(line, [], 1000)
    const { sent } = second
    run(line, [], 5000)
    assert.isAbove(second.sent - sent, 0.85 * 5000 * line.rate)
  })

  it("takes few round trips to fill a long and fast line", () => {
    const line = new Line(50_000, 100)
    const link = new Link(line)
    run(line, [link], 1000)
    const before = link.sent
    run(line, [link], 10_000)
    assert.isAbove(link.sent - before, 0.9 * 10_000 * line.rate)
  })

  it("follows a line whose rate changes", () => {
    const line = new Line(10_000, 5)
    const link = new Link(line)
    run(line, [link], 3000)
    line.rate = 1000
    run(line, [link], 15_000)
    assert.isBelow(run(line, [link], 2000), 2 * targetDelay)
    line.rate = 10_000
    run(line, [link], 10_000)
    const before = link.sent
    run(line, [link], 5000)
    assert.isAbove(link.sent - before, 0.85 * 5000 * line.rate)
  })

  it("measures the shortest round trip anew, so that a longer way is not taken for a queue", () => {
    const line = new Line(10_000, 5)
    const link = new Link(line)
    run(line, [link], 3000)
    line.trip = 120
    run(line, [link], 60_000)
    const before = link.sent
    run(line, [link], 10_000)
    assert.isAbove(link.sent - before, 0.85 * 10_000 * line.rate)
  })

  it("is not made smaller by bodies that come slowly", () => {
    const line = new Line(50_000, 20)
    const link = new Link(line)
    run(line, [link], 3000)
    const { room } = link.window
    run(line, [link], 30_000, 100)
    assert.isAtLeast(link.window.room, room / 2)
  })

  it("sends no more than a first window after a rest", () => {
    const line = new Line(50_000, 20)
    const link = new Link(line)
    run(line, [link], 3000)
    for (let i = 0; i < 10_000; i++) line.tick()
    const before = link.sent
    link.fill()
    assert.isAtMost(link.sent - before, initialSize)
  })

  it("takes the answer to a ping for those to all earlier ones, also where the numbers of pings wrap", () => {
    let nonce = 2 ** 32 - 2
    const window = new BulkWindow(() => 0).join({
      ping: () => nonce++ % 2 ** 32,
      onRoom: () => {},
    })
    while (window.room > 0) window.sentBulk(Math.min(window.room, 32 * 1024))
    assert.isFalse(window.answered(2 ** 32 - 3), "a ping before these")
    assert.strictEqual(window.room, 0)
    assert.isTrue(window.answered(nonce % 2 ** 32), "a ping behind them that is not of the window")
    assert.isAbove(window.room, 0)
  })
})
