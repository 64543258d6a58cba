/**
 * Refuses listings of WebDAV that would lead visitors elsewhere, before their
 * head is sent; `Multistatus.ts` says why.
 */

import * as Multistatus from "../../protocol/address/Multistatus.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { Reply } from "./Handler.ts"
import { peek } from "./PeekedBody.ts"
import { commit } from "./Replies.ts"

const unknownPrefix = new ExchangeError({
  code: "PTTH_UNKNOWN_PREFIX",
  detail: "the listing names resources outside the path at which visitors see the application",
})

/**
 * The reply to a request, which fails instead of sending a listing whose first
 * path is not right. The request's fields have to be `Multistatus.readable`.
 */
export const checked = (method: string, reply: Reply, isRight: (path: string) => boolean): Reply =>
  Multistatus.isAskedBy(method)
    ? {
        fail: (error) => reply.fail(error),
        commit: (go) => commit(reply, go),
        inform: (head) => reply.inform?.(head),
        respond: (head, body, sent) => {
          if (!Multistatus.isIn(head.status, head.headers)) return reply.respond(head, body, sent)
          peek(body, {
            judge: (text) => Multistatus.leadsTo(text, isRight),
            accepted: (whole) => reply.respond(head, whole, sent),
            refused: () => reply.fail(unknownPrefix),
          })
        },
      }
    : reply
