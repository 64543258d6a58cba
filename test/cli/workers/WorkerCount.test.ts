import { assert, it } from "@effect/vitest"
import { mayBusyPoll, workerCount } from "../../../src/cli/workers/WorkerCount.ts"

it('`workers = "auto"` is one for each processor', () => {
  assert.strictEqual(workerCount("auto", { platform: "linux", processors: 8 }).count, 8)
  assert.strictEqual(workerCount("auto", { platform: "linux", processors: 1 }).count, 1)
})

it("a number of workers is taken as it is", () => {
  const count = workerCount(16, { platform: "linux", processors: 2 })
  assert.deepStrictEqual(count, { count: 16, note: undefined })
})

it("there is one worker on Windows, and it says why", () => {
  for (const wanted of [4, "auto"] as const) {
    const { count, note } = workerCount(wanted, { platform: "win32", processors: 8 })
    assert.strictEqual(count, 1)
    assert.match(note ?? "", /Windows, where processes cannot share a listening socket/)
  }
  assert.isUndefined(workerCount(1, { platform: "win32", processors: 8 }).note)
})

it("workers busy-poll only while a processor is left", () => {
  assert.isTrue(mayBusyPoll(3, { platform: "linux", processors: 4 }))
  assert.isFalse(mayBusyPoll(4, { platform: "linux", processors: 4 }))
})
