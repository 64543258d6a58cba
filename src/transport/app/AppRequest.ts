/**
 * Effect's `HttpServerRequest` over a head and a body of the tunnel. A web
 * `Request` has no raw target, no body for GET and no upgrade, so that
 * `HttpServerRequest.fromWeb` does not do.
 */
import { isIP } from "node:net"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Cookies from "effect/http/Cookies"
import * as Headers from "effect/http/Headers"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import { HttpServerError, InternalError, RequestParseError } from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Multipart from "effect/http/Multipart"
import * as UrlParams from "effect/http/UrlParams"
import * as Option from "effect/Option"
import type * as Path from "effect/Path"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Socket from "effect/socket/Socket"
import { first } from "../../domain/HeaderList.ts"
import { upgradeOf } from "../../protocol/http/HopByHop.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import { type Body, contentOf } from "../body/Body.ts"
import type { Reply } from "../body/Handler.ts"
import * as AppUpgrade from "./AppUpgrade.ts"
import * as EffectBody from "./EffectBody.ts"
import * as EffectHeaders from "./EffectHeaders.ts"
import { IncomingBody, joined } from "./IncomingBody.ts"

/** What all modified copies of one request share. */
export interface AppExchange {
  readonly head: RequestHead
  readonly body: Body
  readonly reply: Reply
  readonly opened: EffectBody.OpenBody
  /** The whole body, once somebody has used it. */
  bytes: Effect.Effect<Uint8Array, HttpServerError> | undefined
  multipart: AppRequest["multipart"] | undefined
}

interface View {
  readonly url: string
  readonly headers: Headers.Headers
  readonly remoteAddress: Option.Option<string>
  readonly peerAddress: Option.Option<string>
  readonly protocol: "http" | "https" | undefined
}

/** Makes a request for an app, whose upgrade is answered through `reply`. */
export const make = (head: RequestHead, body: Body, reply: Reply): AppRequest => {
  const remoteAddress = visitorAddress(head)
  const proto = first(head.headers, "x-forwarded-proto")
  const exchange: AppExchange = {
    head,
    body,
    reply,
    opened: EffectBody.open(contentOf(body)),
    bytes: undefined,
    multipart: undefined,
  }
  return new AppRequest(exchange, {
    url: head.target,
    headers: EffectHeaders.toRecord(head.headers),
    remoteAddress,
    peerAddress: remoteAddress,
    protocol: proto === "http" || proto === "https" ? proto : undefined,
  })
}

/** The address that is connected to the relay: the last one of X-Forwarded-For, which the relay itself has added. */
const visitorAddress = ({ headers }: RequestHead): Option.Option<string> => {
  const address = first(headers, "x-forwarded-for")?.split(",").at(-1)?.trim() ?? ""
  return isIP(address) === 0 ? Option.none() : Option.some(address)
}

