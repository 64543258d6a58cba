/**
 * The frames that only relays send each other, on the links between them. They
 * extend the frames of stream; a link of a server skips them as unknown.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { codes, type VisitorErrorCode as ErrorCode, statusOf } from "../../domain/ErrorRegistry.ts"
import { HeaderList } from "../../domain/HeaderList.ts"
import { isServerName, ServerName } from "../../domain/ServerName.ts"
import { isTripcode, type Tripcode } from "../../domain/Tripcode.ts"
import { headerBytes, maxControl } from "../Frame.ts"
import { maxInstance, maxLinkNumber } from "../Wire.ts"
import { WireError } from "../WireError.ts"
import { LinkKey, PresentLink, transports } from "./PresentLink.ts"

/** The types of frames, none of which stream has. */
export const type = { presence: 14, hop: 15, control: 16, failure: 18, placed: 19 } as const

const maxU32 = 0xffff_ffff
const U32 = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: maxU32 }))
const StreamId = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: maxU32 }))
/** Visible ASCII. */
const token = (length: number) =>
  Schema.String.check(Schema.isPattern(/^[\x20-\x7e]*$/), Schema.isMaxLength(length))

/** A code that has a status. */
const VisitorErrorCode = Schema.Literals(
  codes.filter((code): code is ErrorCode => statusOf(code as ErrorCode) !== undefined),
)

/** The most characters of the trace and of the visitor's id in a hop. */
const maxTrace = 255
const maxVisitor = 255

/**
 * Which links the sender has. The first frames are a snapshot: `isFirst` begins
 * it, `isComplete` ends it. Each later frame is a change. `sequence` is one more
 * than that of the frame before.
 */
export const Presence = Schema.TaggedStruct("Presence", {
  sequence: U32,
  isFirst: Schema.Boolean,
  isComplete: Schema.Boolean,
  joined: Schema.Array(PresentLink),
  left: Schema.Array(LinkKey),
})
/** See the schema. */
export type Presence = typeof Presence.Type

/**
 * The request that follows on this stream is for a server of the receiver, or
 * for its backend API: then the name is empty.
 */
export const Hop = Schema.TaggedStruct("Hop", {
  stream: StreamId,
  name: Schema.Union([ServerName, Schema.Literal("")]),
  /** How long the server has for the head of its response, in milliseconds. */
  millis: U32,
  /** The trace of the visitor's request (W3C Trace Context, `traceparent`); empty if there is none. */
  trace: token(maxTrace),
  /** The id that the visitor's relay gives the request in its log. */
  visitor: token(maxVisitor),
})
/** See the schema. */
export type Hop = typeof Hop.Type

/** A piece of a message that is JSON (`PeerControl.ts`). */
export const Control = Schema.TaggedStruct("Control", {
  /** Of the message, among those of its sender; of a reply, that of the message that it answers. */
  id: U32,
  isReply: Schema.Boolean,
  /** More pieces of this message follow. */
  isPart: Schema.Boolean,
  bytes: Schema.Uint8Array.check(Schema.isMaxLength(maxControl - 5)),
})
/** See the schema. */
export type Control = typeof Control.Type

/**
 * Why a request that hopped has no response, before the reset of its stream: JSON
 * of {@link FailureBody}. Without it the reset says all there is to say.
 */
export const Failure = Schema.TaggedStruct("Failure", {
  stream: StreamId,
  bytes: Schema.Uint8Array.check(Schema.isMaxLength(maxControl)),
})
/** See the schema. */
export type Failure = typeof Failure.Type

/** What the visitor is told. */
export const FailureBody = Schema.Struct({
  code: VisitorErrorCode,
  detail: Schema.String,
  /** In seconds. */
  retryAfter: Schema.optionalKey(Schema.Finite),
  headers: Schema.optionalKey(HeaderList),
})
/** See the schema. */
export type FailureBody = typeof FailureBody.Type

/** The request on this stream, which may change something, was just handed to a server. */
export const Placed = Schema.TaggedStruct("Placed", {
  stream: StreamId,
  /** For how long the server may begin it without asking, in milliseconds. */
  millis: U32,
})
/** See the schema. */
export type Placed = typeof Placed.Type

/** Every frame of peers. */
export const PeerFrame = Schema.Union([Presence, Hop, Control, Failure, Placed])
/** See the schema. */
export type PeerFrame = typeof PeerFrame.Type

/** The most bytes of a message in one frame. */
export const maxPiece = 64 * 1024

/** Whether frames of this type are ones of peers. */
export const isPeerFrame = (kind: number): boolean =>
  (kind >= type.presence && kind <= type.control) || kind === type.failure || kind === type.placed

const header = (kind: number, stream: number, size: number): Buffer => {
  const bytes = Buffer.allocUnsafe(headerBytes + size)
  bytes[0] = kind
  bytes[1] = 0
  bytes[2] = 0
  bytes[3] = 0
  bytes.writeUInt32BE(stream, 4)
  bytes.writeUInt32BE(size, 8)
  return bytes
}

