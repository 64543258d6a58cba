/**
 * A link of a server, as its relay tells other relays of it.
 */
import * as Schema from "effect/Schema"
import { ServerName } from "../../domain/ServerName.ts"
import { Tripcode } from "../../domain/Tripcode.ts"
import { maxInstance, maxLinkNumber } from "../Wire.ts"

/** The dialects by their numbers in a presence frame. */
export const transports = ["stream", "classic 2", "classic 1"] as const

const latin1 = (length: number) =>
  Schema.String.check(Schema.isPattern(/^[\0-\xff]*$/), Schema.isMaxLength(length))

/** Which link it is: a later one with the same three replaces it. */
export const LinkKey = Schema.Struct({
  name: ServerName,
  /** The server process. */
  instance: latin1(maxInstance),
  /** The number of the link among those of the process, in the server's notation. */
  number: latin1(maxLinkNumber),
})
/** See the schema. */
export type LinkKey = typeof LinkKey.Type

/** See the file's header. */
export const PresentLink = Schema.Struct({
  ...LinkKey.fields,
  /** Which of the server's keys it was opened with. */
  tripcode: Tripcode,
  transport: Schema.Literals(transports),
  /** In milliseconds since 1970. */
  openedAt: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffff_ffff_ffff })),
  /** The server's program and its version, in its own words; empty if it sends none. */
  program: latin1(100),
})
/** See the schema. */
export type PresentLink = typeof PresentLink.Type

/** A text that is different for each link. */
export const keyOf = ({ instance, name, number }: LinkKey): string =>
  `${name} ${instance} ${number}`
