/**
 * Events on the relay that matter to its administrator, typed, kept in memory
 * up to a bound and written to the program's log. `AuditFile.ts` stores them
 * on disk.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { type AuditEvent, sentences } from "./AuditEvent.ts"
import { AuditThrottle } from "./AuditThrottle.ts"

/** An event and when it happened, in milliseconds since 1970. */
export interface AuditEntry {
  readonly at: number
  readonly event: AuditEvent
  /** The id of the relay that recorded it, where it is another one or one of several workers. */
  readonly relay?: string
}

/** How many events are kept in memory. As many `VisitorRequests` are kept besides, so that they evict no other events. */
export const maxEntries = 1_000

/** Called with every event. */
export type AuditListener = (entry: AuditEntry) => void

/** See the file's header. `record` never fails and never waits. */
export class AuditLog extends Context.Service<
  AuditLog,
  {
    readonly record: (event: AuditEvent) => void
    /** The oldest first. */
    readonly entries: () => ReadonlyArray<AuditEntry>
    /** Adds an event that another process has recorded. */
    readonly take: (entry: AuditEntry) => void
    /** Inserts the events of earlier processes before all others. */
    readonly restore: (before: ReadonlyArray<AuditEntry>) => void
    /** Inserts events of other relays by their time. */
    readonly merge: (entries: ReadonlyArray<AuditEntry>) => void
    /** Calls the listener for every event of this relay until the returned function is called. */
    readonly listen: (listener: AuditListener) => () => void
  }
>()("ptth/relay/AuditLog") {
  static readonly layer: Layer.Layer<AuditLog> = Layer.effect(
    AuditLog,
    Effect.gen(function* () {
      let entries: ReadonlyArray<AuditEntry> = []
      const listeners = new Set<AuditListener>()
      const context = yield* Effect.context<never>()
      const run = Effect.runForkWith(context)
      const take = (entry: AuditEntry): void => {
        entries = newest([...entries, entry])
        for (const listener of listeners) listener(entry)
        const { _tag, ...fields } = entry.event
        const line = isFrequent(entry) ? Effect.logDebug : Effect.logInfo
        const relay = entry.relay === undefined ? {} : { relay: entry.relay }
        run(Effect.annotateLogs(line(sentences[_tag]), { ...fields, ...relay }))
      }
      return AuditLog.of({
        entries: () => entries,
        take,
        restore: (before) => {
          entries = newest([...before, ...entries])
        },
        merge: (others) => {
          entries = newest([...entries, ...others].sort((one, other) => one.at - other.at))
        },
        listen: (listener) => {
          listeners.add(listener)
          return () => listeners.delete(listener)
        },
        record: yield* recordTo(take),
      })
    }),
  )

  /** A log whose events another process keeps; it has no entries of its own. */
  static readonly layerForwarding = (forward: (entry: AuditEntry) => void): Layer.Layer<AuditLog> =>
    Layer.effect(
      AuditLog,
      Effect.map(recordTo(forward), (record) =>
        AuditLog.of({
          entries: () => [],
          take: forward,
          restore: () => {},
          merge: () => {},
          listen: () => () => {},
          record,
        }),
      ),
    )
}

/** Records events, as far as they are not too many, by giving each to `add`. */
const recordTo = Effect.fnUntraced(function* (add: (entry: AuditEntry) => void) {
  const clock = yield* Clock.Clock
  const throttle = new AuditThrottle()
  const recordOmitted = Effect.sync(() => {
    for (const omitted of throttle.takeOmitted())
      add({ at: clock.currentTimeMillisUnsafe(), event: { _tag: "EventsOmitted", ...omitted } })
  })
  yield* Effect.addFinalizer(() => recordOmitted)
  yield* recordOmitted.pipe(Effect.schedule(Schedule.spaced("1 minute")), Effect.forkScoped)
  return (event: AuditEvent): void => {
    const at = clock.currentTimeMillisUnsafe()
    if (throttle.passes(event, at)) add({ at, event })
  }
})

/** Whether an event is of the sort that is kept apart. */
export const isFrequent = ({ event }: AuditEntry): boolean => event._tag === "VisitorRequests"

/** The last {@link maxEntries} of each sort: frequent, and all others. */
const newest = (entries: ReadonlyArray<AuditEntry>): ReadonlyArray<AuditEntry> => {
  if (entries.length <= maxEntries) return entries
  const frequent = entries.filter(isFrequent).length
  let [tooFrequent, tooMany] = [frequent - maxEntries, entries.length - frequent - maxEntries]
  return entries.filter((entry) => (isFrequent(entry) ? tooFrequent-- <= 0 : tooMany-- <= 0))
}
