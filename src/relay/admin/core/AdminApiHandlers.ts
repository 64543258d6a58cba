/**
 * Handlers of the administrator's API, which translate between its schemas and
 * `Administration.ts`.
 */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as Layer from "effect/Layer"
import type { ErrorCode } from "../../../domain/ErrorRegistry.ts"
import { statusOf } from "../../../domain/ErrorRegistry.ts"
import { problemOf } from "../../../web/FailurePage.ts"
import type { AuditEvent } from "../../audit/AuditEvent.ts"
import { sentences } from "../../audit/AuditEvent.ts"
import type { AuditEntry } from "../../audit/AuditLog.ts"
import type { ApprovalError } from "../../registry/Approval.ts"
import type { ServerView } from "../../status/ServerView.ts"
import { AdminApi, AdminOnly, apiPath, WellFormed } from "./AdminApi.ts"
import { Administration, type StrangerView } from "./Administration.ts"
import { Caller, nameOf } from "./Caller.ts"

const iso = (at: number): string => new Date(at).toISOString()
const isoOrNull = (at: number | undefined): string | null => (at === undefined ? null : iso(at))

const serverOf = (view: ServerView) => ({
  name: view.name,
  displayName: view.displayName,
  state: view.state,
  transports: view.transports,
  reason: view.reason,
  programs: view.programs,
  connections: view.connections,
  lastSeen: isoOrNull(view.lastSeen),
  waiting: view.waiting,
  inFlight: view.traffic.inFlight,
  requests: view.traffic.requests,
  bytesIn: view.traffic.bytesIn,
  bytesOut: view.traffic.bytesOut,
  tripcodes: view.tripcodes,
})

const detailOf = (view: ServerView) => ({
  ...serverOf(view),
  latency: view.traffic.latency ?? null,
  errors: Object.fromEntries(view.traffic.errors),
  recent: view.traffic.recent.map((one) => ({
    at: iso(one.at),
    method: one.method,
    path: one.path,
    status: one.status ?? null,
    code: one.code ?? null,
    transport: one.transport,
    millis: one.millis,
    bytesIn: one.bytesIn,
    bytesOut: one.bytesOut,
    whole: one.whole,
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

/** The kind of event with this name; `undefined` if there is none. */
export const kindOf = (text: string | undefined): AuditEvent["_tag"] | undefined =>
  text !== undefined && Object.hasOwn(sentences, text) ? (text as AuditEvent["_tag"]) : undefined

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

const handlers = HttpApiBuilder.group(
  AdminApi,
  "relay",
  Effect.fnUntraced(function* (group) {
    const administration = yield* Administration
    const noServer = (name: string) =>
      problem("PTTH_NOT_FOUND", `no server has the name ${JSON.stringify(name)}`)
    return group.handleAll({
      servers: () => Effect.sync(() => administration.servers().map(serverOf)),
      server: ({ params }) =>
        Effect.suspend(() => {
          const view = administration.server(params.name)
          return view === undefined
            ? Effect.fail(noServer(params.name))
            : Effect.succeed(detailOf(view))
        }),
      unregistered: () => Effect.sync(() => administration.unregistered().map(strangerOf)),
      approve: Effect.fnUntraced(function* ({ payload }) {
        const { identity } = yield* Caller
        yield* Effect.mapError(
          administration.approve(payload.name, payload.tripcode, nameOf(identity)),
          failed,
        )
        const view = administration.server(payload.name)
        return view === undefined
          ? yield* Effect.fail(
              problem("PTTH_CANNOT_APPROVE", "the server was removed from the configuration again"),
            )
          : serverOf(view)
      }),
      ignore: Effect.fnUntraced(function* ({ payload }) {
        const { identity } = yield* Caller
        if (!administration.ignore(payload.name, payload.tripcode, nameOf(identity)))
          yield* Effect.fail(
            problem("PTTH_NOT_FOUND", "no server with this name and key is waiting"),
          )
      }),
      audit: ({ query }) =>
        Effect.sync(() =>
          query.kind !== undefined && kindOf(query.kind) === undefined
            ? []
            : administration.audit({ name: query.name, kind: kindOf(query.kind) }).map(entryOf),
        ),
      config: () =>
        Effect.sync(() => {
          const { path, problem: wrong, serversFolder, since } = administration.config()
          return {
            path: path ?? null,
            serversFolder: serversFolder ?? null,
            since: iso(since),
            problem: wrong === undefined ? null : { at: iso(wrong.at), message: wrong.message },
          }
        }),
    })
  }),
)

/** The routes of the API, and its description at `/api/v1/openapi.json`. */
export const layer = HttpApiBuilder.layer(AdminApi, {
  openapiPath: `${apiPath}/openapi.json`,
}).pipe(Layer.provide(handlers), Layer.provide(Layer.merge(adminOnly, wellFormed)))
