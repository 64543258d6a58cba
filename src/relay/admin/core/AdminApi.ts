/**
 * The schema of the administrator's API below `/api/v1`. Its handlers are in
 * `AdminApiHandlers.ts`.
 */
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

/** The path of the API. */
export const apiPath = "/api/v1"

const described = (description: string) => Schema.String.annotate({ description })
const count = Schema.Int.annotate({ description: "A count since the relay started" })
const millis = Schema.Finite.annotate({ description: "Milliseconds" })
const Time = described("A time such as 2026-01-31T12:00:00.000Z").annotate({ format: "date-time" })
const Day = described("A day in UTC such as 2026-01-31, which is included")
const Name = described("A server's name")
const RelayName = described("The id of a relay, or the address of one that was never reached")
const Tripcode = described("The hash of a server's key, 44 characters, as the server prints it")

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

const Unanswered = Schema.optionalKey(Schema.Array(RelayName)).annotate({
  description: "Relays of which nothing is in here, since they did not answer",
})

/** A list of all relays, which can be empty because a relay did not answer. */
const listOf = <Item extends Schema.Top>(item: Item) =>
  HttpApiSchema.WithHeaders(Schema.Array(item), {
    "x-ptth-unanswered": Schema.optionalKey(
      described("Relays of which nothing is in here, since they did not answer, after commas"),
    ),
  })

/** A registered server. */
export const Server = Schema.Struct({
  name: Name,
  displayName: Schema.String,
  state: Schema.Literals(["connected", "away", "never"]).annotate({
    description: "never: not connected since the relay started",
  }),
  transports: Schema.Array(Schema.String),
  reason: described("Why the server does not use a better transport; empty if it gives no reason"),
  programs: Schema.Array(Schema.String).annotate({
    description: "Programs and versions of the server's processes, where they tell them",
  }),
  connections: Schema.Int.annotate({ description: "Open links" }),
  paused: Schema.Boolean.annotate({ description: "Whether its visitors get status 503 for now" }),
  lastSeen: Schema.NullOr(Time),
  waiting: Schema.Int.annotate({ description: "Requests that wait for the server" }),
  inFlight: Schema.Int.annotate({ description: "Requests in flight" }),
  requests: count,
  bytesIn: count,
  bytesOut: count,
  tripcodes: Schema.Array(Tripcode),
  relays: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        relay: RelayName,
        connections: Schema.Int,
        waiting: Schema.Int,
        inFlight: Schema.Int,
        requests: count,
        bytesIn: count,
        bytesOut: count,
      }),
    ),
  ).annotate({ description: "The same at each relay, if there are several" }),
  unanswered: Unanswered,
}).annotate({ identifier: "Server" })

/** A registered server with its last requests, errors and latencies. */
export const ServerDetail = Schema.Struct({
  ...Server.fields,
  latency: Schema.NullOr(Schema.Struct({ p50: millis, p90: millis, p99: millis })),
  errors: Schema.Record(Schema.String, Schema.Int).annotate({
    description: "Number of failures by code",
  }),
  recent: Schema.Array(
    Schema.Struct({
      at: Time,
      method: Schema.String,
      path: Schema.String,
      status: Schema.NullOr(Schema.Int),
      code: Schema.NullOr(Schema.String),
      transport: Schema.String,
      relay: Schema.optionalKey(RelayName).annotate({
        description: "The relay to which the visitor came, if there are several",
      }),
      hop: Schema.optionalKey(RelayName).annotate({
        description: "The relay with the server's link, if it is another one",
      }),
      millis,
      bytesIn: Schema.Int,
      bytesOut: Schema.Int,
      whole: Schema.Boolean,
    }),
  ),
}).annotate({ identifier: "ServerDetail" })

/** A server that was refused because its name or key is not registered. */
export const Stranger = Schema.Struct({
  name: Name,
  tripcode: Tripcode,
  words: described("The tripcode as six words, as the server prints them; compare all six"),
  keyChanged: Schema.Boolean.annotate({
    description: "Whether the name is registered with another key",
  }),
  address: Schema.String,
  firstSeen: Time,
  lastSeen: Time,
  ignored: Schema.Boolean,
}).annotate({ identifier: "Stranger" })

const Missed = Schema.Array(Schema.Struct({ id: RelayName, reason: Schema.String })).annotate({
  description: "Relays and machines that it did not reach",
})

