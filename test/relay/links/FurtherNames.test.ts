/**
 * What a relay takes on a link about further names.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import * as ServiceFrame from "../../../src/protocol/link/ServiceFrame.ts"
import * as Harness from "../../support/Harness.ts"
import { rawLink } from "../../support/RawLink.ts"

const serve = (name: string, key = Harness.keyOf(name)): Buffer =>
  ServiceFrame.serve({ name: name as ServerName, key })

const linkOf = Effect.fnUntraced(function* (servers: ReadonlyArray<string>) {
  const relay = yield* Harness.relay({ servers })
  const link = yield* rawLink(relay, { instance: "one", pongs: true })
  const links = (name: string): number => relay.status(name).transports.length
  yield* Harness.until("the link is there", () => links("demo") === 1)
  return { relay, link, links }
})

it.live("a key is checked as for a link of its own, and a name is taken once", () =>
  Effect.gen(function* () {
    const { link, links, relay } = yield* linkOf(["demo", "shop", "bank"])
    for (const frame of [serve("shop"), serve("shop"), serve("bank", "wrong"), serve("demo")])
      link.sendBytes(frame)
    link.sendBytes(serve("none"))
    yield* Harness.until("both are refused", () => relay.unregistered().length === 2)
    assert.deepStrictEqual(["demo", "shop", "bank"].map(links), [1, 1, 0])
    link.sendBytes(ServiceFrame.leave({ name: "shop" as ServerName }))
    yield* Harness.until("it has left", () => links("shop") === 0)
    assert.isFalse(link.isClosed())
  }).pipe(Effect.scoped),
)

it.live("a name that is served with another key takes the place of itself", () =>
  Effect.gen(function* () {
    const { link, links, relay } = yield* linkOf(["demo", "shop"])
    link.sendBytes(serve("shop"))
    yield* Harness.until("it is there", () => links("shop") === 1)
    link.sendBytes(serve("shop", "no longer the key"))
    yield* Harness.until("it is away", () => links("shop") === 0)
    assert.lengthOf(relay.unregistered(), 1)
    assert.strictEqual(links("demo"), 1)
  }).pipe(Effect.scoped),
)

it.live("a link is closed that sends what cannot be read, or too much", () =>
  Effect.gen(function* () {
    const broken = yield* linkOf(["demo", "shop"])
    const frame = serve("shop")
    frame.fill("x", 12)
    broken.link.sendBytes(frame)
    yield* broken.link.until("it is closed", broken.link.isClosed)
    const flooding = yield* linkOf(["demo", "shop"])
    flooding.link.sendBytes(Buffer.concat(Array.from({ length: 600 }, () => serve("shop"))))
    yield* flooding.link.until("it is closed", flooding.link.isClosed)
    assert.strictEqual(flooding.links("shop"), 0)
  }).pipe(Effect.scoped),
)
