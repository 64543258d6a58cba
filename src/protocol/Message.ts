/**
 * The messages of the tunnel, defined once. A dialect decides only how they
 * are written as bytes; its codec produces and accepts exactly these.
 */
import * as Schema from "effect/Schema"
import { HeaderList } from "../domain/HeaderList.ts"
import { RequestId } from "../domain/RequestId.ts"

/** A request method: a token (RFC 9110 9.1). */
export const Method = Schema.String.check(Schema.isPattern(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/))

/** The path and query that the server sees, byte for byte as the visitor sent them: starts with `/`. */
export const Target = Schema.String.check(Schema.isPattern(/^\/[\x21-\x7e\x80-\xff]*$/))

/** What is known of a request before its body. */
export const RequestHead = Schema.Struct({
  method: Method,
  target: Target,
  headers: HeaderList,
})
/** See the schema. */
export type RequestHead = typeof RequestHead.Type

/** A final status, or 101. Other 1xx never travel (103 is dropped, 100 is the first pull). */
export const Status = Schema.Union([
  Schema.Int.check(Schema.isBetween({ minimum: 200, maximum: 599 })),
  Schema.Literal(101),
])

/** What is known of a response before its body. */
export const ResponseHead = Schema.Struct({
  status: Status,
  headers: HeaderList,
})
/** See the schema. */
export type ResponseHead = typeof ResponseHead.Type

/**
 * How the visitor's body reaches the server: there is none, it rides along, or
 * the server fetches it (`length` in bytes when the visitor has said it).
 */
export const RequestBody = Schema.Union([
  Schema.TaggedStruct("None", {}),
  Schema.TaggedStruct("Inline", { bytes: Schema.Uint8Array }),
  Schema.TaggedStruct("Fetch", { length: Schema.optionalKey(Schema.Natural) }),
])
/** See the schema. */
export type RequestBody = typeof RequestBody.Type

/** A request handed to a server. */
export const Offer = Schema.TaggedStruct("Offer", {
  id: RequestId,
  head: RequestHead,
  body: RequestBody,
})
/** See the schema. */
export type Offer = typeof Offer.Type

/** A small response as a whole, together with others. */
export const Answer = Schema.Struct({
  id: RequestId,
  head: ResponseHead,
  bytes: Schema.Uint8Array,
})
/** See the schema. */
export type Answer = typeof Answer.Type

/** The visitor of a handed-out request has left: stop working on it. */
export const Cancel = Schema.TaggedStruct("Cancel", { id: RequestId })
/** See the schema. */
export type Cancel = typeof Cancel.Type

/** What a listen is answered with. */
export const ListenAnswer = Schema.Array(Schema.Union([Offer, Cancel]))
/** See the schema. */
export type ListenAnswer = typeof ListenAnswer.Type
