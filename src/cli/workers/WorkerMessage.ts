/**
 * What a supervisor and its workers tell each other over Node's IPC channel,
 * and what a worker is told when it is started. The two may be of different
 * versions, since a worker is started from the files as they are then: unknown
 * messages and fields are ignored.
 */
import * as NodePath from "node:path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** The environment variable with a worker's {@link WorkerStart}. */
export const startVariable = "PTTH_WORKER_START"

/** The descriptor of the listening socket in a worker: the one behind the IPC channel. */
export const socketDescriptor = 4

/** What a worker receives when it is started. */
const WorkerStart = Schema.Struct({
  /** The name of the machine in the cluster. */
  machine: Schema.String,
  /** Of this worker; no other one that runs has it. */
  number: Schema.Int,
  /** How many workers serve at the same time. */
  count: Schema.Int,
  /** The folder with the sockets of all workers. */
  folder: Schema.String,
  /** Whether the relay speaks TLS; a configuration that says otherwise waits for the next start. */
  secure: Schema.Boolean,
})

/** What a worker receives when it is started. */
export type WorkerStart = (typeof WorkerStart)["Type"]

/** A worker of this machine, as other workers reach it. */
const Member = Schema.Struct({ id: Schema.String, at: Schema.String })

/** Another relay, as a worker knows it: `PeerView` of `Peers.ts`. */
const Peer = Schema.Struct({
  id: Schema.String,
  machine: Schema.String,
  /** JSON has no key for an undefined one. */
  worker: Schema.UndefinedOr(Schema.Finite).pipe(
    Schema.withDecodingDefault(Effect.succeed(undefined)),
  ),
  address: Schema.String,
  program: Schema.String,
  since: Schema.Finite,
  roundTrip: Schema.Finite,
  state: Schema.Literals(["up", "dialling", "gone"]),
  isDraining: Schema.Boolean,
  digest: Schema.String,
  takesHops: Schema.Boolean,
  slot: Schema.Finite,
  links: Schema.Finite,
})

/** From the supervisor to a worker. */
const ToWorker = Schema.Union([
  /** Drain and end; `replaced` if other workers accept all connections from now on. */
  Schema.Struct({ kind: Schema.Literal("stop"), replaced: Schema.Boolean }),
  /** Load the configuration again. */
  Schema.Struct({ kind: Schema.Literal("reload") }),
  /** The workers that run, this one included. */
  Schema.Struct({ kind: Schema.Literal("members"), members: Schema.Array(Member) }),
  /** Asks it, or another relay through it, by a control message of the kind `what`. */
  Schema.Struct({
    kind: Schema.Literal("ask"),
    id: Schema.Int,
    to: Schema.String,
    what: Schema.String,
    body: Schema.Unknown,
    millis: Schema.Finite,
  }),
  /** What the supervisor has last loaded: `RelayTexts` of `LoadConfig.ts`. */
  Schema.Struct({
    kind: Schema.Literal("lastValid"),
    path: Schema.optional(Schema.String),
    text: Schema.String,
    parts: Schema.Array(Schema.Struct({ file: Schema.String, text: Schema.String })),
    tls: Schema.optional(Schema.Struct({ chain: Schema.String, key: Schema.String })),
    clientSecret: Schema.optional(Schema.String),
    clusterKeys: Schema.optional(Schema.NonEmptyArray(Schema.String)),
  }),
  /** A certificate by ACME: by its id, for the challenge of a host (none: no longer), or for visitors who name no host. */
  Schema.Struct({
    kind: Schema.Literal("certificate"),
    of: Schema.Literals(["id", "challenge", "fallback"]),
    name: Schema.String,
    pem: Schema.optional(Schema.Struct({ chain: Schema.String, key: Schema.String })),
  }),
  /** The attempt to obtain a certificate for a host is over. */
  Schema.Struct({ kind: Schema.Literal("attempted"), host: Schema.String }),
  /** Comes with a socket that another worker hands over, and what it says about it. */
  Schema.Struct({ kind: Schema.Literal("socket"), about: Schema.Unknown }),
])

/** From the supervisor to a worker. */
export type ToWorker = (typeof ToWorker)["Type"]

/** From a worker to the supervisor. */
const FromWorker = Schema.Union([
  /** It serves, at this address. */
  Schema.Struct({
    kind: Schema.Literal("ready"),
    host: Schema.String,
    port: Schema.Int,
    /** Of PTTH. */
    version: Schema.String,
  }),
  /** An event for the audit log; `at` in milliseconds since 1970. */
  Schema.Struct({
    kind: Schema.Literal("audit"),
    at: Schema.Number,
    event: Schema.StructWithRest(Schema.Struct({ _tag: Schema.String }), [
      Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Number])),
    ]),
  }),
  /** The answer to what the supervisor asked: the body, or why there is none. */
  Schema.Struct({
    kind: Schema.Literal("answer"),
    id: Schema.Int,
    body: Schema.optional(Schema.Unknown),
    error: Schema.optional(Schema.String),
  }),
  /** Its peers, and the addresses of members that it never reached. */
  Schema.Struct({
    kind: Schema.Literal("peers"),
    peers: Schema.Array(Peer),
    unreached: Schema.Array(Schema.String),
    /** Why addresses could not be connected to when that was last tried. */
    failures: Schema.optional(Schema.Record(Schema.String, Schema.String)),
  }),
  /** The configuration is invalid: asks for what the supervisor has last loaded. */
  Schema.Struct({ kind: Schema.Literal("lastValid") }),
  /** Asks for all certificates by ACME, that for visitors who name no host as the last one. */
  Schema.Struct({ kind: Schema.Literal("certificates") }),
  /** Asks for a certificate for a host; `attempted` tells that there is one, or none for now. */
  Schema.Struct({ kind: Schema.Literal("wanted"), host: Schema.String }),
  /** Comes with a socket for the worker with this id. */
  Schema.Struct({ kind: Schema.Literal("socket"), to: Schema.String, about: Schema.Unknown }),
])

/** From a worker to the supervisor. */
export type FromWorker = (typeof FromWorker)["Type"]

/** Decodes a message to a worker; `undefined` if it is unknown. */
export const toWorker = (message: unknown): ToWorker | undefined =>
  Option.getOrUndefined(Schema.decodeUnknownOption(ToWorker)(message))

/** Decodes a message of a worker; `undefined` if it is unknown. */
export const fromWorker = (message: unknown): FromWorker | undefined =>
  Option.getOrUndefined(Schema.decodeUnknownOption(FromWorker)(message))

/** The value of {@link startVariable}. */
export const formatStart = (start: WorkerStart): string => JSON.stringify(start)

/** Parses the value of {@link startVariable}; `undefined` if it is not one. */
export const parseStart = (text: string): WorkerStart | undefined =>
  Option.getOrUndefined(Schema.decodeUnknownOption(Schema.fromJsonString(WorkerStart))(text))

/** The id of a worker: unique in the cluster. */
export const workerId = (machine: string, number: number): string => `${machine}.${number}`

/** The id of the supervisor among its workers and the other relays. */
export const supervisorId = (machine: string): string => `${machine}.supervisor`

/** Where a worker accepts connections of the others, as in `Member.at`. */
export const workerAddress = (folder: string, id: string): string =>
  `unix:${NodePath.join(folder, `${id}.sock`)}`
