/**
 * The traffic of an hour, a day and a week, for charts: of each server and of
 * all together, at all relays that serve as one. It is kept by the process that
 * has the administrator's side, which asks the relays once a minute.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as AdminControl from "../../protocol/peer/AdminControl.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import { type RelayAnswers, type RelayIdentity, Relays } from "../status/Relays.ts"
import { HistoryStore } from "./HistoryStore.ts"
import { Sampler } from "./Sampler.ts"
import { Ring, type Slot, type SpanName, spans } from "./Series.ts"

/** How often relays are asked, in milliseconds. */
const sampleMillis = 60_000

/** See the file's header. */
export class History extends Context.Service<
  History,
  {
    /** Takes reports that somebody has asked for anyway, so that charts are up to date. */
    readonly take: (reports: RelayAnswers<AdminControl.RelayReport>) => Effect.Effect<void>
    /** The slots of a span, the oldest first; `server` is empty for all servers together. */
    readonly read: (server: string, span: SpanName) => Effect.Effect<ReadonlyArray<Slot>>
    /** Whether it is kept over restarts. */
    readonly isStored: () => boolean
  }
>()("ptth/relay/History") {
  static readonly layer: Layer.Layer<History, never, RelaySettings | Relays> = Layer.effect(
    History,
    Effect.suspend(() => make),
  )
}

/** Opens the database, if there is to be one; without it the charts start empty at each start. */
const openStore = Effect.fnUntraced(function* (folder: string | undefined) {
  if (folder === undefined) return undefined
  return yield* Effect.tryPromise(() => HistoryStore.open(folder)).pipe(
    Effect.catch(({ cause }) =>
      Effect.as(
        Effect.logWarning(
          `the traffic cannot be kept in ${folder}, so that charts start empty at each start`,
          Cause.fail(cause),
        ),
        undefined,
      ),
    ),
  )
})

/** One function, since reading, sampling and storing share the sampler and what is not stored yet. */
const make = Effect.gen(function* () {
  const settings = yield* RelaySettings
  const relays = yield* Relays
  const sampler = new Sampler()
  /** The minutes of each server that are not stored yet. */
  const changed = new Map<string, Set<number>>()
  const store = yield* openStore(settings.current().stateDir)
  const startedAt = yield* Clock.currentTimeMillis
  /** Whether a failure of the database has been logged. */
  let hasFailed = false
  const stored = (use: (store: HistoryStore) => void) =>
    store === undefined
      ? Effect.void
      : Effect.try(() => use(store)).pipe(
          Effect.catch(({ cause }) => {
            if (hasFailed) return Effect.void
            hasFailed = true
            return Effect.logWarning("the traffic for charts cannot be stored", Cause.fail(cause))
          }),
        )
  yield* stored((one) => one.load(startedAt, (server) => sampler.seriesOf(server)))

  const take = (reports: RelayAnswers<AdminControl.RelayReport>, at: number): void => {
    const minute = at - (at % sampleMillis)
    for (const name of sampler.take(reports, at))
      changed.set(name, (changed.get(name) ?? new Set()).add(minute))
  }
  const save = Effect.fnUntraced(function* (at: number) {
    const names = new Set<string>(settings.current().servers.map(({ name }) => name))
    const removed = sampler.keepOnly(names)
    yield* stored((store) => {
      store.drop(removed)
      store.save(
        at,
        [...changed].flatMap(([server, minutes]) => {
          const series = sampler.series.get(server)
          return series === undefined ? [] : [{ server, series, minutes }]
        }),
      )
    })
    changed.clear()
  })
  /** What has happened since belongs to the minute that has just ended. */
  const sample = Effect.gen(function* () {
    const reports = yield* relays.ask(AdminControl.report, {})
    const at = (yield* Clock.currentTimeMillis) - 1
    take(reports, at)
    yield* save(at)
  })
  const untilNextMinute = Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.sleep(sampleMillis - (now % sampleMillis)),
  )
  yield* untilNextMinute.pipe(Effect.andThen(sample), Effect.forever, Effect.forkScoped)
  /** What this relay, or the workers of this supervisor, have counted since the last sample. */
  const takeOwn = Effect.fnUntraced(function* (at: number) {
    const { self } = relays.peers
    const isOwn = ({ id, machine }: RelayIdentity): boolean =>
      relays.isRelay ? id === self.id : machine === self.machine
    take(yield* relays.ask(AdminControl.report, {}, isOwn), at)
  })
  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      const at = yield* Clock.currentTimeMillis
      yield* takeOwn(at)
      yield* save(at)
      yield* stored((one) => one.close())
    }),
  )
  return History.of({
    take: (reports) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        take(reports, now)
      }),
    read: (server, span) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        (sampler.series.get(server)?.rings[span] ?? new Ring(spans[span])).read(now),
      ),
    isStored: () => store !== undefined,
  })
})
