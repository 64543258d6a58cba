/**
 * The codec of the stream dialect. It runs for every request, so it is written
 * by hand, with the rules and limits of the schemas in `Frame.ts`. Only a hello
 * and the list of relays, which seldom come, are decoded by their schemas.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Header, type HeaderList, isNameIn, isValueIn } from "../domain/HeaderList.ts"
import {
  type Frame,
  flagConnections,
  flagEnd,
  flagHeld,
  Hello,
  headerBytes,
  headFixed,
  headPerField,
  headSize,
  layouts,
  Relays,
  ResetReason,
  type Scope,
  type,
  unknownLength,
} from "./Frame.ts"
import {
  CheckedRequest,
  CheckedResponse,
  type InterimHead,
  isInterimStatus,
  isMethod,
  isStatus,
  isTarget,
  type RequestHead,
  type ResponseHead,
} from "./Message.ts"
import { maxHead } from "./Wire.ts"
import { WireError } from "./WireError.ts"

export * from "./Frame.ts"

const resetReasons = ResetReason.literals

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

/** Writes a head at an offset; the offset of the first byte behind it. */
const writeHead = (
  bytes: Buffer,
  at: number,
  length: number | undefined,
  first: number,
  start: string,
  target: number,
  headers: HeaderList,
): number => {
  bytes.writeUIntBE(Math.min(length ?? unknownLength, unknownLength), at, 6)
  bytes.writeUInt16BE(first, at + 6)
  bytes.writeUInt32BE(target, at + 8)
  bytes.writeUInt16BE(headers.length, at + 12)
  let textAt = at + headFixed
  let text = start
  for (const [name, value] of headers) {
    bytes.writeUInt16BE(name.length, textAt)
    bytes.writeUInt32BE(value.length, textAt + 2)
    textAt += headPerField
    text += name + value
  }
  return textAt + bytes.write(text, textAt, "latin1")
}

/** Where the head of a request or response begins: behind its size. */
const sizedHead = headerBytes + 4

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
  out.writeUInt32BE(size - 4, headerBytes)
  const start = method + target
  const end = writeHead(out, sizedHead, length, method.length, start, target.length, headers)
  if (bytes.length > 0) out.set(bytes, end)
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
  out.writeUInt32BE(size - 4, headerBytes)
  const end = writeHead(out, sizedHead, length, head.status, "", 0, head.headers)
  if (bytes.length > 0) out.set(bytes, end)
  return out
}

/** Writes the twelve bytes before the `length` bytes of a data frame. */
export const dataHeader = (stream: number, flags: number, length: number): Buffer =>
  frame(type.data, flags, stream, 0, length)

/** Writes the end of a body with trailers for which {@link fitsEnd} is true. */
export const end = (stream: number, trailers: HeaderList): Buffer => {
  const size = trailers.length === 0 ? 0 : headSize(trailers, 0)
  const out = frame(type.end, 0, stream, size, size)
  if (size > 0) writeHead(out, headerBytes, undefined, 0, "", 0, trailers)
  return out
}

/** Writes an interim response whose head fits (`fitsEnd`). */
export const interim = (stream: number, { headers, status }: InterimHead): Buffer => {
  const size = headSize(headers, 0)
  const out = frame(type.interim, 0, stream, size, size)
  writeHead(out, headerBytes, undefined, status, "", 0, headers)
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

/** Writes the relay's time, in monotonic milliseconds, and the lease of what follows. */
export const clock = (millis: number, lease: number): Buffer => {
  const out = frame(type.clock, 0, 0, 8, 8)
  out.writeUInt32BE(Math.floor(millis) >>> 0, headerBytes)
  out.writeUInt32BE(Math.floor(lease), headerBytes + 4)
  return out
}

/** Writes the question whether a request may be begun, or the answer. */
export const begin = (stream: number, millis: number): Buffer =>
  number(type.begin, stream, Math.min(Math.floor(millis), 0xffff_ffff))

/** Writes a reset. */
export const reset = (stream: number, reason: ResetReason): Buffer =>
  number(type.reset, stream, resetReasons.indexOf(reason))

/** Writes a hello. */
export const hello = (message: Omit<Hello, "_tag">): Buffer => {
  const flags = message.connections === true ? flagConnections : 0
  const size = 12 + message.publicUrl.length
  const out = frame(type.hello, flags, 0, size, size)
  out.writeUInt32BE(message.version, headerBytes)
  out.writeUInt32BE(message.maxStreams, headerBytes + 4)
  out.writeUInt32BE(message.window, headerBytes + 8)
  out.write(message.publicUrl, headerBytes + 12, "latin1")
  return out
}

/** Writes the list of relays. */
export const relays = ({ links, machines }: Omit<Relays, "_tag">): Buffer => {
  const text = machines.map((ids) => ids.join(",")).join(";")
  const out = frame(type.relays, 0, 0, 4 + text.length, 4 + text.length)
  out.writeUInt32BE(links, headerBytes)
  out.write(text, headerBytes + 4, "latin1")
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
    case "Clock":
      return clock(message.millis, message.lease)
    case "Begin":
      return begin(message.stream, message.millis)
    case "Interim":
      return interim(message.stream, message.head)
    case "Relays":
      return relays(message)
  }
}

