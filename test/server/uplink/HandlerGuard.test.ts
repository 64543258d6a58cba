import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ExchangeError } from "../../../src/protocol/Exchange.ts"
import * as HandlerGuard from "../../../src/server/uplink/HandlerGuard.ts"
import { fromText } from "../../../src/transport/body/Body.ts"
import type { Handler } from "../../../src/transport/body/Handler.ts"
import { callHandler } from "../../support/callHandler.ts"

const served = (handler: Handler) => HandlerGuard.guard(handler, { rate: undefined })

describe("a handler in the tunnel", () => {
  it.effect("answers without the fields that belong to one connection", () =>
    Effect.gen(function* () {
      const handler = served((_head, _body, reply) => {
        const headers = [
          ["Connection", "X-Own"],
          ["X-Own", "1"],
          ["Set-Cookie", "a"],
          ["Set-Cookie", "b"],
        ] as const
        reply.respond({ status: 200, headers }, fromText("x"))
        return () => {}
      })
      const answer = yield* Effect.promise(() => callHandler(handler, { target: "/" }))
      assert.deepStrictEqual(answer.headers, [
        ["Set-Cookie", "a"],
        ["Set-Cookie", "b"],
      ])
    }),
  )

  it.effect("that throws fails its exchange, without details of the exception", () =>
    Effect.gen(function* () {
      const handler = served(() => {
        throw new RangeError("a secret detail")
      })
      const error = yield* Effect.promise(() =>
        callHandler(handler, { target: "/" }).then(
          () => undefined,
          (thrown: unknown) => thrown,
        ),
      )
      assert.instanceOf(error, ExchangeError)
      assert.strictEqual((error as ExchangeError).code, "PTTH_INTERNAL")
      assert.notInclude((error as ExchangeError).message, "secret")
    }),
  )
})
