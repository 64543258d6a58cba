/**
 * Lets visitors in as who they are: users by a password, as programs send it
 * (Basic) or on a page with a session, programs also by a token. Others are
 * visitors without a name, if these may do anything.
 */
import { sameTripcode, tripcodeOfText } from "../../domain/ApiKey.ts"
import { statusOf } from "../../domain/ErrorRegistry.ts"
import * as Headers from "../../domain/HeaderList.ts"
import type { Tripcode } from "../../domain/Tripcode.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import * as Forwarded from "../../protocol/http/Forwarded.ts"
import type { RequestHead, ResponseHead } from "../../protocol/Message.ts"
import * as BasicAuth from "../../transport/auth/BasicAuth.ts"
import { type Login, makeChecker, userOf } from "../../transport/auth/LoginChecker.ts"
import { PasswordGuard, type Verdict } from "../../transport/auth/PasswordGuard.ts"
import * as Body from "../../transport/body/Body.ts"
import type { Cancel, Handler, Reply } from "../../transport/body/Handler.ts"
import { ReplyWrapper } from "../../transport/body/ReplyWrapper.ts"
import * as Accept from "../../web/Accept.ts"
import * as FailurePage from "../../web/FailurePage.ts"
import * as Text from "../../web/Text.ts"
import * as PageAddress from "../http/PageAddress.ts"
import * as UploadRules from "../uploads/UploadRules.ts"
import type { AccessRule } from "./Access.ts"
import * as Sessions from "./Sessions.ts"
import * as SignInPage from "./SignInPage.ts"

/** A user with a password and rules. */
export interface User extends Login {
  readonly rule: AccessRule
}

/** A program with a token and rules. */
export interface Token {
  readonly tripcode: Tripcode
  readonly rule: AccessRule
}

/** Who may do what. */
export interface AccessOptions {
  readonly users: ReadonlyArray<User>
  readonly tokens: ReadonlyArray<Token>
  /** What visitors may do who have not signed in. Default: nothing. */
  readonly visitors?: AccessRule | undefined
}

/** What the guard needs of the file server. */
export interface Guarded {
  /** The name of the site, which may change. */
  readonly title: () => string
  /** Answers with the rules of a visitor: a user, one who has not signed in, or a program. */
  readonly handlerOf: (
    rule: AccessRule,
    account: { readonly user: string | undefined } | undefined,
  ) => Handler
  /** Whether a path is one of the files that the pages load, which everybody gets. */
  readonly isAsset: (path: string) => boolean
}

/** The longest form, in bytes. */
const maxForm = 8 * 1024

const noCancel: Cancel = () => {}

/** Who a visitor is. */
type Identity = AccessRule | "unknown" | "wrong"

const pathOf = ({ target }: RequestHead): string => target.split("?", 1)[0] as string

/** Whether a person opens a page in a browser, who can be shown another page. */
const isNavigation = ({ headers, method }: RequestHead): boolean => {
  if (method !== "GET" && method !== "HEAD") return false
  const mode = Headers.first(headers, "sec-fetch-mode")
  if (mode !== undefined) return mode === "navigate"
  return Accept.weight(Headers.first(headers, "accept"), "text/html") > 0
}

/** Whether a request comes from a page: a challenge would open the browser's own box. */
const isFromPage = ({ headers }: RequestHead): boolean =>
  Headers.has(headers, "sec-fetch-mode") || Sessions.hasCookie(headers)

/** The handler for everybody. @param now milliseconds of a monotonic clock */
export const protect = (
  { tokens, users, visitors }: AccessOptions,
  guarded: Guarded,
  now: () => number = () => performance.now(),
): Handler => {
  const guard = new Guard(users, tokens, visitors, guarded, new PasswordGuard(now))
  return (head, body, reply) => guard.handle(head, body, reply)
}

/** Without a name, 403 to 405 may mean that one has to sign in. */
class StrangerReply extends ReplyWrapper {
  private readonly challenge: () => void

  constructor(reply: Reply, challenge: () => void) {
    super(reply)
    this.challenge = challenge
  }

  override respond(head: ResponseHead, body: Body.Body, sent?: () => void): void {
    if (head.status < 403 || head.status > 405) return super.respond(head, body, sent)
    body.discard()
    this.challenge()
  }
}

class Guard {
  private readonly rules: ReadonlyMap<string, AccessRule>
  private readonly accounts: ReadonlyMap<AccessRule, { readonly user: string }>
  private readonly tokens: ReadonlyArray<Token>
  private readonly visitors: AccessRule | undefined
  private readonly guarded: Guarded
  private readonly passwords: PasswordGuard
  private readonly checker: ReturnType<typeof makeChecker>
  private readonly sessions: Sessions.Sessions

