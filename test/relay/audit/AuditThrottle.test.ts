/**
 * The rate of audit entries: nobody fills the log, and nobody is hidden by
 * others.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { tripcodeOfText } from "../../../src/domain/ApiKey.ts"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import type { AuditEvent } from "../../../src/relay/audit/AuditEvent.ts"
import { AuditLog } from "../../../src/relay/audit/AuditLog.ts"
import { AuditThrottle } from "../../../src/relay/audit/AuditThrottle.ts"

const tripcode = tripcodeOfText("a key")

const refused = (name: string, address: string): AuditEvent => ({
  _tag: "ServerRefused",
  name,
  reason: "unknown name",
  tripcode,
  address,
})

const passed = (throttle: AuditThrottle, events: ReadonlyArray<AuditEvent>, now = 0): number =>
  events.filter((event) => throttle.passes(event, now)).length

describe("audit entries of a minute", () => {
  it("are at most ten of one provider's network, and others are still recorded", () => {
    const throttle = new AuditThrottle()
    const crowd = Array.from({ length: 20_000 }, (_, i) =>
      refused(`n${i}`, `2001:db8:${(i % 2_000).toString(16)}::1`),
    )
    assert.strictEqual(passed(throttle, crowd), 10)
    assert.strictEqual(passed(throttle, [refused("attic", "192.0.2.1")]), 1)
  })

  it("are at most a hundred in all, and more in the next minute", () => {
    const throttle = new AuditThrottle()
    const crowd = Array.from({ length: 2_000 }, (_, i) =>
      refused("n", `${10 + (i >> 8)}.${i & 255}.0.1`),
    )
    assert.strictEqual(passed(throttle, crowd), 100)
    assert.strictEqual(passed(throttle, crowd, 59_999), 0)
    assert.strictEqual(passed(throttle, crowd, 60_000), 100)
    assert.deepStrictEqual(throttle.takeOmitted(), [{ of: "ServerRefused", events: 5_800 }])
    assert.deepStrictEqual(throttle.takeOmitted(), [])
  })

  it("are limited for each server that connects again and again", () => {
    const throttle = new AuditThrottle()
    const gone = (name: string): AuditEvent => ({
      _tag: "ServerDisconnected",
      name: name as ServerName,
      reason: "",
    })
    assert.strictEqual(passed(throttle, Array(1_000).fill(gone("a"))), 20)
    assert.strictEqual(passed(throttle, [gone("b")]), 1)
  })

  it("are not limited where only the administrator causes them", () => {
    const event: AuditEvent = { _tag: "ConfigReloaded", servers: 1 }
    assert.strictEqual(passed(new AuditThrottle(), Array(1_000).fill(event)), 1_000)
  })

  it.effect("are followed by how many were left out", () =>
    Effect.gen(function* () {
      const audit = yield* AuditLog
      for (let i = 0; i < 500; i++) audit.record(refused(`n${i}`, "192.0.2.1"))
      assert.strictEqual(audit.entries().length, 10)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(audit.entries().at(-1)?.event, {
        _tag: "EventsOmitted",
        of: "ServerRefused",
        events: 490,
      })
    }).pipe(Effect.provide(AuditLog.layer)),
  )
})
