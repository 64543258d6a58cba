/**
 * What relays ask each other for an administrator: reports of what each of them
 * has, metrics, recorded requests, and acts that are to reach all.
 */
import * as Schema from "effect/Schema"
import { controlKind } from "./PeerControl.ts"

const Nothing = Schema.Struct({})
const OfServer = Schema.Struct({ name: Schema.String })
const Key = Schema.Struct({ name: Schema.String, tripcode: Schema.String })

/** The traffic of one server at one relay, since that relay started. */
export const ReportedTraffic = Schema.Struct({
  inFlight: Schema.Finite,
  bytesIn: Schema.Finite,
  bytesOut: Schema.Finite,
  /** By the first digit of the status; index 0: the visitor left before there was one. */
  statuses: Schema.Array(Schema.Finite),
  linksOpened: Schema.Finite,
  errors: Schema.Record(Schema.String, Schema.Finite),
  /** The histogram of the time until the head of the response: the values in each bucket. */
  head: Schema.Array(Schema.Finite),
  /** The same of its two parts: until a link took the request, and from then on. */
  wait: Schema.optionalKey(Schema.Array(Schema.Finite)),
  tunnel: Schema.optionalKey(Schema.Array(Schema.Finite)),
})
/** See the schema. */
export type ReportedTraffic = typeof ReportedTraffic.Type

/** A link of a server; see `LinkView` in `relay/dispatch/Rendezvous.ts`. */
export const ReportedLink = Schema.Struct({
  address: Schema.String,
  since: Schema.Finite,
  transport: Schema.String,
  program: Schema.String,
  tripcode: Schema.String,
})
/** See the schema. */
export type ReportedLink = typeof ReportedLink.Type

/** Asks a relay for the links of a server. */
export const links = controlKind("admin/links", OfServer, Schema.Array(ReportedLink))

/** A server as one relay has it; times are in milliseconds since 1970. */
export const ReportedServer = Schema.Struct({
  name: Schema.String,
  /** The transport of each link. */
  transports: Schema.Array(Schema.String),
  reason: Schema.String,
  programs: Schema.Array(Schema.String),
  lastSeen: Schema.optionalKey(Schema.Finite),
  waiting: Schema.Finite,
  isInspected: Schema.Boolean,
  inspection: Schema.optionalKey(
    Schema.Struct({ isOn: Schema.Boolean, until: Schema.Finite, at: Schema.Finite }),
  ),
  traffic: ReportedTraffic,
})
/** See the schema. */
export type ReportedServer = typeof ReportedServer.Type

/** A server that one relay has refused. */
export const ReportedStranger = Schema.Struct({
  ...Key.fields,
  address: Schema.String,
  firstSeen: Schema.Finite,
  lastSeen: Schema.Finite,
  ignored: Schema.Boolean,
  reason: Schema.Literals(["unknown name", "wrong key"]),
})
/** See the schema. */
export type ReportedStranger = typeof ReportedStranger.Type

/** The state of a relay's configuration. */
export const ReportedConfig = Schema.Struct({
  path: Schema.optionalKey(Schema.String),
  serversFolder: Schema.optionalKey(Schema.String),
  since: Schema.Finite,
  problem: Schema.optionalKey(Schema.Struct({ at: Schema.Finite, message: Schema.String })),
})
/** See the schema. */
export type ReportedConfig = typeof ReportedConfig.Type

/** What is known of the engine. */
export const ReportedEngine = Schema.Struct({
  state: Schema.Literals(["off", "connected", "away"]),
  since: Schema.Finite,
  reason: Schema.optionalKey(Schema.String),
})
/** See the schema. */
export type ReportedEngine = typeof ReportedEngine.Type

/** All that a relay tells of itself at once. */
export const RelayReport = Schema.Struct({
  id: Schema.String,
  machine: Schema.String,
  worker: Schema.optionalKey(Schema.Finite),
  program: Schema.String,
  /** When it started. */
  startedAt: Schema.Finite,
  /** The digest of its configuration. */
  digest: Schema.String,
  config: ReportedConfig,
  engine: ReportedEngine,
  /** Servers that are or were connected, or had requests. */
  servers: Schema.Array(ReportedServer),
  /** What the relay answers itself. */
  own: Schema.optionalKey(ReportedTraffic),
  strangers: Schema.Array(ReportedStranger),
  /** A number that changes whenever its recorded requests do. */
  recordings: Schema.Finite,
})
/** See the schema. */
export type RelayReport = typeof RelayReport.Type

/** Asks a relay for its report. */
export const report = controlKind("admin/report", Nothing, RelayReport)

