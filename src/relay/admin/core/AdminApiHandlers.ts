/**
 * Handlers of the administrator's API, which translate between its schemas and
 * `Administration.ts`.
 */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as Layer from "effect/Layer"
import type { EngineStatus } from "../../../cluster/engine/Engine.ts"
import type { ErrorCode } from "../../../domain/ErrorRegistry.ts"
import { statusOf } from "../../../domain/ErrorRegistry.ts"
import type { CertificateStatus } from "../../../transport/acme/CertificateKeeper.ts"
import { problemOf } from "../../../web/FailurePage.ts"
import type { AuditEntry } from "../../audit/AuditLog.ts"
import { History } from "../../history/History.ts"
import * as Series from "../../history/Series.ts"
import type { ApprovalError } from "../../registry/Approval.ts"
import type { ConfigStatus } from "../../settings/RelaySettings.ts"
import type { ServerView } from "../../status/ServerView.ts"
import { maxRecent } from "../../traffic/Counters.ts"
import type { Histogram } from "../../traffic/Histogram.ts"
import { AdminApi, AdminOnly, apiPath, WellFormed } from "./AdminApi.ts"
import {
  Administration,
  type Overview,
  type RecentView,
  type StrangerView,
} from "./Administration.ts"
import * as AuditFilter from "./AuditFilter.ts"
import { Caller, nameOf } from "./Caller.ts"
import * as Requests from "./Requests.ts"

const iso = (at: number): string => new Date(at).toISOString()
const isoOrNull = (at: number | undefined): string | null => (at === undefined ? null : iso(at))

const idsOf = (silent: Overview["silent"]) =>
  silent.length === 0 ? {} : { unanswered: silent.map(({ id }) => id) }

/** A list, and which relays it lacks. */
const listed = <Item>(items: ReadonlyArray<Item>, silent: Overview["silent"]) =>
  HttpApiSchema.withHeaders({
    body: items,
    headers:
      silent.length === 0 ? {} : { "x-ptth-unanswered": silent.map(({ id }) => id).join(", ") },
  })

const serverOf = (view: ServerView, silent: Overview["silent"]) => ({
  name: view.name,
  displayName: view.displayName,
  state: view.state,
  transports: view.transports,
  reason: view.reason,
  programs: view.programs,
  connections: view.connections,
  paused: view.isPaused,
  lastSeen: isoOrNull(view.lastSeen),
  waiting: view.waiting,
  inFlight: view.traffic.inFlight,
  requests: view.traffic.requests,
  bytesIn: view.traffic.bytesIn,
  bytesOut: view.traffic.bytesOut,
  tripcodes: view.tripcodes,
  ...(view.relays.length === 0
    ? {}
    : { relays: view.relays.map(({ relay, ...one }) => ({ relay: relay.id, ...one })) }),
  ...idsOf(silent),
})

const detailOf = (
  view: ServerView,
  recent: ReadonlyArray<RecentView>,
  silent: Overview["silent"],
) => ({
  ...serverOf(view, silent),
  latency: view.traffic.latency ?? null,
  errors: Object.fromEntries(view.traffic.errors),
  recent: recent.map((request) => ({
    at: iso(request.at),
    method: request.method,
    path: request.path,
    status: request.status ?? null,
    code: request.code ?? null,
    transport: request.transport,
    ...(request.relay === undefined ? {} : { relay: request.relay }),
    ...(request.hop === undefined ? {} : { hop: request.hop }),
    millis: request.millis,
    bytesIn: request.bytesIn,
    bytesOut: request.bytesOut,
    whole: request.whole,
  })),
})

const strangerOf = (view: StrangerView) => ({
  name: view.name,
  tripcode: view.tripcode,
  words: view.words,
  keyChanged: view.reason === "wrong key",
  address: view.address,
  firstSeen: iso(view.firstSeen),
  lastSeen: iso(view.lastSeen),
  ignored: view.ignored,
})

const entryOf = ({ at, event, relay }: AuditEntry) => {
  const { _tag: kind, ...fields } = event
  return { at: iso(at), kind, ...(relay === undefined ? {} : { relay }), fields }
}