  constructor(
    users: ReadonlyArray<User>,
    tokens: ReadonlyArray<Token>,
    visitors: AccessRule | undefined,
    guarded: Guarded,
    passwords: PasswordGuard,
  ) {
    this.rules = new Map(users.map(({ rule, user }) => [user, rule]))
    this.accounts = new Map(users.map(({ rule, user }) => [rule, { user }]))
    this.tokens = tokens
    this.visitors = visitors
    this.guarded = guarded
    this.passwords = passwords
    this.checker = makeChecker(users)
    this.sessions = new Sessions.Sessions(users)
  }

  handle(head: RequestHead, body: Body.Body, reply: Reply): Cancel {
    const path = pathOf(head)
    if (path === "/sign-in" || path === "/sign-out") return this.sign(path, head, body, reply)
    let isOver = false
    let cancel = noCancel
    const decide = (identity: Identity | ExchangeError): void => {
      if (isOver) return
      cancel = this.enter(identity, head, body, reply)
    }
    const leave = this.identify(head, decide)
    return () => {
      isOver = true
      leave()
      cancel()
    }
  }

  private enter(
    identity: Identity | ExchangeError,
    head: RequestHead,
    body: Body.Body,
    reply: Reply,
  ): Cancel {
    const challenge = (): void => this.challenge(head, reply)
    if (identity instanceof ExchangeError) {
      body.discard()
      reply.fail(identity)
      return noCancel
    }
    if (identity === "wrong" || (identity === "unknown" && !this.isOpen(head))) {
      body.discard()
      challenge()
      return noCancel
    }
    const headers = head.headers.filter(([name]) => !/^(?:authorization|cookie)$/i.test(name))
    if (identity !== "unknown") {
      const handler = this.guarded.handlerOf(identity, this.accounts.get(identity))
      return handler({ ...head, headers }, body, new PrivateReply(reply))
    }
    const rule = this.visitors ?? noRights
    const handler = this.guarded.handlerOf(rule, noUser)
    return handler({ ...head, headers }, body, new StrangerReply(reply, challenge))
  }

  /** Whether a request of somebody without a name is answered at all. */
  private isOpen(head: RequestHead): boolean {
    const isRead = head.method === "GET" || head.method === "HEAD"
    return this.visitors !== undefined || (isRead && this.guarded.isAsset(pathOf(head).slice(1)))
  }

  private identify(
    head: RequestHead,
    decide: (identity: Identity | ExchangeError) => void,
  ): Cancel {
    const [authorization] = Headers.all(head.headers, "authorization")
    if (authorization === undefined) {
      const user = this.sessions.userOf(head.headers)
      decide((user === undefined ? undefined : this.rules.get(user)) ?? "unknown")
      return noCancel
    }
    const [, token] = /^bearer +(\S+) *$/i.exec(authorization) ?? []
    if (token !== undefined) {
      decide(this.ruleOfToken(token) ?? "wrong")
      return noCancel
    }
    const credentials = BasicAuth.credentialsOf(head.headers)
    if (credentials === undefined) {
      decide("wrong")
      return noCancel
    }
    return this.check(credentials, head, (verdict) => {
      if (verdict === "wrong") decide("wrong")
      else if (verdict === "right") decide(this.rules.get(userOf(credentials)) ?? "wrong")
      else decide(verdict)
    })
  }

  private check(
    credentials: string,
    { headers }: RequestHead,
    decide: (verdict: Verdict) => void,
  ): Cancel {
    return this.passwords.check(this.checker, credentials, Forwarded.visitorOf(headers), decide)
  }

  /** Compares all tokens, so that the time taken does not tell which one matched. */
  private ruleOfToken(token: string): AccessRule | undefined {
    if (this.tokens.length === 0) return undefined
    const tripcode = tripcodeOfText(token)
    let rule: AccessRule | undefined
    for (const candidate of this.tokens)
      if (sameTripcode(candidate.tripcode, tripcode)) rule = candidate.rule
    return rule
  }

  // ---------------------------------------------------------------- signing in

  /** Asks who the visitor is: people on a page, programs by a challenge. */
  private challenge(head: RequestHead, reply: Reply): void {
    if (isNavigation(head) && !Headers.has(head.headers, "authorization")) {
      return this.sendPage(401, head, reply, head.target.slice(1), undefined, "")
    }
    const basic: Headers.HeaderList = [
      ["WWW-Authenticate", BasicAuth.challenge(this.guarded.title())],
    ]
    const failure = FailurePage.render(
      {
        code: "PTTH_AUTH_REQUIRED",
        status: statusOf("PTTH_AUTH_REQUIRED"),
        detail: "This folder requires a user and a password.",
        headers: isFromPage(head) ? [form] : basic,
      },
      Headers.first(head.headers, "accept"),
    )
    const body = head.method === "HEAD" ? Body.empty : Body.fromBytes(failure.body)
    reply.respond({ status: failure.status, headers: failure.headers }, body)
  }