interface DecodedHead {
  readonly length: number | undefined
  readonly first: number
  readonly start: string
  readonly headers: HeaderList
}

/**
 * Reads the head in a range of bytes; of a request, `first` is the length of the
 * method. Fields are checked as bytes, which takes half the time of checking texts.
 */
const readHead = (
  bytes: Buffer,
  from: number,
  to: number,
  isRequest: boolean,
): DecodedHead | string => {
  if (to - from < headFixed) return "a head is cut short"
  const length = bytes.readUIntBE(from, 6)
  const first = bytes.readUInt16BE(from + 6)
  const target = bytes.readUInt32BE(from + 8)
  const count = bytes.readUInt16BE(from + 12)
  let at = from + headFixed
  const textFrom = at + headPerField * count
  if (textFrom > to) return "a head is cut short"
  const text = bytes.toString("latin1", textFrom, to)
  const startLength = (isRequest ? first : 0) + target
  const start = text.slice(0, startLength)
  let textAt = startLength
  const headers: Array<Header> = new Array(count)
  for (let i = 0; i < count; i++) {
    const nameEnd = textAt + bytes.readUInt16BE(at)
    const valueEnd = nameEnd + bytes.readUInt32BE(at + 2)
    if (valueEnd > text.length) return "a field is cut short"
    if (!isNameIn(bytes, textFrom + textAt, textFrom + nameEnd)) return "a header name is illegal"
    if (!isValueIn(bytes, textFrom + nameEnd, textFrom + valueEnd))
      return "a header value is illegal"
    headers[i] = [text.slice(textAt, nameEnd), text.slice(nameEnd, valueEnd)]
    textAt = valueEnd
    at += headPerField
  }
  if (textAt !== text.length) return "bytes follow a head"
  return { length: length === unknownLength ? undefined : length, first, start, headers }
}

/** Where the head of a request or response ends in its payload. */
const endOfHead = (payload: Buffer): number | string => {
  if (payload.length < 4) return "a head is cut short"
  const end = 4 + payload.readUInt32BE(0)
  if (end > payload.length) return "a head is cut short"
  return end > 4 + maxHead ? "a head is too large" : end
}

const decodeRequest = (
  flags: number,
  stream: number,
  payload: Buffer,
): Result.Result<Frame, WireError> => {
  const headEnd = endOfHead(payload)
  if (typeof headEnd === "string") return fail(headEnd)
  const decoded = readHead(payload, 4, headEnd, true)
  if (typeof decoded === "string") return fail(decoded)
  const { first, headers, length, start } = decoded
  const method = start.slice(0, first)
  const target = start.slice(first)
  if (!isMethod(method)) return fail("a method is illegal")
  if (!isTarget(target)) return fail("a target is illegal")
  const head = new CheckedRequest(method, target, headers)
  const bytes = payload.subarray(headEnd)
  const isEnd = (flags & flagEnd) !== 0
  const held = (flags & flagHeld) !== 0
  return Result.succeed(
    length === undefined
      ? { _tag: "Request", stream, head, bytes, end: isEnd, held }
      : { _tag: "Request", stream, head, bytes, end: isEnd, held, length },
  )
}

const decodeResponse = (
  flags: number,
  stream: number,
  payload: Buffer,
): Result.Result<Frame, WireError> => {
  const headEnd = endOfHead(payload)
  if (typeof headEnd === "string") return fail(headEnd)
  const decoded = readHead(payload, 4, headEnd, false)
  if (typeof decoded === "string") return fail(decoded)
  const { first: status, headers, length, start } = decoded
  if (start !== "") return fail("a response has a target")
  if (!isStatus(status)) return fail("a status is illegal")
  const head = new CheckedResponse(status, headers)
  const bytes = payload.subarray(headEnd)
  const isEnd = (flags & flagEnd) !== 0
  return Result.succeed(
    length === undefined
      ? { _tag: "Response", stream, head, bytes, end: isEnd }
      : { _tag: "Response", stream, head, bytes, end: isEnd, length },
  )
}