const requestOf = (row: Requests.ListedView, silent: Overview["silent"]) => ({
  at: iso(row.at),
  server: row.server,
  ...(row.relay === "" ? {} : { relay: row.relay }),
  number: row.number ?? null,
  method: row.method,
  path: row.path,
  status: row.status ?? null,
  code: row.code ?? null,
  millis: row.millis ?? null,
  waitMillis: row.waitMillis ?? null,
  tunnelMillis: row.tunnelMillis ?? null,
  bytesIn: row.bytesIn,
  bytesOut: row.bytesOut,
  whole: row.whole,
  ...idsOf(silent),
})

/** The quantiles of a histogram; `null` without values. */
const quantilesOf = (histogram: Histogram) => {
  const [p50, p95] = [histogram.quantile(0.5), histogram.quantile(0.95)]
  return p50 === undefined || p95 === undefined ? null : { p50, p95 }
}

const slotOf = (slot: Series.Slot) => ({
  start: iso(slot.start),
  statuses: [...slot.values.subarray(0, 6)],
  bytesIn: slot.values[Series.place.bytesIn] ?? 0,
  bytesOut: slot.values[Series.place.bytesOut] ?? 0,
  wait: quantilesOf(Series.histogramOf(slot, "wait")),
  tunnel: quantilesOf(Series.histogramOf(slot, "tunnel")),
  links: slot.values[Series.place.links] ?? 0,
  waiting: slot.values[Series.place.waiting] ?? 0,
})

const certificateOf = ({ failure, id, names, renewAt, validity }: CertificateStatus) => ({
  id,
  hosts: names,
  validFrom: isoOrNull(validity?.from),
  validUntil: isoOrNull(validity?.until),
  renewAt: isoOrNull(renewAt),
  failure:
    failure === undefined
      ? null
      : {
          at: iso(failure.at),
          code: failure.code,
          detail: failure.detail,
          attempts: failure.attempts,
          retryAt: iso(failure.retryAt),
        },
})

const relaysOf = ({ relays, silent }: Overview, engine: EngineStatus) => ({
  relays: relays.map((relay) => ({
    id: relay.id,
    machine: relay.machine,
    worker: relay.worker ?? null,
    address: relay.address ?? null,
    program: relay.program,
    since: iso(relay.since),
    roundTrip: relay.roundTrip ?? null,
    state: relay.state,
    links: relay.links,
    configDiffers: relay.differs,
    takesHops: !relay.isApart,
    configProblem: relay.problem ?? null,
    engine: relay.engine?.state ?? null,
  })),
  unanswered: silent,
  engine: { state: engine.state, reason: engine.reason ?? null },
})

const problem = <
  Code extends Extract<ErrorCode, ApprovalError["code"] | "PTTH_NOT_FOUND" | "PTTH_BAD_REQUEST">,
>(
  code: Code,
  detail: string,
) => ({ ...problemOf({ code, detail, status: statusOf(code) }), code })

const failed = (error: ApprovalError) => {
  const { code, detail } = error
  switch (code) {
    case "PTTH_ALREADY_REGISTERED":
      return problem(code, detail)
    case "PTTH_BAD_APPROVAL":
      return problem(code, detail)
    case "PTTH_CANNOT_APPROVE":
      return problem(code, detail)
  }
}

const pass = <A, E, R>(effect: Effect.Effect<A, E, R>) => effect

/** `AdminFront.ts` has checked the caller. */
const adminOnly = Layer.succeed(AdminOnly, { session: pass, token: pass })

const wellFormed = HttpApiMiddleware.layerSchemaErrorTransform(WellFormed, (error) =>
  error.kind === "Body" || error.kind === "ResponseHeaders"
    ? Effect.fail(error)
    : Effect.fail(
        problem("PTTH_BAD_REQUEST", `invalid ${error.kind.toLowerCase()}: ${error.cause.message}`),
      ),
)

const configOf = ({ path, problem, serversFolder, since }: ConfigStatus) => ({
  path: path ?? null,
  serversFolder: serversFolder ?? null,
  since: iso(since),
  problem: problem === undefined ? null : { at: iso(problem.at), message: problem.message },
})

