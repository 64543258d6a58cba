/**
 * The relay's own page: what visitors see of the servers, and what the operator
 * says there.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { AuthRules } from "../../../src/domain/config/AuthRules.ts"
import type { RelayConfig } from "../../../src/domain/config/RelayConfig.ts"
import * as Harness from "../../support/Harness.ts"

const auth: AuthRules = { users: [], tokens: [], userHeader: "x-user", allow: undefined }

const open = Effect.fnUntraced(function* (config: Partial<RelayConfig>) {
  const relay = yield* Harness.relay({ servers: ["attic", { name: "shop", auth }], config })
  yield* Harness.server(
    relay,
    "attic",
    Harness.handler(() => ({ body: "hello" })),
  )
  return { relay, text: (yield* Harness.get(relay, "/frontend/servers/")).text }
})

it.live("has names, state, lock and addresses, and leads only to servers that are connected", () =>
  Effect.gen(function* () {
    const { text } = yield* open({})
    assert.match(text, /<h1>Servers<\/h1>/)
    assert.match(text, /<a href="attic\/">attic<\/a>[\s\S]*>connected</)
    assert.notInclude(text, 'href="shop/"')
    assert.include(text, "/servers/shop/")
    assert.match(text, /shop <svg class="lock"[^>]*sign-in needed/)
    assert.lengthOf(text.match(/sign-in needed/g) ?? [], 1)
    assert.notInclude(text, "stream")
  }).pipe(Effect.scoped),
)

it.live("has the title and sentence of the operator, and no list if there is to be none", () =>
  Effect.gen(function* () {
    const { relay, text } = yield* open({
      title: "Chess <club>",
      description: "Ask Ann.",
      publicList: false,
    })
    assert.include(text, "<h1>Chess &lt;club&gt;</h1>")
    assert.include(text, "<title>Chess &lt;club&gt;</title>")
    assert.include(text, "<p>Ask Ann.</p>")
    assert.include(text, '<meta property="og:description" content="Ask Ann.">')
    assert.notInclude(text, "attic")
    assert.strictEqual((yield* Harness.get(relay, "/frontend/events")).status, 404)
    assert.strictEqual((yield* Harness.get(relay, "/servers/attic/")).status, 200)
  }).pipe(Effect.scoped),
)
