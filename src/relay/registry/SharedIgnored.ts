/**
 * Servers that an administrator has ignored on one relay of a cluster are
 * ignored on all, for 30 days.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as SharedRecords from "../../cluster/engine/SharedRecords.ts"
import { Tripcode } from "../../domain/Tripcode.ts"

const Ignored = Schema.Struct({ name: Schema.String, tripcode: Tripcode })

/** How long a server stays ignored, in milliseconds: 30 days. */
const ignoreMillis = 30 * 86_400_000

/** Shares them while the Scope is open; the returned function tells that one was ignored here. */
export const share = Effect.fn("SharedIgnored.share")(function* (
  onIgnored: (name: string, tripcode: Tripcode) => void,
): Effect.fn.Return<(name: string, tripcode: Tripcode) => void, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const shared = yield* SharedRecords.make({
    key: "ignored",
    value: Ignored,
    initial: new Map(),
    lifetimeMillis: ignoreMillis,
    onChange: (records) =>
      Effect.sync(() => {
        for (const { value } of records.values())
          if (value !== undefined) onIgnored(value.name, value.tripcode)
      }),
  })
  return (name, tripcode) => {
    const at = clock.currentTimeMillisUnsafe()
    shared.change(new Map([[`${name} ${tripcode}`, { at, value: { name, tripcode } }]]))
  }
})
