/**
 * `POST /http_response/ID` and `POST /http_responses` of the backend API
 * (protocol.md, Respond and Several answers in one POST): a server answers one
 * request, or several that have small responses at once.
 */
import * as Result from "effect/Result"
import * as Classic1 from "../../protocol/Classic1.ts"
import * as Classic2 from "../../protocol/Classic2.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { ResponseHead } from "../../protocol/Message.ts"
import { header, maxAnswers, maxHead, text, version2 } from "../../protocol/Wire.ts"
import { type Body, collect, fromBytes } from "../../transport/body/Body.ts"
import * as WriteBatch from "../../transport/runtime/WriteBatch.ts"
import type { Pending } from "../dispatch/Pending.ts"
import type { BackendCall } from "./BackendCall.ts"
import { type ClassicExchanges, linkOf, type OtherRelays } from "./ClassicExchanges.ts"
import { split } from "./ClassicFraming.ts"

/** See the file's header. */
export class AnswerEndpoint {
  private readonly exchanges: ClassicExchanges
  private readonly others: OtherRelays

  constructor(exchanges: ClassicExchanges, others: OtherRelays) {
    this.exchanges = exchanges
    this.others = others
  }

  /** One answer. */
  handleOne(id: string, call: BackendCall): void {
    const pending = this.exchanges.awaiting(id, call)
    if (pending === undefined) return
    linkOf(pending)?.acknowledge(id)
    this.exchanges.track(pending.name, call)
    const { body } = call
    if (call.field(header.version) === version2) return this.splitHead(pending, body, call)
    const head = Classic1.decodeResponseHead(call.field(header.magic) ?? "")
    if (Result.isFailure(head)) return call.reject(400, text.badHead)
    this.deliver(pending, head.success, body, call)
  }

  /** In classic 2 the head stands at the start of the body. */
  private splitHead(pending: Pending, body: Body, call: BackendCall): void {
    const link = linkOf(pending)
    split(body, Classic2.decodeResponseHead, {
      found: (head, rest) => this.deliver(pending, head, rest, call),
      bad: () => {
        if (link !== undefined && link === pending.link) {
          link.answered(pending.id)
          pending.fail(badHead)
        }
        call.reject(400, text.badHead)
      },
      cut: () =>
        link?.lose(pending, "the server broke off before the head of its answer was whole", true),
    })
  }

  /** Gives the visitor a response; the server's request is answered when all of it was sent or the visitor left. */
  private deliver(pending: Pending, head: ResponseHead, body: Body, call: BackendCall): void {
    const link = linkOf(pending)
    this.exchanges.answering(pending)
    const wasAwaited = pending.answer(head, body, {
      sent: () => {
        this.exchanges.finished(pending.id)
        call.acknowledge()
      },
      left: () => {
        this.exchanges.finished(pending.id)
        if (!call.isAnswered) call.reject(200, text.clientDisconnected)
      },
    })
    if (wasAwaited) return link?.answered(pending.id)
    this.exchanges.finished(pending.id)
    call.reject(502, text.noClient)
  }

  /** An interim response; the answer is still awaited. */
  handleInterim(id: string, call: BackendCall): void {
    const pending = this.exchanges.awaiting(id, call)
    if (pending === undefined) return
    linkOf(pending)?.acknowledge(id)
    collect(call.body, maxHead + 4, {
      whole: (bytes) => {
        const head = Classic2.decodeInterimHead(bytes)
        if (Result.isFailure(head)) return call.reject(400, text.badHead)
        pending.inform(head.success)
        call.answer(200, text.answersTaken)
      },
      tooLarge: () => call.reject(400, text.badHead),
      cut: () => {},
    })
  }

  /** Several small answers; all are delivered in the same turn of the event loop. */
  handleMany(rest: string, call: BackendCall): void {
    if (rest !== "") return call.reject(404, "Not found\n")
    if (call.key === undefined) return call.reject(403, text.noKey)
    collect(call.body, maxAnswers, {
      whole: (bytes) => {
        const answers = Classic2.decodeAnswers(bytes)
        if (Result.isFailure(answers)) return call.reject(400, text.badHead)
        WriteBatch.during(() => {
          for (const answer of this.forwardOthers(answers.success, call))
            this.deliverSmall(answer, call)
          call.answer(200, text.answersTaken)
        })
      },
      tooLarge: () => call.reject(400, text.badHead),
      cut: () => {},
    })
  }

  /** Passes on the answers to requests of other relays; returns those that are for this one. */
  private forwardOthers(
    answers: ReadonlyArray<Classic2.DecodedAnswer>,
    { isForwarded, key }: BackendCall,
  ): ReadonlyArray<Classic2.DecodedAnswer> {
    return isForwarded || key === undefined || this.others.isAlone
      ? answers
      : this.others.forwardAnswers(answers, key)
  }

  private deliverSmall({ bytes, head, id }: Classic2.DecodedAnswer, call: BackendCall): void {
    const pending = this.exchanges.awaitingFrom(id, call)
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
