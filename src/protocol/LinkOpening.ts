/**
 * What the headers of a WebSocket's opening say about a link of stream
 * (protocol.md, Stream).
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { isRelayId, RelayId } from "./RelayId.ts"
import { header, maxHave, maxInstance, maxLinkNumber, maxLinks } from "./Wire.ts"

/** A text that is read as `read` says; `fallback` if it is missing. */
const lenient = <A>(
  to: Schema.Codec<A, A>,
  read: (text: string) => A,
  write: (value: A) => string,
  fallback: string,
) =>
  Schema.String.pipe(
    Schema.decodeTo(to, SchemaTransformation.transform({ decode: read, encode: write })),
    Schema.withDecodingDefaultKey(Effect.succeed(fallback)),
  )

/** A text of which only the first `length` characters count; `fallback` if it is missing. */
const truncated = (length: number, fallback: string) =>
  lenient(
    Schema.String.check(Schema.isMaxLength(length)),
    (text) => text.slice(0, length),
    (text) => text,
    fallback,
  )

const relayIds = (text: string): ReadonlyArray<string> =>
  text
    .split(",")
    .map((id) => id.trim())
    .filter(isRelayId)
    .slice(0, maxHave)

const linkCount = (text: string): number =>
  /^[1-9]\d{0,3}$/.test(text) ? Math.min(Number(text), maxLinks) : 0

/**
 * A link, as its server names it. A link replaces an earlier one with the same
 * instance and number.
 */
export const LinkOpening = Schema.Struct({
  /** The server process. */
  instance: truncated(maxInstance, ""),
  /** The number of the link among those of the process. */
  link: truncated(maxLinkNumber, "0"),
  /** The relays that are not to accept it: the process has links there. */
  have: lenient(
    Schema.Array(RelayId).check(Schema.isMaxLength(maxHave)),
    relayIds,
    (ids) => ids.join(","),
    "",
  ),
}).pipe(Schema.encodeKeys({ instance: header.instance, link: header.link, have: header.have }))
/** See the schema. */
export type LinkOpening = typeof LinkOpening.Type

/** Reads the headers of an opening, by lower-case names. */
export const decode = Schema.decodeUnknownSync(LinkOpening)

/** What a relay of several says when it answers an opening, with 101 or 409. */
export const LinkAnswer = Schema.Struct({
  /** Its id; empty if it says none. */
  relay: lenient(
    Schema.Union([RelayId, Schema.Literal("")]),
    (text) => (isRelayId(text) ? text : ""),
    (id) => id,
    "",
  ),
  /** Over how many relays the links of the server are to be spread; 0 if it does not say. */
  links: lenient(
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: maxLinks })),
    linkCount,
    (count) => `${count}`,
    "0",
  ),
}).pipe(Schema.encodeKeys({ relay: header.relay, links: header.links }))
/** See the schema. */
export type LinkAnswer = typeof LinkAnswer.Type

/** Reads the headers of an answer, by lower-case names. */
export const decodeAnswer = Schema.decodeUnknownSync(LinkAnswer)
