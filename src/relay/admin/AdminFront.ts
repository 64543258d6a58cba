/**
 * The administrator's door: looks at each request as `AdminGuard.ts` says,
 * tells the app who asks, and puts the same protective fields on everything
 * that is answered.
 */
import { all, type Header, without } from "../../domain/HeaderList.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import { empty, limit } from "../../transport/body/Body.ts"
import type { Cancel, Handler, Reply } from "../../transport/body/Handler.ts"
import { refuse } from "../../transport/body/Replies.ts"
import type { FrontHandler } from "../../transport/front/FrontRequest.ts"
import type { RelaySettings } from "../settings/RelaySettings.ts"
import { clientAddress } from "../settings/TrustedProxies.ts"
import type { LiveUpdates } from "../status/LiveUpdates.ts"
import * as AdminApp from "./AdminApp.ts"
import * as AdminGuard from "./AdminGuard.ts"
import type { AdminRefusals } from "./AdminRefusals.ts"
import type { AdminLogin } from "./core/AdminLogin.ts"
import * as DebugStreams from "./core/DebugStreams.ts"
import * as AdminFrame from "./pages/AdminFrame.ts"

/** What the door stands on. */
export interface AdminContext {
  readonly settings: RelaySettings["Service"]
  readonly refusals: AdminRefusals
  readonly login: AdminLogin
  readonly live: LiveUpdates
  readonly streams: DebugStreams.DebugStreams
  readonly app: Handler
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** The most bytes of a form or a document that is sent. */
const maxBody = 64 * 1024

const told = new Set<string>(Object.values(AdminApp.field))
const framed = new Set(AdminFrame.headers.map(([name]) => name.toLowerCase()))

/** What everybody may have: what a login page is made of. */
const isOpen = (path: string): boolean =>
  /^\/(?:login(?:\/.*)?|assets\/[a-z.]+|favicon\.svg|healthz)$/.test(path)

/** The reply with the protective fields; a failure's page has a policy of its own, which is stricter. */
const guarded = (reply: Reply): Reply => ({
  fail: (error) => reply.fail(error),
  respond: (head, body, sent) => {
    const policies = all(head.headers, "content-security-policy")
    const own: ReadonlyArray<Header> = AdminFrame.headers.filter(
      ([name]) => policies.length === 0 || name !== "Content-Security-Policy",
    )
    const kept = without(
      head.headers,
      policies.length === 0
        ? framed
        : new Set([...framed].filter((name) => name !== "content-security-policy")),
    )
    reply.respond({ status: head.status, headers: [...kept, ...own] }, body, sent)
  },
})

/** The handler of all that comes to the administrator's address. */
export const make = (context: AdminContext): FrontHandler => {
  const note = (reason: string, address: string): void => context.refusals.note(reason, address)

  return ({ address, body, head, secure }, plain): Cancel => {
    const reply = guarded(plain)
    const config = context.settings.current()
    const client = clientAddress(config.adminTrustedProxies, address, head.headers)
    const refused = (error: ExchangeError): Cancel => refuse(body, reply, error)
    if (!AdminGuard.isOurHost(config, head.headers)) {
      note("host", client)
      return refused(wrongHost)
    }
    const asker = AdminGuard.askerOf(
      {
        config,
        address,
        isSession: (session) => context.login.isSession(session, context.now()),
      },
      head.headers,
    )
    if (AdminGuard.isForeign(config, head, secure, asker)) {
      note("cross-site", client)
      return refused(crossSite)
    }
    const [path = ""] = head.target.split("?", 1)
    if (asker._tag === "Nobody" && !isOpen(path)) {
      const isPage =
        AdminGuard.isSafe(head.method) &&
        !path.startsWith("/api/") &&
        /\btext\/html\b/.test(all(head.headers, "accept").join())
      if (!isPage) {
        note("not logged in", client)
        return refused(loginRequired)
      }
      body.discard()
      reply.respond({ status: 303, headers: [["Location", "/login"]] }, empty)
      return () => {}
    }
    if (path === "/events") {
      body.discard()
      const events = context.live.open()
      if (events === undefined || head.method !== "GET") return refused(tooMany)
      reply.respond({ status: 200, headers: [["Content-Type", "text/event-stream"]] }, events)
      return () => {}
    }
    if (DebugStreams.takes(path)) return context.streams.handle(head, body, reply)
    const headers: ReadonlyArray<Header> = [
      ...without(head.headers, told),
      [AdminApp.field.by, AdminGuard.nameOf(asker)],
      [AdminApp.field.address, client],
      ...(asker._tag === "Session" ? [[AdminApp.field.session, asker.session] as const] : []),
    ]
    const admitted = limit(body, maxBody, () => reply.fail(tooLarge))
    // The front leaves the body of an answer to HEAD out by itself.
    const method = head.method === "HEAD" ? "GET" : head.method
    return context.app({ ...head, method, headers }, admitted, reply)
  }
}

const wrongHost = new ExchangeError({
  code: "PTTH_WRONG_HOST",
  detail: "the Host field names neither an address, nor localhost, nor the host of admin_url",
})

const crossSite = new ExchangeError({
  code: "PTTH_CROSS_SITE",
  detail: "it would change something, and another site may have caused it",
})

const loginRequired = new ExchangeError({
  code: "PTTH_LOGIN_REQUIRED",
  detail: "neither a session nor a token was shown that is good here",
  headers: [["WWW-Authenticate", 'Bearer realm="PTTH relay"']],
})

const tooMany = new ExchangeError({
  code: "PTTH_QUEUE_FULL",
  detail: "too many pages are open",
  retryAfter: 30,
})

const tooLarge = new ExchangeError({
  code: "PTTH_BODY_TOO_LARGE",
  detail: `more than ${maxBody} bytes`,
})