const Decision = Schema.Struct({ name: Name, tripcode: Tripcode }).annotate({
  identifier: "Decision",
})

const AuditEntry = Schema.Struct({
  at: Time,
  kind: Schema.String,
  relay: Schema.optionalKey(described("The relay that recorded it, if it is not this one")),
  fields: Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite])),
}).annotate({ identifier: "AuditEntry" })

const EngineState = Schema.Literals(["off", "connected", "away"])

/** A relay of several. */
export const Relay = Schema.Struct({
  id: RelayName,
  machine: Schema.String,
  worker: Schema.NullOr(Schema.Int),
  address: Schema.NullOr(Schema.String),
  program: described("The version of its program"),
  since: Time,
  roundTrip: Schema.NullOr(millis),
  state: Schema.Literals([
    "self",
    "up",
    "draining",
    "silent",
    "dialling",
    "gone",
    "stopped",
  ]).annotate({
    description:
      "self: the one that answers this; silent: connected, but did not answer; stopped: it drained and ended",
  }),
  links: Schema.Int.annotate({ description: "Links of servers that it has" }),
  configDiffers: Schema.Boolean,
  takesHops: Schema.Boolean,
  configProblem: Schema.NullOr(Schema.String),
  engine: Schema.NullOr(EngineState),
}).annotate({ identifier: "Relay" })

const Relays = Schema.Struct({
  relays: Schema.Array(Relay),
  unanswered: Schema.Array(Schema.Struct({ id: RelayName, reason: Schema.String })),
  engine: Schema.Struct({ state: EngineState, reason: Schema.NullOr(Schema.String) }).annotate({
    description: "off: approvals of relays that are away, usage and audit log stay per machine",
  }),
}).annotate({ identifier: "Relays" })

const Reached = Schema.Struct({ missed: Missed }).annotate({ identifier: "Reached" })

const Approved = Schema.Struct({
  ...Server.fields,
  missed: Schema.optionalKey(Missed),
}).annotate({ identifier: "Approved" })

const ConfigStatus = Schema.Struct({
  path: Schema.NullOr(Schema.String),
  serversFolder: Schema.NullOr(Schema.String),
  since: Time,
  problem: Schema.NullOr(Schema.Struct({ at: Time, message: Schema.String })),
}).annotate({ identifier: "ConfigStatus" })

/** A certificate that the relay obtains by ACME. */
export const Certificate = Schema.Struct({
  id: described(
    "By what it is kept: a host, or _.DOMAIN for a domain and all hosts right below it",
  ),
  hosts: Schema.Array(Schema.String),
  validFrom: Schema.NullOr(Time).annotate({ description: "null: there is no certificate yet" }),
  validUntil: Schema.NullOr(Time),
  renewAt: Schema.NullOr(Time).annotate({ description: "When it is to be renewed" }),
  failure: Schema.NullOr(
    Schema.Struct({
      at: Time,
      code: described("A code of docs/errors.md"),
      detail: Schema.String,
      attempts: Schema.Int.annotate({ description: "Attempts that failed one after the other" }),
      retryAt: Time,
    }),
  ).annotate({ description: "Why the last attempt failed, if it did" }),
}).annotate({ identifier: "Certificate" })

const RequestRow = Schema.Struct({
  at: Time,
  server: Name,
  relay: Schema.optionalKey(RelayName).annotate({
    description: "The relay to which the visitor came, if there are several",
  }),
  number: Schema.NullOr(Schema.Int).annotate({
    description: "The number of its recording; null if it was not recorded",
  }),
  method: Schema.String,
  path: Schema.String,
  status: Schema.NullOr(Schema.Int),
  code: Schema.NullOr(Schema.String),
  millis: Schema.NullOr(Schema.Finite).annotate({ description: "null while it runs" }),
  waitMillis: Schema.NullOr(millis),
  tunnelMillis: Schema.NullOr(millis),
  bytesIn: Schema.Int,
  bytesOut: Schema.Int,
  whole: Schema.Boolean,
  unanswered: Unanswered,
}).annotate({ identifier: "Request" })

