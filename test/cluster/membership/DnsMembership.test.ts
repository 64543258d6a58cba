import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import type { Member } from "../../../src/cluster/Membership.ts"
import * as DnsMembership from "../../../src/cluster/membership/DnsMembership.ts"

describe("members by a name in the DNS", () => {
  it.effect("follow its addresses, and stay while it cannot be resolved", () =>
    Effect.gen(function* () {
      let addresses: ReadonlyArray<string> | undefined = ["10.0.0.2", "fd00::1", "10.0.0.2"]
      const { members } = yield* DnsMembership.make({ host: "relays", port: 4002 }, (name) => {
        assert.strictEqual(name, "relays")
        return addresses === undefined
          ? Promise.reject(new Error("no"))
          : Promise.resolve(addresses)
      })
      const all: Array<ReadonlyArray<Member>> = []
      yield* Effect.forkScoped(
        Stream.runForEach(members, (now) => Effect.sync(() => all.push(now))),
      )
      const next = TestClock.adjust(DnsMembership.resolveInterval)
      yield* next
      addresses = undefined
      yield* next
      yield* next
      addresses = ["10.0.0.3"]
      yield* next
      assert.deepStrictEqual(all, [
        [{ at: "tcp:10.0.0.2:4002" }, { at: "tcp:[fd00::1]:4002" }],
        [{ at: "tcp:10.0.0.3:4002" }],
      ])
    }),
  )
})
