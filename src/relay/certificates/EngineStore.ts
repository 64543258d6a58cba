/**
 * The account, the certificates and the challenges of a cluster, in its engine.
 * Texts are encrypted with the cluster's key, since they have private keys and
 * others may be able to read the engine.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Engine, type EngineShape, type EngineUnavailable } from "../../cluster/engine/Engine.ts"
import type { Challenge } from "../../transport/acme/AcmeClient.ts"
import { AcmeError } from "../../transport/acme/AcmeError.ts"
import type { AcmeStore } from "../../transport/acme/AcmeStore.ts"
import type { CertificateKeeper } from "../../transport/acme/CertificateKeeper.ts"
import { setIn } from "../../transport/acme/Challenger.ts"
import type { ChallengeTable } from "../../transport/acme/ChallengeTable.ts"
import * as SealedText from "../../transport/auth/SealedText.ts"

/** What the keeper of a relay needs of the cluster. */
export interface SharedStore {
  readonly store: AcmeStore
  /** Runs an effect unless another relay obtains a certificate now. */
  readonly alone: <A>(
    effect: Effect.Effect<A, AcmeError>,
  ) => Effect.Effect<Option.Option<A>, AcmeError>
  /** Has all relays answer a challenge, or no longer. */
  readonly spread: (challenge: Challenge, isThere: boolean) => Effect.Effect<void>
  /** The answer to a challenge that came when this relay did not hear of it. */
  readonly token: (token: string) => Effect.Effect<string | undefined>
  /** Tells the keeper of what other relays have kept, and when the engine is back, while the Scope is open. */
  readonly follow: (keeper: CertificateKeeper) => Effect.Effect<void, never, Scope.Scope>
}

/** After how many milliseconds the store is forgotten if nothing is added. */
const keptMillis = 400 * 24 * 3_600_000

/** How long a relay may take for a certificate before another one may try, in milliseconds. */
const claimMillis = 360_000

/** How long an answer to a challenge is kept, in milliseconds. */
const challengeMillis = 600_000

/** How long the other relays have to receive a challenge before the authority is asked to check it, in milliseconds. */
const spreadMillis = 500

const channel = "certificates"
const claimName = "certificates:claim"
const tokenName = (token: string): string => `certificates:token:${token}`

/** What relays tell each other on the channel. */
const Message = Schema.fromJsonString(
  Schema.Union([
    Schema.Struct({ kind: Schema.Literal("kept"), from: Schema.String, name: Schema.String }),
    Schema.Struct({
      kind: Schema.Literal("challenge"),
      from: Schema.String,
      isThere: Schema.Boolean,
      challenge: Schema.Struct({
        kind: Schema.Literals(["http-01", "tls-alpn-01", "dns-01"]),
        host: Schema.String,
        token: Schema.String,
        keyAuthorization: Schema.String,
      }),
    }),
  ]),
)
const decode = Schema.decodeUnknownOption(Message)
const encode = Schema.encodeSync(Message)

/** Encrypts and decrypts texts; what is encrypted belongs to its name. */
export class Sealed {
  private readonly keys: ReadonlyArray<Uint8Array>

  /** @param secrets the first one encrypts, all decrypt */
  constructor(secrets: ReadonlyArray<string>) {
    this.keys = secrets.map((secret) => SealedText.keyOf(secret, "ptth certificates"))
  }

  seal(name: string, text: string): string {
    return SealedText.seal(this.keys[0] as Uint8Array, name, text).toString("base64")
  }

  /** `undefined` if it was encrypted with another key, or for another name. */
  open(name: string, text: string): string | undefined {
    const bytes = Buffer.from(text, "base64")
    for (const key of this.keys) {
      const opened = SealedText.open(key, name, bytes)
      if (opened !== undefined) return opened
    }
    return undefined
  }
}

const unusable = ({ reason }: EngineUnavailable): AcmeError =>
  new AcmeError({ code: "PTTH_STATE_UNUSABLE", detail: `the engine of the cluster: ${reason}` })

/** Tells the other relays something. */
type Tell = (message: typeof Message.Type) => Effect.Effect<void>

