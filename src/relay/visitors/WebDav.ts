/**
 * WebDAV in path mode, where two things would cost visitors their files.
 *
 * An application that does not know its prefix names resources without it in
 * listings. Clients take such a listing for that of an empty folder, and a
 * synchronisation deletes its copies of all that it misses. So it is refused
 * before its head is sent.
 *
 * A Destination below another server's prefix is on the same host, so that an
 * application would take it for a path of its own. See docs/path-mode.md.
 */
import { first, type HeaderList, without } from "../../domain/HeaderList.ts"
import * as Multistatus from "../../protocol/address/Multistatus.ts"
import * as UriReference from "../../protocol/address/UriReference.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { PublicAddress } from "../../protocol/http/Forwarded.ts"
import type { RequestHead, ResponseHead } from "../../protocol/Message.ts"
import type { Body, BodyFlow } from "../../transport/body/Body.ts"
import type { Reply } from "../../transport/body/Handler.ts"
import { PushedBody } from "../../transport/body/PushedBody.ts"
import { type Route, route } from "./Routes.ts"

const acceptEncoding = new Set(["accept-encoding"])

/** The error for COPY and MOVE to a resource of another server (RFC 4918 9.8.5, 9.9.4). */
export const refusal = (
  { headers, method }: Pick<RequestHead, "headers" | "method">,
  visitor: PublicAddress,
  own: Pick<Extract<Route, { _tag: "Server" }>, "name" | "prefix">,
): ExchangeError | undefined => {
  if (method !== "COPY" && method !== "MOVE") return undefined
  const reference = UriReference.parse(first(headers, "destination") ?? "")
  if (reference === undefined || !UriReference.isOn(reference, visitor)) return undefined
  const outer = visitor.prefix.slice(0, -own.prefix.length)
  if (!UriReference.isBelow(reference.path, outer)) return undefined
  const to = route(UriReference.rebase(reference.path, outer, ""))
  return to._tag === "Server" && to.name !== own.name ? otherServer : undefined
}

const otherServer = new ExchangeError({
  code: "PTTH_OTHER_SERVER",
  detail: "the Destination field names another server",
})

/** The fields of a request below a prefix: a listing is asked for without compression, so that it can be read. */
export const request = (method: string, headers: HeaderList): HeaderList =>
  Multistatus.isAskedBy(method) ? without(headers, acceptEncoding) : headers

/** The reply to a request below a prefix: a listing that leads elsewhere becomes an error. */
export const reply = (method: string, visitor: PublicAddress, reply: Reply): Reply =>
  Multistatus.isAskedBy(method)
    ? {
        fail: (error) => reply.fail(error),
        respond: (head, body, sent) => {
          if (Multistatus.isIn(head.status, head.headers))
            checkBody({ visitor, reply, head, sent }, body)
          else reply.respond(head, body, sent)
        },
      }
    : reply

interface Listing {
  readonly visitor: PublicAddress
  readonly reply: Reply
  readonly head: ResponseHead
  readonly sent: (() => void) | undefined
}

/** How much of a listing is read before its head is sent, in bytes. */
const maxRead = 64 * 1024

/** Reads a body until it names a resource, then responds or fails. */
const checkBody = ({ head, reply, sent, visitor }: Listing, body: Body): void => {
  if (body.whole !== undefined) {
    const text = Buffer.from(body.whole).toString("latin1", 0, maxRead)
    if (Multistatus.leadsBelow(text, visitor) !== false) return reply.respond(head, body, sent)
    body.discard()
    return reply.fail(unknownPrefix)
  }
  let text = ""
  let isDecided = false
  /** Read anew each time that it has doubled, so that small chunks do not cost more. */
  let nextLength = 1
  const decide = (isEnd: boolean): void => {
    if (isDecided || (!isEnd && text.length < nextLength)) return
    nextLength = text.length * 2
    const isBelow = Multistatus.leadsBelow(text, visitor)
    if (isBelow === undefined && !isEnd && text.length < maxRead) return
    isDecided = true
    if (isBelow !== false) return reply.respond(head, pushed, sent)
    pushed.discard()
    reply.fail(unknownPrefix)
  }
  const pushed = new PushedBody(body.length, {
    resume: () => flow.resume(),
    abandon: () => flow.cancel(),
  })
  const flow: BodyFlow = body.read({
    data: (chunk) => {
      if (!isDecided) text += Buffer.from(chunk).toString("latin1")
      const wantsMore = pushed.data(chunk)
      decide(false)
      return wantsMore || !isDecided
    },
    end: (trailers) => {
      decide(true)
      pushed.end(trailers)
    },
    fail: (error) => {
      decide(true)
      pushed.fail(error)
    },
  })
}

const unknownPrefix = new ExchangeError({
  code: "PTTH_UNKNOWN_PREFIX",
  detail: "the listing names resources outside the path at which visitors see the application",
})
