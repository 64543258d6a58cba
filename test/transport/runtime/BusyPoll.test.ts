/**
 * When the event loop is kept awake, on a loop and clock of the test's own.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { BusyPoll, windowMillis } from "../../../src/transport/runtime/BusyPoll.ts"

/** A loop that turns when the test says so. */
class TestLoop {
  time = 0
  turns = 0
  private waiting: Array<() => void> = []
  readonly now = () => this.time
  readonly turn = (call: () => void) => {
    this.waiting.push(call)
  }
  /** Turns for so long, every 10 microseconds if anything waits for it. */
  idle(millis: number): void {
    const end = this.time + millis
    while (this.waiting.length > 0 && this.time < end) {
      this.time += 0.01
      this.busy()
    }
    this.time = end
  }
  /** One turn, in no time. */
  busy(): void {
    const now = this.waiting
    this.waiting = []
    this.turns += now.length
    for (const call of now) call()
  }
}

const made = () => {
  const loop = new TestLoop()
  const poll = new BusyPoll(loop)
  const exchanges = (count: number, millis: number, isLight = true) => {
    for (let i = 0; i < count; i++) {
      poll.sent(isLight)
      loop.idle(millis)
    }
  }
  return { loop, poll, exchanges }
}

describe("the event loop", () => {
  it("is polled while small messages follow each other closely, and shortly after", () => {
    const { loop, poll, exchanges } = made()
    exchanges(20, 0.3)
    assert.isTrue(poll.isAwake)
    loop.idle(windowMillis)
    assert.isFalse(poll.isAwake)
  })

  it("sleeps between messages that come now and then", () => {
    const { loop, exchanges } = made()
    exchanges(1000, 5)
    assert.strictEqual(loop.turns, 0)
  })

  it("sleeps while large ones pass, however closely", () => {
    const { loop, exchanges } = made()
    exchanges(1000, 0.1, false)
    assert.strictEqual(loop.turns, 0)
  })

  it("sleeps soon after small ones give way to large or rare ones", () => {
    const { loop, poll, exchanges } = made()
    exchanges(100, 0.3)
    exchanges(4, 0.3, false)
    loop.idle(0.1)
    assert.isFalse(poll.isAwake)
    exchanges(100, 0.3)
    exchanges(4, 10)
    loop.turns = 0
    exchanges(100, 10)
    assert.strictEqual(loop.turns, 0)
  })

  it("is not polled if it has other work between the messages", () => {
    const { loop, poll } = made()
    for (let i = 0; i < 1000; i++) {
      poll.sent(true)
      loop.time += 0.05
      loop.busy()
    }
    assert.isBelow(loop.turns, 200)
  })

  it.prop(
    "is never kept awake longer than its moment after the last message",
    [Schema.Array(Schema.Tuple([Schema.Boolean, Schema.Literals([0, 0.25, 0.5, 1, 2])]))],
    ([messages]) => {
      const { loop, poll } = made()
      for (const [isLight, gap] of messages) {
        poll.sent(isLight)
        loop.idle(gap)
      }
      loop.idle(windowMillis + 0.02)
      assert.isFalse(poll.isAwake)
    },
  )
})
