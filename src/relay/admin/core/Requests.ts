/**
 * The last requests at all relays: lists of them, single ones as they were
 * recorded, sending one again, and for which servers requests are recorded.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { ServerName } from "../../../domain/ServerName.ts"
import * as AdminControl from "../../../protocol/peer/AdminControl.ts"
import { AuditLog } from "../../audit/AuditLog.ts"
import { type Reached, type RelayAnswers, Relays, type SilentRelay } from "../../status/Relays.ts"

/** A request in a list, and the id of the relay to which its visitor came. */
export interface ListedView extends AdminControl.ListedRequest {
  readonly relay: string
}

/** The last requests of all relays that match a filter. */
export interface RequestsView {
  /** The newest first. */
  readonly rows: ReadonlyArray<ListedView>
  /** How many assets match besides. */
  readonly assets: number
  readonly silent: ReadonlyArray<SilentRelay>
}

/** How many requests are listed. */
export const maxListed = 200

/** A filter as the fields of a query have it. */
export interface FilterFields {
  readonly server?: string | undefined
  readonly status?: string | undefined
  readonly path?: string | undefined
  readonly slow?: string | undefined
  readonly assets?: string | undefined
}

const filled = (text: string | undefined): string | undefined => (text === "" ? undefined : text)

/** A number that is not negative; `undefined` for any other text. */
export const numberOf = (text: string | undefined): number | undefined => {
  const number = text === undefined || text.trim() === "" ? Number.NaN : Number(text)
  return Number.isFinite(number) && number >= 0 ? number : undefined
}

/** The filter of a query; what is empty or not understood filters nothing. */
export const filterOf = ({
  assets,
  path,
  server,
  slow,
  status,
}: FilterFields): AdminControl.RequestFilter => ({
  server: filled(server),
  status: numberOf(status),
  path: filled(path),
  slow: numberOf(slow),
  assets: assets === "yes",
  most: maxListed,
})

/** Which recorded request it is: the relay that has it, the server, and its number there. */
export interface RecordingId {
  /** Empty for a relay by itself. */
  readonly relay: string
  readonly name: string
  readonly number: number
}

/** For how long requests can be recorded, in milliseconds. */
export const maxInspectMillis = 24 * 3_600_000

/** See the file's header. */
export class Requests extends Context.Service<
  Requests,
  {
    readonly list: (filter: AdminControl.RequestFilter) => Effect.Effect<RequestsView>
    /**
     * One recorded request; `undefined` if its relay has it no more. Fails with why
     * the relay did not answer.
     */
    readonly one: (id: RecordingId) => Effect.Effect<AdminControl.ShownRequest | undefined, string>
    /**
     * Sends a recorded request again, as it was or edited. Fails with why it was not sent.
     *
     * @param by who did it, for the audit log
     * @returns the recording of the new request
     */
    readonly replay: (
      id: RecordingId,
      edited: AdminControl.EditedRequest | undefined,
      by: string,
    ) => Effect.Effect<RecordingId, string>
    /**
     * Has all relays record the requests of a server for some milliseconds, or no
     * longer with 0.
     *
     * @param by who did it, for the audit log
     */
    readonly inspect: (name: ServerName, millis: number, by: string) => Effect.Effect<Reached>
  }
>()("ptth/relay/admin/Requests") {
  static readonly layer: Layer.Layer<Requests, never, AuditLog | Relays> = Layer.effect(
    Requests,
    Effect.suspend(() => make),
  )
}

/** The answer of the relay that has a recording; fails with why it did not answer. */
const answerOf = Effect.fnUntraced(function* <A>(
  relay: string,
  question: Effect.Effect<RelayAnswers<A>>,
) {
  const { answers, silent } = yield* question
  const [answer] = answers
  if (answer !== undefined) return answer.value
  const reason = silent.find(({ id }) => id === relay)?.reason ?? "there is no such relay"
  return yield* Effect.fail(reason)
})

const isAt =
  (relay: string) =>
  ({ id }: { readonly id: string }): boolean =>
    id === relay

const make = Effect.gen(function* () {
  const relays = yield* Relays
  const audit = yield* AuditLog
  return Requests.of({
    list: (filter) =>
      Effect.map(relays.ask(AdminControl.requests, filter), ({ answers, silent }) => ({
        rows: answers
          .flatMap(({ relay, value }) => value.rows.map((row) => ({ ...row, relay: relay.id })))
          .sort((one, other) => other.at - one.at || (other.number ?? 0) - (one.number ?? 0))
          .slice(0, filter.most),
        assets: answers.reduce((sum, { value }) => sum + value.assets, 0),
        silent,
      })),
    one: ({ name, number, relay }) =>
      answerOf(relay, relays.ask(AdminControl.request, { name, number }, isAt(relay))).pipe(
        Effect.map((request) => request ?? undefined),
      ),
    replay: Effect.fn("Requests.replay")(function* (
      { name, number, relay }: RecordingId,
      edited: AdminControl.EditedRequest | undefined,
      by: string,
    ) {
      const sent = yield* answerOf(
        relay,
        relays.ask(AdminControl.replay, { name, number, edited }, isAt(relay)),
      )
      audit.record({
        _tag: "RequestReplayed",
        name: name as ServerName,
        request: number,
        edited: edited === undefined ? "no" : "yes",
        by,
      })
      return { relay, name, number: sent }
    }),
    inspect: Effect.fn("Requests.inspect")(function* (
      name: ServerName,
      millis: number,
      by: string,
    ) {
      const at = yield* Clock.currentTimeMillis
      const isOn = millis > 0
      const until = isOn ? at + Math.min(millis, maxInspectMillis) : Number.MAX_SAFE_INTEGER
      const { silent } = yield* relays.ask(AdminControl.inspect, {
        name,
        inspection: { isOn, until, at },
      })
      audit.record({ _tag: "InspectionChanged", name, seconds: Math.round(millis / 1000), by })
      return { silent }
    }),
  })
})

/**
 * Tells relays of decisions about inspection that others know and they do not:
 * a relay that was started since, or did not answer then.
 */
export const spread = Effect.fnUntraced(function* (
  relays: Relays["Service"],
  { answers }: RelayAnswers<AdminControl.RelayReport>,
) {
  if (answers.length < 2) return
  const newest = new Map<string, AdminControl.Inspection>()
  for (const { value } of answers)
    for (const { inspection, name } of value.servers)
      if (inspection !== undefined && (newest.get(name)?.at ?? 0) < inspection.at)
        newest.set(name, inspection)
  for (const [name, inspection] of newest) {
    const behind = answers.filter(
      ({ value }) =>
        value.servers.find((server) => server.name === name)?.inspection?.at !== inspection.at,
    )
    const ids = new Set(behind.map(({ relay }) => relay.id))
    if (ids.size > 0)
      yield* relays.ask(AdminControl.inspect, { name, inspection }, ({ id }) => ids.has(id))
  }
})
