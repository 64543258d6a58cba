/**
 * The listens of a process that wait for requests leave no deadline behind.
 */
import { EventEmitter } from "node:events"
import type { ServerResponse } from "node:http"
import { assert, it } from "@effect/vitest"
import { ParkedListens } from "../../../src/relay/links/ParkedListens.ts"
import type { Deadlines } from "../../../src/transport/runtime/Deadlines.ts"

it("listens that are taken, all or one, leave no deadline set", () => {
  const pending = new Set<() => void>()
  const deadlines: Deadlines = {
    now: () => 0,
    elapsed: () => 0,
    set: (_millis, onPassed) => {
      pending.add(onPassed)
      return { clear: () => pending.delete(onPassed), touch: () => {} }
    },
  }
  const parked = new ParkedListens(
    deadlines,
    () => {},
    () => {},
  )
  const listen = (): ServerResponse => new EventEmitter() as ServerResponse
  for (let i = 0; i < 5; i++) parked.park(listen())
  assert.strictEqual(pending.size, 5)
  parked.takeNewest()
  parked.takeOldest()
  assert.strictEqual(pending.size, 3)
  assert.lengthOf(parked.takeAll(), 3)
  assert.strictEqual(pending.size, 0)
})
