import { assert, describe, it } from "@effect/vitest"
import * as BufferPressure from "../../../src/transport/runtime/BufferPressure.ts"

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe("the count of received bytes", () => {
  it("asks for a collection each time so many bytes have come", async () => {
    let calls = 0
    // Others in this process may have received something.
    BufferPressure.count(BufferPressure.reliefBytes)
    await turn()
    BufferPressure.onPressure(() => {
      calls += 1
    })
    BufferPressure.count(BufferPressure.reliefBytes - 1)
    await turn()
    assert.strictEqual(calls, 0)
    BufferPressure.count(1)
    await turn()
    assert.strictEqual(calls, 1)
    BufferPressure.count(BufferPressure.reliefBytes)
    await turn()
    assert.strictEqual(calls, 2)
  })

  it("reports traffic once, and not the bytes before it was asked", () => {
    let calls = 0
    BufferPressure.count(BufferPressure.trafficBytes)
    BufferPressure.onNextTraffic(() => {
      calls += 1
    })
    BufferPressure.count(BufferPressure.trafficBytes - 1)
    assert.strictEqual(calls, 0)
    BufferPressure.count(1)
    BufferPressure.count(BufferPressure.trafficBytes)
    assert.strictEqual(calls, 1)
  })
})