/** See {@link make}. */
export class AppRequest
  extends IncomingBody<HttpServerError>
  implements HttpServerRequest.HttpServerRequest, View
{
  readonly [HttpServerRequest.TypeId]: typeof HttpServerRequest.TypeId = HttpServerRequest.TypeId
  readonly [HttpIncomingMessage.TypeId]: typeof HttpIncomingMessage.TypeId =
    HttpIncomingMessage.TypeId
  readonly source: AppExchange
  readonly url: string
  readonly headers: Headers.Headers
  readonly remoteAddress: Option.Option<string>
  readonly peerAddress: Option.Option<string>
  readonly protocol: "http" | "https" | undefined
  private cachedCookies: HttpServerRequest.HttpServerRequest["cookies"] | undefined

  constructor(exchange: AppExchange, view: View) {
    super()
    this.source = exchange
    this.url = view.url
    this.headers = view.headers
    this.remoteAddress = view.remoteAddress
    this.peerAddress = view.peerAddress
    this.protocol = view.protocol
  }

  toJSON(): unknown {
    return HttpIncomingMessage.inspect(this, {
      _id: "HttpServerRequest",
      method: this.method,
      url: UrlParams.redactUrl(this.originalUrl),
    })
  }

  modify(options: Partial<View>): AppRequest {
    return new AppRequest(this.source, {
      url: options.url ?? this.url,
      headers: options.headers ?? this.headers,
      remoteAddress: options.remoteAddress ?? this.remoteAddress,
      peerAddress: options.peerAddress ?? this.peerAddress,
      protocol: options.protocol ?? this.protocol,
    })
  }

  get method(): string {
    return this.source.head.method.toUpperCase()
  }

  get originalUrl(): string {
    const { headers, target } = this.source.head
    const host = first(headers, "host")
    return host === undefined ? target : `${this.protocol ?? "http"}://${host}${target}`
  }

  get cookies(): HttpServerRequest.HttpServerRequest["cookies"] {
    this.cachedCookies ??= Cookies.parseHeader(this.headers.cookie ?? "")
    return this.cachedCookies
  }

  get stream(): Stream.Stream<Uint8Array, HttpServerError> {
    return Stream.mapError(this.source.opened.stream, (cause) => this.decodeError(cause))
  }

  protected get bytes(): Effect.Effect<Uint8Array, HttpServerError> {
    this.source.bytes ??= Effect.runSync(Effect.cached(this.collect))
    return this.source.bytes
  }

  private get collect(): Effect.Effect<Uint8Array, HttpServerError> {
    return Effect.withFiber((fiber) => {
      const limit = fiber.getRef(HttpIncomingMessage.MaxBodySize)
      const max = limit === undefined ? Number.POSITIVE_INFINITY : Number(limit)
      const chunks: Array<Uint8Array> = []
      let size = 0
      return Stream.runForEachArray(this.stream, (array) => {
        for (const chunk of array) {
          size += chunk.length
          chunks.push(chunk)
        }
        return size > max ? Effect.fail(this.tooLarge(max)) : Effect.void
      }).pipe(Effect.map(() => joined(chunks)))
    })
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer, HttpServerError> {
    return Effect.map(this.bytes, ({ buffer, byteLength, byteOffset }) =>
      byteOffset === 0 && buffer.byteLength === byteLength && buffer instanceof ArrayBuffer
        ? buffer
        : (buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer),
    )
  }

  get multipart(): Effect.Effect<
    Multipart.Persisted,
    Multipart.MultipartError,
    Scope.Scope | FileSystem.FileSystem | Path.Path
  > {
    this.source.multipart ??= Effect.runSync(
      Effect.cached(Multipart.toPersisted(this.multipartStream)),
    )
    return this.source.multipart
  }

  get multipartStream(): Stream.Stream<Multipart.Part, Multipart.MultipartError> {
    return Stream.pipeThroughChannel(
      Stream.mapError(this.stream, (cause) =>
        Multipart.MultipartError.fromReason("InternalError", cause),
      ),
      Multipart.makeChannel(this.headers),
    )
  }

  get upgrade(): Effect.Effect<Socket.Socket, HttpServerError> {
    return this.upgradeWith({})
  }

  upgradeWith(options: {
    readonly headers?: Headers.Input | undefined
  }): Effect.Effect<Socket.Socket, HttpServerError> {
    return changeProtocol(this, options.headers)
  }

  protected decodeError(cause: unknown): HttpServerError {
    return new HttpServerError({ reason: new RequestParseError({ request: this, cause }) })
  }

  private tooLarge(max: number): HttpServerError {
    return new HttpServerError({
      reason: new RequestParseError({
        request: this,
        reason: "BodyTooLarge",
        cause: new Error(`more than ${max} bytes`),
      }),
    })
  }
}

/** Upgrades the connection, if the visitor has asked for that. */
const changeProtocol = (
  request: AppRequest,
  input: Headers.Input | undefined,
): Effect.Effect<Socket.Socket, HttpServerError> => {
  const { body, head, reply } = request.source
  const protocol = upgradeOf(head.headers)
  const failure = (description: string) =>
    Effect.fail(new HttpServerError({ reason: new InternalError({ request, description }) }))
  if (protocol === undefined) return failure("this request's connection cannot change its protocol")
  const headers = AppUpgrade.fieldsOf(Headers.fromInput(input))
  if (protocol.toLowerCase() !== "websocket") return AppUpgrade.raw(protocol, headers, body, reply)
  return headers.length === 0
    ? AppUpgrade.webSocket(head, body, reply)
    : failure("an answer to a WebSocket has no fields of the app's own")
}
