import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import * as OwnerLog from "../../src/fileserver/OwnerLog.ts"

it.effect(
  "visitors cannot fill the log: a message is logged once in a while, and only so many",
  () => {
    const messages: Array<string> = []
    const logger = Logger.make(({ message }) => {
      messages.push(String(message))
    })
    return Effect.gen(function* () {
      const log = yield* OwnerLog.make
      for (let i = 0; i < 3; i++) log("the same")
      yield* Effect.yieldNow
      assert.deepStrictEqual(messages, ["the same"])
      for (let i = 0; i < 3 * OwnerLog.maxMessages; i++) log(`another ${i}`)
      yield* Effect.yieldNow
      assert.strictEqual(messages.length, OwnerLog.maxMessages)
      const last = `another ${OwnerLog.maxMessages - 2}\n${OwnerLog.furtherLeftOut}`
      assert.strictEqual(messages.at(-1), last)
      assert.notInclude(messages.slice(0, -1).join(""), OwnerLog.furtherLeftOut)
      yield* TestClock.adjust(OwnerLog.interval)
      log("the same")
      yield* Effect.yieldNow
      assert.strictEqual(messages.length, OwnerLog.maxMessages + 1)
    }).pipe(Effect.provide(Logger.layer([logger])))
  },
)