  private sendPage(
    status: number,
    head: RequestHead,
    reply: Reply,
    to: string,
    problem: string | undefined,
    user: string,
  ): void {
    const depth = pathOf(head).split("/").length - 2
    const bytes = SignInPage.render({
      title: this.guarded.title(),
      top: depth === 0 ? "./" : "../".repeat(depth),
      to: isSafe(to) ? to : "",
      problem,
      user,
    })
    reply.respond(
      {
        status,
        headers: [
          ["Content-Type", "text/html; charset=utf-8"],
          ["Content-Length", String(bytes.length)],
          ["Content-Security-Policy", SignInPage.policy],
          ["X-Content-Type-Options", "nosniff"],
          ...(status === 401 ? [form] : []),
          ...uncached,
        ],
      },
      head.method === "HEAD" ? Body.empty : Body.fromBytes(bytes),
    )
  }

  /** Signs in and out. */
  private sign(path: string, head: RequestHead, body: Body.Body, reply: Reply): Cancel {
    if (head.method === "GET" || head.method === "HEAD") {
      body.discard()
      this.sendPage(200, head, reply, "", undefined, "")
      return noCancel
    }
    if (head.method !== "POST" || !UploadRules.isSameOrigin(head.headers)) {
      body.discard()
      reply.fail(head.method === "POST" ? crossSite : wrongMethod)
      return noCancel
    }
    if (path === "/sign-out") {
      body.discard()
      redirect(reply, "./", this.sessions.end(isSecure(head)))
      return noCancel
    }
    let leave = noCancel
    const flow = Body.collect(Body.contentOf(body), maxForm, {
      whole: (bytes) => {
        leave = this.signIn(new URLSearchParams(bytes.toString("utf8")), head, reply)
      },
      tooLarge: () => reply.fail(badForm),
      cut: () => reply.fail(badForm),
    })
    return () => {
      flow.cancel()
      leave()
    }
  }

  private signIn(fields: URLSearchParams, head: RequestHead, reply: Reply): Cancel {
    const user = fields.get("user") ?? ""
    const to = fields.get("to") ?? ""
    const text = `${user}:${fields.get("password") ?? ""}`
    if (user.includes(":")) {
      this.sendPage(401, head, reply, to, Text.signIn.wrong, user)
      return noCancel
    }
    const credentials = Buffer.from(text, "utf8").toString("latin1")
    return this.check(credentials, head, (verdict) => {
      if (verdict === "wrong") {
        return this.sendPage(401, head, reply, to, Text.signIn.wrong, user)
      }
      if (verdict !== "right") {
        return this.sendPage(429, head, reply, to, Text.sentence(verdict.detail), user)
      }
      const cookie = this.sessions.begin(user, fields.has("remember"), isSecure(head))
      redirect(reply, `./${isSafe(to) ? to : ""}`, cookie)
    })
  }
}

/** Responses to who has signed in are for nobody else. */
class PrivateReply extends ReplyWrapper {
  override respond(head: ResponseHead, body: Body.Body, sent?: () => void): void {
    const headers = head.headers.map(([name, value]): Headers.Header => {
      const isShared =
        name.toLowerCase() === "cache-control" && !/\b(?:private|no-store)\b/.test(value)
      return isShared ? [name, `private, ${value}`] : [name, value]
    })
    super.respond({ ...head, headers }, body, sent)
  }
}

const noUser = { user: undefined }
const noRights: AccessRule = { read: [], upload: [], manage: [] }

/** A challenge that no browser answers by itself (RFC 9110 11.6.1 requires one). */
const form: Headers.Header = ["WWW-Authenticate", "Form"]
const uncached: Headers.HeaderList = [["Cache-Control", "no-store"]]

const isSecure = ({ headers }: RequestHead): boolean =>
  PageAddress.of({ method: "GET", target: "/", headers })?.startsWith("https:") === true

/** A segment that browsers read as the folder above (URL Standard 4.1): `..`, also percent-encoded. */
const leadsUp = /(?:^|\/)(?:\.|%2e){2}(?:\/|$)/i

/** Whether an address is below the top of this site. */
const isSafe = (to: string): boolean => {
  const [path = ""] = to.split(/[?#]/, 1)
  return /^[!-[\]-~\x80-\xff]*$/.test(to) && !/^\/|\/\/|^[^/]*:/.test(path) && !leadsUp.test(path)
}

const redirect = (reply: Reply, location: string, cookie: string): void =>
  reply.respond(
    {
      status: 303,
      headers: [
        ["Location", location],
        ["Set-Cookie", cookie],
        ["Content-Length", "0"],
        ...uncached,
      ],
    },
    Body.empty,
  )

const crossSite = new ExchangeError({
  code: "PTTH_CHANGE_REFUSED",
  detail: "the form comes from a page of another site",
})
const wrongMethod = new ExchangeError({
  code: "PTTH_METHOD_NOT_ALLOWED",
  detail: "forms are sent by POST",
})
const badForm = new ExchangeError({
  code: "PTTH_BAD_REQUEST",
  detail: "the form is too long, or was cut off",
})