/** The account and the certificates, which are fields of a hash in the engine. */
const storeIn = (engine: EngineShape, sealed: Sealed, directory: string, tell: Tell): AcmeStore => {
  const hash = `certificates:${directory}`
  return {
    read: (name) =>
      engine.field(hash, name).pipe(
        Effect.map((text) => (text === undefined ? undefined : sealed.open(name, text))),
        Effect.mapError(unusable),
      ),
    write: (name, text) =>
      engine
        .setFields(hash, new Map([[name, sealed.seal(name, text)]]), { millis: keptMillis })
        .pipe(
          Effect.mapError(unusable),
          Effect.andThen(tell({ kind: "kept", from: engine.self.run, name })),
        ),
    remove: (name) => Effect.mapError(engine.removeFields(hash, [name]), unusable),
    list: Effect.mapError(
      Effect.map(engine.fields(hash), (fields) => [...fields.keys()]),
      unusable,
    ),
    check: Effect.asVoid(Effect.mapError(engine.values([claimName]), unusable)),
  }
}

const aloneIn =
  (engine: EngineShape): SharedStore["alone"] =>
  (effect) =>
    Effect.mapError(engine.claim(claimName, engine.self.run, claimMillis), unusable).pipe(
      Effect.flatMap((isOurs) =>
        isOurs
          ? Effect.asSome(effect).pipe(
              Effect.ensuring(Effect.ignore(engine.release(claimName, engine.self.run))),
            )
          : Effect.succeedNone,
      ),
    )

const spreadOver =
  (engine: EngineShape, sealed: Sealed, tell: Tell): SharedStore["spread"] =>
  (challenge, isThere) => {
    const name = tokenName(challenge.token)
    return tell({ kind: "challenge", from: engine.self.run, isThere, challenge }).pipe(
      Effect.andThen(
        isThere && challenge.kind === "http-01"
          ? Effect.ignore(
              engine.put(name, sealed.seal(name, challenge.keyAuthorization), challengeMillis),
            )
          : Effect.void,
      ),
      Effect.andThen(isThere ? Effect.sleep(spreadMillis) : Effect.void),
    )
  }

const followIn = (
  engine: EngineShape,
  sealed: Sealed,
  table: ChallengeTable,
): SharedStore["follow"] =>
  Effect.fnUntraced(function* (keeper) {
    const clock = yield* Clock.Clock
    const run = Effect.runForkWith(yield* Effect.context<never>())
    const stop = engine.subscribe(channel, (text) => {
      const opened = sealed.open(channel, text)
      const message = opened === undefined ? undefined : Option.getOrUndefined(decode(opened))
      if (message === undefined || message.from === engine.self.run) return
      if (message.kind === "challenge")
        return setIn(table, message.challenge, message.isThere, clock.currentTimeMillisUnsafe())
      const id = /^(.+)\.(?:pem|failed\.json)$/.exec(message.name)?.[1]
      if (id !== undefined) run(keeper.changedElsewhere(id))
    })
    const leave = engine.onStatus(({ state }) => {
      if (state === "connected") run(keeper.storeIsBack)
    })
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        stop()
        leave()
      }),
    )
  })

/**
 * Makes the store.
 *
 * @param secrets the cluster's keys
 * @param directory the authority, since each has accounts of its own
 * @param table what this relay answers
 */
export const make = Effect.fnUntraced(function* (
  secrets: ReadonlyArray<string>,
  directory: string,
  table: ChallengeTable,
) {
  const engine = yield* Engine
  const sealed = new Sealed(secrets)
  // Whoever can write to the engine must not have a relay answer for an account of theirs.
  const tell: Tell = (message) =>
    Effect.ignore(engine.publish(channel, sealed.seal(channel, encode(message))))
  const shared: SharedStore = {
    store: storeIn(engine, sealed, directory, tell),
    alone: aloneIn(engine),
    spread: spreadOver(engine, sealed, tell),
    token: (token) =>
      Effect.orElseSucceed(
        Effect.map(engine.values([tokenName(token)]), ([answer]) =>
          answer === undefined ? undefined : sealed.open(tokenName(token), answer),
        ),
        () => undefined,
      ),
    follow: followIn(engine, sealed, table),
  }
  return shared
})
