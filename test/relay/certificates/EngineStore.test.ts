/**
 * Certificates and challenges that the relays of a cluster share.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Engine } from "../../../src/cluster/engine/Engine.ts"
import * as EngineStore from "../../../src/relay/certificates/EngineStore.ts"
import type { CertificateKeeper } from "../../../src/transport/acme/CertificateKeeper.ts"
import { ChallengeTable } from "../../../src/transport/acme/ChallengeTable.ts"
import * as Harness from "../../support/Harness.ts"
import { MemoryEngine, EngineStore as Stored } from "../../support/MemoryEngine.ts"

const secret = "a-secret-of-the-cluster-of-some-length"

const challenge = {
  kind: "http-01",
  host: "relay.example",
  token: "token",
  keyAuthorization: "token.thumbprint",
} as const

/** A relay of the cluster. */
const relayOf = Effect.fnUntraced(function* (stored: Stored, id: string, secrets = [secret]) {
  const engine = new MemoryEngine(stored, id).shape
  const table = new ChallengeTable()
  const shared = yield* EngineStore.make(secrets, "https://acme.example/dir", table).pipe(
    Effect.provideService(Engine, engine),
  )
  const changed: Array<string> = []
  const changedElsewhere = (id: string) => Effect.sync(() => void changed.push(id))
  yield* shared.follow({ changedElsewhere } as unknown as CertificateKeeper)
  return { engine, table, shared, changed }
})

describe("the certificates of a cluster", () => {
  it.live("are shared, encrypted, and each relay hears of new ones", () =>
    Effect.gen(function* () {
      const stored = new Stored(() => Date.now())
      const one = yield* relayOf(stored, "one")
      const other = yield* relayOf(stored, "other")
      yield* one.shared.store.write("relay.example.pem", "-----BEGIN PRIVATE KEY-----")
      assert.strictEqual(
        yield* other.shared.store.read("relay.example.pem"),
        "-----BEGIN PRIVATE KEY-----",
      )
      yield* Harness.until("it has heard", () => other.changed.length > 0)
      assert.deepStrictEqual(other.changed, ["relay.example"])
      const fields = yield* one.engine.fields("certificates:https://acme.example/dir")
      assert.notInclude([...fields.values()].join(), "PRIVATE")
      const stranger = yield* relayOf(stored, "stranger", ["another-secret-of-some-length-1234567"])
      assert.isUndefined(yield* stranger.shared.store.read("relay.example.pem"))
      const changing = yield* relayOf(stored, "changing", [
        "the-next-secret-of-the-cluster-123",
        secret,
      ])
      assert.isDefined(yield* changing.shared.store.read("relay.example.pem"))
    }).pipe(Effect.scoped),
  )

  it.live("are obtained by one relay at a time", () =>
    Effect.gen(function* () {
      const stored = new Stored(() => Date.now())
      const one = yield* relayOf(stored, "one")
      const other = yield* relayOf(stored, "other")
      const inside = one.shared.alone(other.shared.alone(Effect.succeed("both")))
      assert.deepStrictEqual(yield* inside, Option.some(Option.none()))
      assert.deepStrictEqual(yield* other.shared.alone(Effect.succeed("then")), Option.some("then"))
    }).pipe(Effect.scoped),
  )

  it.live("are checked at any relay: all answer a challenge, and none a forged one", () =>
    Effect.gen(function* () {
      const stored = new Stored(() => Date.now())
      const one = yield* relayOf(stored, "one")
      const other = yield* relayOf(stored, "other")
      yield* one.shared.spread(challenge, true)
      assert.strictEqual(other.table.token("token"), "token.thumbprint")
      const late = yield* relayOf(stored, "late")
      assert.strictEqual(yield* late.shared.token("token"), "token.thumbprint")
      yield* one.shared.spread(challenge, false)
      yield* Harness.until("it is over", () => other.table.token("token") === undefined)
      const forged = { kind: "challenge", from: "me", isThere: true, challenge }
      yield* one.engine.publish("certificates", JSON.stringify(forged))
      yield* one.engine.put("certificates:token:mine", "mine.thumbprint", 60_000)
      yield* Harness.turns(50)
      assert.isUndefined(other.table.token("token"))
      assert.isUndefined(yield* other.shared.token("mine"))
    }).pipe(Effect.scoped),
  )
})
