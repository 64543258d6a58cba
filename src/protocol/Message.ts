/**
 * The messages of the tunnel as schemas, and the rules for their parts. Each
 * dialect has a codec that writes them as bytes; a codec accepts exactly what
 * the schemas accept, which property tests check in both directions.
 *
 * The codecs run for every request, so they use the predicates below
 * (`isMethod` and so on) instead of running the schemas. Each predicate and
 * its schema share one definition.
 */
import * as Schema from "effect/Schema"
import { HeaderList, HeaderName, isName } from "../domain/HeaderList.ts"
import { RequestId } from "../domain/RequestId.ts"
import { maxAnswerBody, maxInline, maxMethod } from "./Wire.ts"

const targetPattern = /^\/[\x21-\x7e\x80-\xff]*$/
const minFinalStatus = 200
const maxFinalStatus = 999
const switchingProtocols = 101

/** A method: a token (RFC 9110 9.1), like a field name, of up to {@link maxMethod} characters. */
export const Method = HeaderName.check(Schema.isMaxLength(maxMethod))

/** Whether `text` is a {@link Method}. */
export const isMethod = (text: string): boolean => text.length <= maxMethod && isName(text)

/**
 * The path and query that the server sees, byte for byte as the visitor sent
 * them: starts with `/`.
 */
export const Target = Schema.String.check(Schema.isPattern(targetPattern))

/** Whether `text` is a {@link Target}. */
export const isTarget = (text: string): boolean => targetPattern.test(text)

/** The head of a request: what precedes its body. */
export const RequestHead = Schema.Struct({
  method: Method,
  target: Target,
  headers: HeaderList,
})
/** See the schema. */
export type RequestHead = typeof RequestHead.Type

/**
 * The status of a final response: three digits. Above 599 none is defined, but some
 * are in use, and a client takes them for 5xx (RFC 9110 15).
 */
export const FinalStatus = Schema.Int.check(
  Schema.isBetween({ minimum: minFinalStatus, maximum: maxFinalStatus }),
)

/** Whether `status` is a {@link FinalStatus}. */
export const isFinalStatus = (status: number): boolean =>
  Number.isInteger(status) && status >= minFinalStatus && status <= maxFinalStatus

/** The status of an interim response that is passed on: 1xx other than 101, and 100, for which the first read of the request's body stands. */
export const InterimStatus = Schema.Int.check(Schema.isBetween({ minimum: 102, maximum: 199 }))

/** Whether `status` is an {@link InterimStatus}. */
export const isInterimStatus = (status: number): boolean =>
  Number.isInteger(status) && status >= 102 && status <= 199

/** A final status, or 101. */
export const Status = Schema.Union([FinalStatus, Schema.Literal(switchingProtocols)])

/** Whether `status` is a {@link Status}. */
export const isStatus = (status: number): boolean =>
  isFinalStatus(status) || status === switchingProtocols

/** The head of a response: what precedes its body. */
export const ResponseHead = Schema.Struct({
  status: Status,
  headers: HeaderList,
})
/** See the schema. */
export type ResponseHead = typeof ResponseHead.Type

/**
 * A head whose parts were checked when it was decoded. Whoever writes it as it is
 * need not check them again, which takes longer than to write them.
 */
export class CheckedRequest implements RequestHead {
  readonly method: string
  readonly target: string
  readonly headers: HeaderList

  constructor(method: string, target: string, headers: HeaderList) {
    this.method = method
    this.target = target
    this.headers = headers
  }
}

/** The same for a response. */
export class CheckedResponse implements ResponseHead {
  readonly status: number
  readonly headers: HeaderList

  constructor(status: number, headers: HeaderList) {
    this.status = status
    this.headers = headers
  }
}

/** An interim response, such as 103 Early Hints; any number may precede a response (RFC 9110 15.2). */
export const InterimHead = Schema.Struct({ status: InterimStatus, headers: HeaderList })
/** See the schema. */
export type InterimHead = typeof InterimHead.Type

/**
 * How the visitor's body reaches the server: there is none, it follows the
 * head, or the server fetches it (`length` in bytes if the visitor declared it).
 */
export const RequestBody = Schema.Union([
  Schema.TaggedStruct("None", {}),
  Schema.TaggedStruct("Inline", {
    bytes: Schema.Uint8Array.check(Schema.isMaxLength(maxInline)),
  }),
  Schema.TaggedStruct("Fetch", { length: Schema.optionalKey(Schema.Natural) }),
])
/** See the schema. */
export type RequestBody = typeof RequestBody.Type

/** A request that the relay hands to a server. */
export const Offer = Schema.TaggedStruct("Offer", {
  id: RequestId,
  head: RequestHead,
  body: RequestBody,
})
/** See the schema. */
export type Offer = typeof Offer.Type

/** A small response with its whole body; several are sent in one POST. */
export const Answer = Schema.Struct({
  id: RequestId,
  head: ResponseHead,
  bytes: Schema.Uint8Array.check(Schema.isMaxLength(maxAnswerBody)),
})
/** See the schema. */
export type Answer = typeof Answer.Type

/** The visitor of a request has left, so the server stops working on it. */
export const Cancel = Schema.TaggedStruct("Cancel", { id: RequestId })
/** See the schema. */
export type Cancel = typeof Cancel.Type

/** What the relay answers to a listen. */
export const ListenAnswer = Schema.Array(Schema.Union([Offer, Cancel]))
/** See the schema. */
export type ListenAnswer = typeof ListenAnswer.Type
