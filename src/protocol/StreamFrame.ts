/**
 * The frames of the stream dialect and their codec. Each direction of a link is
 * one sequence of frames; the boundaries of WebSocket messages have no meaning.
 *
 * Every frame starts with twelve bytes: type, flags, two zero bytes, stream
 * number and payload length, the latter two big-endian u32. Frames of unknown
 * type are skipped. `docs/protocol.md` has the layout and test vectors.
 *
 * A hello comes once on a link, so its schema runs. The other frames come with
 * every request: their codec is written by hand, with the same rules.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Header, HeaderList, isName, isValue } from "../domain/HeaderList.ts"
import { isMethod, isStatus, isTarget, RequestHead, ResponseHead } from "./Message.ts"
import { maxHead } from "./Wire.ts"
import { WireError } from "./WireError.ts"

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

const resetReasons = ResetReason.literals

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
const unknownLength = 0xffff_ffff_ffff

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
}).annotate(
  layout(
    type.hello,
    "link",
    "`version: u32` (1), `maxStreams: u32`, `window: u32`, `publicUrl`: the rest, visible ASCII, may be empty",
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
    `\`reason: u32\`: ${resetReasons.map((reason, index) => `${index} ${reason}`).join(", ")}`,
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
])
/** See the schema. */
export type Frame = typeof Frame.Type

/** The layout of every frame, by type. */
export const layouts: ReadonlyArray<FrameLayout> = Frame.members.map(
  (member) => Schema.resolveAnnotations(member)?.["frame"] as FrameLayout,
)

const fail = (detail: string): Result.Result<never, WireError> =>
  Result.fail(new WireError({ detail }))

const frame = (
  kind: number,
  flags: number,
  stream: number,
  size: number,
  payload: number,
): Buffer => {
  const bytes = Buffer.allocUnsafe(headerBytes + size)
  bytes[0] = kind
  bytes[1] = flags
  bytes[2] = 0
  bytes[3] = 0
  bytes.writeUInt32BE(stream, 4)
  bytes.writeUInt32BE(payload, 8)
  return bytes
}

// A head: u48 length of the body (all ones: unknown), u16 status or length of
// the method, u32 length of the target (0 in a response), u16 number of fields,
// for each field the u16 length of its name and u32 length of its value, then
// all texts without separators, one byte for each character.
const headFixed = 14
const headPerField = 6

const fieldsSize = (headers: HeaderList): number => {
  let size = headPerField * headers.length
  for (const [name, value] of headers) size += name.length + value.length
  return size
}

/** The bytes of a head whose method and target have `startLength` characters. */
const headSize = (headers: HeaderList, startLength: number): number =>
  headFixed + startLength + fieldsSize(headers)

const isHead = (headers: HeaderList, startLength: number, limit: number): boolean =>
  headSize(headers, startLength) <= limit && headers.every(([name]) => name.length <= maxU16)

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

const writeHead = (
  bytes: Buffer,
  length: number | undefined,
  first: number,
  start: string,
  target: number,
  headers: HeaderList,
): number => {
  let at = headerBytes
  bytes.writeUIntBE(Math.min(length ?? unknownLength, unknownLength), at, 6)
  bytes.writeUInt16BE(first, at + 6)
  bytes.writeUInt32BE(target, at + 8)
  bytes.writeUInt16BE(headers.length, at + 12)
  at += headFixed
  let text = start
  for (const [name, value] of headers) {
    bytes.writeUInt16BE(name.length, at)
    bytes.writeUInt32BE(value.length, at + 2)
    at += headPerField
    text += name + value
  }
  return at + bytes.write(text, at, "latin1")
}

/**
 * Writes a request for whose head {@link fitsRequest} is true; `bytes` is
 * copied after the head.
 */
export const request = (
  stream: number,
  head: RequestHead,
  bytes: Uint8Array,
  flags: number,
  length: number | undefined,
): Buffer => {
  const { headers, method, target } = head
  const size = 4 + headSize(headers, method.length + target.length)
  const out = frame(type.request, flags, stream, size + bytes.length, size + bytes.length)
  out.set(
    bytes,
    writeSizedHead(out, size, length, method.length, method + target, target.length, headers),
  )
  return out
}

/**
 * Writes a response for whose head {@link fitsResponse} is true; `bytes` is
 * copied after the head.
 */
export const response = (
  stream: number,
  head: ResponseHead,
  bytes: Uint8Array,
  flags: number,
  length: number | undefined,
): Buffer => {
  const size = 4 + headSize(head.headers, 0)
  const out = frame(type.response, flags, stream, size + bytes.length, size + bytes.length)
  out.set(bytes, writeSizedHead(out, size, length, head.status, "", 0, head.headers))
  return out
}

const writeSizedHead = (
  out: Buffer,
  size: number,
  length: number | undefined,
  first: number,
  start: string,
  target: number,
  headers: HeaderList,
): number => {
  out.writeUInt32BE(size - 4, headerBytes)
  return writeHead(out.subarray(4), length, first, start, target, headers) + 4
}