const TrafficSlot = Schema.Struct({
  start: Time,
  statuses: Schema.Array(Schema.Finite).annotate({
    description: "Requests by the first digit of the status; index 0: the visitor left before",
  }),
  bytesIn: Schema.Finite,
  bytesOut: Schema.Finite,
  wait: Schema.NullOr(Schema.Struct({ p50: millis, p95: millis })),
  tunnel: Schema.NullOr(Schema.Struct({ p50: millis, p95: millis })),
  links: Schema.Finite,
  waiting: Schema.Finite,
}).annotate({ identifier: "TrafficSlot" })

/** Describes that each endpoint needs a token or a session; `AdminFront.ts` checks that. */
export class AdminOnly extends HttpApiMiddleware.Service<AdminOnly>()("ptth/relay/AdminOnly", {
  security: {
    session: HttpApiSecurity.apiKey({ in: "cookie", key: cookieName }),
    token: HttpApiSecurity.bearer,
  },
}) {}

/** Answers a request that does not match its schema with problem details. */
export class WellFormed extends HttpApiMiddleware.Service<WellFormed>()("ptth/relay/WellFormed", {
  error: problem("PTTH_BAD_REQUEST"),
}) {}

const endpoints = HttpApiGroup.make("relay", { topLevel: true })
  .add(
    HttpApiEndpoint.get("servers", "/servers", { success: listOf(Server) }).annotate(
      OpenApi.Summary,
      "The registered servers",
    ),
    HttpApiEndpoint.get("server", "/servers/:name", {
      params: { name: Name },
      success: ServerDetail,
      error: NotFound,
    }).annotate(OpenApi.Summary, "One server and its last requests"),
    HttpApiEndpoint.get("unregistered", "/unregistered", {
      success: listOf(Stranger),
    }).annotate(OpenApi.Summary, "Servers that were refused, newest first"),
    HttpApiEndpoint.post("approve", "/unregistered/approve", {
      payload: Decision,
      success: Approved,
      error: [
        problem("PTTH_ALREADY_REGISTERED"),
        problem("PTTH_BAD_APPROVAL"),
        problem("PTTH_CANNOT_APPROVE"),
      ],
    }).annotate(OpenApi.Summary, "Register a server, whether or not it has tried to connect"),
    HttpApiEndpoint.post("ignore", "/unregistered/ignore", {
      payload: Decision,
      success: HttpApiSchema.NoContent,
      error: NotFound,
    }).annotate(OpenApi.Summary, "Hide an unregistered server until the relay restarts"),
    HttpApiEndpoint.get("audit", "/audit", {
      query: {
        name: Schema.optionalKey(Name),
        kind: Schema.optionalKey(described("A kind of event, such as ServerConnected")),
        from: Schema.optionalKey(Day),
        to: Schema.optionalKey(Day),
        visits: Schema.optionalKey(described("no: without the sums of visitors' requests")),
      },
      success: Schema.Array(AuditEntry),
    }).annotate(OpenApi.Summary, "Events of the audit log, newest first"),
    HttpApiEndpoint.get("requests", "/requests", {
      query: {
        server: Schema.optionalKey(Name),
        status: Schema.optionalKey(described("The first digit of the status, 0 for none")),
        path: Schema.optionalKey(described("A part of the path")),
        slow: Schema.optionalKey(described("How many milliseconds they took at least")),
        assets: Schema.optionalKey(described("yes: also pictures, styles and scripts")),
      },
      success: listOf(RequestRow),
    }).annotate(OpenApi.Summary, "The last requests, newest first"),
    HttpApiEndpoint.get("traffic", "/traffic", {
      query: {
        server: Schema.optionalKey(Name),
        span: Schema.optionalKey(described("hour, day or week; hour by default")),
      },
      success: listOf(TrafficSlot),
    }).annotate(OpenApi.Summary, "The traffic of a time in slots, oldest first"),
    HttpApiEndpoint.get("relays", "/relays", { success: Relays }).annotate(
      OpenApi.Summary,
      "The relays that serve as one, and the engine",
    ),
    HttpApiEndpoint.get("certificates", "/certificates", {
      success: Schema.Array(Certificate),
    }).annotate(OpenApi.Summary, "The certificates that the relay obtains by ACME"),
    HttpApiEndpoint.post("reload", "/config/reload", { success: Reached }).annotate(
      OpenApi.Summary,
      "Load the configuration at all relays",
    ),
    HttpApiEndpoint.get("config", "/config", { success: ConfigStatus }).annotate(
      OpenApi.Summary,
      "When the configuration was loaded, and the error of a newer one",
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
