import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import {
  type LoginChecker,
  makeChecker,
  RightCredentials,
} from "../../../src/transport/auth/LoginChecker.ts"
import { cheapHash } from "../../support/cheapHash.ts"

const verified = (checker: LoginChecker, credentials: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => checker.verify(credentials, (right) => resume(Effect.succeed(right))))

describe("credentials that were right", () => {
  it.effect(
    "are known to another checker of the same hash, as after a reload, and only there",
    () =>
      Effect.gen(function* () {
        const rights = new RightCredentials()
        const alice = { user: "alice", password: cheapHash("secret") }
        const before = makeChecker([alice], rights)
        assert.isFalse(before.isKnown("alice:secret"))
        assert.isTrue(yield* verified(before, "alice:secret"))
        const after = makeChecker([alice], rights)
        assert.isTrue(after.isKnown("alice:secret"))
        for (const wrong of ["alice:Secret", "bob:secret", ":secret", "secret", ""])
          assert.isFalse(after.isKnown(wrong))
        const changed = { user: "alice", password: cheapHash("secret") }
        assert.isFalse(makeChecker([changed], rights).isKnown("alice:secret"))
        assert.isFalse(makeChecker([alice]).isKnown("alice:secret"))
      }),
  )
})
