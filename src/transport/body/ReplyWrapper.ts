/**
 * A reply that passes everything on to another one. Subclasses change what they
 * override. One object with methods, instead of three closures for each request
 * and each handler around it.
 */
import type { ExchangeError } from "../../protocol/Exchange.ts"
import type { InterimHead, ResponseHead } from "../../protocol/Message.ts"
import type { Body } from "./Body.ts"
import type { Reply } from "./Handler.ts"
import { commit } from "./Replies.ts"

/** See the file's header. */
export abstract class ReplyWrapper implements Reply {
  protected readonly reply: Reply

  constructor(reply: Reply) {
    this.reply = reply
  }

  respond(head: ResponseHead, body: Body, sent?: () => void): void {
    this.reply.respond(head, body, sent)
  }

  inform(head: InterimHead): void {
    this.reply.inform?.(head)
  }

  commit(go: () => void): void {
    commit(this.reply, go)
  }

  fail(error: ExchangeError): void {
    this.reply.fail(error)
  }
}
