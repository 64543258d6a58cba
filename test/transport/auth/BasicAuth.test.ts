import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import * as PasswordHash from "../../../src/domain/PasswordHash.ts"
import { ExchangeError } from "../../../src/protocol/Exchange.ts"
import * as BasicAuth from "../../../src/transport/auth/BasicAuth.ts"
import { hashPassword } from "../../../src/transport/auth/LoginChecker.ts"
import { fromText } from "../../../src/transport/body/Body.ts"
import type { Handler } from "../../../src/transport/body/Handler.ts"
import { callHandler } from "../../support/callHandler.ts"
import { cheapHash } from "../../support/cheapHash.ts"

/** Says which fields it saw. */
const inner: Handler = (head, body, reply) => {
  body.discard()
  reply.respond({ status: 200, headers: [] }, fromText(JSON.stringify(head.headers)))
  return () => {}
}

const basic = (text: string): HeaderList => [
  ["Authorization", `Basic ${Buffer.from(text, "utf8").toString("base64")}`],
]

const guarded = (password: PasswordHash.PasswordHash): Handler =>
  BasicAuth.protect(inner, { user: "ünal", password, realm: 'at"tic' })

const outcome = (handler: Handler, headers: HeaderList) =>
  Effect.promise(() =>
    callHandler(handler, { target: "/", headers }).then(
      (answer) => answer.text,
      (error: unknown) => error as ExchangeError,
    ),
  )

describe("Basic authentication at the server", () => {
  it.effect("accepts the right user and password, and removes both before the handler", () =>
    Effect.gen(function* () {
      const handler = guarded(yield* hashPassword("pass:wört"))
      const right: HeaderList = [...basic("ünal:pass:wört"), ["X", "y"]]
      assert.strictEqual(yield* outcome(handler, right), '[["X","y"]]')
      assert.strictEqual(yield* outcome(handler, right), '[["X","y"]]')
    }),
  )

  it.effect("challenges everybody else with the scheme and realm", () =>
    Effect.gen(function* () {
      const handler = guarded(cheapHash("pass:wört"))
      const wrong: ReadonlyArray<HeaderList> = [
        [],
        basic("ünal:wrong"),
        basic("other:pass:wört"),
        basic("ünal"),
        basic(""),
        [["Authorization", "Bearer x"]],
        [...basic("ünal:pass:wört"), ...basic("ünal:pass:wört")],
      ]
      for (const headers of wrong) {
        const error = yield* outcome(handler, headers)
        assert.instanceOf(error, ExchangeError)
        assert.strictEqual((error as ExchangeError).code, "PTTH_AUTH_REQUIRED")
        assert.deepStrictEqual((error as ExchangeError).headers, [
          ["WWW-Authenticate", 'Basic realm="attic", charset="UTF-8"'],
        ])
      }
    }),
  )

  it.effect("hashes the same password differently each time, in a form that can be parsed", () =>
    Effect.gen(function* () {
      const one = yield* hashPassword("x")
      const two = yield* hashPassword("x")
      assert.notStrictEqual(one, two)
      assert.isTrue(PasswordHash.isPasswordHash(one))
      assert.isFalse(PasswordHash.isPasswordHash("x"))
      assert.isFalse(PasswordHash.isPasswordHash(one.replace("ln=15", "ln=40")))
    }),
  )
})
