/**
 * Checks that a key is strong enough for the public network, by zxcvbn's
 * estimate of the guesses it withstands. The estimate runs in a worker thread
 * that ends afterwards, so that zxcvbn's dictionary does not stay in memory.
 */
import { Worker } from "node:worker_threads"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { type ApiKey, hasGeneratedForm } from "../../domain/ApiKey.ts"
import type { ConfigError } from "../../domain/config/ConfigError.ts"
import { single } from "../../domain/config/ConfigError.ts"

/** The least strength of a key, in bits. */
export const minBits = 60

/** The estimate failed. */
export class KeyStrengthError extends Data.TaggedError("KeyStrengthError")<{
  readonly cause: unknown
}> {
  /** See `ErrorRegistry.ts`. */
  readonly code = "PTTH_INTERNAL"
  /** What happened. */
  get detail(): string {
    return "the strength of the key could not be estimated"
  }
  override get message(): string {
    return `${this.code}: ${this.detail}`
  }
}

// The thread runs the same kind of file as this one: .ts from source, .js once built.
const workerUrl = new URL(
  import.meta.url.endsWith(".ts") ? "./KeyStrengthWorker.ts" : "./KeyStrengthWorker.js",
  import.meta.url,
)

/**
 * The strength of a key in bits: the base-2 logarithm of the number of guesses
 * that an attacker needs. Interruption ends the thread.
 */
export const bits = (key: ApiKey): Effect.Effect<number, KeyStrengthError> =>
  Effect.callback((resume) => {
    const worker = new Worker(workerUrl, { workerData: Redacted.value(key) })
    let done = false
    const finish = (result: Effect.Effect<number, KeyStrengthError>): void => {
      if (done) return
      done = true
      resume(result)
    }
    worker.once("message", (value: number) => finish(Effect.succeed(value)))
    worker.once("error", (cause) => finish(Effect.fail(new KeyStrengthError({ cause }))))
    worker.once("exit", (code) =>
      finish(Effect.fail(new KeyStrengthError({ cause: `the thread ended with ${code}` }))),
    )
    return Effect.promise(() => worker.terminate())
  })

/**
 * Refuses a key with fewer than {@link minBits} bits. `where` names the place the key comes from.
 * One of seven different words of the list has 77 bits; the estimate, which takes 30 MiB and a
 * fifth of a second at each start, is for others.
 */
export const check = Effect.fn("KeyStrength.check")(function* (
  key: ApiKey,
  where: string,
): Effect.fn.Return<void, ConfigError | KeyStrengthError> {
  if (hasGeneratedForm(key)) return
  const strength = yield* bits(key)
  if (strength >= minBits) return
  yield* single({
    code: "PTTH_KEY_WEAK",
    where,
    detail: `Won't run because the key is too weak: it withstands about 2^${Math.floor(strength)} guesses, and 2^${minBits} are needed`,
    remedy:
      "Make a good one with `ptth keygen`, or take 24 random characters from a password manager.",
  })
})
