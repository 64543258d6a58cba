/**
 * The certificates of a server by ACME, where visitors' TLS ends there. The
 * authority checks the host by the challenge `tls-alpn-01`, which comes through
 * the tunnel like any other connection.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { AcmeClient, type AcmeOptions } from "../../transport/acme/AcmeClient.ts"
import * as AcmeStore from "../../transport/acme/AcmeStore.ts"
import { AwaitedCertificates } from "../../transport/acme/AwaitedCertificates.ts"
import { CertificateKeeper, type CertificatePlan } from "../../transport/acme/CertificateKeeper.ts"
import * as Challenger from "../../transport/acme/Challenger.ts"
import { ChallengeTable } from "../../transport/acme/ChallengeTable.ts"
import { describe, type IssueFailure } from "../../transport/acme/KeptCertificate.ts"
import type { TlsHosts } from "../../transport/net/TlsHandshake.ts"
import { onHangUp } from "../../transport/runtime/Signals.ts"

/** The authority, and where certificates are kept. */
export interface ObtainedOptions extends AcmeOptions {
  readonly stateFolder: string
}

/** Certificates for the server's hosts. */
export interface ObtainedCertificates extends TlsHosts {
  /** The server is reached at this address from now on: its host is to have a certificate before a visitor comes. */
  readonly want: (url: string) => Effect.Effect<void>
}

/** How many hosts may have certificates: the relay says which they are, and may say anything. */
const maxHosts = 16

const report = ({ id }: CertificatePlan, failure: IssueFailure | undefined): Effect.Effect<void> =>
  failure === undefined
    ? Effect.logInfo(`there is a new certificate for ${id}`)
    : Effect.logError(describe(failure, id))

const isHost = (host: string): boolean =>
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(
    host,
  )

/** Obtains certificates while the Scope is open. */
export const make: (
  options: ObtainedOptions,
) => Effect.Effect<ObtainedCertificates, never, Scope.Scope> = Effect.fn(
  "ObtainedCertificates.make",
)(function* (options: ObtainedOptions) {
  const clock = yield* Clock.Clock
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const table = new ChallengeTable()
  const client = new AcmeClient(options)
  yield* Effect.addFinalizer(() => Effect.sync(() => client.close()))
  const keeper = new CertificateKeeper({
    client,
    store: AcmeStore.inFolder(AcmeStore.folderOf(options.stateFolder, options.directory)),
    challenger: Challenger.make({
      table,
      hasPlainPort: false,
      dns: undefined,
      isInZone: () => false,
      spread: () => Effect.void,
    }),
    alone: Effect.asSome,
    onCertificate: () => {},
    onAttempt: (plan, failure) => run(report(plan, failure)),
  })
  yield* Effect.forkScoped(keeper.run)
  yield* onHangUp(keeper.tryAgain)
  const hosts = new Set<string>()
  const planOf = (host: string): CertificatePlan | undefined => {
    if (!hosts.has(host) && (hosts.size >= maxHosts || !isHost(host))) return undefined
    hosts.add(host)
    return { id: host, names: [host] }
  }
  const { find } = new AwaitedCertificates({ keeper, table, clock, run, planOf })
  return {
    find,
    challenge: (host) => table.certificate(host),
    want: (url) => {
      const plan = planOf(URL.parse(url)?.hostname ?? "")
      return plan === undefined ? Effect.void : keeper.want(plan)
    },
  }
})
