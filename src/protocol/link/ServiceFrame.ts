/**
 * The frames by which a server has further names served on a link that is open,
 * and by which the relay answers (protocol.md, Several names on a link). An end
 * that does not know them skips them.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { ServerName } from "../../domain/ServerName.ts"
import { headerBytes } from "../Frame.ts"

/** The types of frames, none of which stream or relays have. */
export const type = { serve: 24, served: 25, leave: 26 } as const

/** The largest payload, in bytes. */
const maxPayload = 4 * 1024

/** The most further names of one link. */
export const maxNames = 64

/** A server asks for the requests of a further name. */
export const Serve = Schema.Struct({
  name: ServerName,
  key: Schema.String,
  /** The time for a response that it asks for, in milliseconds. */
  responseMillis: Schema.optionalKey(Schema.Int),
})
/** See the schema. */
export type Serve = typeof Serve.Type

/** The relay's answer: whether requests of the name come on this link from now on. */
export const Served = Schema.Struct({
  name: ServerName,
  isServed: Schema.Boolean,
  /** The address for visitors, where the relay knows it. */
  url: Schema.optionalKey(Schema.String),
  /** What pages call the name, where the relay has that. */
  displayName: Schema.optionalKey(Schema.String),
})
/** See the schema. */
export type Served = typeof Served.Type

/** A server wants no more requests of a further name. */
export const Leave = Schema.Struct({ name: ServerName })
/** See the schema. */
export type Leave = typeof Leave.Type

/** Whether frames of this type are about further names. */
export const isServiceFrame = (kind: number): boolean => kind >= type.serve && kind <= type.leave

const encode = (kind: number, message: unknown): Buffer => {
  const payload = Buffer.from(JSON.stringify(message))
  const frame = Buffer.alloc(headerBytes + payload.length)
  frame[0] = kind
  frame.writeUInt32BE(payload.length, 8)
  payload.copy(frame, headerBytes)
  return frame
}

/** The frame of a message. */
export const serve = (message: Serve): Buffer => encode(type.serve, message)
/** See {@link serve}. */
export const served = (message: Served): Buffer => encode(type.served, message)
/** See {@link serve}. */
export const leave = (message: Leave): Buffer => encode(type.leave, message)

const decoder = <A, I>(schema: Schema.Codec<A, I>) => {
  const decode = Schema.decodeUnknownOption(Schema.fromJsonString(schema))
  return (payload: Buffer): A | undefined =>
    payload.length > maxPayload
      ? undefined
      : Option.getOrUndefined(decode(payload.toString("utf8")))
}

/** Reads the payload of a frame; `undefined` if it is none of this type. */
export const decodeServe = decoder(Serve)
/** See {@link decodeServe}. */
export const decodeServed = decoder(Served)
/** See {@link decodeServe}. */
export const decodeLeave = decoder(Leave)
