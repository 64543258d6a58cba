/**
 * Forwards plain requests (`PlainRequest.ts`) to an origin over unencrypted HTTP
 * by `PlainClient`. `Upstream.ts` forwards all others by Node's client.
 */
import { only } from "../../protocol/http/ConnectionFields.ts"
import * as HeadText from "../../protocol/http/HeadText.ts"
import * as HopByHop from "../../protocol/http/HopByHop.ts"
import { maxBody } from "../../protocol/http/PlainRequest.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import type { Body } from "../../transport/body/Body.ts"
import type { Cancel, Reply } from "../../transport/body/Handler.ts"
import type { PlainClient } from "./PlainClient.ts"
import * as UpstreamFailure from "./UpstreamFailure.ts"
import * as UpstreamFields from "./UpstreamFields.ts"

const methods = new Set(["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"])

const targetPattern = /^\/[\x21-\x7e]*$/

/**
 * Fields with which a request asks for more than one response without trailers. The other
 * connection fields ask for nothing: `UpstreamFields` removes them.
 */
const meaningful = only(["te", "upgrade"], ["expect", "http2-settings"])

/** The body of a plain request; `undefined` if the request is not plain. */
export const wholeOf = (head: RequestHead, body: Body): Uint8Array | undefined => {
  const { whole } = body
  if (whole === undefined || whole.length > maxBody) return undefined
  if (!methods.has(head.method) || !targetPattern.test(head.target)) return undefined
  for (const [name] of head.headers) if (meaningful.has(name.toLowerCase())) return undefined
  return whole
}

/** A plain request, and how it is forwarded. */
export interface PlainForward {
  readonly head: RequestHead
  readonly whole: Uint8Array
  /** The value of the Host field. */
  readonly host: string
  /** Host and port of the origin, for error messages. */
  readonly authority: string
  /** See `PlainCall.repeatable`. */
  readonly repeatable: boolean
}

/** Forwards a plain request; `undefined` if a field of it must not be written. */
export const send = (
  client: PlainClient,
  { authority, head, host, repeatable, whole }: PlainForward,
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
      reply.respond({ status, headers: HopByHop.strip(headers) }, body),
    failed: (error) => reply.fail(UpstreamFailure.make(authority, error)),
  })
}
