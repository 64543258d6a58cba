/**
 * The audit log of a cluster: each relay appends its events to a stream of the
 * engine and reads those of the others, so that the administrator's page of any
 * relay shows all of them. Visitors' requests have a stream of their own, so
 * that they evict no other events. While the engine is away each relay has its
 * own events and those that it has read; its own are appended once it is back.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Complaints } from "../../cluster/engine/Complaints.ts"
import { Engine, type EngineUnavailable } from "../../cluster/engine/Engine.ts"
import * as EngineLoop from "../../cluster/engine/EngineLoop.ts"
import * as AuditLine from "./AuditLine.ts"
import { type AuditEntry, AuditLog, isFrequent, maxEntries } from "./AuditLog.ts"

const streams = ["audit", "audit:requests"] as const
type StreamKey = (typeof streams)[number]

/** The channel on which a relay says that it has appended. */
const channel = "audit"

/** How long the engine keeps a stream to which nothing is appended, in milliseconds: 30 days. */
const keptMillis = 30 * 86_400_000

/** How often the streams are read without a notice, in milliseconds. */
const everyMillis = 30_000

/** The most events that wait for the engine; beyond that the oldest are only in this relay's own log. */
const maxWaiting = 1_000

/** One of the streams, as this relay has appended to and read it. */
class SharedStream {
  readonly key: StreamKey
  private waiting: Array<string> = []
  /** The id of the last line that was read; `undefined` before the first. */
  private last: string | undefined

  constructor(key: StreamKey) {
    this.key = key
  }

  /** Adds a line; returns the one that is dropped for it. */
  add(line: string): string | undefined {
    this.waiting.push(line)
    return this.waiting.length > maxWaiting ? this.waiting.shift() : undefined
  }

  /** Appends what waits; succeeds with whether that was anything. */
  readonly flush = (): Effect.Effect<boolean, EngineUnavailable> =>
    Effect.gen({ self: this }, function* () {
      const lines = this.waiting
      if (lines.length === 0) return false
      this.waiting = []
      const engine = yield* Engine
      yield* engine.append(this.key, lines, { most: maxEntries, millis: keptMillis }).pipe(
        Effect.onError(() =>
          Effect.sync(() => {
            this.waiting = [...lines, ...this.waiting].slice(-maxWaiting)
          }),
        ),
      )
      return true
    })

  /** The lines that were not read before; at first the last ones. */
  readonly read = (): Effect.Effect<ReadonlyArray<string>, EngineUnavailable> =>
    Effect.gen({ self: this }, function* () {
      const engine = yield* Engine
      const lines = yield* this.last === undefined
        ? engine.lastLines(this.key, maxEntries)
        : engine.linesAfter(this.key, this.last, maxEntries)
      this.last = lines.at(-1)?.id ?? this.last ?? "0-0"
      return lines.map(({ line }) => line)
    })
}

const share: Effect.Effect<void, never, AuditLog | Scope.Scope> = Effect.gen(function* () {
  const engine = yield* Engine
  if (engine.status().state === "off") return
  const audit = yield* AuditLog
  const complaints = new Complaints()
  const [others, requests] = streams.map((key) => new SharedStream(key)) as [
    SharedStream,
    SharedStream,
  ]
  const lineOf = (entry: AuditEntry): string =>
    AuditLine.toLine({ ...entry, relay: entry.relay ?? engine.self.id }).trimEnd()
  /** The lines of this relay that have not come back yet; of earlier processes those in its file. */
  const own = new Set(audit.entries().map(lineOf))

  const readAll = Effect.fnUntraced(function* (stream: SharedStream) {
    const entries: Array<AuditEntry> = []
    for (const line of yield* stream.read()) {
      if (own.delete(line)) continue
      const entry = AuditLine.fromLine(line)
      if (entry === undefined)
        yield* complaints.log(`engine: a line of ${stream.key} is ignored`, "it is no event")
      else entries.push(entry)
    }
    if (entries.length > 0) audit.merge(entries)
  })

  const request = yield* EngineLoop.make({
    what: "sharing the audit log",
    everyMillis: () => everyMillis,
    run: Effect.gen(function* () {
      const hasAppended = [yield* others.flush(), yield* requests.flush()]
      if (hasAppended.includes(true)) yield* engine.publish(channel, engine.self.run)
      yield* readAll(others)
      yield* readAll(requests)
    }),
  })
  const stop = audit.listen((entry) => {
    const line = lineOf(entry)
    own.add(line)
    const dropped = (isFrequent(entry) ? requests : others).add(line)
    if (dropped !== undefined) own.delete(dropped)
    request()
  })
  const unsubscribe = engine.subscribe(channel, (run) => {
    if (run !== engine.self.run) request()
  })
  yield* Effect.addFinalizer(() => {
    stop()
    unsubscribe()
    return Effect.ignore(Effect.andThen(others.flush(), requests.flush()))
  })
})

/** Shares the log while the layer is alive; does nothing without an engine. */
export const layer: Layer.Layer<never, never, AuditLog> = Layer.effectDiscard(share)
