/**
 * Refuses requests to other hosts than one's own, for what listens on loopback
 * without a password: see `OwnHost.ts`. Of files there, pages of other sites that
 * name an own host get no scripts either, which they could run and so read: browsers
 * keep these from them, by a field of the response (Fetch, 3.7). Pictures and
 * styles they do get, since pages of an untrusted folder have no origin, and load
 * theirs as if from another site.
 */
import { first, has } from "../../domain/HeaderList.ts"
import { type HostPattern, isToOwnHost } from "../../domain/OwnHost.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { ResponseHead } from "../../protocol/Message.ts"
import type { Body } from "../body/Body.ts"
import { refuse } from "../body/Replies.ts"
import { ReplyWrapper } from "../body/ReplyWrapper.ts"
import type { FrontHandler } from "./FrontRequest.ts"

const wrongHost = new ExchangeError({
  code: "PTTH_WRONG_HOST",
  detail:
    "its Host field names neither an IP address, nor localhost, nor a host of --allowed-hosts",
})

const policy = "Cross-Origin-Resource-Policy"

const isScript = /\b(?:java|ecma|j|live)script\b|\bjson\b/i

class ScriptKeeper extends ReplyWrapper {
  override respond(head: ResponseHead, body: Body, sent?: () => void): void {
    const { headers } = head
    if (!isScript.test(first(headers, "content-type") ?? "") || has(headers, policy.toLowerCase()))
      return this.reply.respond(head, body, sent)
    const kept = [...headers, [policy, "same-site"] as const]
    this.reply.respond({ ...head, headers: kept }, body, sent)
  }
}

/** The handler behind the check. Where there are no patterns, every host is answered. */
export const onlyOwnHosts =
  (handler: FrontHandler, patterns: () => ReadonlyArray<HostPattern> | undefined): FrontHandler =>
  (request, reply) => {
    const own = patterns()
    return own === undefined || isToOwnHost(request.head.headers, own)
      ? handler(request, reply)
      : refuse(request.body, reply, wrongHost)
  }

/** The handler of files that only their owner's browser is to see; with no patterns, or `*`, they are for everybody. */
export const keepingScripts =
  (handler: FrontHandler, patterns: () => ReadonlyArray<HostPattern> | undefined): FrontHandler =>
  (request, reply) => {
    const own = patterns()
    const isForAll = own === undefined || own.includes("*")
    return handler(request, isForAll ? reply : new ScriptKeeper(reply))
  }
