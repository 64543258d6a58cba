/**
 * The frames of the stream dialect: their schemas, layout and limits.
 *
 * Each direction of a link is one sequence of frames; the boundaries of
 * WebSocket messages have no meaning. Every frame starts with twelve bytes: type,
 * flags, two zero bytes, stream number and payload length, the latter two
 * big-endian u32. Frames of unknown type are skipped. `docs/protocol.md` has the
 * layout and test vectors.
 */
import * as Schema from "effect/Schema"
import { HeaderList } from "../domain/HeaderList.ts"
import { InterimHead, isStatus, RequestHead, ResponseHead } from "./Message.ts"
import { RelayId } from "./RelayId.ts"
import { maxHead, maxRelays } from "./Wire.ts"

/** The bytes of a frame before its payload. */
export const headerBytes = 12

/** The types of frames. A peer that does not know a type skips its frames. */
export const type = {
  hello: 1,
  request: 2,
  response: 3,
  data: 4,
  end: 5,
  credit: 6,
  reset: 7,
  ping: 8,
  pong: 9,
  drain: 10,
  clock: 11,
  begin: 12,
  interim: 13,
  // 14 to 16, 18 and 19 are frames between relays (`peer/PeerFrame.ts`).
  relays: 17,
  // 24 to 26 are frames for further names (`link/ServiceFrame.ts`).
} as const

/**
 * Flag of request, response and data: the sender's direction of the stream ends
 * with this frame.
 */
export const flagEnd = 1

/**
 * Flag of request: the visitor sent `Expect` or asks for an upgrade, so no byte
 * of the body is sent before the first credit.
 */
export const flagHeld = 2

/** Flag of hello: see `Hello.connections`. */
export const flagConnections = 1

/** The largest payload of a frame that is not data, in bytes. */
export const maxControl = maxHead + 64 * 1024

/** The largest payload of a data frame, in bytes. */
export const maxData = 1024 * 1024

/** The most characters of the public URL in a hello. */
export const maxPublicUrl = 2000

/** Why a stream was reset. A reason's index stands for it on the wire. */
export const ResetReason = Schema.Literals([
  "cancelled",
  "cut",
  "short",
  "long",
  "idle",
  "limit",
  "refused",
  "protocol",
])
/** See the schema. */
export type ResetReason = typeof ResetReason.Type

/** Which frames are about one stream and which about the whole link. */
export type Scope = "stream" | "link"

/**
 * The annotation `frame` of each frame's schema: how it is written. The table
 * of frames in `docs/protocol.md` is made of these.
 */
export interface FrameLayout {
  readonly type: number
  /** A frame of a link has the stream number 0. */
  readonly scope: Scope
  /** The fields of the payload, in the notation of `docs/protocol.md`. */
  readonly payload: string
}

const layout = (kind: number, scope: Scope, payload: string): { readonly frame: FrameLayout } => ({
  frame: { type: kind, scope, payload },
})

const maxU16 = 0xffff
const maxU32 = 0xffff_ffff
/** The length of a body that is unknown, as it is written. */
export const unknownLength = 0xffff_ffff_ffff

const U32 = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: maxU32 }))
const StreamId = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: maxU32 }))
// A longer body is sent as one of unknown length.
const BodyLength = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: unknownLength - 1 }))

/** The first frame in each direction: what the sender supports and allows. */
export const Hello = Schema.TaggedStruct("Hello", {
  version: U32,
  /** How many streams may be open at once on this link. */
  maxStreams: U32,
  /** How many bytes of each body may be sent before the first credit. */
  window: U32,
  /** Where visitors reach the relay; empty if it is not configured. */
  publicUrl: Schema.String.check(
    Schema.isPattern(/^[\x21-\x7e]*$/),
    Schema.isMaxLength(maxPublicUrl),
  ),
  /** From the server: it takes connections that are passed on. From the relay: visitors of this server have theirs passed on. */
  connections: Schema.optionalKey(Schema.Literal(true)),
}).annotate(
  layout(
    type.hello,
    "link",
    "`version: u32` (1), `maxStreams: u32`, `window: u32`, `publicUrl`: the rest, visible ASCII, may be empty; flag 1: `connections`",
  ),
)
/** See the schema. */
export type Hello = typeof Hello.Type

/** Opens a stream; `bytes` is the start of the body. */
export const Request = Schema.TaggedStruct("Request", {
  stream: StreamId,
  head: RequestHead.check(
    Schema.makeFilter(({ headers, method, target }) =>
      isHead(headers, method.length + target.length, maxHead),
    ),
  ),
  bytes: Schema.Uint8Array,
  end: Schema.Boolean,
  held: Schema.Boolean,
  /** The declared length of the body; absent if it is unknown. */
  length: Schema.optionalKey(BodyLength),
}).annotate(
  layout(type.request, "stream", "`size: u32`, a head of that size, the start of the body"),
)
/** See the schema. */
export type Request = typeof Request.Type

/** Answers a stream; `bytes` is the start of the body. */
export const Response = Schema.TaggedStruct("Response", {
  stream: StreamId,
  head: ResponseHead.check(Schema.makeFilter(({ headers }) => isHead(headers, 0, maxHead))),
  bytes: Schema.Uint8Array,
  end: Schema.Boolean,
  length: Schema.optionalKey(BodyLength),
}).annotate(layout(type.response, "stream", "like a request's"))
/** See the schema. */
export type Response = typeof Response.Type

/** The next bytes of a body. */
export const Data = Schema.TaggedStruct("Data", {
  stream: StreamId,
  bytes: Schema.Uint8Array.check(Schema.isMaxLength(maxData)),
  end: Schema.Boolean,
}).annotate(layout(type.data, "stream", "bytes of the body"))

