/**
 * `POST /http_response/ID` and `POST /http_responses` of the backend API
 * (protocol.md, Respond and Several answers in one POST): a server answers one
 * request, or several that have small responses at once.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import * as Result from "effect/Result"
import * as Classic1 from "../../protocol/Classic1.ts"
import * as Classic2 from "../../protocol/Classic2.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { ResponseHead } from "../../protocol/Message.ts"
import { header, maxAnswers, maxHead, text, version2 } from "../../protocol/Wire.ts"
import { type Body, collect, fromBytes } from "../../transport/body/Body.ts"
import { closeAfter } from "../../transport/net/ConnectionClose.ts"
import * as NodeBody from "../../transport/net/NodeBody.ts"
import * as WriteBatch from "../../transport/runtime/WriteBatch.ts"
import type { Pending } from "../dispatch/Pending.ts"
import { answerText, rejectRequest } from "./BackendAnswer.ts"
import { type ClassicExchanges, linkOf } from "./ClassicExchanges.ts"
import { split } from "./ClassicFraming.ts"
import { keyOf } from "./KeyCheck.ts"

/** See the file's header. */
export class AnswerEndpoint {
  private readonly exchanges: ClassicExchanges

  constructor(exchanges: ClassicExchanges) {
    this.exchanges = exchanges
  }

  /** One answer. */
  handleOne(id: string, request: IncomingMessage, response: ServerResponse): void {
    const pending = this.exchanges.awaiting(id, request, response)
    if (pending === undefined) return
    linkOf(pending)?.acknowledge(id)
    this.exchanges.track(pending.name, request, response)
    const body = bodyOf(request)
    if (request.headers[header.version] === version2)
      return this.splitHead(pending, body, request, response)
    const head = Classic1.decodeResponseHead(`${request.headers[header.magic] ?? ""}`)
    if (Result.isFailure(head)) return rejectRequest(request, response, 400, text.badHead)
    this.deliver(pending, head.success, body, request, response)
  }

  /** In classic 2 the head stands at the start of the body. */
  private splitHead(
    pending: Pending,
    body: Body,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const link = linkOf(pending)
    split(body, Classic2.decodeResponseHead, {
      found: (head, rest) => this.deliver(pending, head, rest, request, response),
      bad: () => {
        if (link !== undefined && link === pending.link) {
          link.answered(pending.id)
          pending.fail(badHead)
        }
        rejectRequest(request, response, 400, text.badHead)
      },
      cut: () =>
        link?.lose(pending, "the server broke off before the head of its answer was whole", true),
    })
  }

  /** Gives the visitor a response; the server's request is answered when all of it was sent or the visitor left. */
  private deliver(
    pending: Pending,
    head: ResponseHead,
    body: Body,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const link = linkOf(pending)
    this.exchanges.answering(pending)
    const wasAwaited = pending.answer(head, body, {
      sent: () => {
        this.exchanges.finished(pending.id)
        request.resume()
        // The end of the request may be parsed only after this callback.
        setImmediate(() => acknowledgeAnswer(request, response))
      },
      left: () => {
        this.exchanges.finished(pending.id)
        if (!response.headersSent && !response.destroyed)
          rejectRequest(request, response, 200, text.clientDisconnected)
      },
    })
    if (wasAwaited) return link?.answered(pending.id)
    this.exchanges.finished(pending.id)
    rejectRequest(request, response, 502, text.noClient)
  }

  /** An interim response; the answer is still awaited. */
  handleInterim(id: string, request: IncomingMessage, response: ServerResponse): void {
    const pending = this.exchanges.awaiting(id, request, response)
    if (pending === undefined) return
    linkOf(pending)?.acknowledge(id)
    collect(bodyOf(request), maxHead + 4, {
      whole: (bytes) => {
        const head = Classic2.decodeInterimHead(bytes)
        if (Result.isFailure(head)) return rejectRequest(request, response, 400, text.badHead)
        pending.inform(head.success)
        answerText(response, 200, text.answersTaken)
      },
      tooLarge: () => rejectRequest(request, response, 400, text.badHead),
      cut: () => {},
    })
  }

  /** Several small answers; all are delivered in the same turn of the event loop. */
  handleMany(rest: string, request: IncomingMessage, response: ServerResponse): void {
    const key = keyOf(request)
    if (rest !== "") return rejectRequest(request, response, 404, "Not found\n")
    if (key === undefined) return rejectRequest(request, response, 403, text.noKey)
    collect(bodyOf(request), maxAnswers, {
      whole: (bytes) => {
        const answers = Classic2.decodeAnswers(bytes)
        if (Result.isFailure(answers)) return rejectRequest(request, response, 400, text.badHead)
        WriteBatch.during(() => {
          for (const answer of answers.success) this.deliverSmall(answer, key, request)
          answerText(response, 200, text.answersTaken)
        })
      },
      tooLarge: () => rejectRequest(request, response, 400, text.badHead),
      cut: () => {},
    })
  }

  private deliverSmall(
    { bytes, head, id }: Classic2.DecodedAnswer,
    key: string,
    request: IncomingMessage,
  ): void {
    const pending = this.exchanges.awaitingFrom(id, request, key)
    if (pending === undefined) return
    const link = linkOf(pending)
    link?.acknowledge(id)
    if (head === undefined) {
      link?.answered(pending.id)
      return pending.fail(badHead)
    }
    const wasAwaited = pending.answer(head, fromBytes(bytes), { sent: () => {}, left: () => {} })
    if (wasAwaited) link?.answered(pending.id)
  }
}

const badHead = new ExchangeError({
  code: "PTTH_BAD_ANSWER",
  detail: "the head of its answer cannot be decoded",
})

const acknowledgeAnswer = (request: IncomingMessage, response: ServerResponse): void => {
  if (!request.complete) closeAfter(request, response)
  if (!response.headersSent && !response.destroyed) answerText(response, 200, text.streamFinished)
}

const bodyOf = (request: IncomingMessage): Body => {
  const length = request.headers["content-length"]
  return NodeBody.fromIncoming(request, {
    length: length === undefined ? undefined : Number(length),
    abandon: () => request.pause(),
  })
}