// ------------------------------------------------------------ presence

// u32 sequence, u8 flags, then for each link: u8 operation (1 joined, 0 left),
// u8 length of the name, u8 of the instance, u8 of the number; of a link that
// joined also u8 transport, u48 time, u8 length of the program, 44 characters of
// the tripcode; then the texts, one byte for each character.
const presenceFixed = 5
const leftFixed = 4
const tripcodeLength = 44
const joinedFixed = leftFixed + 8 + tripcodeLength
const flagFirst = 1
const flagComplete = 2

const sizeOfKey = ({ instance, name, number }: LinkKey): number =>
  name.length + instance.length + number.length

/** The bytes of a link in a presence frame. */
export const sizeOfLink = (link: PresentLink): number =>
  joinedFixed + sizeOfKey(link) + link.program.length

/** Writes which links the sender has. */
export const presence = (message: Omit<Presence, "_tag">): Buffer => {
  const { isComplete, isFirst, joined, left, sequence } = message
  let size = presenceFixed
  for (const key of left) size += leftFixed + sizeOfKey(key)
  for (const link of joined) size += sizeOfLink(link)
  const out = header(type.presence, 0, size)
  out.writeUInt32BE(sequence, headerBytes)
  out[headerBytes + 4] = (isFirst ? flagFirst : 0) | (isComplete ? flagComplete : 0)
  let at = headerBytes + presenceFixed
  for (const key of left) at = writeKey(out, at, 0, key, 0, key.name + key.instance + key.number)
  for (const link of joined) {
    const fieldsAt = at + leftFixed
    const text = link.name + link.instance + link.number + link.program
    at = writeKey(out, at, 1, link, joinedFixed - leftFixed, text)
    out[fieldsAt] = transports.indexOf(link.transport)
    out.writeUIntBE(link.openedAt, fieldsAt + 1, 6)
    out[fieldsAt + 7] = link.program.length
    out.write(link.tripcode, fieldsAt + 8, "latin1")
  }
  return out
}

const writeKey = (
  out: Buffer,
  at: number,
  operation: 0 | 1,
  { instance, name, number }: LinkKey,
  gap: number,
  text: string,
): number => {
  out[at] = operation
  out[at + 1] = name.length
  out[at + 2] = instance.length
  out[at + 3] = number.length
  const textAt = at + leftFixed + gap
  return textAt + out.write(text, textAt, "latin1")
}

const decodePresence = (payload: Buffer): Presence | string => {
  if (payload.length < presenceFixed) return "a presence is cut short"
  const flags = payload[4] as number
  const joined: Array<PresentLink> = []
  const left: Array<LinkKey> = []
  let at = presenceFixed
  while (at < payload.length) {
    const end = readEntry(payload, at, joined, left)
    if (typeof end === "string") return end
    at = end
  }
  return {
    _tag: "Presence",
    sequence: payload.readUInt32BE(0),
    isFirst: (flags & flagFirst) !== 0,
    isComplete: (flags & flagComplete) !== 0,
    joined,
    left,
  }
}

/** Reads one link; where the next one begins, or what is wrong. */
const readEntry = (
  payload: Buffer,
  at: number,
  joined: Array<PresentLink>,
  left: Array<LinkKey>,
): number | string => {
  const isJoined = payload[at] === 1
  const textAt = at + (isJoined ? joinedFixed : leftFixed)
  if (textAt > payload.length) return "a link is cut short"
  const [nameLength, instanceLength, numberLength] = payload.subarray(at + 1, at + 4)
  const nameEnd = textAt + (nameLength as number)
  const instanceEnd = nameEnd + (instanceLength as number)
  const numberEnd = instanceEnd + (numberLength as number)
  const end = isJoined ? numberEnd + (payload[at + 11] as number) : numberEnd
  if (end > payload.length) return "a link is cut short"
  if (end - numberEnd > 100) return "a program's name is too long"
  if ((instanceLength as number) > maxInstance) return "an instance is too long"
  if ((numberLength as number) > maxLinkNumber) return "a link's number is too long"
  const name = payload.toString("latin1", textAt, nameEnd)
  if (!isServerName(name)) return "a server's name is illegal"
  const key: LinkKey = {
    name,
    instance: payload.toString("latin1", nameEnd, instanceEnd),
    number: payload.toString("latin1", instanceEnd, numberEnd),
  }
  if (!isJoined) {
    if (payload[at] !== 0) return "a presence has an unknown operation"
    left.push(key)
    return end
  }
  const transport = transports[payload[at + 4] as number]
  const tripcode = payload.toString("latin1", at + 12, at + 12 + tripcodeLength)
  if (transport === undefined) return "a transport is unknown"
  if (!isTripcode(tripcode)) return "a tripcode is illegal"
  joined.push({
    ...key,
    tripcode: tripcode as Tripcode,
    transport,
    openedAt: payload.readUIntBE(at + 5, 6),
    program: payload.toString("latin1", numberEnd, end),
  })
  return end
}

