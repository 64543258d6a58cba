/**
 * An Effect HttpClient towards one server of this process's relay: straight to
 * the tunnel, without a connection to the relay itself.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cookies from "effect/http/Cookies"
import type * as Headers from "effect/http/Headers"
import type { HttpBody } from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import {
  DecodeError,
  EncodeError,
  HttpClientError,
  StatusCodeError,
  TransportError,
} from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { pipeArguments } from "effect/Pipeable"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Socket from "effect/socket/Socket"
import { all, type Header, type HeaderList } from "../domain/HeaderList.ts"
import { isServerName } from "../domain/ServerName.ts"
import { BodyError, ExchangeError, type ExchangeResponse } from "../protocol/Exchange.ts"
import * as HopByHop from "../protocol/http/HopByHop.ts"
import { header } from "../protocol/Wire.ts"
import * as AppResponse from "../transport/app/AppResponse.ts"
import * as EffectBody from "../transport/app/EffectBody.ts"
import * as EffectExchange from "../transport/app/EffectExchange.ts"
import * as EffectHeaders from "../transport/app/EffectHeaders.ts"
import { IncomingBody, joined } from "../transport/app/IncomingBody.ts"
import type { Body } from "../transport/body/Body.ts"
import type { Handler } from "../transport/body/Handler.ts"
import { refuse } from "../transport/body/Replies.ts"
import { Rendezvous } from "./dispatch/Rendezvous.ts"
import { Servers } from "./registry/Servers.ts"

/** Stands for the server in the URLs of requests that say only a path. */
const nowhere = "ptth.invalid"

/**
 * A client for the server of this name. A request's URL is a path, as the
 * server sees it, or a URL whose host the server is told; nothing ever goes to
 * that host.
 *
 * Fails as `TransportError` with the `ExchangeError` as its cause where there
 * is no answer, as `EncodeError` where the request's body fails, and as
 * `DecodeError` with the `BodyError` where the response's body breaks off.
 */
export const make = (
  name: string,
): Effect.Effect<HttpClient.HttpClient, never, Rendezvous | Servers> =>
  Effect.gen(function* () {
    const rendezvous = yield* Rendezvous
    const servers = yield* Servers
    const handler: Handler = (head, body, reply) => {
      if (isServerName(name) && servers.isRegistered(name))
        return rendezvous.toServer(name)(head, body, reply)
      return refuse(
        body,
        reply,
        new ExchangeError({
          code: "PTTH_UNKNOWN_SERVER",
          detail: `no server is called ${JSON.stringify(name)}`,
        }),
      )
    }
    return fromHandler(handler, name)
  })

/** The client for one server in the place of any other HttpClient; see {@link make}. */
export const layer = (
  name: string,
): Layer.Layer<HttpClient.HttpClient, never, Rendezvous | Servers> =>
  Layer.effect(HttpClient.HttpClient, make(name))

/**
 * A client for whatever a handler answers; see {@link make}.
 *
 * @param host of requests that say only a path
 */
export const fromHandler = (handler: Handler, host: string): HttpClient.HttpClient =>
  HttpClient.mapRequest(
    HttpClient.make((request, url, signal) => execute(handler, host, request, url, signal)),
    (request) =>
      request.url.startsWith("/")
        ? HttpClientRequest.setUrl(request, `http://${nowhere}${request.url}`)
        : request,
  )

const execute = (
  handler: Handler,
  host: string,
  request: HttpClientRequest.HttpClientRequest,
  url: URL,
  signal: AbortSignal,
): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.contextWith((context) => {
      const scope = Scope.makeUnsafe()
      const failures: Array<unknown> = []
      const encoded = encode(request, url.host === nowhere ? host : url.host, failures)
      if (encoded instanceof HttpClientError) return Effect.fail(encoded)
      const { headers } = encoded
      const target = url.pathname + url.search
      const close = (): void => {
        Effect.runForkWith(context)(Scope.close(scope, Exit.void))
      }
      return restore(
        Effect.flatMap(encoded.body, (body) =>
          EffectExchange.call(handler, { method: request.method, target, headers }, body),
        ),
      ).pipe(
        Scope.provide(scope),
        Effect.mapError(
          (cause) =>
            new HttpClientError({
              reason:
                failures.length > 0
                  ? new EncodeError({ request, cause: failures[0] })
                  : new TransportError({ request, cause, description: cause.message }),
            }),
        ),
        Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void)),
        Effect.map((response) => {
          if (signal.aborted) close()
          else signal.addEventListener("abort", close, { once: true })
          return new RelayResponse(request, response, url.href.split("#")[0] ?? "")
        }),
      )
    }),
  )

const relayFields = new Set<string>([header.apiKey, "host", "content-length"])

interface Encoded {
  readonly headers: HeaderList
  readonly body: Effect.Effect<Body>
}