/** One request that is over; see `Recent` in `relay/traffic/Counters.ts`. */
export const ReportedRequest = Schema.Struct({
  at: Schema.Finite,
  method: Schema.String,
  path: Schema.String,
  status: Schema.optional(Schema.Finite),
  code: Schema.optional(Schema.String),
  transport: Schema.String,
  hop: Schema.optional(Schema.String),
  millis: Schema.Finite,
  waitMillis: Schema.optional(Schema.Finite),
  tunnelMillis: Schema.optional(Schema.Finite),
  bytesIn: Schema.Finite,
  bytesOut: Schema.Finite,
  whole: Schema.Boolean,
})
/** See the schema. */
export type ReportedRequest = typeof ReportedRequest.Type

/** Asks a relay for the last requests of a server, the newest first. */
export const recent = controlKind("admin/recent", OfServer, Schema.Array(ReportedRequest))

const Fields = Schema.Array(Schema.Tuple([Schema.String, Schema.String]))
const BodyStart = Schema.Struct({ bytes: Schema.Uint8ArrayFromBase64, length: Schema.Finite })

/** A recorded request; see `Inspected` in `relay/inspect/Inspector.ts`. */
export const RecordedRequest = Schema.Struct({
  number: Schema.Finite,
  at: Schema.Finite,
  address: Schema.String,
  method: Schema.String,
  target: Schema.String,
  headers: Fields,
  body: BodyStart,
  response: Schema.optional(Schema.Struct({ status: Schema.Finite, headers: Fields })),
  responseBody: BodyStart,
  outcome: Schema.String,
  millis: Schema.optional(Schema.Finite),
})
/** See the schema. */
export type RecordedRequest = typeof RecordedRequest.Type

/** Asks a relay for the recorded requests of a server, the newest first. */
export const recorded = controlKind("admin/recorded", OfServer, Schema.Array(RecordedRequest))

/** Which requests are wanted. */
export const RequestFilter = Schema.Struct({
  /** Of this server; without it, of all. */
  server: Schema.optional(Schema.String),
  /** The first digit of the status; 0: without a response. */
  status: Schema.optional(Schema.Finite),
  /** A part of the path, in any case. */
  path: Schema.optional(Schema.String),
  /** How long they took at least, in milliseconds. */
  slow: Schema.optional(Schema.Finite),
  /** Whether pictures, styles and scripts are wanted too. */
  assets: Schema.Boolean,
  /** The most requests that are listed, the newest ones. */
  most: Schema.Finite,
})
/** See the schema. */
export type RequestFilter = typeof RequestFilter.Type

/** One request in a list; see `relay/inspect/RequestList.ts`. */
export const ListedRequest = Schema.Struct({
  server: Schema.String,
  /** The number of its recording, if the server is inspected. */
  number: Schema.optional(Schema.Finite),
  /** When it arrived, in milliseconds since 1970. */
  at: Schema.Finite,
  method: Schema.String,
  /** With its query if it was recorded. */
  path: Schema.String,
  status: Schema.optional(Schema.Finite),
  code: Schema.optional(Schema.String),
  /** `undefined` while it runs. */
  millis: Schema.optional(Schema.Finite),
  waitMillis: Schema.optional(Schema.Finite),
  tunnelMillis: Schema.optional(Schema.Finite),
  transport: Schema.String,
  hop: Schema.optional(Schema.String),
  bytesIn: Schema.Finite,
  bytesOut: Schema.Finite,
  whole: Schema.Boolean,
  replayOf: Schema.optional(Schema.Finite),
})
/** See the schema. */
export type ListedRequest = typeof ListedRequest.Type

/** Asks a relay for its last requests, the newest first, and how many assets match besides. */
export const requests = controlKind(
  "admin/requests",
  RequestFilter,
  Schema.Struct({ rows: Schema.Array(ListedRequest), assets: Schema.Finite }),
)

/** A recorded body; see `relay/inspect/ShownBody.ts`. */
export const ShownBody = Schema.Struct({
  form: Schema.Literals(["none", "text", "image", "parts", "binary"]),
  bytes: Schema.Uint8ArrayFromBase64,
  length: Schema.Finite,
  recorded: Schema.Finite,
  encoding: Schema.String,
  isPart: Schema.Boolean,
})
/** See the schema. */
export type ShownBody = typeof ShownBody.Type

