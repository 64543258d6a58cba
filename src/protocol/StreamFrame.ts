/**
 * The frames of the stream transport. A link is one sequence of bytes in each
 * direction; frames follow each other in it without regard to how it is cut
 * into WebSocket messages.
 *
 * Every frame starts with twelve bytes: its type, flags, two zero bytes, the
 * stream's number and the payload's length, both big-endian u32. Frames of
 * unknown type are skipped. `docs/protocol.md` has the layout and vectors.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Header, HeaderList, isName, isValue } from "../domain/HeaderList.ts"
import { RequestHead, ResponseHead } from "./Message.ts"
import { maxHead } from "./Wire.ts"
import { WireError } from "./WireError.ts"

/** Bytes of a frame before its payload. */
export const headerBytes = 12

/** The types of frames. Even a peer that does not know one can skip it. */
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

/** Flag of request, response and data: this direction of the stream has no more bytes. */
export const flagEnd = 1

/** Flag of request: the visitor waits to be asked for the body, or asks for an upgrade; no byte rides along. */
export const flagHeld = 2

/** The largest payload of a frame that is not data, in bytes. */
export const maxControl = maxHead + 64 * 1024

/** The largest payload of a data frame, in bytes. */
export const maxData = 1024 * 1024

/** Why a stream is given up. */
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

const U32 = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffff_ffff }))
// Longer promises are not made: such a body's length counts as unknown.
const BodyLength = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 48 - 2 }))
const StreamId = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 0xffff_ffff }))

/** Says what the sender speaks and allows; the first frame in each direction. */
export const Hello = Schema.TaggedStruct("Hello", {
  version: U32,
  /** How many streams may be open at once on this link. */
  maxStreams: U32,
  /** How many bytes of each body may be sent before the first credit. */
  window: U32,
  /** Where visitors reach the relay; empty if it does not say. */
  publicUrl: Schema.String.check(Schema.isPattern(/^[\x21-\x7e]{0,2000}$/)),
})
/** See the schema. */
export type Hello = typeof Hello.Type

/** Opens a stream; `bytes` is the start of the body. */
export const Request = Schema.TaggedStruct("Request", {
  stream: StreamId,
  head: RequestHead,
  bytes: Schema.Uint8Array,
  end: Schema.Boolean,
  held: Schema.Boolean,
  /** The promised length of the body; absent if it is not known. */
  length: Schema.optionalKey(BodyLength),
})
/** See the schema. */
export type Request = typeof Request.Type

/** Answers a stream; `bytes` is the start of the body. */
export const Response = Schema.TaggedStruct("Response", {
  stream: StreamId,
  head: ResponseHead,
  bytes: Schema.Uint8Array,
  end: Schema.Boolean,
  length: Schema.optionalKey(BodyLength),
})
/** See the schema. */
export type Response = typeof Response.Type

/** Some more of a body. */
export const Data = Schema.TaggedStruct("Data", {
  stream: StreamId,
  bytes: Schema.Uint8Array,
  end: Schema.Boolean,
})

/** A body is whole, and these are its trailers. */
export const End = Schema.TaggedStruct("End", { stream: StreamId, trailers: HeaderList })

/** So many bytes more may be sent on a stream. */
export const Credit = Schema.TaggedStruct("Credit", { stream: StreamId, bytes: U32 })

/** A stream is given up in both directions. */
export const Reset = Schema.TaggedStruct("Reset", { stream: StreamId, reason: ResetReason })

/** Is anybody there? */
export const Ping = Schema.TaggedStruct("Ping", { nonce: U32 })

/** Yes. */
export const Pong = Schema.TaggedStruct("Pong", { nonce: U32 })

/** The sender wants no more requests on this link; what is open goes on. */
export const Drain = Schema.TaggedStruct("Drain", {})

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

// A head: u48 promised length of the body (all ones: unknown), u16 status or
// length of the method, u32 length of the target (0 in a response), u16 count
// of fields, then for each u16 length of its name and u32 of its value, then
// all texts one after the other, one byte a character.
const headFixed = 14
const headPerField = 6
const unknownLength = 0xffff_ffff_ffff

const fieldsSize = (headers: HeaderList): number => {
  let size = headPerField * headers.length
  for (const [name, value] of headers) size += name.length + value.length
  return size
}

const fits = (headers: HeaderList, start: number): boolean =>
  4 + headFixed + start + fieldsSize(headers) <= maxHead &&
  headers.every(([name]) => name.length <= 0xffff)

/** Whether a request's head is small enough to be written. */
export const fitsRequest = ({ headers, method, target }: RequestHead): boolean =>
  fits(headers, method.length + target.length)

/** Whether a response's head can be written: it is small enough, and its status is one. */
export const fitsResponse = ({ headers, status }: ResponseHead): boolean =>
  isStatus(status) && fits(headers, 0)

/** Whether trailers are small enough to be written. */
export const fitsEnd = (trailers: HeaderList): boolean => fits(trailers, 0)

const isStatus = (status: number): boolean =>
  status === 101 || (Number.isInteger(status) && status >= 200 && status <= 599)

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

const joined = (head: Buffer, at: number, bytes: Uint8Array): void => {
  if (bytes.length > 0) head.set(bytes, at)
}

/** Writes a request whose head {@link fitsRequest}; `bytes` is copied behind the head. */
export const request = (
  stream: number,
  head: RequestHead,
  bytes: Uint8Array,
  flags: number,
  length: number | undefined,
): Buffer => {
  const { headers, method, target } = head
  const size = 4 + headFixed + method.length + target.length + fieldsSize(headers)
  const out = frame(type.request, flags, stream, size + bytes.length, size + bytes.length)
  const end = writeAfterSize(
    out,
    size,
    length,
    method.length,
    method + target,
    target.length,
    headers,
  )
  joined(out, end, bytes)
  return out
}

