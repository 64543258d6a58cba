/**
 * Visitors' requests as a classic server receives them: encoded together in
 * the answer to one of its listens.
 */
import type { ServerResponse } from "node:http"
import * as Classic1 from "../../protocol/Classic1.ts"
import * as Classic2 from "../../protocol/Classic2.ts"
import { strip, upgradeOf } from "../../protocol/http/HopByHop.ts"
import type { Cancel, Offer, RequestBody, RequestHead } from "../../protocol/Message.ts"
import { maxInline } from "../../protocol/Wire.ts"
import { contentOf } from "../../transport/body/Body.ts"
import type { Pending } from "../dispatch/Pending.ts"

/** Requests for classic 1. */
export const encodeClassic1 = (requests: ReadonlyArray<Pending>): Uint8Array =>
  Classic1.encodeListenAnswer(
    requests.map((pending) => ({ id: pending.id, head: withoutUpgrade(pending) })),
  )

/** Cancels and requests for classic 2. */
export const encodeClassic2 = (
  cancels: ReadonlyArray<Cancel>,
  requests: ReadonlyArray<Pending>,
): Uint8Array => Classic2.encodeListenAnswer([...cancels, ...requests.map(toOffer)])

/**
 * Answers a listen.
 *
 * @param fields further header fields, as names and values in turn
 */
export const send = (
  response: ServerResponse,
  bytes: Uint8Array,
  fields: ReadonlyArray<string>,
): void => {
  response.writeHead(200, [
    "Content-Type",
    "application/octet-stream",
    "Content-Length",
    `${bytes.length}`,
    ...fields,
  ])
  response.end(bytes)
}

/** Classic has no upgrades: the field is left out, and the server answers by HTTP (RFC 9110 7.8). */
const withoutUpgrade = ({ head }: Pending): RequestHead =>
  upgradeOf(head.headers) === undefined ? head : { ...head, headers: strip(head.headers) }

const toOffer = (pending: Pending): Offer => ({
  _tag: "Offer",
  id: pending.id,
  head: withoutUpgrade(pending),
  body: toRequestBody(pending),
})

const toRequestBody = (pending: Pending): RequestBody => {
  const isUpgrade = upgradeOf(pending.head.headers) !== undefined
  if (isUpgrade && pending.body.content === undefined) return { _tag: "None" }
  const body = contentOf(pending.body)
  if (body.whole !== undefined && body.whole.length <= maxInline)
    return body.whole.length === 0 ? { _tag: "None" } : { _tag: "Inline", bytes: body.whole }
  return body.length === undefined ? { _tag: "Fetch" } : { _tag: "Fetch", length: body.length }
}
