/**
 * Refuses listings of WebDAV that would lead visitors elsewhere, before their
 * head is sent; `Multistatus.ts` says why.
 */
import * as Multistatus from "../../protocol/address/Multistatus.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { ResponseHead } from "../../protocol/Message.ts"
import type { Body } from "./Body.ts"
import type { Reply } from "./Handler.ts"
import { peek } from "./PeekedBody.ts"
import { ReplyWrapper } from "./ReplyWrapper.ts"

const unknownPrefix = new ExchangeError({
  code: "PTTH_UNKNOWN_PREFIX",
  detail: "the listing names resources outside the path at which visitors see the application",
})

/**
 * The reply to a request, which fails instead of sending a listing whose first
 * path is not right. The request's fields have to be `Multistatus.readable`.
 */
export const checked = (method: string, reply: Reply, isRight: (path: string) => boolean): Reply =>
  Multistatus.isAskedBy(method) ? new CheckedReply(reply, isRight) : reply

class CheckedReply extends ReplyWrapper {
  private readonly isRight: (path: string) => boolean

  constructor(reply: Reply, isRight: (path: string) => boolean) {
    super(reply)
    this.isRight = isRight
  }

  override respond(head: ResponseHead, body: Body, sent?: () => void): void {
    if (!Multistatus.isIn(head.status, head.headers)) return super.respond(head, body, sent)
    peek(body, {
      judge: (text) => Multistatus.leadsTo(text, this.isRight),
      accepted: (whole) => super.respond(head, whole, sent),
      refused: () => super.fail(unknownPrefix),
    })
  }
}
