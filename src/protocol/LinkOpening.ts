/**
 * What the headers of a WebSocket's opening say about a link of stream
 * (protocol.md, Stream).
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { header, maxInstance, maxLinkNumber } from "./Wire.ts"

/** A text of which only the first `length` characters count; `fallback` if it is missing. */
const truncated = (length: number, fallback: string) =>
  Schema.String.pipe(
    Schema.decodeTo(
      Schema.String.check(Schema.isMaxLength(length)),
      SchemaTransformation.transform({
        decode: (text: string) => text.slice(0, length),
        encode: (text: string) => text,
      }),
    ),
    Schema.withDecodingDefaultKey(Effect.succeed(fallback)),
  )

/**
 * A link, as its server names it. A link replaces an earlier one with the same
 * instance and number.
 */
export const LinkOpening = Schema.Struct({
  /** The server process. */
  instance: truncated(maxInstance, ""),
  /** The number of the link among those of the process. */
  link: truncated(maxLinkNumber, "0"),
}).pipe(Schema.encodeKeys({ instance: header.instance, link: header.link }))
/** See the schema. */
export type LinkOpening = typeof LinkOpening.Type

/** Reads the headers of an opening, by lower-case names. */
export const decode = Schema.decodeUnknownSync(LinkOpening)
