/**
 * `ptth healthcheck`: one request to a relay's `/healthz`.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { entry } from "../../domain/ErrorRegistry.ts"
import { withoutSecrets } from "../../domain/SecretNames.ts"

const defaultUrl = "http://127.0.0.1:4000/healthz"

/** How long the answer may take, in milliseconds. */
const timeout = 4_000

/** The address did not answer 200. */
export class NotHealthyError extends Data.TaggedError("NotHealthyError")<{
  readonly url: string
  /** What happened instead. */
  readonly detail: string
}> {
  readonly code = "PTTH_NOT_HEALTHY"
  override get message(): string {
    // What watches over containers keeps the output.
    const shown = withoutSecrets(this.url)
    const detail = this.detail.replaceAll(this.url, shown)
    return `${this.code}: ${shown}: ${detail}. ${entry(this.code).remedy}`
  }
}

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}

/** Requests the address, or that of HEALTH_URL, or a relay's on its usual port. */
export const checkHealth = Effect.fn("ptth healthcheck")(function* (
  address: Option.Option<string>,
) {
  const url = Option.getOrElse(address, () => process.env.HEALTH_URL ?? defaultUrl)
  const response = yield* Effect.tryPromise({
    try: () => fetch(url, { redirect: "manual", signal: AbortSignal.timeout(timeout) }),
    catch: (error) => new NotHealthyError({ url, detail: reasonOf(error) }),
  })
  if (response.status !== 200)
    return yield* new NotHealthyError({ url, detail: `the status is ${response.status}` })
})