/** Writes the twelve bytes before the `length` bytes of a data frame. */
export const dataHeader = (stream: number, flags: number, length: number): Buffer =>
  frame(type.data, flags, stream, 0, length)

/** Writes the end of a body with trailers for which {@link fitsEnd} is true. */
export const end = (stream: number, trailers: HeaderList): Buffer => {
  const size = trailers.length === 0 ? 0 : headSize(trailers, 0)
  const out = frame(type.end, 0, stream, size, size)
  if (size > 0) writeHead(out, undefined, 0, "", 0, trailers)
  return out
}

const number = (kind: number, stream: number, n: number): Buffer => {
  const out = frame(kind, 0, stream, 4, 4)
  out.writeUInt32BE(n, headerBytes)
  return out
}

/** Writes a credit. */
export const credit = (stream: number, bytes: number): Buffer => number(type.credit, stream, bytes)

/** Writes a ping. */
export const ping = (nonce: number): Buffer => number(type.ping, 0, nonce)

/** Writes a pong. */
export const pong = (nonce: number): Buffer => number(type.pong, 0, nonce)

/** Writes a drain. */
export const drain = (): Buffer => frame(type.drain, 0, 0, 0, 0)

/** Writes a reset. */
export const reset = (stream: number, reason: ResetReason): Buffer =>
  number(type.reset, stream, resetReasons.indexOf(reason))

/** Writes a hello. */
export const hello = (message: Omit<Hello, "_tag">): Buffer => {
  const out = frame(type.hello, 0, 0, 12 + message.publicUrl.length, 12 + message.publicUrl.length)
  out.writeUInt32BE(message.version, headerBytes)
  out.writeUInt32BE(message.maxStreams, headerBytes + 4)
  out.writeUInt32BE(message.window, headerBytes + 8)
  out.write(message.publicUrl, headerBytes + 12, "latin1")
  return out
}

/** Writes any frame as one buffer. */
export const encode = (message: Frame): Buffer => {
  switch (message._tag) {
    case "Hello":
      return hello(message)
    case "Request":
      return request(
        message.stream,
        message.head,
        message.bytes,
        (message.end ? flagEnd : 0) | (message.held ? flagHeld : 0),
        message.length,
      )
    case "Response":
      return response(
        message.stream,
        message.head,
        message.bytes,
        message.end ? flagEnd : 0,
        message.length,
      )
    case "Data":
      return Buffer.concat([
        dataHeader(message.stream, message.end ? flagEnd : 0, message.bytes.length),
        message.bytes,
      ])
    case "End":
      return end(message.stream, message.trailers)
    case "Credit":
      return credit(message.stream, message.bytes)
    case "Reset":
      return reset(message.stream, message.reason)
    case "Ping":
      return ping(message.nonce)
    case "Pong":
      return pong(message.nonce)
    case "Drain":
      return drain()
  }
}

interface DecodedHead {
  readonly length: number | undefined
  readonly first: number
  readonly start: string
  readonly headers: HeaderList
}

/** Reads a head; of a request, `first` is the length of the method. */
const readHead = (bytes: Buffer, isRequest: boolean): DecodedHead | string => {
  if (bytes.length < headFixed) return "a head is cut short"
  const length = bytes.readUIntBE(0, 6)
  const first = bytes.readUInt16BE(6)
  const target = bytes.readUInt32BE(8)
  const count = bytes.readUInt16BE(12)
  let at = headFixed
  let textAt = headFixed + headPerField * count
  if (textAt > bytes.length) return "a head is cut short"
  const text = bytes.toString("latin1", textAt)
  const startLength = (isRequest ? first : 0) + target
  const start = text.slice(0, startLength)
  textAt = startLength
  const headers: Array<Header> = new Array(count)
  for (let i = 0; i < count; i++) {
    const nameEnd = textAt + bytes.readUInt16BE(at)
    const valueEnd = nameEnd + bytes.readUInt32BE(at + 2)
    if (valueEnd > text.length) return "a field is cut short"
    const name = text.slice(textAt, nameEnd)
    const value = text.slice(nameEnd, valueEnd)
    if (!isName(name)) return "a header name is illegal"
    if (!isValue(value)) return "a header value is illegal"
    headers[i] = [name, value]
    textAt = valueEnd
    at += headPerField
  }
  if (textAt !== text.length) return "bytes follow a head"
  return { length: length === unknownLength ? undefined : length, first, start, headers }
}

const lengthField = (length: number | undefined): { readonly length?: number } =>
  length === undefined ? {} : { length }

/** Splits a payload into its head and the bytes of the body. */
const splitHead = (payload: Buffer): readonly [Buffer, Buffer] | string => {
  if (payload.length < 4) return "a head is cut short"
  const end = 4 + payload.readUInt32BE(0)
  if (end > payload.length) return "a head is cut short"
  if (end > 4 + maxHead) return "a head is too large"
  return [payload.subarray(4, end), payload.subarray(end)]
}

