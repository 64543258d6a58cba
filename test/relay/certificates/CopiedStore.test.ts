/**
 * What relays share of ACME outlasts the engine: each has a copy.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as CopiedStore from "../../../src/relay/certificates/CopiedStore.ts"
import { AcmeError } from "../../../src/transport/acme/AcmeError.ts"
import * as AcmeStore from "../../../src/transport/acme/AcmeStore.ts"
import * as KeptCertificate from "../../../src/transport/acme/KeptCertificate.ts"
import * as X509 from "../../../src/transport/acme/X509.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const day = 24 * 3_600_000

/** A certificate that is valid from a day on. */
const certificate = (number: number): string =>
  KeptCertificate.toText(
    X509.selfSigned({
      names: ["relay.example"],
      title: "test",
      from: number * day,
      until: (number + 90) * day,
    }),
  )

const fail = Effect.fail(new AcmeError({ code: "PTTH_STATE_UNUSABLE", detail: "it is away" }))

/** A store that is not there. */
const away: AcmeStore.AcmeStore = {
  read: () => fail,
  write: () => fail,
  remove: () => fail,
  list: fail,
  check: fail,
}

const world = Effect.sync(() => {
  const engine = AcmeStore.inFolder(temporaryFolder())
  const folder = AcmeStore.inFolder(temporaryFolder())
  return { engine, folder, store: CopiedStore.make(engine, folder) }
})

const name = "relay.example.pem"

describe("what relays share of ACME", () => {
  it.live("is there for a relay that starts while the engine is away", () =>
    Effect.gen(function* () {
      const { engine, folder, store } = yield* world
      yield* engine.write("account.json", "{}")
      yield* store.read("account.json")
      yield* store.write(name, certificate(1))
      const later = CopiedStore.make(away, folder)
      assert.strictEqual(yield* later.read(name), yield* engine.read(name))
      assert.strictEqual(yield* later.read("account.json"), "{}")
      assert.sameMembers([...(yield* later.list)], [name, "account.json"])
      assert.isUndefined(yield* later.read("relay.example.failed.json"))
      const other = yield* Effect.flip(later.read("other.pem"))
      assert.strictEqual(other.code, "PTTH_STATE_UNUSABLE")
    }),
  )

  it.live("is put into an engine that comes back empty", () =>
    Effect.gen(function* () {
      const { engine, store } = yield* world
      yield* store.write(name, certificate(1))
      yield* engine.remove(name)
      const text = yield* store.read(name)
      assert.isDefined(text)
      assert.strictEqual(yield* engine.read(name), text)
    }),
  )

  it.live("is the newer certificate, wherever that is", () =>
    Effect.gen(function* () {
      const { engine, folder, store } = yield* world
      const [older, newer] = [certificate(1), certificate(30)]
      yield* engine.write(name, newer)
      yield* folder.write(name, older)
      assert.strictEqual(yield* store.read(name), newer)
      assert.strictEqual(yield* folder.read(name), newer)
      yield* engine.write(name, older)
      assert.strictEqual(yield* store.read(name), newer)
      assert.strictEqual(yield* engine.read(name), newer)
    }),
  )

  it.live("is kept in one of both places, or else that is a failure", () =>
    Effect.gen(function* () {
      const { engine, folder } = yield* world
      yield* CopiedStore.make(away, folder).write(name, "a")
      assert.strictEqual(yield* folder.read(name), "a")
      yield* CopiedStore.make(engine, away).write(name, "b")
      assert.strictEqual(yield* engine.read(name), "b")
      const error = yield* Effect.flip(CopiedStore.make(away, away).write(name, "c"))
      assert.strictEqual(error.code, "PTTH_STATE_UNUSABLE")
    }),
  )

  it.live("has failures in the engine only", () =>
    Effect.gen(function* () {
      const { engine, folder, store } = yield* world
      yield* store.write("relay.example.failed.json", "{}")
      assert.deepStrictEqual(yield* folder.list, [])
      yield* engine.remove("relay.example.failed.json")
      assert.isUndefined(yield* store.read("relay.example.failed.json"))
    }),
  )
})