/** A server's name and the tripcode of its key. */
interface Registration {
  readonly name: string
  readonly tripcode: string
}

/** Registers a server, and answers with what is known of it then. */
const approve = Effect.fnUntraced(function* (
  administration: Administration["Service"],
  { name, tripcode }: Registration,
) {
  const { identity } = yield* Caller
  const reached = yield* Effect.mapError(
    administration.approve(name, tripcode, nameOf(identity)),
    failed,
  )
  const { servers, silent } = yield* administration.overview
  const view = servers.find((server) => server.name === name)
  return view === undefined
    ? yield* Effect.fail(
        problem("PTTH_CANNOT_APPROVE", "the server was removed from the configuration again"),
      )
    : {
        ...serverOf(view, silent),
        ...(reached.silent.length === 0 ? {} : { missed: reached.silent }),
      }
})

const ignore = Effect.fnUntraced(function* (
  administration: Administration["Service"],
  { name, tripcode }: Registration,
) {
  const { identity } = yield* Caller
  const reached = yield* administration.ignore(name, tripcode, nameOf(identity))
  if (reached === undefined)
    yield* Effect.fail(problem("PTTH_NOT_FOUND", "no server with this name and key is waiting"))
})

/** One function, since all handlers of a group are given together. */
const handlers = HttpApiBuilder.group(
  AdminApi,
  "relay",
  Effect.fnUntraced(function* (group) {
    const administration = yield* Administration
    const requests = yield* Requests.Requests
    const history = yield* History
    const noServer = (name: string) =>
      problem("PTTH_NOT_FOUND", `no server has the name ${JSON.stringify(name)}`)
    return group.handleAll({
      servers: () =>
        Effect.map(administration.overview, ({ servers, silent }) =>
          listed(
            servers.map((view) => serverOf(view, silent)),
            silent,
          ),
        ),
      server: Effect.fnUntraced(function* ({ params }) {
        const [{ servers, silent }, recent] = yield* Effect.all(
          [administration.overview, administration.recent(params.name)],
          { concurrency: "unbounded" },
        )
        const view = servers.find(({ name }) => name === params.name)
        if (view === undefined) return yield* Effect.fail(noServer(params.name))
        return detailOf(view, recent.slice(0, maxRecent), silent)
      }),
      unregistered: () =>
        Effect.map(administration.overview, ({ silent, unregistered }) =>
          listed(unregistered.map(strangerOf), silent),
        ),
      requests: ({ query }) =>
        Effect.map(requests.list(Requests.filterOf(query)), ({ rows, silent }) =>
          listed(
            rows.map((row) => requestOf(row, silent)),
            silent,
          ),
        ),
      traffic: ({ query }) =>
        Effect.flatMap(administration.overview, ({ silent }) =>
          Effect.map(history.read(query.server ?? "", Series.spanOf(query.span)), (slots) =>
            listed(slots.map(slotOf), silent),
          ),
        ),
      relays: () =>
        Effect.map(administration.overview, (overview) =>
          relaysOf(overview, administration.engine()),
        ),
      certificates: () => Effect.sync(() => administration.certificates().map(certificateOf)),
      reload: () => Effect.map(administration.reload, ({ silent }) => ({ missed: silent })),
      approve: ({ payload }) => approve(administration, payload),
      ignore: ({ payload }) => ignore(administration, payload),
      audit: ({ query }) =>
        Effect.sync(() =>
          query.kind !== undefined && AuditFilter.kindOf(query.kind) === undefined
            ? []
            : administration.audit(AuditFilter.filterOf(query, true)).map(entryOf),
        ),
      config: () => Effect.sync(() => configOf(administration.config())),
    })
  }),
)

/** The routes of the API, and its description at `/api/v1/openapi.json`. */
export const layer = HttpApiBuilder.layer(AdminApi, {
  openapiPath: `${apiPath}/openapi.json`,
}).pipe(Layer.provide(handlers), Layer.provide(Layer.merge(adminOnly, wellFormed)))
