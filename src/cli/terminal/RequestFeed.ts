/**
 * Records the requests that a handler answers, while they run and when they
 * have ended, for what a terminal shows and for the log of requests.
 */
import { first } from "../../domain/HeaderList.ts"
import * as RequestId from "../../domain/RequestId.ts"
import type { ExchangeError } from "../../protocol/Exchange.ts"
import type { RequestHead, ResponseHead } from "../../protocol/Message.ts"
import type { Body } from "../../transport/body/Body.ts"
import { count, countResponse } from "../../transport/body/CountedBody.ts"
import type { Cancel, Handler, Reply } from "../../transport/body/Handler.ts"
import { ReplyWrapper } from "../../transport/body/ReplyWrapper.ts"
import { WatchedRequest } from "./WatchedRequest.ts"

/** Receives the events of requests. */
export interface FeedListener {
  /** A request has begun. */
  readonly onBegin?: (request: WatchedRequest) => void
  /** A request has ended. */
  readonly onEnd: (request: WatchedRequest) => void
}

/** See the file's header. */
export class RequestFeed {
  /** The requests that run, the oldest first. */
  readonly running = new Set<WatchedRequest>()
  /** How many there were. */
  requests = 0
  /** How many bytes of ended requests' and responses' bodies there were. */
  bytesIn = 0
  bytesOut = 0
  private readonly listener: FeedListener
  private readonly now: () => number

  /** @param now milliseconds since 1970 */
  constructor(listener: FeedListener, now: () => number) {
    this.listener = listener
    this.now = now
  }

  /**
   * The same handler, whose requests are recorded.
   *
   * @param server the name that the handler serves; empty if it has none
   */
  watch(handler: Handler, server = ""): Handler {
    return (head, body, reply) => this.handle(handler, server, head, body, reply)
  }

  private handle(
    handler: Handler,
    server: string,
    head: RequestHead,
    body: Body,
    reply: Reply,
  ): Cancel {
    const request = this.begin(head, body)
    request.server = server
    if (body.whole !== undefined) request.received(body.whole.length)
    const received =
      body.whole === undefined ? count(body, { bytes: (bytes) => request.received(bytes) }) : body
    const cancel = handler(head, received, new WatchedReply(reply, request, this.now))
    return () => {
      request.over(false)
      cancel()
    }
  }

  private begin(head: RequestHead, body: Body): WatchedRequest {
    const request: WatchedRequest = new WatchedRequest(head, body.length, this.now(), () => {
      this.running.delete(request)
      this.bytesIn += request.bytesIn
      this.bytesOut += request.bytesOut
      this.listener.onEnd(request)
    })
    this.requests += 1
    this.running.add(request)
    this.listener.onBegin?.(request)
    return request
  }
}

class WatchedReply extends ReplyWrapper {
  private readonly request: WatchedRequest
  private readonly now: () => number

  constructor(reply: Reply, request: WatchedRequest, now: () => number) {
    super(reply)
    this.request = request
    this.now = now
  }

  override respond(head: ResponseHead, body: Body, sent?: () => void): void {
    const { request } = this
    request.answered(head.status)
    request.length = body.length ?? body.whole?.length
    const code = head.status < 400 ? undefined : first(head.headers, "x-ptth-code")
    if (code !== undefined) request.failed(code, first(head.headers, "x-request-id") ?? "")
    const counted = countResponse(body, {
      bytes: (bytes) => request.sent(bytes),
      over: (isWhole) => request.over(isWhole),
    })
    super.respond(head, counted, sent)
  }

  override fail(error: ExchangeError): void {
    const { request } = this
    const { code, detail, failure } = error
    const id = error.id ?? RequestId.make(this.now())
    request.failed(code, id)
    request.detail = detail
    request.answered(failure.status)
    request.over(true)
    super.fail(error.withId(id))
  }
}