/** Writes a response whose head {@link fitsResponse}; `bytes` is copied behind the head. */
export const response = (
  stream: number,
  head: ResponseHead,
  bytes: Uint8Array,
  flags: number,
  length: number | undefined,
): Buffer => {
  const size = 4 + headFixed + fieldsSize(head.headers)
  const out = frame(type.response, flags, stream, size + bytes.length, size + bytes.length)
  const end = writeAfterSize(out, size, length, head.status, "", 0, head.headers)
  joined(out, end, bytes)
  return out
}

const writeAfterSize = (
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

/** The start of a data frame; its bytes follow as they are. */
export const dataHeader = (stream: number, flags: number, length: number): Buffer =>
  frame(type.data, flags, stream, 0, length)

/** Writes the end of a body with trailers that {@link fitsEnd}. */
export const end = (stream: number, trailers: HeaderList): Buffer => {
  const size = trailers.length === 0 ? 0 : headFixed + fieldsSize(trailers)
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

/** Writes the answer to a ping. */
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

/** Writes any frame in one piece. */
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

interface ReadHead {
  readonly length: number | undefined
  readonly first: number
  readonly start: string
  readonly headers: HeaderList
}

const methodPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/
const targetPattern = /^\/[\x21-\x7e\x80-\xff]*$/

/** Reads a head; `methodFirst`: its first number is the length of a method. */
const readHead = (bytes: Buffer, methodFirst: boolean): ReadHead | string => {
  if (bytes.length < headFixed) return "a head is cut short"
  const length = bytes.readUIntBE(0, 6)
  const first = bytes.readUInt16BE(6)
  const target = bytes.readUInt32BE(8)
  const count = bytes.readUInt16BE(12)
  let at = headFixed
  let textAt = headFixed + headPerField * count
  if (textAt > bytes.length) return "a head is cut short"
  const text = bytes.toString("latin1", textAt)
  const startLength = (methodFirst ? first : 0) + target
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
  if (textAt !== text.length) return "a head has something behind it"
  return { length: length === unknownLength ? undefined : length, first, start, headers }
}

const ofLength = (length: number | undefined): { readonly length?: number } =>
  length === undefined ? {} : { length }

/** Splits a payload into the bytes of its head and what follows. */
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
  const read = readHead(parts[0], true)
  if (typeof read === "string") return fail(read)
  const method = read.start.slice(0, read.first)
  const target = read.start.slice(read.first)
  if (!methodPattern.test(method)) return fail("a method is illegal")
  if (!targetPattern.test(target)) return fail("a target is illegal")
  return Result.succeed({
    _tag: "Request",
    stream,
    head: { method, target, headers: read.headers },
    bytes: parts[1],
    end: (flags & flagEnd) !== 0,
    held: (flags & flagHeld) !== 0,
    ...ofLength(read.length),
  })
}

const decodeResponse = (
  flags: number,
  stream: number,
  payload: Buffer,
): Result.Result<Frame, WireError> => {
  const parts = splitHead(payload)
  if (typeof parts === "string") return fail(parts)
  const read = readHead(parts[0], false)
  if (typeof read === "string") return fail(read)
  const status = read.first
  if (read.start !== "") return fail("a response has a target")
  if (!isStatus(status)) return fail("a status is illegal")
  return Result.succeed({
    _tag: "Response",
    stream,
    head: { status, headers: read.headers },
    bytes: parts[1],
    end: (flags & flagEnd) !== 0,
    ...ofLength(read.length),
  })
}

const decodeEnd = (stream: number, payload: Buffer): Result.Result<Frame, WireError> => {
  if (payload.length === 0) return Result.succeed({ _tag: "End", stream, trailers: [] })
  const read = readHead(payload, false)
  if (typeof read === "string") return fail(read)
  return read.start === ""
    ? Result.succeed({ _tag: "End", stream, trailers: read.headers })
    : fail("trailers have a target")
}

const decodeHello = (payload: Buffer): Result.Result<Frame, WireError> => {
  if (payload.length < 12) return fail("a hello is cut short")
  const publicUrl = payload.toString("latin1", 12)
  if (!/^[\x21-\x7e]{0,2000}$/.test(publicUrl)) return fail("a public address is illegal")
  return Result.succeed({
    _tag: "Hello",
    version: payload.readUInt32BE(0),
    maxStreams: payload.readUInt32BE(4),
    window: payload.readUInt32BE(8),
    publicUrl,
  })
}

const onConnection = new Set<number>([type.hello, type.ping, type.pong, type.drain])

/** Whether frames of this type are known; others are skipped. */
export const isKnown = (kind: number): boolean => kind >= type.hello && kind <= type.drain

/**
 * Whether an illegal frame of this type spoils only its stream: it carries what
 * somebody else has said, and where it ends is not in doubt.
 */
export const isOfStream = (kind: number): boolean =>
  kind === type.request || kind === type.response || kind === type.end

/**
 * Reads a frame from its parts. `undefined`: of a type that is not known, to
 * be skipped. Bytes are views of `payload`.
 */
export const decode = (
  kind: number,
  flags: number,
  stream: number,
  payload: Buffer,
): Result.Result<Frame | undefined, WireError> => {
  if (isKnown(kind) && onConnection.has(kind) !== (stream === 0))
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
        : fail("a number has not four bytes")
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
