import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as RequestId from "../../src/domain/RequestId.ts"

const Time = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 48 - 1 }))
const Slot = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: RequestId.slots - 1 }))

describe("the id of a request", () => {
  it.prop("says which relay gave it out", [Time, Slot], ([millis, slot]) => {
    const id = RequestId.make(millis, slot)
    assert.isTrue(RequestId.isRequestId(id))
    assert.strictEqual(RequestId.slotOf(id), slot)
  })

  it("is different each time, with a slot and without", () => {
    const ids = Array.from({ length: 4_000 }, (_, i) =>
      RequestId.make(1, i % 2 === 0 ? 7 : undefined),
    )
    assert.strictEqual(new Set(ids).size, ids.length)
    assert.isTrue(ids.every(RequestId.isRequestId))
  })
})
