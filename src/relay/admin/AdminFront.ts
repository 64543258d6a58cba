/**
 * Entrance of the administrator's side: checks each request as `AdminGuard.ts`
 * says, tells the app who sent it, and adds the protective header fields to
 * every response.
 */
import { all, type Header, without } from "../../domain/HeaderList.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import { type Body, empty, limit } from "../../transport/body/Body.ts"
import type { Cancel, Handler, Reply } from "../../transport/body/Handler.ts"
import { refuse } from "../../transport/body/Replies.ts"
import type { FrontHandler } from "../../transport/front/FrontRequest.ts"
import type { AuditLog } from "../audit/AuditLog.ts"
import type { RelaySettings } from "../settings/RelaySettings.ts"
import { clientAddress } from "../settings/TrustedProxies.ts"
import type { LiveUpdates } from "../status/LiveUpdates.ts"
import * as AdminGuard from "./AdminGuard.ts"
import type { AdminLogin } from "./core/AdminLogin.ts"
import type { Caller } from "./core/Caller.ts"
import * as DebugStreams from "./core/DebugStreams.ts"
import * as AdminFrame from "./frame/AdminFrame.ts"
import * as RequestPath from "./frame/RequestPath.ts"

/** What the entrance needs. */
export interface AdminContext {
  readonly settings: RelaySettings["Service"]
  readonly audit: AuditLog["Service"]
  readonly login: AdminLogin["Service"]
  readonly live: LiveUpdates
  readonly streams: DebugStreams.DebugStreams
  /** The pages and the API, for a request of this caller. */
  readonly appFor: (caller: Caller["Service"]) => Handler
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** Limit of a form's or document's bytes, and of those of a request that was edited. */
const [maxBody, maxEditedBody] = [64 * 1024, 1024 * 1024]

const protectedFields = new Set(AdminFrame.headers.map(([name]) => name.toLowerCase()))

const policyField = "content-security-policy"

/** What needs no login: the login pages, and what they load. */
const isOpen = (path: string): boolean =>
  /^\/(?:login(?:\/.*)?|assets\/[a-z0-9.-]+|favicon\.svg|healthz)$/.test(path)

/** The reply with the protective fields. A failure's page keeps its own policy, which is stricter. */
const protect = (reply: Reply): Reply => ({
  fail: (error) => reply.fail(error),
  respond: (head, body, sent) => {
    const hasPolicy = all(head.headers, policyField).length > 0
    const isReplaced = (name: string): boolean => !hasPolicy || name !== policyField
    const headers: ReadonlyArray<Header> = [
      ...without(head.headers, new Set([...protectedFields].filter(isReplaced))),
      ...AdminFrame.headers.filter(([name]) => isReplaced(name.toLowerCase())),
    ]
    reply.respond({ status: head.status, headers }, body, sent)
  },
})

const pathOf = ({ target }: RequestHead): string => target.split("?", 1)[0] ?? ""

/** Whether a browser asks for a page, and can be sent to log in. */
const isPageView = ({ headers, method, ...head }: RequestHead): boolean =>
  AdminGuard.isSafe(method) &&
  !head.target.startsWith("/api/") &&
  /\btext\/html\b/.test(all(headers, "accept").join())

/** The handler of every request to the administrator's address. */
export const make =
  (context: AdminContext): FrontHandler =>
  ({ address, body, head, secure }, frontReply): Cancel => {
    const reply = protect(frontReply)
    const config = context.settings.current()
    const client = clientAddress(config.adminTrustedProxies, address, head.headers)
    const refused = (reason: string, error: ExchangeError): Cancel => {
      context.audit.record({ _tag: "AdminRefused", reason, address: client })
      return refuse(body, reply, error)
    }
    if (!AdminGuard.isOurHost(config, head.headers)) return refused("host", wrongHost)
    const isSession = (session: string): boolean => context.login.isSession(session, context.now())
    const identity = AdminGuard.identityOf({ config, address, isSession }, head.headers)
    if (AdminGuard.isCrossSite(config, head, secure, identity))
      return refused("cross-site", crossSite)
    if (identity._tag === "Anonymous" && !isOpen(pathOf(head))) {
      if (!isPageView(head)) return refused("not logged in", loginRequired)
      body.discard()
      reply.respond({ status: 303, headers: [["Location", "/login"]] }, empty)
      return () => {}
    }
    const origin = AdminGuard.originOf(config, head, secure)
    return pass(context, { identity, address: client, origin }, head, body, reply)
  }

/** Passes a request that may come in to what answers it. */
const pass = (
  context: AdminContext,
  caller: Caller["Service"],
  head: RequestHead,
  body: Body,
  reply: Reply,
): Cancel => {
  const path = pathOf(head)
  if (path === "/events") return sendEvents(context.live, head, body, reply)
  if (DebugStreams.takes(path)) return context.streams.handle(head, body, reply)
  const most = RequestPath.isSending(path) ? maxEditedBody : maxBody
  const limited = limit(body, most, () => reply.fail(tooLarge(most)))
  // The front leaves out the body of a response to HEAD.
  const method = head.method === "HEAD" ? "GET" : head.method
  return context.appFor(caller)({ ...head, method }, limited, reply)
}

const sendEvents = (live: LiveUpdates, ...[head, body, reply]: Parameters<Handler>): Cancel => {
  const events = live.open()
  if (events === undefined || head.method !== "GET") return refuse(body, reply, tooManyPages)
  body.discard()
  reply.respond({ status: 200, headers: [["Content-Type", "text/event-stream"]] }, events)
  return () => {}
}

const wrongHost = new ExchangeError({
  code: "PTTH_WRONG_HOST",
  detail: "the Host field names neither an IP address, nor localhost, nor the host of admin_url",
})

const crossSite = new ExchangeError({
  code: "PTTH_CROSS_SITE",
  detail: "another site may have caused this request, which would change something",
})

const loginRequired = new ExchangeError({
  code: "PTTH_LOGIN_REQUIRED",
  detail: "the request has no valid session or token",
  headers: [["WWW-Authenticate", 'Bearer realm="PTTH relay"']],
})

const tooManyPages = new ExchangeError({
  code: "PTTH_QUEUE_FULL",
  detail: "too many pages are open",
  retryAfter: 30,
})

const tooLarge = (most: number): ExchangeError =>
  new ExchangeError({ code: "PTTH_BODY_TOO_LARGE", detail: `the limit is ${most} bytes` })
