/**
 * Converts between the two forms of an exchange: the `Handler` of callbacks,
 * which the transports use, and the `Exchange` Effect, which applications use.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import {
  type BodyError,
  type Exchange,
  ExchangeError,
  type ExchangeResponse,
} from "../../protocol/Exchange.ts"
import { contentLength, responseHasBody } from "../../protocol/http/Framing.ts"
import type { RequestHead, ResponseHead } from "../../protocol/Message.ts"
import { type Body, empty, promise } from "../body/Body.ts"
import type { Cancel, Handler, Reply } from "../body/Handler.ts"
import * as EffectBody from "./EffectBody.ts"

/**
 * A handler as an exchange. Closing the Scope cancels both directions, also
 * before there is a response.
 */
export const fromHandler =
  (handler: Handler): Exchange =>
  (head, body) =>
    Effect.contextWith((context: Context.Context<Scope.Scope>) => {
      const length = contentLength(head.headers)
      const content = EffectBody.fromStream(body, {
        length: typeof length === "number" ? length : undefined,
        context,
      })
      return begin(new HandlerCall(handler, head, content, content.stop))
    })

/** Calls a handler with a body that need not be a Stream; see {@link fromHandler}. */
export const call = (
  handler: Handler,
  head: RequestHead,
  body: Body,
): Effect.Effect<ExchangeResponse, ExchangeError, Scope.Scope> =>
  Effect.suspend(() => begin(new HandlerCall(handler, head, body, () => {})))

const begin = (call: HandlerCall): Effect.Effect<ExchangeResponse, ExchangeError, Scope.Scope> =>
  Effect.andThen(
    Effect.addFinalizer(() => Effect.sync(() => call.end())),
    call.answer,
  )

/** Whether a body, or an upgraded connection, follows a response head. */
const hasBody = (method: string, status: number): boolean =>
  status === 101 || responseHasBody(method, status)

/** A request to a handler, and its response. */
class HandlerCall implements Reply {
  readonly answer: Effect.Effect<ExchangeResponse, ExchangeError>
  private readonly head: RequestHead
  private readonly stopBody: () => void
  private resume: (result: Effect.Effect<ExchangeResponse, ExchangeError>) => void = () => {}
  private cancel: Cancel | undefined
  private opened: EffectBody.OpenBody | undefined
  private answered = false
  private over = false

  constructor(handler: Handler, head: RequestHead, body: Body, stopBody: () => void) {
    this.head = head
    this.stopBody = stopBody
    this.answer = Effect.callback((resume) => {
      this.resume = resume
      const cancel = handler(head, body, this)
      if (this.over) cancel()
      else this.cancel = cancel
      return Effect.sync(() => this.end())
    })
  }

  respond(head: ResponseHead, content: Body, sent?: () => void): void {
    if (this.answered || this.over) return content.discard()
    this.answered = true
    const promised = contentLength(head.headers)
    const hasContent = hasBody(this.head.method, head.status)
    if (!hasContent) content.discard()
    const held =
      typeof promised === "number" && head.status !== 101 ? promise(content, promised) : content
    const opened = EffectBody.open(hasContent ? held : empty, { onTaken: sent })
    this.opened = opened
    this.resume(Effect.succeed({ head, body: opened.stream, trailers: opened.trailers }))
  }

  fail(error: ExchangeError): void {
    if (this.answered || this.over) return
    this.answered = true
    this.resume(Effect.fail(error))
  }

  /** Ends both directions. */
  end(): void {
    if (this.over) return
    this.over = true
    this.cancel?.()
    this.opened?.cancel()
    this.stopBody()
  }
}

/**
 * An exchange as a handler. Each request has one fiber, which runs until its
 * response has been read; cancelling interrupts it and closes its Scope. The
 * visitor is asked for the request body when the exchange first pulls it.
 *
 * @param context in which the fibers run
 */
export const toHandler =
  (exchange: Exchange, context: Context.Context<never> = Context.empty()): Handler =>
  (head, body, reply) => {
    const request = EffectBody.open(body)
    const run = Effect.scoped(
      Effect.flatMap(exchange(head, request.stream), (response) =>
        respond(head.method, response, reply),
      ),
    ).pipe(
      Effect.onExit((exit) => (Exit.isFailure(exit) ? failed(exit.cause, reply) : Effect.void)),
    )
    const fiber = Effect.runForkWith(context)(run)
    fiber.addObserver(() => request.cancel())
    return () => fiber.interruptUnsafe()
  }

const respond = (
  method: string,
  { body, head, trailers }: ExchangeResponse,
  reply: Reply,
): Effect.Effect<void, BodyError> => {
  if (!hasBody(method, head.status)) return Effect.sync(() => reply.respond(head, empty))
  const promised = contentLength(head.headers)
  const length = typeof promised === "number" && head.status !== 101 ? promised : undefined
  return EffectBody.send(body, { length, trailers }, (sent) => reply.respond(head, sent))
}

/** Fails the request unless there was a response; then its body has failed already. */
const failed = (cause: Cause.Cause<ExchangeError | BodyError>, reply: Reply): Effect.Effect<void> =>
  Effect.suspend(() => {
    for (const reason of cause.reasons) {
      if (reason._tag === "Fail" && reason.error instanceof ExchangeError) reply.fail(reason.error)
    }
    reply.fail(
      new ExchangeError({
        code: "PTTH_INTERNAL",
        detail: Cause.hasInterruptsOnly(cause)
          ? "the application was stopped"
          : "the application failed",
      }),
    )
    return Cause.hasDies(cause) ? Effect.logError("an exchange failed", cause) : Effect.void
  })
