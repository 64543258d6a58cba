/**
 * Asks this relay and all others the same, so that an administrator sees all of
 * them as one, and is told which did not answer.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { Peers, type PeersShape, type PeerView } from "../../cluster/Peers.ts"
import * as AdminControl from "../../protocol/peer/AdminControl.ts"
import type { ControlKind } from "../../protocol/peer/PeerControl.ts"
import { LocalRelay } from "./LocalRelay.ts"

/** How long another relay may take to answer, in milliseconds. */
const answerMillis = 1_000

/** How old reports may be where many may ask for them. */
const reportsAge = "1 second"

/** Which relay it is; without others its id is empty. */
export interface RelayIdentity {
  readonly id: string
  readonly machine: string
  /** The number of the worker, where the machine has several. */
  readonly worker: number | undefined
}

/** The answer of one relay. */
export interface RelayAnswer<A> {
  readonly relay: RelayIdentity
  readonly value: A
}

/** A relay of which nothing is known right now, and why. */
export interface SilentRelay {
  readonly id: string
  readonly reason: string
}

/** Each relay once, with the last reason. */
export const uniqueById = (silent: ReadonlyArray<SilentRelay>): ReadonlyArray<SilentRelay> => [
  ...new Map(silent.map((one) => [one.id, one])).values(),
]

/** What an act on all relays could not reach. */
export interface Reached {
  readonly silent: ReadonlyArray<SilentRelay>
}

/** The answers of all relays. */
export interface RelayAnswers<A> {
  /** That of this relay first. */
  readonly answers: ReadonlyArray<RelayAnswer<A>>
  readonly silent: ReadonlyArray<SilentRelay>
}

/** See the file's header. */
export class Relays extends Context.Service<
  Relays,
  {
    /** Whether this relay is by itself, and its answers need no name. */
    readonly isAlone: boolean
    /** Whether this process is a relay itself; a supervisor of workers is none. */
    readonly isRelay: boolean
    readonly peers: PeersShape
    /** Asks all relays, or those that `wanted` accepts. */
    readonly ask: <A, R>(
      kind: ControlKind<A, R>,
      message: A,
      wanted?: (relay: RelayIdentity) => boolean,
    ) => Effect.Effect<RelayAnswers<R>>
    /** The reports of all relays, at most a second old. */
    readonly reports: Effect.Effect<RelayAnswers<AdminControl.RelayReport>>
  }
>()("ptth/relay/Relays") {
  /** A supervisor of workers has no relay of its own; its workers are its peers. */
  static readonly layer: Layer.Layer<Relays> = Layer.effect(
    Relays,
    Effect.gen(function* () {
      const peers = yield* Peers
      const local = Option.getOrUndefined(yield* Effect.serviceOption(LocalRelay))
      const ask = askAll(peers, local)
      const gather = ask(AdminControl.report, {})
      return Relays.of({
        isAlone: peers.isAlone,
        isRelay: local !== undefined,
        peers,
        ask,
        reports: peers.isAlone ? gather : yield* Effect.cachedWithTTL(gather, reportsAge),
      })
    }),
  )

  /** Of a process that is a relay. */
  static readonly layerOfRelay = Relays.layer.pipe(Layer.provide(LocalRelay.layer))
}

const askAll =
  (peers: PeersShape, local: LocalRelay["Service"] | undefined): Relays["Service"]["ask"] =>
  (kind, message, wanted = () => true) =>
    Effect.suspend(() => {
      const { id, machine, worker } = peers.self
      const self: RelayIdentity = { id, machine, worker }
      const others = peers.list().filter((peer) => !hasLeft(peer) && wanted(peer))
      return Effect.forEach(
        [
          ...(local !== undefined && wanted(self) ? [askSelf(local, self, kind, message)] : []),
          ...others.map((peer) => askPeer(peers, peer, kind, message)),
        ],
        Effect.result,
        { concurrency: "unbounded" },
      )
    }).pipe(
      Effect.map((results) => ({
        answers: results.flatMap((one) => (Result.isSuccess(one) ? [one.success] : [])),
        silent: [
          ...results.flatMap((one) => (Result.isFailure(one) ? [one.failure] : [])),
          ...peers.unreached().map((at) => ({ id: at, reason: unreachedReason(peers, at) })),
        ],
      })),
    )

const unreachedReason = (peers: PeersShape, at: string): string => {
  const failure = peers.failure(at)
  return failure === undefined ? "it was never reached" : `it was never reached: ${failure}`
}

const askSelf = <A, R>(
  local: LocalRelay["Service"],
  relay: RelayIdentity,
  kind: ControlKind<A, R>,
  message: A,
): Effect.Effect<RelayAnswer<R>, SilentRelay> =>
  local.answer(kind, message).pipe(
    Effect.map((value) => ({ relay, value })),
    Effect.mapError((reason) => ({ id: relay.id, reason })),
  )

/** A relay that drained and ended does not come back under this id, or only as a new one. */
const hasLeft = ({ isDraining, state }: PeerView): boolean => state === "gone" && isDraining

const askPeer = <A, R>(
  peers: PeersShape,
  { id, machine, state, worker }: PeerView,
  kind: ControlKind<A, R>,
  message: A,
): Effect.Effect<RelayAnswer<R>, SilentRelay> =>
  state === "up"
    ? peers.ask(id, kind, message, answerMillis).pipe(
        Effect.map((value) => ({ relay: { id, machine, worker }, value })),
        Effect.mapError(({ detail }) => ({ id, reason: detail })),
      )
    : Effect.fail({ id, reason: "there is no connection to it" })