const decodeEnd = (stream: number, payload: Buffer): Result.Result<Frame, WireError> => {
  if (payload.length === 0) return Result.succeed({ _tag: "End", stream, trailers: [] })
  if (payload.length > maxHead) return fail("a head is too large")
  const decoded = readHead(payload, 0, payload.length, false)
  if (typeof decoded === "string") return fail(decoded)
  return decoded.start === ""
    ? Result.succeed({ _tag: "End", stream, trailers: decoded.headers })
    : fail("trailers have a target")
}

const decodeInterim = (stream: number, payload: Buffer): Result.Result<Frame, WireError> => {
  if (payload.length > maxHead) return fail("a head is too large")
  const decoded = readHead(payload, 0, payload.length, false)
  if (typeof decoded === "string") return fail(decoded)
  const { first: status, headers, start } = decoded
  if (start !== "") return fail("an interim response has a target")
  return isInterimStatus(status)
    ? Result.succeed({ _tag: "Interim", stream, head: { status, headers } })
    : fail("an interim status is illegal")
}

const decodeHelloFields = Schema.decodeUnknownResult(Hello)
const helloFixed = 12

const decodeHello = (flags: number, payload: Buffer): Result.Result<Frame, WireError> => {
  if (payload.length < helloFixed) return fail("a hello is cut short")
  const hello = decodeHelloFields({
    _tag: "Hello",
    version: payload.readUInt32BE(0),
    maxStreams: payload.readUInt32BE(4),
    window: payload.readUInt32BE(8),
    publicUrl: payload.toString("latin1", helloFixed),
    ...((flags & flagConnections) === 0 ? {} : { connections: true }),
  })
  return Result.mapError(
    hello,
    ({ message }) => new WireError({ detail: `a hello is illegal: ${message}` }),
  )
}

const decodeRelaysFields = Schema.decodeUnknownResult(Relays)

const decodeRelays = (payload: Buffer): Result.Result<Frame, WireError> => {
  if (payload.length < 4) return fail("a list of relays is cut short")
  const text = payload.toString("latin1", 4)
  const decoded = decodeRelaysFields({
    _tag: "Relays",
    links: payload.readUInt32BE(0),
    machines: text === "" ? [] : text.split(";").map((ids) => ids.split(",")),
  })
  return Result.mapError(
    decoded,
    ({ message }) => new WireError({ detail: `a list of relays is illegal: ${message}` }),
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
export const isKnown = (kind: number): boolean =>
  (kind >= type.hello && kind <= type.interim) || kind === type.relays

/**
 * Whether an illegal frame of this type affects only its stream and not the
 * link: its content comes from a third party, and its end is certain.
 */
export const isOfStream = (kind: number): boolean =>
  kind === type.request || kind === type.response || kind === type.end || kind === type.interim

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
      return decodeHello(flags, payload)
    case type.request:
      return decodeRequest(flags, stream, payload)
    case type.response:
      return decodeResponse(flags, stream, payload)
    case type.data:
      return Result.succeed({ _tag: "Data", stream, bytes: payload, end: (flags & flagEnd) !== 0 })
    case type.end:
      return decodeEnd(stream, payload)
    case type.interim:
      return decodeInterim(stream, payload)
    case type.relays:
      return decodeRelays(payload)
    case type.drain:
      return Result.succeed({ _tag: "Drain" })
    case type.clock:
      return payload.length === 8
        ? Result.succeed({
            _tag: "Clock",
            millis: payload.readUInt32BE(0),
            lease: payload.readUInt32BE(4),
          })
        : fail("a clock does not have eight bytes")
    case type.begin:
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
  if (kind === type.begin) return Result.succeed({ _tag: "Begin", stream, millis: n })
  if (kind === type.ping) return Result.succeed({ _tag: "Ping", nonce: n })
  if (kind === type.pong) return Result.succeed({ _tag: "Pong", nonce: n })
  const reason = resetReasons[n]
  return reason === undefined
    ? fail("a reset has no known reason")
    : Result.succeed({ _tag: "Reset", stream, reason })
}
