/**
 * Routes by path within one name.
 */
import { assert, it } from "@effect/vitest"
import * as RouteHandler from "../../src/server/RouteHandler.ts"
import * as Body from "../../src/transport/body/Body.ts"
import type { Handler } from "../../src/transport/body/Handler.ts"
import { callHandler } from "../support/callHandler.ts"

const saying =
  (text: string): Handler =>
  (head, _body, reply) => {
    reply.respond({ status: 200, headers: [] }, Body.fromText(`${text} ${head.target}`))
    return () => {}
  }

const handler = RouteHandler.make(
  [
    { path: "/api", handler: saying("api") },
    { path: "/api/v2", handler: saying("v2") },
  ],
  saying("rest"),
)

it.each([
  ["/api", "api"],
  ["/api/", "api"],
  ["/api?x=/api/v2", "api"],
  ["/api/v1/x", "api"],
  ["/api/v2/x?y", "v2"],
  ["/api/v22", "api"],
  ["/apis", "rest"],
  ["/", "rest"],
  ["/x/api", "rest"],
  ["/%61pi", "rest"],
  ["*", "rest"],
])("%s goes to %s, with its whole target", async (target, expected) => {
  const { text } = await callHandler(handler, { target })
  assert.strictEqual(text, `${expected} ${target}`)
})
