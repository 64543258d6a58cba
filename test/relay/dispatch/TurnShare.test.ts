import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import { contestedMillis, mostInTurn, TurnShare } from "../../../src/relay/dispatch/TurnShare.ts"

const attic = "attic" as ServerName
const cellar = "cellar" as ServerName

const nextTurn = Effect.callback<void>((resume) => {
  setImmediate(() => setImmediate(() => resume(Effect.void)))
})

it.effect("a server that is alone is given all its requests in one turn", () =>
  Effect.gen(function* () {
    const share = new TurnShare(() => 0)
    assert.strictEqual(share.of(attic), Number.POSITIVE_INFINITY)
    share.give(attic, 5_000)
    assert.strictEqual(share.of(attic), Number.POSITIVE_INFINITY)
    yield* nextTurn
  }),
)

it.effect("a server among others is given some in each turn, whatever another had of it", () =>
  Effect.gen(function* () {
    let now = 0
    const share = new TurnShare(() => now)
    share.of(attic)
    share.give(attic, 5_000)
    assert.strictEqual(share.of(cellar), mostInTurn)
    share.give(cellar, 1)
    assert.strictEqual(share.of(cellar), mostInTurn - 1)
    assert.strictEqual(share.of(attic), 0)
    yield* nextTurn
    assert.strictEqual(share.of(attic), mostInTurn)
    share.give(attic, mostInTurn)
    assert.strictEqual(share.of(attic), 0)
    yield* nextTurn
    now = contestedMillis
    assert.strictEqual(share.of(attic), Number.POSITIVE_INFINITY, "the other has none any more")
  }),
)