// ------------------------------------------------------------ hop

// u32 milliseconds, u8 length of the name, u8 of the trace, then name, trace and
// the visitor's id.
const hopFixed = 6

/** Writes a hop, before its request. */
export const hop = (message: Omit<Hop, "_tag">): Buffer => {
  const { millis, name, stream, trace, visitor } = message
  const size = hopFixed + name.length + trace.length + visitor.length
  const out = header(type.hop, stream, size)
  out.writeUInt32BE(millis, headerBytes)
  out[headerBytes + 4] = name.length
  out[headerBytes + 5] = trace.length
  out.write(name + trace + visitor, headerBytes + hopFixed, "latin1")
  return out
}

const visible = /^[\x20-\x7e]*$/

const decodeHop = (stream: number, payload: Buffer): Hop | string => {
  if (payload.length < hopFixed) return "a hop is cut short"
  const nameEnd = hopFixed + (payload[4] as number)
  const traceEnd = nameEnd + (payload[5] as number)
  if (traceEnd > payload.length) return "a hop is cut short"
  const text = payload.toString("latin1", hopFixed)
  const name = text.slice(0, nameEnd - hopFixed)
  const trace = text.slice(nameEnd - hopFixed, traceEnd - hopFixed)
  const visitor = text.slice(traceEnd - hopFixed)
  if (name !== "" && !isServerName(name)) return "a server's name is illegal"
  if (visitor.length > maxVisitor) return "a visitor's id is too long"
  if (!visible.test(trace) || !visible.test(visitor)) return "a hop has illegal characters"
  return { _tag: "Hop", stream, name, millis: payload.readUInt32BE(0), trace, visitor }
}

// ------------------------------------------------------------ control

const controlFixed = 5
const flagReply = 1
const flagPart = 2

/** Writes a piece of a message. */
export const control = ({ bytes, id, isPart, isReply }: Omit<Control, "_tag">): Buffer => {
  const out = header(type.control, 0, controlFixed + bytes.length)
  out.writeUInt32BE(id, headerBytes)
  out[headerBytes + 4] = (isReply ? flagReply : 0) | (isPart ? flagPart : 0)
  out.set(bytes, headerBytes + controlFixed)
  return out
}

const decodeControl = (payload: Buffer): Control | string => {
  if (payload.length < controlFixed) return "a message is cut short"
  const flags = payload[4] as number
  return {
    _tag: "Control",
    id: payload.readUInt32BE(0),
    isReply: (flags & flagReply) !== 0,
    isPart: (flags & flagPart) !== 0,
    bytes: payload.subarray(controlFixed),
  }
}

// ------------------------------------------------------------ failure

/** Writes why a request has no response. */
export const failure = ({ bytes, stream }: Omit<Failure, "_tag">): Buffer => {
  const out = header(type.failure, stream, bytes.length)
  out.set(bytes, headerBytes)
  return out
}

// ------------------------------------------------------------ placed

const placedSize = 4

/** Writes that a request was handed to a server. */
export const placed = ({ millis, stream }: Omit<Placed, "_tag">): Buffer => {
  const out = header(type.placed, stream, placedSize)
  out.writeUInt32BE(millis, headerBytes)
  return out
}

const decodePlaced = (stream: number, payload: Buffer): Placed | string =>
  payload.length < placedSize
    ? "a placed is cut short"
    : { _tag: "Placed", stream, millis: payload.readUInt32BE(0) }

// ------------------------------------------------------------ any frame

/** Writes any frame. */
export const encode = (message: PeerFrame): Buffer => {
  switch (message._tag) {
    case "Presence":
      return presence(message)
    case "Hop":
      return hop(message)
    case "Control":
      return control(message)
    case "Failure":
      return failure(message)
    case "Placed":
      return placed(message)
  }
}

const read = (kind: number, stream: number, payload: Buffer): PeerFrame | string => {
  const isOfStream = kind === type.hop || kind === type.failure || kind === type.placed
  if (isOfStream !== (stream !== 0)) return "a frame is on the wrong stream"
  switch (kind) {
    case type.presence:
      return decodePresence(payload)
    case type.hop:
      return decodeHop(stream, payload)
    case type.control:
      return decodeControl(payload)
    case type.failure:
      return { _tag: "Failure", stream, bytes: payload }
    case type.placed:
      return decodePlaced(stream, payload)
    default:
      return "a frame is unknown"
  }
}

/** Reads a frame from its parts. The bytes of a message are a view of `payload`. */
export const decode = (
  kind: number,
  stream: number,
  payload: Buffer,
): Result.Result<PeerFrame, WireError> => {
  const frame = read(kind, stream, payload)
  return typeof frame === "string"
    ? Result.fail(new WireError({ detail: frame }))
    : Result.succeed(frame)
}