/** A request as the tunnel takes it. What its body fails with goes to `failures`. */
const encode = (
  request: HttpClientRequest.HttpClientRequest,
  host: string,
  failures: Array<unknown>,
): Encoded | HttpClientError => {
  try {
    const content = AppResponse.contentOf(request.body)
    const ownHeaders = HopByHop.strip(EffectHeaders.fromRecord(request.headers)).filter(
      ([name]) =>
        !relayFields.has(name) && !(name === "content-type" && content.type !== undefined),
    )
    const headers: Array<Header> = [["host", host], ...ownHeaders]
    if (content.type !== undefined) headers.push(["content-type", content.type])
    const length = content._tag === "Whole" ? content.body.length : lengthOf(request.body)
    if (length !== undefined && request.body._tag !== "Empty")
      headers.push(["content-length", `${length}`])
    return {
      headers,
      body:
        content._tag === "Whole"
          ? Effect.succeed(content.body)
          : streamed(content.stream, length, failures),
    }
  } catch (cause) {
    return new HttpClientError({ reason: new EncodeError({ request, cause }) })
  }
}

const lengthOf = (body: HttpBody): number | undefined =>
  body._tag === "Stream" || body._tag === "Raw" ? body.contentLength : undefined

const streamed = (
  stream: Stream.Stream<Uint8Array, unknown>,
  length: number | undefined,
  failures: Array<unknown>,
): Effect.Effect<Body> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.succeed(
      EffectBody.fromStream(
        Stream.catchCause(stream, (cause) => {
          failures.push(Cause.squash(cause))
          return Stream.fail(new BodyError({ reason: "cut", detail: "the request's body failed" }))
        }),
        { length, context },
      ),
    ),
  )

/**
 * Not `HttpClientResponse.fromWeb`: a web `Response` allows only statuses from
 * 200 to 599, fails to stream the empty body of a 204, and reads ahead.
 */
class RelayResponse
  extends IncomingBody<HttpClientError>
  implements HttpClientResponse.HttpClientResponse
{
  readonly [HttpIncomingMessage.TypeId]: typeof HttpIncomingMessage.TypeId =
    HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: typeof HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly request: HttpClientRequest.HttpClientRequest
  readonly url: string
  readonly status: number
  readonly headers: Headers.Headers
  readonly remoteAddress: Option.Option<string> = Option.none()
  readonly stream: Stream.Stream<Uint8Array, HttpClientError>
  private readonly list: HeaderList
  private cachedCookies: Cookies.Cookies | undefined
  private cachedBytes: Effect.Effect<Uint8Array, HttpClientError> | undefined

  constructor(
    request: HttpClientRequest.HttpClientRequest,
    { body, head }: ExchangeResponse,
    url: string,
  ) {
    super()
    this.request = request
    this.url = url
    this.status = head.status
    this.list = head.headers
    this.headers = EffectHeaders.toRecord(head.headers)
    this.stream = Stream.mapError(body, (cause) => this.decodeError(cause))
  }

  toJSON(): unknown {
    return HttpIncomingMessage.inspect(this, {
      _id: "HttpClientResponse",
      request: this.request.toJSON(),
      status: this.status,
    })
  }

  get cookies(): Cookies.Cookies {
    this.cachedCookies ??= Cookies.fromSetCookie(all(this.list, "set-cookie"))
    return this.cachedCookies
  }

  protected get bytes(): Effect.Effect<Uint8Array, HttpClientError> {
    this.cachedBytes ??= Effect.runSync(
      Effect.cached(Effect.map(Stream.runCollect(this.stream), joined)),
    )
    return this.cachedBytes
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer, HttpClientError> {
    return Effect.map(
      this.bytes,
      ({ buffer, byteLength, byteOffset }) =>
        buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer,
    )
  }

  get formData(): Effect.Effect<FormData, HttpClientError> {
    return Effect.flatMap(this.arrayBuffer, (bytes) =>
      Effect.tryPromise({
        try: () => new globalThis.Response(bytes, { headers: { ...this.headers } }).formData(),
        catch: (cause) => this.decodeError(cause),
      }),
    )
  }

  get upgrade(): Effect.Effect<Socket.Socket, HttpClientError> {
    return Effect.fail(
      new HttpClientError({
        reason: new StatusCodeError({
          request: this.request,
          response: this,
          description: "the connection was not handed over",
        }),
      }),
    )
  }

  pipe() {
    // biome-ignore lint/complexity/noArguments: this is how Effect's Pipeable is implemented
    return pipeArguments(this, arguments)
  }

  protected decodeError(cause: unknown): HttpClientError {
    return new HttpClientError({
      reason: new DecodeError({ request: this.request, response: this, cause }),
    })
  }
}
