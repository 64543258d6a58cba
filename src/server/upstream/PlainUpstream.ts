/**
 * The requests that most visitors send, small and whole, passed on to an
 * origin over plain HTTP without Node's client. All else is for
 * `Origin.ts` to pass on.
 */
import { type HeaderList, isName, isValue } from "../../domain/HeaderList.ts"
import { maxBody } from "../../protocol/http/PlainRequest.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import type { Body } from "../../transport/body/Body.ts"
import type { Cancel, Reply } from "../../transport/body/Handler.ts"
import type { PlainClient } from "./PlainClient.ts"
import * as UpstreamFailure from "./UpstreamFailure.ts"
import * as UpstreamFields from "./UpstreamFields.ts"

const methods = new Set(["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"])

const target = /^\/[\x21-\x7e]*$/

/** Fields that make more of an exchange than a request and a response. */
const meaningful = new Set(["expect", "http2-settings", "te", "upgrade"])

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
  const lines = fieldLines(fields)
  if (lines === undefined) return undefined
  return client.send({
    method: head.method,
    head: `${head.method} ${head.target} HTTP/1.1\r\n${lines}\r\n`,
    body: whole,
    repeatable,
    answered: ({ headers, status }, body) =>
      reply.respond({ status, headers: UpstreamFields.ofResponse(headers, head, host) }, body),
    failed: (error) => reply.fail(UpstreamFailure.make(place, error)),
  })
}

const fieldLines = (fields: HeaderList): string | undefined => {
  let text = ""
  for (const [name, value] of fields) {
    if (!isName(name) || !isValue(value)) return undefined
    text += `${name}: ${value}\r\n`
  }
  return text
}
