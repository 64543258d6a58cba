/**
 * Certificates for TLS handshakes from a `CertificateKeeper`: a handshake for a
 * host whose certificate is not there yet waits for it, within bounds.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Certificate from "../net/Certificate.ts"
import type { CertificateKeeper, CertificatePlan } from "./CertificateKeeper.ts"
import type { ChallengeTable } from "./ChallengeTable.ts"

/** How long a handshake waits for a certificate, in milliseconds. */
export const handshakeMillis = 20_000

/** How many handshakes wait at once. */
const maxWaiting = 256

/** What it needs. */
export interface AwaitedOptions {
  readonly keeper: CertificateKeeper
  readonly table: ChallengeTable
  readonly clock: Clock.Clock
  readonly run: (effect: Effect.Effect<unknown>) => unknown
  /** The certificate that a host is to have; `undefined` if it is not ours. */
  readonly planOf: (host: string) => CertificatePlan | undefined
}

/** See the file's header. */
export class AwaitedCertificates {
  private readonly options: AwaitedOptions
  private waiting = 0

  constructor(options: AwaitedOptions) {
    this.options = options
  }

  /** See `TlsHosts.find`. */
  readonly find = (
    host: string,
    done: (certificate: Certificate.Certificate | undefined) => void,
  ): void => {
    const { clock, keeper, planOf, run, table } = this.options
    const plan = planOf(host)
    const certificate = plan && keeper.get(plan.id)
    // Whoever comes while a challenge is shown may be the authority, for which the attempt waits.
    const isChecked = table.certificate(host) !== undefined
    if (plan === undefined || certificate !== undefined || isChecked || this.waiting >= maxWaiting)
      return done(certificate)
    this.waiting += 1
    run(
      keeper.want(plan).pipe(
        Effect.andThen(
          Effect.callback<void>((resume) => {
            const stop = keeper.wait(plan.id, clock.currentTimeMillisUnsafe(), () =>
              resume(Effect.void),
            )
            return Effect.sync(stop)
          }),
        ),
        Effect.timeoutOption(handshakeMillis),
        Effect.ensuring(
          Effect.sync(() => {
            this.waiting -= 1
            done(keeper.get(plan.id))
          }),
        ),
      ),
    )
  }
}
