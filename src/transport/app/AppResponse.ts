/**
 * Sends the response of an Effect HTTP app as a head and a body of the tunnel.
 * Every kind of body is sent with back-pressure, and fails if it is not
 * complete.
 */
import { Readable } from "node:stream"
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Cookies from "effect/http/Cookies"
import type { HttpBody } from "effect/http/HttpBody"
import { HttpServerError, ResponseError } from "effect/http/HttpServerError"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import type { Header, HeaderList } from "../../domain/HeaderList.ts"
import { contentLength } from "../../protocol/http/Framing.ts"
import { isFinalStatus } from "../../protocol/Message.ts"
import { type Body, empty, fromBytes, fromText } from "../body/Body.ts"
import type { AppRequest } from "./AppRequest.ts"
import * as EffectBody from "./EffectBody.ts"
import * as EffectHeaders from "./EffectHeaders.ts"

type Response = HttpServerResponse.HttpServerResponse

/**
 * Answers a request. Succeeds once the body has been taken, at once if it is in
 * memory; fails as the body fails. A response that cannot be sent is replaced
 * by a 500.
 *
 * @param onCancel called if the visitor leaves while the body is being sent
 */
export const send = (
  request: AppRequest,
  response: Response,
  onCancel: () => void,
): Effect.Effect<void, HttpServerError> => {
  try {
    return write(request, response, onCancel)
  } catch (defect) {
    letGo(response.body)
    request.source.reply.respond({ status: 500, headers: [] }, empty)
    return Effect.die(defect)
  }
}

const write = (
  request: AppRequest,
  response: Response,
  onCancel: () => void,
): Effect.Effect<void, HttpServerError> => {
  const { head: requestHead, reply } = request.source
  const { body, status } = response
  if (!isFinalStatus(status))
    throw new RangeError(`${status} is not the status of a final response`)
  if (requestHead.method === "HEAD" || HttpServerResponse.omitsBody(response)) {
    reply.respond({ status, headers: fieldsOf(response, undefined) }, empty)
    letGo(body)
    return Effect.void
  }
  const content = contentOf(body)
  const headers = fieldsOf(response, content.type)
  if (content._tag === "Whole") {
    reply.respond({ status, headers }, content.body)
    return Effect.void
  }
  const promised = contentLength(headers)
  const length = typeof promised === "number" ? promised : undefined
  return EffectBody.send(content.stream, { length, onCancel }, (sent) =>
    reply.respond({ status, headers }, sent),
  ).pipe(
    Effect.interruptible,
    Effect.catchCause((cause) =>
      Effect.failCause(
        Cause.combine(
          Cause.map(cause, (error) =>
            error instanceof HttpServerError ? error : failure(request, response, error),
          ),
          Cause.die(response),
        ),
      ),
    ),
  )
}

const failure = (request: AppRequest, response: Response, cause: unknown): HttpServerError =>
  new HttpServerError({
    reason: new ResponseError({
      request,
      response,
      description: "the response's body broke off",
      cause,
    }),
  })

/** The header fields, with one Set-Cookie for each cookie. */
const fieldsOf = (response: Response, type: string | undefined): HeaderList => {
  const { cookies, headers, status } = response
  const fields: Array<Header> = []
  for (const header of EffectHeaders.fromRecord(headers)) {
    const [name] = header
    if (name === "content-length" && (status === 204 || status === 205)) continue
    if (name === "content-type" && type !== undefined) continue
    if (name === "set-cookie") continue
    fields.push(header)
  }
  if (type !== undefined) fields.push(EffectHeaders.checked("content-type", type))
  if (!Cookies.isEmpty(cookies)) {
    for (const cookie of Cookies.toSetCookieHeaders(cookies))
      fields.push(EffectHeaders.checked("set-cookie", cookie))
  }
  const own = headers["set-cookie"]
  if (own !== undefined) fields.push(EffectHeaders.checked("set-cookie", own))
  return fields
}

type Content =
  | { readonly _tag: "Whole"; readonly body: Body; readonly type?: string }
  | {
      readonly _tag: "Stream"
      readonly stream: Stream.Stream<Uint8Array, unknown>
      readonly type?: string
    }

/** The bytes of any kind of body. `type` is the Content-Type that the body's encoding requires. */
export const contentOf = (body: HttpBody): Content => {
  switch (body._tag) {
    case "Empty":
      return { _tag: "Whole", body: empty }
    case "Uint8Array":
      return { _tag: "Whole", body: fromBytes(body.body) }
    case "Stream":
      return { _tag: "Stream", stream: body.stream }
    case "FormData": {
      const encoded = new globalThis.Response(body.formData)
      const type = encoded.headers.get("content-type")
      return { ...fromWeb(encoded.body), ...(type === null ? {} : { type }) }
    }
    case "Raw":
      return rawContent(body.body)
  }
}

const rawContent = (raw: unknown): Content => {
  if (raw === undefined || raw === null) return { _tag: "Whole", body: empty }
  if (typeof raw === "string") return { _tag: "Whole", body: fromText(raw) }
  if (raw instanceof Uint8Array) return { _tag: "Whole", body: fromBytes(raw) }
  if (raw instanceof ArrayBuffer) return { _tag: "Whole", body: fromBytes(new Uint8Array(raw)) }
  if (isReadable(raw))
    return {
      _tag: "Stream",
      stream: NodeStream.fromReadable({ evaluate: () => raw, onError: (error) => error }),
    }
  if (raw instanceof ReadableStream) return fromWeb(raw)
  if (raw instanceof globalThis.Response) return fromWeb(raw.body)
  if (raw instanceof Blob || raw instanceof URLSearchParams || raw instanceof FormData)
    return fromWeb(new globalThis.Response(raw).body)
  throw new TypeError("a raw body of this type cannot be sent")
}

const fromWeb = (stream: ReadableStream<Uint8Array> | null): Content =>
  stream === null
    ? { _tag: "Whole", body: empty }
    : {
        _tag: "Stream",
        stream: Stream.fromReadableStream({ evaluate: () => stream, onError: (error) => error }),
      }

const isReadable = (raw: unknown): raw is NodeJS.ReadableStream =>
  typeof raw === "object" && raw !== null && "pipe" in raw && typeof raw.pipe === "function"

/** Frees the resources of a body that is not sent. */
const letGo = (body: HttpBody): void => {
  if (body._tag !== "Raw") return
  if (body.body instanceof Readable) body.body.destroy()
  else if (body.body instanceof ReadableStream) void body.body.cancel().catch(() => {})
}