/** The end of a body, with its trailers. */
export const End = Schema.TaggedStruct("End", {
  stream: StreamId,
  trailers: HeaderList.check(Schema.makeFilter((trailers) => isHead(trailers, 0, maxHead))),
}).annotate(layout(type.end, "stream", "nothing, or a head that has only trailers"))

/** Allows the peer to send `bytes` more bytes on a stream. */
export const Credit = Schema.TaggedStruct("Credit", { stream: StreamId, bytes: U32 }).annotate(
  layout(type.credit, "stream", "`bytes: u32`"),
)

/** Ends a stream in both directions. */
export const Reset = Schema.TaggedStruct("Reset", {
  stream: StreamId,
  reason: ResetReason,
}).annotate(
  layout(
    type.reset,
    "stream",
    `\`reason: u32\`: ${ResetReason.literals.map((reason, index) => `${index} ${reason}`).join(", ")}`,
  ),
)

/** Asks the peer for a pong. */
export const Ping = Schema.TaggedStruct("Ping", { nonce: U32 }).annotate(
  layout(type.ping, "link", "`nonce: u32`"),
)

/** Answers a ping with its nonce. */
export const Pong = Schema.TaggedStruct("Pong", { nonce: U32 }).annotate(
  layout(type.pong, "link", "`nonce: u32` of the ping"),
)

/** The sender wants no more requests on this link; open streams continue. */
export const Drain = Schema.TaggedStruct("Drain", {}).annotate(
  layout(type.drain, "link", "nothing"),
)

/**
 * The time of the relay, and for how long from then the requests behind it may
 * be begun; see `docs/protocol.md`, Begin.
 */
export const Clock = Schema.TaggedStruct("Clock", {
  /** Monotonic milliseconds with an arbitrary origin; the next one after the largest number is 0. */
  millis: U32,
  /** In milliseconds. */
  lease: U32,
}).annotate(layout(type.clock, "link", "`millis: u32`, `lease: u32`"))
/** See the schema. */
export type Clock = typeof Clock.Type

/**
 * From the server: may the request still be begun, which took about `millis`
 * milliseconds to arrive? From the relay: it may, for `millis` milliseconds from
 * when the server asked.
 */
export const Begin = Schema.TaggedStruct("Begin", { stream: StreamId, millis: U32 }).annotate(
  layout(type.begin, "stream", "`millis: u32`"),
)

/** An interim response to a stream, before its response. */
export const Interim = Schema.TaggedStruct("Interim", {
  stream: StreamId,
  head: InterimHead.check(Schema.makeFilter(({ headers }) => isHead(headers, 0, maxHead))),
}).annotate(layout(type.interim, "stream", "a head whose `first` is the status"))
/** See the schema. */
export type Interim = typeof Interim.Type

/** From the relay: the relays that serve as one, and over how many of them the server's links are to be spread. */
export const Relays = Schema.TaggedStruct("Relays", {
  links: U32,
  /** The ids of the relays of each machine. */
  machines: Schema.Array(Schema.NonEmptyArray(RelayId)).check(
    Schema.makeFilter((machines) => machines.flat().length <= maxRelays),
  ),
}).annotate(
  layout(
    type.relays,
    "link",
    "`links: u32`, then the ids of the relays: `,` between those of a machine, `;` between machines",
  ),
)
/** See the schema. */
export type Relays = typeof Relays.Type

/** Every frame. */
export const Frame = Schema.Union([
  Hello,
  Request,
  Response,
  Data,
  End,
  Credit,
  Reset,
  Ping,
  Pong,
  Drain,
  Clock,
  Begin,
  Interim,
  Relays,
])
/** See the schema. */
export type Frame = typeof Frame.Type

/** The layout of every frame, by type. */
export const layouts: ReadonlyArray<FrameLayout> = Frame.members.map(
  (member) => Schema.resolveAnnotations(member)?.frame as FrameLayout,
)

// A head: u48 length of the body (all ones: unknown), u16 status or length of
// the method, u32 length of the target (0 in a response), u16 number of fields,
// for each field the u16 length of its name and u32 length of its value, then
// all texts without separators, one byte for each character.
/** The bytes of a head before those of its fields. */
export const headFixed = 14
/** The bytes for the lengths of one field. */
export const headPerField = 6

const fieldsSize = (headers: HeaderList): number => {
  let size = headPerField * headers.length
  for (const [name, value] of headers) size += name.length + value.length
  return size
}

/** The bytes of a head whose method and target have `startLength` characters. */
export const headSize = (headers: HeaderList, startLength: number): number =>
  headFixed + startLength + fieldsSize(headers)

const isHead = (headers: HeaderList, startLength: number, limit: number): boolean => {
  for (const [name] of headers) if (name.length > maxU16) return false
  return headSize(headers, startLength) <= limit
}

// A sender counts the length before the head, too.
const maxSentHead = maxHead - 4

/** Whether a request's head is small enough to be sent. */
export const fitsRequest = ({ headers, method, target }: RequestHead): boolean =>
  isHead(headers, method.length + target.length, maxSentHead)

/** Whether a response's head has a legal status and is small enough to be sent. */
export const fitsResponse = ({ headers, status }: ResponseHead): boolean =>
  isStatus(status) && isHead(headers, 0, maxSentHead)

/** Whether trailers are small enough to be sent. */
export const fitsEnd = (trailers: HeaderList): boolean => isHead(trailers, 0, maxSentHead)
