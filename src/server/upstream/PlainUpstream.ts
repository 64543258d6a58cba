/**
 * The requests that most visitors send, small and whole, passed on to an
 * origin over plain HTTP without Node's client. All else is for
 * `Origin.ts` to pass on.
 */
import { only } from "../../protocol/http/ConnectionFields.ts"
import * as HeadText from "../../protocol/http/HeadText.ts"
import { maxBody } from "../../protocol/http/PlainRequest.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import type { Body } from "../../transport/body/Body.ts"
import type { Cancel, Reply } from "../../transport/body/Handler.ts"
import type { PlainClient } from "./PlainClient.ts"
import * as UpstreamFailure from "./UpstreamFailure.ts"
import * as UpstreamFields from "./UpstreamFields.ts"

const methods = new Set(["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"])

const target = /^\/[\x21-\x7e]*$/

/**
 * Fields with which a request asks for more than one response without trailers. The other
 * connection fields ask for nothing: `UpstreamFields` removes them.
 */
const meaningful = only(["te", "upgrade"], ["expect", "http2-settings"])

/** The bytes of a request that is plain; `undefined` if it is not. */
export const wholeOf = (head: RequestHead, body: Body): Uint8Array | undefined => {
  const { whole } = body
  if (whole === undefined || whole.length > maxBody) return undefined
  if (!methods.has(head.method) || !target.test(head.target)) return undefined
  for (const [name] of head.headers) if (meaningful.has(name.toLowerCase())) return undefined
  return whole
}

/** A request, and what its origin is. */
export interface PlainOriginCall {
  readonly head: RequestHead
  readonly whole: Uint8Array
  /** What the origin is told to be. */
  readonly host: string
  /** Where it is, for whoever reads a failure. */
  readonly place: string
  readonly repeatable: boolean
}

/** Passes a plain request on; `undefined` if its fields must not be written. */
export const send = (
  client: PlainClient,
  { head, host, place, repeatable, whole }: PlainOriginCall,
  reply: Reply,
): Cancel | undefined => {
  const fields = UpstreamFields.ofRequest(head, host, { length: whole.length, protocol: undefined })
  if (!fields.every(HeadText.isWritable)) return undefined
  return client.send({
    method: head.method,
    head: HeadText.request(head.method, head.target, fields),
    body: whole,
    repeatable,
    answered: ({ headers, status }, body) =>
      reply.respond({ status, headers: UpstreamFields.ofResponse(headers, head, host) }, body),
    failed: (error) => reply.fail(UpstreamFailure.make(place, error)),
  })
}