/** One recorded request, without its secrets. */
export const ShownRequest = Schema.Struct({
  number: Schema.Finite,
  at: Schema.Finite,
  address: Schema.String,
  method: Schema.String,
  target: Schema.String,
  headers: Fields,
  body: ShownBody,
  response: Schema.optional(Schema.Struct({ status: Schema.Finite, headers: Fields })),
  responseBody: ShownBody,
  outcome: Schema.String,
  millis: Schema.optional(Schema.Finite),
  waitMillis: Schema.optional(Schema.Finite),
  tunnelMillis: Schema.optional(Schema.Finite),
  linkMillis: Schema.optional(Schema.Finite),
  transport: Schema.String,
  hop: Schema.optional(Schema.String),
  replayOf: Schema.optional(Schema.Finite),
  replayable: Schema.Literals(["yes", "running", "upgrade", "cut", "expired"]),
})
/** See the schema. */
export type ShownRequest = typeof ShownRequest.Type

const OfRequest = { name: Schema.String, number: Schema.Finite }

/** Asks a relay for one recorded request. */
export const request = controlKind(
  "admin/request",
  Schema.Struct(OfRequest),
  Schema.NullOr(ShownRequest),
)

/** An edited request, in which `***` stands for secrets of the recorded one; without a body that is sent as it was. */
export const EditedRequest = Schema.Struct({
  method: Schema.String,
  target: Schema.String,
  headers: Fields,
  body: Schema.optional(Schema.String),
})
/** See the schema. */
export type EditedRequest = typeof EditedRequest.Type

/** Has a relay send a recorded request again, as it was or edited. The reply: the number of its recording. */
export const replay = controlKind(
  "admin/replay",
  Schema.Struct({ ...OfRequest, edited: Schema.optional(EditedRequest) }),
  Schema.Finite,
)

/** What an administrator has decided about the inspection of a server; see `Inspection` in `relay/inspect/Inspector.ts`. */
export const Inspection = Schema.Struct({
  isOn: Schema.Boolean,
  until: Schema.Finite,
  at: Schema.Finite,
})
/** See the schema. */
export type Inspection = typeof Inspection.Type

/** Tells a relay of such a decision. */
export const inspect = controlKind(
  "admin/inspect",
  Schema.Struct({ name: Schema.String, inspection: Inspection }),
  Schema.Null,
)

const Labels = Schema.optional(Schema.Record(Schema.String, Schema.String))

const metricOf = { name: Schema.String, help: Schema.String }

/** A metric with its series; see `transport/observe/Metric.ts`. */
export const ReportedMetric = Schema.Union([
  Schema.Struct({
    ...metricOf,
    type: Schema.Literals(["counter", "gauge"]),
    samples: Schema.Array(Schema.Struct({ labels: Labels, value: Schema.Finite })),
  }),
  Schema.Struct({
    ...metricOf,
    type: Schema.Literal("histogram"),
    bounds: Schema.Array(Schema.Finite),
    samples: Schema.Array(
      Schema.Struct({ labels: Labels, counts: Schema.Array(Schema.Finite), sum: Schema.Finite }),
    ),
  }),
])
/** See the schema. */
export type ReportedMetric = typeof ReportedMetric.Type

/** Asks a relay for its metrics. */
export const metrics = controlKind("admin/metrics", Nothing, Schema.Array(ReportedMetric))

/**
 * Tells a relay of the same machine that another process registers a server, so
 * that it does not record that once more; `isDone`: the file is written, and the
 * relay is to load it.
 */
export const approving = controlKind(
  "admin/approving",
  Schema.Struct({ ...Key.fields, isDone: Schema.Boolean }),
  Schema.Null,
)

/** Has a relay hide a server that it has refused. The reply: whether it knew that server. */
export const ignore = controlKind("admin/ignore", Key, Schema.Boolean)

/** Has a relay end the links of a server, which may connect again. The reply: how many there were. */
export const disconnect = controlKind("admin/disconnect", OfServer, Schema.Finite)

/** What an administrator changes of a registered server; see `ServerChange` in `relay/registry/ServerEdit.ts`. */
export const ServerChange = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("rename"), to: Schema.String }),
  Schema.Struct({ kind: Schema.Literals(["pause", "resume", "remove"]) }),
  Schema.Struct({ kind: Schema.Literal("keys"), tripcodes: Schema.Array(Schema.String) }),
])

/** Has a relay of another machine change a server in its own `servers.d`. */
export const change = controlKind(
  "admin/change",
  Schema.Struct({ name: Schema.String, change: ServerChange }),
  Schema.Null,
)

/** Has a relay load its configuration; the reply is the state after that. */
export const reload = controlKind("admin/reload", Nothing, ReportedConfig)