const decodeRequest = (
  flags: number,
  stream: number,
  payload: Buffer,
): Result.Result<Frame, WireError> => {
  const parts = splitHead(payload)
  if (typeof parts === "string") return fail(parts)
  const decoded = readHead(parts[0], true)
  if (typeof decoded === "string") return fail(decoded)
  const method = decoded.start.slice(0, decoded.first)
  const target = decoded.start.slice(decoded.first)
  if (!isMethod(method)) return fail("a method is illegal")
  if (!isTarget(target)) return fail("a target is illegal")
  return Result.succeed({
    _tag: "Request",
    stream,
    head: { method, target, headers: decoded.headers },
    bytes: parts[1],
    end: (flags & flagEnd) !== 0,
    held: (flags & flagHeld) !== 0,
    ...lengthField(decoded.length),
  })
}

const decodeResponse = (
  flags: number,
  stream: number,
  payload: Buffer,
): Result.Result<Frame, WireError> => {
  const parts = splitHead(payload)
  if (typeof parts === "string") return fail(parts)
  const decoded = readHead(parts[0], false)
  if (typeof decoded === "string") return fail(decoded)
  const status = decoded.first
  if (decoded.start !== "") return fail("a response has a target")
  if (!isStatus(status)) return fail("a status is illegal")
  return Result.succeed({
    _tag: "Response",
    stream,
    head: { status, headers: decoded.headers },
    bytes: parts[1],
    end: (flags & flagEnd) !== 0,
    ...lengthField(decoded.length),
  })
}

const decodeEnd = (stream: number, payload: Buffer): Result.Result<Frame, WireError> => {
  if (payload.length === 0) return Result.succeed({ _tag: "End", stream, trailers: [] })
  if (payload.length > maxHead) return fail("a head is too large")
  const decoded = readHead(payload, false)
  if (typeof decoded === "string") return fail(decoded)
  return decoded.start === ""
    ? Result.succeed({ _tag: "End", stream, trailers: decoded.headers })
    : fail("trailers have a target")
}

const decodeHelloFields = Schema.decodeUnknownResult(Hello)
const helloFixed = 12

const decodeHello = (payload: Buffer): Result.Result<Frame, WireError> => {
  if (payload.length < helloFixed) return fail("a hello is cut short")
  const hello = decodeHelloFields({
    _tag: "Hello",
    version: payload.readUInt32BE(0),
    maxStreams: payload.readUInt32BE(4),
    window: payload.readUInt32BE(8),
    publicUrl: payload.toString("latin1", helloFixed),
  })
  return Result.mapError(
    hello,
    ({ message }) => new WireError({ detail: `a hello is illegal: ${message}` }),
  )
}

/** The scope of each type of frame; types that are not known have none. */
const scopes: ReadonlyArray<Scope | undefined> = layouts.reduce(
  (byType: Array<Scope | undefined>, { scope, type: kind }) => {
    byType[kind] = scope
    return byType
  },
  [undefined],
)

/** Whether frames of this type are known; others are skipped. */
export const isKnown = (kind: number): boolean => kind >= type.hello && kind <= type.drain

/**
 * Whether an illegal frame of this type affects only its stream and not the
 * link: its content comes from a third party, and its end is certain.
 */
export const isOfStream = (kind: number): boolean =>
  kind === type.request || kind === type.response || kind === type.end

/**
 * Reads a frame from its parts. `undefined`: the type is unknown and the frame
 * is to be skipped. Bytes of a body are a view of `payload`.
 */
export const decode = (
  kind: number,
  flags: number,
  stream: number,
  payload: Buffer,
): Result.Result<Frame | undefined, WireError> => {
  const scope = scopes[kind]
  if (scope !== undefined && (scope === "link") !== (stream === 0))
    return fail("a frame is on the wrong stream")
  switch (kind) {
    case type.hello:
      return decodeHello(payload)
    case type.request:
      return decodeRequest(flags, stream, payload)
    case type.response:
      return decodeResponse(flags, stream, payload)
    case type.data:
      return Result.succeed({ _tag: "Data", stream, bytes: payload, end: (flags & flagEnd) !== 0 })
    case type.end:
      return decodeEnd(stream, payload)
    case type.drain:
      return Result.succeed({ _tag: "Drain" })
    case type.credit:
    case type.ping:
    case type.pong:
    case type.reset:
      return payload.length === 4
        ? decodeNumber(kind, stream, payload.readUInt32BE(0))
        : fail("a number does not have four bytes")
    default:
      return Result.succeed(undefined)
  }
}

const decodeNumber = (kind: number, stream: number, n: number): Result.Result<Frame, WireError> => {
  if (kind === type.credit) return Result.succeed({ _tag: "Credit", stream, bytes: n })
  if (kind === type.ping) return Result.succeed({ _tag: "Ping", nonce: n })
  if (kind === type.pong) return Result.succeed({ _tag: "Pong", nonce: n })
  const reason = resetReasons[n]
  return reason === undefined
    ? fail("a reset has no known reason")
    : Result.succeed({ _tag: "Reset", stream, reason })
}
