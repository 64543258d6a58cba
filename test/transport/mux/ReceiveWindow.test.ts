import { assert, describe, it } from "@effect/vitest"
import { ReceiveWindow, type WindowBudget } from "../../../src/transport/mux/ReceiveWindow.ts"

class Budget implements WindowBudget {
  roundTrip = 10
  millis = 0
  shrunk = 0
  private readonly largest: number

  constructor(largest = Number.POSITIVE_INFINITY) {
    this.largest = largest
  }

  now(): number {
    return this.millis
  }

  grow(from: number, to: number): number {
    return to <= this.largest ? to : from
  }

  shrink(size: number): void {
    this.shrunk += size
  }
}

describe("a receive window", () => {
  it("lets so many bytes come and no more", () => {
    const window = new ReceiveWindow(new Budget(), 100)
    assert.isTrue(window.allows(100))
    assert.isFalse(window.allows(101))
    assert.isTrue(window.receive(100))
    assert.isFalse(window.receive(1))
  })

  it("gives credit for what was read once that is half of it", () => {
    const window = new ReceiveWindow(new Budget(), 100)
    window.receive(100)
    assert.strictEqual(window.consumed(49), 0)
    assert.strictEqual(window.consumed(1), 50)
    assert.isTrue(window.receive(50))
    assert.isFalse(window.receive(1))
  })

  it("doubles if credit is due again within two round trips", () => {
    const budget = new Budget()
    const window = new ReceiveWindow(budget, 100)
    assert.strictEqual(window.consumed(50), 50)
    budget.millis += 19
    assert.strictEqual(window.consumed(50), 150)
    budget.millis += 20
    assert.strictEqual(window.consumed(100), 100)
  })

  it("stays as it is where the link has no budget left, and gives back what it has", () => {
    const budget = new Budget(200)
    const window = new ReceiveWindow(budget, 100)
    assert.strictEqual(window.consumed(50), 50)
    assert.strictEqual(window.consumed(50), 150)
    assert.strictEqual(window.consumed(100), 100)
    window.release()
    assert.strictEqual(budget.shrunk, 200)
  })

  it("of a held body lets nothing come before it is opened", () => {
    const window = new ReceiveWindow(new Budget(), 0)
    assert.isTrue(window.isHeld)
    assert.isFalse(window.allows(1))
    assert.strictEqual(window.open(100), 100)
    assert.isFalse(window.isHeld)
    assert.isTrue(window.receive(100))
  })
})
