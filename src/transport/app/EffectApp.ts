/**
 * Converts Effect HTTP apps to handlers, so that any app can be served through
 * a tunnel, and handlers to apps, so that anything that a tunnel serves can be
 * a part of an app.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Cookies from "effect/http/Cookies"
import type * as Headers from "effect/http/Headers"
import * as HttpEffect from "effect/http/HttpEffect"
import type * as HttpMiddleware from "effect/http/HttpMiddleware"
import { ClientAbort } from "effect/http/HttpServerError"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { entry, statusOf } from "../../domain/ErrorRegistry.ts"
import { all, first } from "../../domain/HeaderList.ts"
import { BodyError, type ExchangeError, type ExchangeResponse } from "../../protocol/Exchange.ts"
import { contentLength, responseHasBody } from "../../protocol/http/Framing.ts"
import { type Body, empty } from "../body/Body.ts"
import type { Handler } from "../body/Handler.ts"
import * as AppRequest from "./AppRequest.ts"
import * as AppResponse from "./AppResponse.ts"
import * as EffectBody from "./EffectBody.ts"
import * as EffectExchange from "./EffectExchange.ts"
import * as EffectHeaders from "./EffectHeaders.ts"

/** Options of {@link toHandler}. */
export interface ToHandlerOptions {
  /** Closing it interrupts the running requests. */
  readonly scope: Scope.Scope
  readonly middleware?: HttpMiddleware.HttpMiddleware | undefined
}

/** A running app. */
export interface RunningApp {
  readonly handler: Handler
  /** The same handler, with further services for its requests. */
  readonly handlerWith: (services: Context.Context<never>) => Handler
  /** Waits until no request is running. */
  readonly idle: Effect.Effect<void>
}

/** An app as a handler that can be waited for; see {@link toHandler}. */
export const run = <E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
  options: ToHandlerOptions,
): Effect.Effect<RunningApp, never, Exclude<R, HttpServerRequest | Scope.Scope>> =>
  Effect.withFiber((parent) => {
    const handled = Effect.tapCause(
      HttpEffect.toHandled(app, answer, options.middleware),
      logDefects,
    ) as Effect.Effect<void>
    const services = parent.context as Context.Context<never>
    const idle = Latch.makeUnsafe(true)
    let running = 0
    const handlerIn =
      (base: Context.Context<never>): Handler =>
      (head, body, reply) => {
        const request = AppRequest.make(head, body, reply)
        const context = Context.add(base, HttpServerRequest, request)
        running += 1
        idle.closeUnsafe()
        const fiber = Fiber.runIn(Effect.runForkWith(context)(handled), options.scope)
        fiber.addObserver(() => {
          request.source.opened.cancel()
          running -= 1
          if (running === 0) idle.openUnsafe()
        })
        return () => fiber.interruptUnsafe(parent.id, ClientAbort.annotation)
      }
    return Effect.succeed({
      handler: handlerIn(services),
      handlerWith: (own) => handlerIn(Context.merge(services, own)),
      idle: idle.await,
    })
  })

/**
 * An app as a handler. Each request has a fiber. When the visitor leaves, it is
 * interrupted where it is interruptible: in the routes of an HttpRouter and
 * while a body is sent, as with any HttpServer. A defect is answered with 500
 * and logged.
 */
export const toHandler = <E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
  options: ToHandlerOptions,
): Effect.Effect<Handler, never, Exclude<R, HttpServerRequest | Scope.Scope>> =>
  Effect.map(run(app, options), ({ handler }) => handler)

/**
 * An app as a function from a service's value to a handler, for a service that
 * depends on the request, such as who sent it; see {@link toHandler}.
 *
 * @param key the service
 */
export const toHandlerWith = <E, R, I, S>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
  key: Context.Key<I, S>,
  options: ToHandlerOptions,
): Effect.Effect<
  (value: S) => Handler,
  never,
  Exclude<Exclude<R, I>, HttpServerRequest | Scope.Scope>
