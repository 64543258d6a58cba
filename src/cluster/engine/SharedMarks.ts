/**
 * Marks of networks that have sent too many wrong keys or passwords, or have
 * failed too often to sign in. A relay counts for itself; that a network is over
 * the limit it tells the others, so that nobody gets as many attempts as there are
 * relays.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Complaints } from "./Complaints.ts"
import { Engine } from "./Engine.ts"

/** What there were too many of. */
export type MarkKind = (typeof kinds)[number]

const kinds = ["keys", "passwords", "sign-ins"] as const

const Mark = Schema.fromJsonString(
  Schema.Struct({
    from: Schema.String,
    kind: Schema.Literals(kinds),
    network: Schema.String.check(Schema.isMaxLength(64)),
    /** For how long, from when it is received. */
    millis: Schema.Natural.check(Schema.isLessThanOrEqualTo(120_000)),
  }),
)

const decode = Schema.decodeUnknownResult(Mark)
const encode = Schema.encodeSync(Mark)

const channel = "limited"

/** Called when another relay has marked a network, for how many milliseconds. */
export type MarkListener = (network: string, millis: number) => void

/** See the file's header. */
export interface SharedMarks {
  readonly tell: (kind: MarkKind, network: string, millis: number) => void
  readonly listen: (kind: MarkKind, listener: MarkListener) => void
}

/** The most marks that are on their way at once; under an attack further ones are dropped. */
const mostPending = 64

/** Tells and hears marks while the Scope is open. */
export const make = Effect.fn("SharedMarks.make")(function* (): Effect.fn.Return<
  SharedMarks,
  never,
  Scope.Scope
> {
  const engine = yield* Engine
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const complaints = new Complaints()
  const listeners: Record<MarkKind, Set<MarkListener>> = {
    keys: new Set(),
    passwords: new Set(),
    "sign-ins": new Set(),
  }
  let pending = 0
  const unsubscribe = engine.subscribe(channel, (text) => {
    const mark = decode(text)
    if (Result.isFailure(mark))
      run(complaints.log("engine: a mark of a network is ignored", mark.failure.message))
    else if (mark.success.from !== engine.self.run) {
      const { kind, millis, network } = mark.success
      for (const listener of listeners[kind]) listener(network, millis)
    }
  })
  yield* Effect.addFinalizer(() => Effect.sync(unsubscribe))
  return {
    tell: (kind, network, millis) => {
      if (pending >= mostPending || engine.status().state !== "connected") return
      pending += 1
      const text = encode({ from: engine.self.run, kind, network, millis: Math.ceil(millis) })
      run(
        Effect.ensuring(
          Effect.ignore(engine.publish(channel, text)),
          Effect.sync(() => {
            pending -= 1
          }),
        ),
      )
    },
    listen: (kind, listener) => {
      listeners[kind].add(listener)
    },
  }
})
