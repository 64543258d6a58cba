/**
 * The administrator's debug pages: streams without an end, and keys.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { tripcodeOfText } from "../../../../src/domain/ApiKey.ts"
import { maxDebugStreams } from "../../../../src/relay/admin/core/DebugStreams.ts"
import { adminRelay, post } from "../../../support/AdminHarness.ts"
import * as Harness from "../../../support/Harness.ts"

const token = "a-token-for-scripts"
const config = `admin_token = "${tripcodeOfText(token)}"\n`
const bearer = [["Authorization", `Bearer ${token}`]] as const

describe("the administrator's debug pages", () => {
  it.effect("require a login", () =>
    Effect.gen(function* () {
      const { admin } = yield* adminRelay(config)
      for (const path of ["/debug", "/debug/source", "/debug/sink/throttled"])
        assert.strictEqual((yield* Harness.get(admin, path)).status, 401, path)
      const response = yield* Harness.visit(admin, "/debug/key", { method: "POST" })
      assert.strictEqual(response.status, 401)
    }),
  )

  for (const end of ["", "/throttled"]) {
    it.live(`send bytes without an end: /debug/source${end}`, () =>
      Effect.gen(function* () {
        const { admin } = yield* adminRelay(config)
        const visit = yield* Harness.open(admin, `/debug/source${end}`, { headers: bearer })
        yield* Effect.forkChild(Effect.ignore(visit.whole))
        const most = end === "" ? 20_000_000 : 200_000
        yield* Harness.until("many bytes have arrived", () => visit.received() > most)
        yield* visit.leave
      }).pipe(Effect.scoped),
    )

    it.live(`count and discard bytes: /debug/sink${end}`, () =>
      Effect.gen(function* () {
        const { admin } = yield* adminRelay(config)
        const body = Buffer.alloc(end === "" ? 5_000_000 : 100_000)
        for (const method of ["PUT", "POST"]) {
          const answer = yield* Harness.visit(admin, `/debug/sink${end}`, {
            method,
            headers: bearer,
            body,
          })
          assert.match(answer.text, new RegExp(`^${body.length} bytes in [\\d.]+ m?s\\n$`))
        }
        const wrong = yield* Harness.get(admin, `/debug/sink${end}`, bearer)
        assert.deepStrictEqual([wrong.status, wrong.header("allow")], [405, "POST, PUT"])
      }).pipe(Effect.scoped),
    )
  }

  it.live("are limited in number", () =>
    Effect.gen(function* () {
      const { admin } = yield* adminRelay(config)
      const ask = Harness.open(admin, "/debug/source", { headers: bearer })
      const visits = yield* Effect.replicateEffect(ask, maxDebugStreams)
      for (const visit of visits) yield* visit.head
      const more = yield* Harness.get(admin, "/debug/source", bearer)
      assert.strictEqual(more.status, 503)
      yield* (visits[0] as Harness.OpenVisit).leave
      yield* Effect.eventually(
        Effect.filterOrFail(
          Effect.scoped(Effect.flatMap(ask, ({ head }) => head)),
          ({ status }) => status === 200,
        ),
      )
    }).pipe(Effect.scoped),
  )

  it.effect("make a strong key that the relay does not store", () =>
    Effect.gen(function* () {
      const { admin, events, logIn } = yield* adminRelay(config)
      const session = yield* logIn
      const ask = Effect.map(post(admin, "/debug/key", {}, session), ({ text }) => {
        const [key = "", tripcode = ""] = [...text.matchAll(/<dd><code>([^<]+)</g)].map(
          ([, shown]) => shown as string,
        )
        return { key, tripcode }
      })
      const [one, other] = [yield* ask, yield* ask]
      assert.match(one.key, /^(?:[A-Z][a-z]+){7}$/)
      assert.strictEqual(one.tripcode, tripcodeOfText(one.key))
      assert.notStrictEqual(one.key, other.key)
      assert.notInclude(JSON.stringify(events()), one.key)
    }),
  )
})