> =>
  Effect.map(
    // The handler provides `I` to each request.
    run(app as Effect.Effect<HttpServerResponse.HttpServerResponse, E, Exclude<R, I>>, options),
    ({ handlerWith }) =>
      (value: S) =>
        handlerWith(Context.make(key, value) as Context.Context<never>),
  )

const answer = (request: HttpServerRequest, response: HttpServerResponse.HttpServerResponse) =>
  request instanceof AppRequest.AppRequest
    ? Effect.withFiber((fiber) =>
        AppResponse.send(request, response, () =>
          fiber.interruptUnsafe(fiber.id, ClientAbort.annotation),
        ),
      )
    : Effect.die(new TypeError("this request did not come through a tunnel"))

/** Logs defects of the app, which nothing else does unless it has a middleware for that. */
const logDefects = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  const unexpected = cause.reasons.filter(
    (reason) =>
      (reason._tag === "Die" && !HttpServerResponse.isHttpServerResponse(reason.defect)) ||
      (reason._tag === "Fail" && !HttpServerRespondable.isRespondable(reason.error)),
  )
  return unexpected.length === 0
    ? Effect.void
    : Effect.logError("a request failed", Cause.fromReasons(unexpected))
}

/**
 * A handler as a part of an app: answers the current request, and sees its
 * whole `url`. A failure is answered as plain text with its code.
 */
export const fromHandler = (
  handler: Handler,
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest | Scope.Scope> =>
  Effect.flatMap(HttpServerRequest, (request) =>
    Effect.flatMap(bodyOf(request), (body) =>
      EffectExchange.call(
        handler,
        {
          method: request.method,
          target: request.url,
          headers: EffectHeaders.fromRecord(request.headers),
        },
        body,
      ),
    ).pipe(
      Effect.map((response) => responseOf(request.method, response)),
      Effect.catch((error) => Effect.succeed(failed(error))),
    ),
  )

const bodyOf = (request: HttpServerRequest): Effect.Effect<Body> =>
  Effect.contextWith((context: Context.Context<never>) => {
    const length = contentLength(EffectHeaders.fromRecord(request.headers))
    if (isEmpty(request)) return Effect.succeed(empty)
    const stream = Stream.mapError(
      request.stream,
      (error) => new BodyError({ reason: "cut", detail: error.message }),
    )
    return Effect.succeed(
      EffectBody.fromStream(stream, {
        length: typeof length === "number" ? length : undefined,
        context,
      }),
    )
  })

const isEmpty = (request: HttpServerRequest): boolean =>
  request instanceof AppRequest.AppRequest
    ? request.source.body.whole?.length === 0
    : request.headers["content-length"] === undefined &&
      request.headers["transfer-encoding"] === undefined

const responseOf = (
  method: string,
  { body, head }: ExchangeResponse,
): HttpServerResponse.HttpServerResponse => {
  const { headers: list, status } = head
  const headers: Headers.Headers = EffectHeaders.toRecord(
    list.filter(([name]) => name.toLowerCase() !== "set-cookie"),
  )
  const cookies = Cookies.fromSetCookie(all(list, "set-cookie"))
  if (!responseHasBody(method, status))
    return HttpServerResponse.empty({ status, headers, cookies })
  return HttpServerResponse.stream(body, {
    status,
    headers,
    cookies,
    contentType: first(list, "content-type"),
  })
}

const failed = (error: ExchangeError): HttpServerResponse.HttpServerResponse => {
  const { remedy, title } = entry(error.code)
  const headers = EffectHeaders.toRecord([
    ["Cache-Control", "no-store"],
    ...(error.headers ?? []),
    ...(error.retryAfter === undefined
      ? []
      : ([["Retry-After", `${Math.ceil(error.retryAfter)}`]] as const)),
  ])
  return HttpServerResponse.text(`${title}\n${error.detail}\n${remedy}\n${error.code}\n`, {
    status: statusOf(error.code),
    headers,
  })
}
