/**
 * The members that the configuration lists.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ListMembership from "../../../src/cluster/membership/ListMembership.ts"

it.effect("the addresses of the configuration are the members", () =>
  Effect.gen(function* () {
    const { members } = ListMembership.make([
      { host: "10.0.0.2", port: 4002 },
      { host: "fd00::2", port: 4002 },
    ])
    const now = yield* members.pipe(Stream.take(1), Stream.runCollect)
    assert.deepStrictEqual([...now], [[{ at: "tcp:10.0.0.2:4002" }, { at: "tcp:[fd00::2]:4002" }]])
  }),
)
