/**
 * The relay's own API for administrators, as data: what can be asked below
 * `/api/v1`, and what is answered. `AdminApiHandlers.ts` answers.
 */
import * as Context from "effect/Context"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as HttpApiSecurity from "effect/http-api/HttpApiSecurity"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { statusOf, type VisitorErrorCode } from "../../../domain/ErrorRegistry.ts"
import { cookieName } from "./AdminLogin.ts"

/** Below this the API lives. */
export const apiPath = "/api/v1"

const described = (description: string) => Schema.String.annotate({ description })
const count = Schema.Int.annotate({ description: "A count since the relay was started" })
const millis = Schema.Finite.annotate({ description: "Milliseconds" })
const Time = described("A time such as 2026-01-31T12:00:00.000Z").annotate({ format: "date-time" })
const Name = described("A server's name")
const Tripcode = described("The 44 characters that a server prints of its key")

/** Problem details (RFC 9457) with a code of docs/errors.md. */
const problem = <Code extends VisitorErrorCode>(code: Code) =>
  Schema.Struct({
    type: Schema.String,
    title: Schema.String,
    status: Schema.Int,
    detail: Schema.String,
    code: Schema.Literal(code),
    remedy: Schema.String,
  })
    .annotate({ identifier: `Problem ${code}` })
    .pipe(HttpApiSchema.asJson({ contentType: "application/problem+json" }))
    .pipe(HttpApiSchema.status(statusOf(code)))

const NotFound = problem("PTTH_NOT_FOUND")

/** A registered server. */
export const Server = Schema.Struct({
  name: Name,
  displayName: Schema.String,
  state: Schema.Literals(["connected", "away", "never"]).annotate({
    description: "never: not since the relay was started",
  }),
  transports: Schema.Array(Schema.String),
  reason: described("Why there is no better transport; empty if there is nothing to say"),
  programs: Schema.Array(Schema.String).annotate({
    description: "Programs and versions of its processes, as far as they say",
  }),
  connections: Schema.Int.annotate({ description: "Links that are open now" }),
  lastSeen: Schema.NullOr(Time),
  waiting: Schema.Int.annotate({ description: "Requests that wait for it now" }),
  inFlight: Schema.Int.annotate({ description: "Requests that run now" }),
  requests: count,
  bytesIn: count,
  bytesOut: count,
  tripcodes: Schema.Array(Tripcode),
}).annotate({ identifier: "Server" })

/** A registered server and what is remembered of its requests. */
export const ServerDetail = Schema.Struct({
  ...Server.fields,
  latency: Schema.NullOr(Schema.Struct({ p50: millis, p90: millis, p99: millis })),
  errors: Schema.Record(Schema.String, Schema.Int).annotate({
    description: "Failures by their codes",
  }),
  recent: Schema.Array(
    Schema.Struct({
      at: Time,
      method: Schema.String,
      path: Schema.String,
      status: Schema.NullOr(Schema.Int),
      code: Schema.NullOr(Schema.String),
      transport: Schema.String,
      millis,
      bytesIn: Schema.Int,
      bytesOut: Schema.Int,
      whole: Schema.Boolean,
    }),
  ),
}).annotate({ identifier: "ServerDetail" })

/** Somebody who waits for approval. */
export const Stranger = Schema.Struct({
  name: Name,
  tripcode: Tripcode,
  words: described("The tripcode in six words, as the server prints them"),
  keyChanged: Schema.Boolean.annotate({
    description: "Whether the name is registered with another key",
  }),
  address: Schema.String,
  firstSeen: Time,
  lastSeen: Time,
  ignored: Schema.Boolean,
}).annotate({ identifier: "Stranger" })

const Decision = Schema.Struct({ name: Name, tripcode: Tripcode }).annotate({
  identifier: "Decision",
})

const AuditEntry = Schema.Struct({
  at: Time,
  kind: Schema.String,
  fields: Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite])),
}).annotate({ identifier: "AuditEntry" })

const ConfigStatus = Schema.Struct({
  path: Schema.NullOr(Schema.String),
  serversFolder: Schema.NullOr(Schema.String),
  since: Time,
  problem: Schema.NullOr(Schema.Struct({ at: Time, message: Schema.String })),
}).annotate({ identifier: "ConfigStatus" })

/** Who asks, as the audit log calls it. */
export class CurrentAdmin extends Context.Service<CurrentAdmin, string>()(
  "ptth/relay/CurrentAdmin",
) {}

/** Everything needs a token or a session; `AdminFront.ts` has looked at both. */
export class AdminOnly extends HttpApiMiddleware.Service<
  AdminOnly,
  { provides: CurrentAdmin; requires: never }
>()("ptth/relay/AdminOnly", {
  security: {
    session: HttpApiSecurity.apiKey({ in: "cookie", key: cookieName }),
    token: HttpApiSecurity.bearer,
  },
}) {}

/** A request that does not fit the description is told so as everything else is. */
export class WellFormed extends HttpApiMiddleware.Service<WellFormed>()("ptth/relay/WellFormed", {
  error: problem("PTTH_BAD_REQUEST"),
}) {}

const endpoints = HttpApiGroup.make("relay", { topLevel: true })
  .add(
    HttpApiEndpoint.get("servers", "/servers", { success: Schema.Array(Server) }).annotate(
      OpenApi.Summary,
      "The registered servers",
    ),
    HttpApiEndpoint.get("server", "/servers/:name", {
      params: { name: Name },
      success: ServerDetail,
      error: NotFound,
    }).annotate(OpenApi.Summary, "One server and its last requests"),
    HttpApiEndpoint.get("unregistered", "/unregistered", {
      success: Schema.Array(Stranger),
    }).annotate(OpenApi.Summary, "Servers that were refused, the last first"),
    HttpApiEndpoint.post("approve", "/unregistered/approve", {
      payload: Decision,
      success: Server,
      error: [
        problem("PTTH_ALREADY_REGISTERED"),
        problem("PTTH_BAD_APPROVAL"),
        problem("PTTH_CANNOT_APPROVE"),
      ],
    }).annotate(OpenApi.Summary, "Register a server; it need not have knocked"),
    HttpApiEndpoint.post("ignore", "/unregistered/ignore", {
      payload: Decision,
      success: HttpApiSchema.NoContent,
      error: NotFound,
    }).annotate(OpenApi.Summary, "Hide a server until the relay is restarted"),
    HttpApiEndpoint.get("audit", "/audit", {
      query: {
        name: Schema.optionalKey(Name),
        kind: Schema.optionalKey(described("A kind of event, such as ServerConnected")),
      },
      success: Schema.Array(AuditEntry),
    }).annotate(OpenApi.Summary, "What has happened, the last first"),
    HttpApiEndpoint.get("config", "/config", { success: ConfigStatus }).annotate(
      OpenApi.Summary,
      "Since when the configuration is in force, and what is wrong with a newer one",
    ),
  )
  .middleware(WellFormed)
  .middleware(AdminOnly)
  .prefix(apiPath)

/** The API. */
export class AdminApi extends HttpApi.make("ptth-relay")
  .add(endpoints)
  .annotateMerge(
    OpenApi.annotations({
      title: "PTTH relay",
      version: "1",
      description: "What an administrator of a relay can see and do.",
    }),
  ) {}
