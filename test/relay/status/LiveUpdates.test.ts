import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { LiveUpdates, maxOpen } from "../../../src/relay/status/LiveUpdates.ts"
import * as Deadlines from "../../../src/transport/runtime/Deadlines.ts"

describe("pages that are told of changes", () => {
  it.effect("are so many at most, and no network keeps all others out", () =>
    Effect.gen(function* () {
      const live = new LiveUpdates(yield* Deadlines.make, (done) => done("content"))
      const ended: Array<number> = []
      const open = (number: number, visitor: string): boolean => {
        const events = live.open(visitor)
        events?.read({
          data: () => true,
          end: () => void ended.push(number),
          fail: () => assert.fail("It broke off."),
        })
        return events !== undefined
      }
      for (let i = 0; i < maxOpen; i++) assert.isTrue(open(i, `192.0.2.${i}`))
      assert.isFalse(open(1_000, "192.0.2.250"))
      assert.isTrue(open(1_001, "198.51.100.1"))
      assert.deepStrictEqual(ended, [0])
      live.close()
      assert.lengthOf(ended, maxOpen + 1)
      assert.isFalse(open(1_002, "198.51.100.1"))
    }).pipe(Effect.scoped),
  )
})
