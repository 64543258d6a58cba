/**
 * The reply to a visitor's request, whichever way the request was read: takes
 * one response, checks it, and frees everything when the exchange is over.
 * Subclasses write the response.
 */
import type { Failure, RenderedFailure } from "../../domain/Failure.ts"
import { first, type HeaderList } from "../../domain/HeaderList.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import { allExcept } from "../../protocol/http/ConnectionFields.ts"
import { isWritable } from "../../protocol/http/HeadText.ts"
import {
  type InterimHead,
  isInterimStatus,
  type RequestHead,
  type ResponseHead,
} from "../../protocol/Message.ts"
import { maxInterim } from "../../protocol/Wire.ts"
import { type Body, type BodyFlow, fromBytes } from "../body/Body.ts"
import type { Cancel, Reply } from "../body/Handler.ts"
import type { VisitNotes } from "../observe/VisitNotes.ts"
import type { NextWrite } from "./HalfClosed.ts"
import { faultOf } from "./ResponsePlan.ts"

/**
 * Renders a failure in the form that the visitor's Accept field asks for.
 *
 * @param request `undefined` if it could not be read
 */
export type RenderFailure = (
  failure: Failure,
  accept: string | undefined,
  request?: RequestHead,
) => RenderedFailure

/** What all replies of a front have in common. */
export interface ReplyRules {
  readonly renderFailure: RenderFailure
  /** Fields that every response gets, instead of those of the same names that it has. */
  readonly fields?: (() => HeaderList) | undefined
}

/** Fields of the connection, and those that speak of a body, which an interim response has not. */
const notOfInterim = allExcept([], ["content-length", "trailer"])

/** See the file's header. */
export abstract class FrontReply implements Reply {
  readonly notes: VisitNotes | undefined
  /** `Waiting` for a response, `Responding`: writing it, `Over`: written whole, or given up. */
  protected state: "Waiting" | "Responding" | "Over" = "Waiting"
  /** Whether the response is chunked. */
  protected isChunked = false
  /** The response body while it is being read. */
  protected flow: BodyFlow | undefined
  /** How many interim responses have been written. */
  private informed = 0
  private readonly requestHead: RequestHead
  private readonly rules: ReplyRules
  private cancelHandler: Cancel | undefined

  constructor(requestHead: RequestHead, rules: ReplyRules, notes: VisitNotes | undefined) {
    this.requestHead = requestHead
    this.rules = rules
    this.notes = notes
  }

  /** What it writes next to its connection. */
  get nextWrite(): NextWrite {
    if (this.state === "Waiting") return "Head"
    if (this.state === "Over") return "Nothing"
    return this.isChunked ? "Chunk" : "Bytes"
  }

  /** Writes a response that has no fault; `sent` is called as `Reply.respond` says. */
  protected abstract write(head: ResponseHead, body: Body, sent: (() => void) | undefined): void

  /** Whether 101 is a possible answer. */
  protected get canUpgrade(): boolean {
    return false
  }

  /** Takes what the handler returned. */
  start(cancel: Cancel): void {
    if (this.state === "Over") cancel()
    else this.cancelHandler = cancel
  }

  respond(head: ResponseHead, body: Body, sent?: () => void): void {
    if (this.state !== "Waiting") return body.discard()
    const detail = faultOf(head, this.canUpgrade)
    if (detail !== undefined) {
      body.discard()
      return this.fail(new ExchangeError({ code: "PTTH_BAD_ANSWER", detail }))
    }
    this.state = "Responding"
    this.write(this.withFields(head), body, sent)
  }

  private withFields(head: ResponseHead): ResponseHead {
    const fields = this.rules.fields?.()
    if (fields === undefined || fields.length === 0 || head.status === 101) return head
    const isReplaced = (name: string): boolean =>
      fields.some(([other]) => other.toLowerCase() === name.toLowerCase())
    const others = head.headers.filter(([name]) => !isReplaced(name))
    return { status: head.status, headers: [...others, ...fields] }
  }

  /** Passes on an interim response, unless the visitor may not understand it (RFC 9110 15.2) or does not read. */
  inform(head: InterimHead): void {
    if (this.state !== "Waiting" || this.informed === maxInterim || !isInterimStatus(head.status))
      return
    this.informed += 1
    const fields = head.headers.filter(
      (field) => isWritable(field) && !notOfInterim.has(field[0].toLowerCase()),
    )
    this.writeInterim({ status: head.status, headers: fields })
  }

  /** Writes an interim response, whose fields can be written as they are. */
  protected abstract writeInterim(head: InterimHead): void

  fail(error: ExchangeError): void {
    if (this.state === "Waiting") this.writeFailure(error.failure)
  }

  protected writeFailure(failure: Failure): void {
    this.state = "Responding"
    const { requestHead, rules } = this
    const accept = first(requestHead.headers, "accept")
    const { body, headers, id, status } = rules.renderFailure(failure, accept, requestHead)
    this.notes?.failed(failure.code, id)
    this.write(this.withFields({ status, headers }), fromBytes(body), undefined)
  }

  /** The visitor has taken some of what was written, but wants no more yet. */
  moved(): void {
    this.flow?.moved?.()
  }

  /** The visitor has left, or is answered in another way. */
  giveUp(): void {
    this.end(false)
  }

  /**
   * Frees what the exchange holds.
   *
   * @param isDelivered whether the network has the whole response
   * @param sent called before the handler gets the end
   */
  protected end(isDelivered: boolean, sent?: () => void): void {
    if (this.state === "Over") return
    this.state = "Over"
    this.notes?.over(isDelivered)
    sent?.()
    this.flow?.cancel()
    this.cancelHandler?.()
  }
}
