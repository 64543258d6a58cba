/**
 * Obtains the certificates of a relay: those of its own hosts when it starts,
 * and those of servers when somebody asks for them in a handshake. One process
 * of a relay does so, and in a cluster one at a time.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Engine } from "../../cluster/engine/Engine.ts"
import { AcmeClient, type AcmeOptions } from "../../transport/acme/AcmeClient.ts"
import * as AcmeStore from "../../transport/acme/AcmeStore.ts"
import { AwaitedCertificates } from "../../transport/acme/AwaitedCertificates.ts"
import { CertificateKeeper, type CertificatePlan } from "../../transport/acme/CertificateKeeper.ts"
import * as Challenger from "../../transport/acme/Challenger.ts"
import { ChallengeTable } from "../../transport/acme/ChallengeTable.ts"
import { describe, type IssueFailure } from "../../transport/acme/KeptCertificate.ts"
import { onHangUp } from "../../transport/runtime/Signals.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import * as CertificateHosts from "./CertificateHosts.ts"
import { type CertificateListener, Certificates, type CertificatesShape } from "./Certificates.ts"
import * as CopiedStore from "./CopiedStore.ts"
import * as EngineStore from "./EngineStore.ts"
import * as Provisional from "./Provisional.ts"

/** What is not in the configuration itself. */
export interface KeptOptions extends AcmeOptions {
  /** The folder of `state_dir`. */
  readonly stateFolder: string
  /** The keys of the cluster, with the first of which texts in the engine are encrypted. */
  readonly clusterSecrets: ReadonlyArray<string>
  readonly dns: Challenger.DnsRecords | undefined
}

/** How long workers have to receive a challenge before the authority is asked to check it, in milliseconds. */
const tellMillis = 1_000

const report = (
  { names }: CertificatePlan,
  failure: IssueFailure | undefined,
): Effect.Effect<void> => {
  const hosts = names.join(", ")
  return failure === undefined
    ? Effect.logInfo(`certificates: there is a new one for ${hosts}`)
    : Effect.logError(describe(failure, hosts))
}

/** What answers the challenges of the authority: this relay, its workers and the others of the cluster. */
const challengerOf = (
  settings: RelaySettings["Service"],
  table: ChallengeTable,
  dns: KeptOptions["dns"],
  shared: EngineStore.SharedStore | undefined,
  hasWorkers: () => boolean,
) =>
  Challenger.make({
    table,
    hasPlainPort: settings.current().httpListen !== false,
    dns,
    isInZone: (name) => {
      const { domain } = settings.current()
      return domain !== undefined && (name === domain || name.endsWith(`.${domain}`))
    },
    spread: (challenge, isThere) =>
      Effect.andThen(
        shared?.spread(challenge, isThere) ?? Effect.void,
        isThere && hasWorkers() ? Effect.sleep(tellMillis) : Effect.void,
      ),
  })

/**
 * Has the keeper obtain what the configuration in force names, and what of the
 * stored certificates it still allows.
 *
 * @param stored the names in the store at the start
 */
const wantAll = (
  settings: RelaySettings["Service"],
  keeper: CertificateKeeper,
  stored: ReadonlyArray<string>,
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const derived = settings.derived()
    keeper.retain((plan) => CertificateHosts.isWanted(derived, plan))
    const before = stored.flatMap((name) => {
      const host = /^(.+)\.pem$/.exec(name)?.[1]
      return host === undefined || host.startsWith("_.")
        ? []
        : (CertificateHosts.planOf(derived, host) ?? [])
    })
    return Effect.forEach([...CertificateHosts.ownPlans(derived), ...before], keeper.want, {
      discard: true,
    })
  })

/** Obtains certificates while the Scope is open. One function, since all parts share the listeners and the fallback. */
export const make = Effect.fnUntraced(function* (options: KeptOptions) {
  const settings = yield* RelaySettings
  const clock = yield* Clock.Clock
  const engine = yield* Engine
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const table = new ChallengeTable()
  const folder = AcmeStore.inFolder(AcmeStore.folderOf(options.stateFolder, options.directory))
  const shared =
    engine.status().state === "off" || options.clusterSecrets.length === 0
      ? undefined
      : yield* EngineStore.make(options.clusterSecrets, options.directory, table)
  const store = shared === undefined ? folder : CopiedStore.make(shared.store, folder)
  const client = new AcmeClient(options)
  yield* Effect.addFinalizer(() => Effect.sync(() => client.close()))
  let fallback = Provisional.make(settings.derived(), clock.currentTimeMillisUnsafe())
  const listeners = new Set<CertificateListener>()
  const hasWorkers = (): boolean => [...listeners].some((one) => one.challenge !== undefined)
  const keeper = new CertificateKeeper({
    client,
    store,
    challenger: challengerOf(settings, table, options.dns, shared, hasWorkers),
    alone: shared?.alone ?? Effect.asSome,
    onCertificate: (id, certificate) => {
      for (const listener of listeners) listener.certificate?.(id, certificate)
      if (CertificateHosts.ownPlans(settings.derived())[0]?.id !== id) return
      fallback = certificate
      for (const listener of listeners) listener.fallback?.(certificate)
    },
    onAttempt: (plan, failure) => {
      run(report(plan, failure))
      for (const listener of listeners) listener.attempt?.(plan, failure)
    },
  })
  table.listen((host, certificate) => {
    for (const listener of listeners) listener.challenge?.(host, certificate)
  })
  yield* shared?.follow(keeper) ?? Effect.void
  const wanting = wantAll(settings, keeper, yield* Effect.orElseSucceed(store.list, () => []))
  yield* wanting
  for (const { failure, names } of keeper.statuses())
    if (failure !== undefined) yield* Effect.logWarning(describe(failure, names.join(", ")))
  yield* onHangUp(keeper.tryAgain)
  yield* Effect.forkScoped(Stream.runForEach(settings.changes, () => wanting))
  const isServing = Latch.makeUnsafe(false)
  yield* Effect.forkScoped(Effect.andThen(isServing.await, keeper.run))
  const { find } = new AwaitedCertificates({
    keeper,
    table,
    clock,
    run,
    planOf: (host) => CertificateHosts.planOf(settings.derived(), host),
  })
  const shape: CertificatesShape = {
    find,
    challenge: (host) => table.certificate(host),
    token: (token) => {
      const answer = table.token(token)
      return answer === undefined && shared !== undefined
        ? shared.token(token)
        : Effect.succeed(answer)
    },
    fallback: () => fallback,
    start: () => {
      isServing.openUnsafe()
    },
    statuses: () => keeper.statuses(),
    all: () => keeper.all(),
    challenges: () => table.all(),
    listen: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  return shape
})

/** {@link make} as the service. */
export const layer = (options: KeptOptions): Layer.Layer<never, never, RelaySettings> =>
  Layer.effect(Certificates, make(options))
