/**
 * Records that all relays of a cluster agree on: a hash of the engine, of
 * which each relay keeps a copy. The later change of a record wins, a removal
 * is a change as well, and a relay that has a later one than the engine writes
 * it there. So an engine that comes back empty is filled again, and a relay
 * that was away brings back nothing that was removed meanwhile.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Complaints } from "./Complaints.ts"
import { Engine, type EngineUnavailable } from "./Engine.ts"
import * as EngineLoop from "./EngineLoop.ts"

/** A value and when it was set, in milliseconds since 1970; a removed one has no value. */
export interface SharedRecord<A> {
  readonly at: number
  readonly value: A | undefined
}

/** The records by their keys. */
export type Records<A> = ReadonlyMap<string, SharedRecord<A>>

/** How long a removal is remembered, in milliseconds: 90 days. A relay that was away for longer may bring the record back. */
export const removalMillis = 90 * 86_400_000

/** The most records that are read. */
const mostRecords = 20_000

/** By how much the clocks of relays may differ, in milliseconds; what is later still is ignored, as it could never be changed. */
const skewMillis = 3_600_000

/** How often the hash is read without a notice, in milliseconds. */
const everyMillis = 60_000

/** Options of {@link make}. */
export interface SharedRecordsOptions<A> {
  /** The key of the hash, and of the channel of its notices. */
  readonly key: string
  readonly value: Schema.Codec<A, unknown>
  /** The copy of an earlier process. */
  readonly initial: Records<A>
  /** After how many milliseconds a record is dropped, removed or not; never unless given. */
  readonly lifetimeMillis?: number
  /** Called with all records when some have changed elsewhere. */
  readonly onChange: (records: Records<A>) => Effect.Effect<void>
}

/** The copy of one relay. */
export interface SharedRecords<A> {
  readonly records: () => Records<A>
  /** Sets or removes records here and, as soon as it can be reached, in the engine. */
  readonly change: (changes: Records<A>) => void
}

const recordOf = <A>(value: Schema.Codec<A, unknown>) =>
  Schema.Struct({ at: Schema.Natural, value: Schema.optionalKey(value) })

/** A record as it is stored: a removed one has no field `value`. */
const storedOf = <A>({
  at,
  value,
}: SharedRecord<A>): { readonly at: number; readonly value?: A } =>
  value === undefined ? { at } : { at, value }

const codecOf = <A>(value: Schema.Codec<A, unknown>) => {
  const Stored = Schema.fromJsonString(recordOf(value))
  const decode = Schema.decodeUnknownResult(Stored)
  const encode = Schema.encodeSync(Stored)
  return {
    decode: (text: string): Result.Result<SharedRecord<A>, string> =>
      Result.mapBoth(decode(text), {
        onSuccess: ({ at, value }) => ({ at, value }),
        onFailure: (error) => error.message,
      }),
    encode: (record: SharedRecord<A>): string => encode(storedOf(record)),
  }
}

/** Records as an object, for a copy on disk. */
export const recordsOf = <A>(value: Schema.Codec<A, unknown>) =>
  Schema.Record(Schema.String, recordOf(value))

/** Records from and to such an object. */
export const fromObject = <A>(
  object: Readonly<Record<string, { readonly at: number; readonly value?: A }>>,
): Records<A> => new Map(Object.entries(object).map(([key, { at, value }]) => [key, { at, value }]))

/** See {@link fromObject}. */
export const toObject = <A>(
  records: Records<A>,
): Readonly<Record<string, { readonly at: number; readonly value?: A }>> =>
  Object.fromEntries([...records].map(([key, record]) => [key, storedOf(record)]))

/** The records in the fields of a hash; those that are invalid, or too far ahead of this clock, are left out with a complaint. */
const decodeFields = Effect.fnUntraced(function* <A>(
  key: string,
  fields: ReadonlyMap<string, string>,
  decode: (text: string) => Result.Result<SharedRecord<A>, string>,
  complaints: Complaints,
) {
  const records = new Map<string, SharedRecord<A>>()
  const latest = (yield* Clock.currentTimeMillis) + skewMillis
  for (const [field, text] of [...fields].slice(0, mostRecords)) {
    const record = decode(text)
    if (Result.isFailure(record))
      yield* complaints.log(`engine: ${key} of ${field} is ignored`, record.failure)
    else if (record.success.at > latest)
      yield* complaints.log(
        `engine: ${key} that another relay has changed are ignored for now`,
        `that of ${field} is more than an hour ahead of this machine's clock. Set the clocks of all machines`,
      )
    else records.set(field, record.success)
  }
  return records
})

/** Keeps a relay's copy and the engine's hash the same while the Scope is open. */
export const make = Effect.fn("SharedRecords.make")(function* <A>({
  initial,
  key,
  lifetimeMillis = Number.POSITIVE_INFINITY,
  onChange,
  value,
}: SharedRecordsOptions<A>): Effect.fn.Return<SharedRecords<A>, never, Scope.Scope> {
  const engine = yield* Engine
  const clock = yield* Clock.Clock
  const complaints = new Complaints()
  const codec = codecOf(value)
  const retention = { millis: Math.min(lifetimeMillis, removalMillis) }
  let copy: Map<string, SharedRecord<A>> = new Map(initial)

  /** Of two changes at the same time all relays take the same one. */
  const later = (one: SharedRecord<A>, other: SharedRecord<A> | undefined): boolean =>
    other === undefined ||
    one.at > other.at ||
    (one.at === other.at && codec.encode(one) > codec.encode(other))

  const isOver = ({ at, value }: SharedRecord<A>): boolean =>
    clock.currentTimeMillisUnsafe() - at > (value === undefined ? removalMillis : lifetimeMillis)

  const exchange: Effect.Effect<void, EngineUnavailable> = Effect.gen(function* () {
    const fields = yield* engine.fields(key)
    const stored = yield* decodeFields(key, fields, codec.decode, complaints)
    const own = [...copy].filter(([field, record]) => later(record, stored.get(field)))
    const others = [...stored].filter(([field, record]) => later(record, copy.get(field)))
    const expired = [...stored].flatMap(([field, record]) => (isOver(record) ? [field] : []))
    copy = new Map([...copy, ...others].filter(([, record]) => !isOver(record)))
    if (others.length > 0) yield* onChange(copy)
    const send = own.filter(([, record]) => !isOver(record))
    yield* engine.setFields(
      key,
      new Map(send.map(([field, record]) => [field, codec.encode(record)])),
      retention,
    )
    yield* engine.removeFields(key, expired)
    if (send.length > 0) yield* engine.publish(key, "changed")
  })

  const request = yield* EngineLoop.make({
    what: `sharing ${key}`,
    everyMillis: () => everyMillis,
    run: exchange,
  })
  const unsubscribe = engine.subscribe(key, request)
  yield* Effect.addFinalizer(() => Effect.sync(unsubscribe))
  return {
    records: () => copy,
    change: (changes) => {
      const news = [...changes].filter(([field, record]) => later(record, copy.get(field)))
      if (news.length === 0) return
      copy = new Map([...copy, ...news])
      request()
    },
  }
})
