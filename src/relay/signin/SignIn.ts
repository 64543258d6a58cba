/**
 * Signing in by OpenID Connect. The provider knows one address of the relay, to
 * which it sends every visitor back. A visitor of a server's own host is sent
 * there from the relay's host with a ticket, because each host has a session of
 * its own. The relay remembers nothing meanwhile: see `Seal.ts`.
 */
import { randomBytes } from "node:crypto"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type { SharedMarks } from "../../cluster/engine/SharedMarks.ts"
import { everybody, type PeersShape } from "../../cluster/Peers.ts"
import type { Oidc } from "../../domain/config/OidcKeys.ts"
import { first, type HeaderList } from "../../domain/HeaderList.ts"
import * as ServerHost from "../../domain/ServerHost.ts"
import { groupsOf, type Identity } from "../../domain/visitor/AllowList.ts"
import { networkOf } from "../../domain/visitor/FairShare.ts"
import { networksOf } from "../../domain/visitor/VisitorAddress.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import { isSafe } from "../../protocol/http/SafeMethod.ts"
import { signedOutKind } from "../../protocol/peer/SignInControl.ts"
import { GuessLimit } from "../../transport/auth/GuessLimit.ts"
import * as RequestCookies from "../../transport/auth/RequestCookies.ts"
import { empty } from "../../transport/body/Body.ts"
import type { Cancel, Reply } from "../../transport/body/Handler.ts"
import { refuse } from "../../transport/body/Replies.ts"
import type { FrontRequest } from "../../transport/front/FrontRequest.ts"
import * as Accept from "../../web/Accept.ts"
import type { AuditLog } from "../audit/AuditLog.ts"
import type { DerivedConfig } from "../settings/DerivedConfig.ts"
import * as Subdomains from "../settings/Subdomains.ts"
import { connectionOf, originSeen } from "../settings/VisitorConnection.ts"
import * as Cookies from "./Cookies.ts"
import { Provider } from "./Provider.ts"
import { Seal } from "./Seal.ts"
import * as SignInPages from "./SignInPages.ts"
import * as Tokens from "./Tokens.ts"

/** What the relay reserves at its own host, and at the hosts of servers to which visitors sign in. */
const reserved = "/.well-known/ptth/"

/** Where the provider sends visitors back, below `public_url`. */
export const callbackPath = `${reserved}callback`

/** Where a visitor signs out. */
export const signOutPath = `${reserved}sign-out`

/** How long a visitor may take at the provider, in milliseconds. */
const attemptMillis = 600_000

/** How long the way from one host to the other may take, in milliseconds. */
const ticketMillis = 60_000

/** How many attempts one browser may have at once; with more, the others are given up. */
const maxAttempts = 4

/** The longest address to which a visitor is brought back, in characters: it stands in a cookie. */
const maxWanted = 1_000

/** How many visitors may wait for the provider at once, and how many of them of one network. */
const maxWaiting = 64
const maxOfNetwork = 16

/** How long after a failure of the provider was logged further ones are not, in milliseconds. */
const logMillis = 5_000

/** How many opened sessions, and how many ended ones, are remembered. */
const maxSessions = 10_000

/** What signing in needs of the relay. */
export interface SignInContext {
  readonly derived: () => DerivedConfig
  /** In milliseconds since 1970. */
  readonly now: () => number
  readonly audit: Pick<AuditLog["Service"], "record">
  readonly peers: Pick<PeersShape, "tell" | "onControl">
  /** Networks that have guessed too often, also at other relays. */
  readonly marks: SharedMarks
  /** Writes to the relay's log. */
  readonly warn: (message: string) => void
}

/** Where a request was sent, as far as signing in is concerned. */
interface Place {
  readonly origin: string
  /** The address of a path and query there. */
  readonly address: (target: string) => string
  /** `Relay`: where the provider sends visitors back. `Server`: a server's own host. `Other`: another address of either, which is better reached at `better`. */
  readonly kind: "Relay" | "Server" | "Other"
  readonly better: string
}

/** What depends on the configuration of the provider. */
interface Current {
  readonly oidc: Oidc
  readonly seal: Seal
  readonly provider: Provider
}

const cancelNothing: Cancel = () => {}

const random = (): string => randomBytes(32).toString("base64url")

/** See the file's header. */
export class SignIn {
  private readonly context: SignInContext
  private current: Current | undefined
  /** Opened sessions by origin and cookie. */
  private readonly opened = new Map<string, Tokens.Session>()
  /** Until when sessions would last that visitors have ended, by id. */
  private readonly ended = new Map<string, number>()
  /** Those who wait for the provider. */
  private readonly waiting = new Set<{ readonly network: string }>()
  /** A wrong answer costs a request to the provider, whose own limits are those of all visitors. */
  private readonly guesses: GuessLimit
  /** When a failure of the provider was last logged. */
  private loggedAt = Number.NEGATIVE_INFINITY

  constructor(context: SignInContext) {
    this.context = context
    this.guesses = new GuessLimit(context.now, (network, millis) =>
      context.marks.tell("sign-ins", network, millis),
    )
    context.marks.listen("sign-ins", (network) => this.guesses.limit(network))
    context.peers.onControl(signedOutKind, (session) =>
      Effect.sync(() => {
        this.forget(session)
        return null
      }),
    )
  }

  /**
   * Who the visitor is, if it has signed in at this host. A request that may
   * change something does not count as the visitor's if a page of another origin
   * sends it: hosts of servers are of one site, so that browsers send cookies along.
   */
  identityOf(request: FrontRequest): Identity | undefined {
    const session = this.sessionOf(request)
    if (session === undefined) return undefined
    const { head, upgrade } = request
    if ((upgrade || !isSafe(head.method)) && !this.isFromSameOrigin(request)) return undefined
    return { user: session.user, email: session.email, groups: session.groups }
  }

  /** Sends a visitor with a browser to sign in, who comes back to the same address; refuses others. */
  begin(request: FrontRequest, reply: Reply, realm: string): Cancel {
    const { body, head } = request
    if (!isNavigation(request)) return refuse(body, reply, required(realm))
    const current = this.ofConfig()
    const place = this.placeOf(request)
    if (current === undefined || place === undefined) return refuse(body, reply, notPossible)
    const returnTo = shortened(place.address(head.target))
    switch (place.kind) {
      case "Relay":
        body.discard()
        return this.toProvider(current, request, reply, { to: returnTo })
      case "Server": {
        body.discard()
        const cookie = RequestCookies.read(head.headers, Cookies.asker)
        const asker = cookie !== undefined && cookie.length === 43 ? cookie : random()
        const sealed = current.seal.seal(
          Tokens.ask,
          { to: returnTo, asker: Cookies.hashOf(asker), until: this.now() + attemptMillis },
          this.relayOrigin,
        )
        redirect(reply, this.atRelay(`sign-in?ask=${sealed}`), [
          Cookies.set(Cookies.asker, asker, attemptMillis / 1000),
        ])
        return cancelNothing
      }
      case "Other": {
        const better = new URL(place.better)
        // Otherwise the visitor would come here again: a proxy in front is not trusted.
        if (better.hostname === new URL(place.origin).hostname)
          return refuse(body, reply, plainHere)
        body.discard()
        redirect(reply, place.better + head.target)
        return cancelNothing
      }
    }
  }

  /** Answers a request for one of the paths of signing in; `undefined` if it is for another one. */
  handle(request: FrontRequest, reply: Reply, isAsked: () => boolean): Cancel | undefined {
    const { body, head } = request
    if (!head.target.startsWith(reserved)) return undefined
    const current = this.ofConfig()
    const place = current === undefined ? undefined : this.placeOf(request)
    if (current === undefined || place === undefined) return undefined
    if (place.kind === "Server" && !isAsked()) return undefined
    const [step = "", ...rest] = head.target.slice(reserved.length).split("?")
    const query = new URLSearchParams(rest.join("?"))
    if (place.kind === "Other" || request.upgrade) return undefined
    const isGet = head.method === "GET"
    const answer = (run: () => Cancel): Cancel => {
      body.discard()
      return run()
    }
    if (place.kind === "Relay") {
      if (step === "sign-in" && isGet)
        return answer(() => this.asked(current, request, reply, query))
      if (step === "callback" && isGet) return answer(() => this.back(current, request, reply))
    } else if (step === "enter" && isGet)
      return answer(() => this.enter(current, place, request, reply, query))
    if (step === "sign-out" && (isGet || head.method === "POST"))
      return answer(() => this.signOut(current, place, request, reply, query))
    return refuse(body, reply, notFound)
  }

  /** Forgets the ended sessions that would have ended by now anyway. */
  sweep(): void {
    const now = this.now()
    for (const [id, until] of this.ended) if (until < now) this.ended.delete(id)
    this.opened.clear()
    this.guesses.sweep()
  }

  // ------------------------------------------------------------ the steps

  /** A visitor of a server's host is to sign in, or anybody wants to. */
  private asked(
    current: Current,
    request: FrontRequest,
    reply: Reply,
    query: URLSearchParams,
  ): Cancel {
    const sealed = query.get("ask")
    if (sealed === null)
      return this.toProvider(current, request, reply, { to: `${this.publicUrl}/` })
    const ask = current.seal.open(Tokens.ask, sealed, this.relayOrigin)
    if (ask === undefined || ask.until < this.now()) return failed(reply, tooLate)
    const session = this.sessionOf(request)
    if (session === undefined) return this.toProvider(current, request, reply, ask)
    this.goOn(current, reply, session, ask, [])
    return cancelNothing
  }

  private toProvider(
    { provider, seal }: Current,
    request: FrontRequest,
    reply: Reply,
    { asker, to }: Pick<Tokens.Ask, "to" | "asker">,
  ): Cancel {
    const checks = { state: random(), nonce: random(), verifier: random() }
    const ask = () => provider.authorizationUrl(checks, this.redirectUri)
    return this.wait(request, reply, ask, (url) => {
      const until = this.now() + attemptMillis
      const attempt = { to, ...(asker === undefined ? {} : { asker }), ...checks, until }
      const others = Cookies.attemptsIn(request.head.headers)
      redirect(reply, url, [
        ...(others.length < maxAttempts ? [] : others.map(Cookies.remove)),
        Cookies.set(
          Cookies.attempt(checks.state),
          seal.seal(Tokens.attempt, attempt, this.relayOrigin),
          attemptMillis / 1000,
        ),
      ])
    })
  }

  /** The provider has sent a visitor back. */
  private back({ oidc, provider, seal }: Current, request: FrontRequest, reply: Reply): Cancel {
    const { head } = request
    const address = new URL(this.redirectUri)
    address.search = head.target.slice(head.target.indexOf("?"))
    const state = address.searchParams.get("state") ?? ""
    const cookie = Cookies.attempt(state)
    const sealed = RequestCookies.read(head.headers, cookie)
    const attempt = sealed && seal.open(Tokens.attempt, sealed, this.relayOrigin)
    if (!attempt || attempt.state !== state || attempt.until < this.now())
      return this.refused(request, reply, tooLate)
    const identity = (): Promise<Identity> | ExchangeError => {
      const guess = this.guesses.begin(networksOf(this.addressOf(request)))
      if (typeof guess === "number") return tooManyWrong(guess)
      return provider.identity(address, attempt, this.groupsInRules()).then(
        (found) => {
          guess("not wrong")
          return found
        },
        (error: unknown) => {
          guess(isWrong(error) ? "wrong" : "not wrong")
          throw error
        },
      )
    }
    return this.wait(
      request,
      reply,
      identity,
      ({ email, groups, user }) => {
        const session: Tokens.Session = {
          id: randomBytes(16).toString("base64url"),
          user,
          ...(email === undefined ? {} : { email }),
          groups,
          until: this.now() + millisOf(oidc),
        }
        const by = email ?? user
        this.context.audit.record({ _tag: "VisitorSignedIn", by, address: this.addressOf(request) })
        this.goOn({ oidc, provider, seal }, reply, session, attempt, [
          Cookies.remove(cookie),
          this.sessionCookie(seal, session, this.relayOrigin),
        ])
      },
      (error) => this.refused(request, reply, error),
    )
  }

  /** Brings a visitor who has a session at the relay's host to where it wanted to go. */
  private goOn(
    { seal }: Current,
    reply: Reply,
    session: Tokens.Session,
    { asker, to }: Pick<Tokens.Ask, "to" | "asker">,
    cookies: HeaderList,
  ): void {
    if (asker === undefined) return redirect(reply, to, cookies)
    const { origin } = new URL(to)
    const until = this.now() + ticketMillis
    const ticket = seal.seal(Tokens.ticket, { to, asker, session, until }, origin)
    redirect(reply, `${origin}${reserved}enter?ticket=${ticket}`, cookies)
  }

  /** A visitor comes from the relay's host to the server's, where it has asked before. */
  private enter(
    { seal }: Current,
    { origin }: Place,
    { head }: FrontRequest,
    reply: Reply,
    query: URLSearchParams,
  ): Cancel {
    const ticket = seal.open(Tokens.ticket, query.get("ticket") ?? "", origin)
    const asker = RequestCookies.read(head.headers, Cookies.asker)
    const isSame = asker !== undefined && Cookies.hashOf(asker) === ticket?.asker
    if (ticket === undefined || !isSame || ticket.until < this.now()) return failed(reply, tooLate)
    redirect(reply, ticket.to, [this.sessionCookie(seal, ticket.session, origin)])
    return cancelNothing
  }

  private signOut(
    current: Current,
    place: Place,
    request: FrontRequest,
    reply: Reply,
    query: URLSearchParams,
  ): Cancel {
    const { seal } = current
    const session = this.sessionOf(request)
    const removed = [Cookies.remove(Cookies.session)]
    if (request.head.method === "POST") {
      if (!this.isFromSameOrigin(request)) return failed(reply, otherSite)
      if (session !== undefined) this.end(session)
      if (place.kind === "Relay") return this.leaveProvider(current, request, reply, removed)
      const leave = { id: session?.id ?? "", until: this.now() + ticketMillis }
      const sealed = seal.seal(Tokens.leave, leave, this.relayOrigin)
      redirect(reply, this.atRelay(`sign-out?leave=${sealed}`), removed)
      return cancelNothing
    }
    const leave = seal.open(Tokens.leave, query.get("leave") ?? "", this.relayOrigin)
    if (place.kind === "Relay" && leave !== undefined && leave.until > this.now()) {
      const isSame = session === undefined || session.id === leave.id
      return this.leaveProvider(current, request, reply, isSame ? removed : [])
    }
    if (session === undefined) SignInPages.signedOut(reply)
    else SignInPages.signOut(reply, session.email ?? session.user)
    return cancelNothing
  }

  /** Otherwise the next visit would sign in again without asking. */
  private leaveProvider(
    { provider }: Current,
    request: FrontRequest,
    reply: Reply,
    cookies: HeaderList,
  ): Cancel {
    const ask = () => provider.endSessionUrl()
    return this.wait(request, reply, ask, (url) => {
      if (url === undefined) SignInPages.signedOut(reply, cookies)
      else redirect(reply, url, cookies)
    })
  }

  /**
   * Waits for the provider, unless too many others do, in all or of the visitor's network.
   *
   * @param ask called only then; an error that it returns instead is the answer
   */
  private wait<A>(
    request: FrontRequest,
    reply: Reply,
    ask: () => Promise<A> | ExchangeError,
    next: (answer: A) => void,
    onError: (error: ExchangeError) => unknown = (error) => reply.fail(error),
  ): Cancel {
    const network = networkOf(this.addressOf(request))
    if (this.isBusyFor(network)) return failed(reply, busy)
    const asked = ask()
    if (asked instanceof ExchangeError) return failed(reply, asked)
    let isOver = false
    const visit = { network }
    this.waiting.add(visit)
    const settle = (run: () => void): void => {
      this.waiting.delete(visit)
      if (!isOver) run()
    }
    asked.then(
      (value) => settle(() => next(value)),
      (error: unknown) =>
        settle(() => onError(error instanceof ExchangeError ? error : notPossible)),
    )
    return () => {
      isOver = true
    }
  }

  private isBusyFor(network: string): boolean {
    if (this.waiting.size >= maxWaiting) return true
    const others = [...this.waiting].filter((other) => other.network === network)
    return others.length >= maxOfNetwork
  }

  private refused(request: FrontRequest, reply: Reply, error: ExchangeError): Cancel {
    const address = this.addressOf(request)
    this.context.audit.record({ _tag: "SignInRefused", reason: error.detail, address })
    return failed(reply, error)
  }

  // ------------------------------------------------------------ sessions

  private sessionOf(request: FrontRequest): Tokens.Session | undefined {
    const cookie = RequestCookies.read(request.head.headers, Cookies.session)
    const current = cookie === undefined ? undefined : this.ofConfig()
    const origin = current === undefined ? undefined : this.originOf(request)
    if (cookie === undefined || current === undefined || origin === undefined) return undefined
    const key = `${origin} ${cookie}`
    let session = this.opened.get(key)
    if (session === undefined) {
      session = current.seal.open(Tokens.session, cookie, origin)
      if (session === undefined) return undefined
      if (this.opened.size >= maxSessions) this.opened.clear()
      this.opened.set(key, session)
    }
    return session.until > this.now() && !this.ended.has(session.id) ? session : undefined
  }

  private sessionCookie(seal: Seal, session: Tokens.Session, origin: string) {
    const seconds = (session.until - this.now()) / 1000
    return Cookies.set(Cookies.session, seal.seal(Tokens.session, session, origin), seconds)
  }

  /** Ends a session at all relays. */
  private end(session: Tokens.Session): void {
    this.forget(session)
    const { id, until } = session
    this.context.peers.tell(everybody, signedOutKind, { id, until })
  }

  private forget({ id, until }: Pick<Tokens.Session, "id" | "until">): void {
    if (this.ended.size >= maxSessions) {
      const [oldest] = this.ended.keys()
      if (oldest !== undefined) this.ended.delete(oldest)
    }
    this.ended.set(id, until)
  }

  /** The groups that anybody's rules name. */
  private groupsInRules(): ReadonlySet<string> {
    const { config } = this.context.derived()
    const rules = [config.frontendAuth, ...config.servers.map(({ auth }) => auth)]
    return new Set(
      rules.flatMap((rule) =>
        rule === undefined || rule === "open" ? [] : groupsOf(rule.signIn ?? []),
      ),
    )
  }

  // ------------------------------------------------------------ addresses

  private get publicUrl(): string {
    return this.context.derived().config.publicUrl ?? ""
  }

  private get relayOrigin(): string {
    return new URL(this.publicUrl).origin
  }

  /** What has to be registered at the provider. */
  private get redirectUri(): string {
    return this.publicUrl + callbackPath
  }

  private atRelay(step: string): string {
    return `${this.publicUrl}${reserved}${step}`
  }

  private originOf(request: FrontRequest): string | undefined {
    const { host, proto } = originSeen(this.context.derived().config, request, "")
    return ServerHost.hostOf(host) === undefined
      ? undefined
      : (URL.parse(`${proto}://${host}`)?.origin ?? undefined)
  }

  private placeOf(request: FrontRequest): Place | undefined {
    const { config, hosts } = this.context.derived()
    const origin = this.originOf(request)
    if (origin === undefined || config.publicUrl === undefined) return undefined
    const { prefix } = originSeen(config, request, "")
    const address = (target: string): string => origin + prefix + target
    const relay = new URL(config.publicUrl)
    const host = Subdomains.route(hosts, request.head.headers)
    if (host === undefined) {
      const kind = origin === relay.origin ? "Relay" : "Other"
      return { origin, address, kind, better: config.publicUrl }
    }
    if (host._tag !== "Server") return undefined
    const { port, protocol } = new URL(origin)
    const kind = protocol === relay.protocol && port === relay.port ? "Server" : "Other"
    const better = new URL(Subdomains.linkOf(config, host.name), config.publicUrl).origin
    return { origin, address, kind, better }
  }

  private isFromSameOrigin(request: FrontRequest): boolean {
    const { headers } = request.head
    const site = first(headers, "sec-fetch-site")
    if (site !== undefined) return site === "same-origin" || site === "none"
    const from = first(headers, "origin")
    return from === undefined || from === this.originOf(request)
  }

  private addressOf(request: FrontRequest): string {
    const { address, client } = connectionOf(this.context.derived().config, request)
    return client ?? address
  }

  private log(message: string): void {
    if (this.now() - this.loggedAt < logMillis) return
    this.loggedAt = this.now()
    this.context.warn(`a visitor could not sign in: ${message}`)
  }

  private now(): number {
    return this.context.now()
  }

  /** Made again when the provider's configuration changes; `undefined` without one. */
  private ofConfig(): Current | undefined {
    const { oidc, publicUrl } = this.context.derived().config
    if (oidc === undefined || publicUrl === undefined) return undefined
    if (this.current === undefined || !Equal.equals(this.current.oidc, oidc)) {
      this.opened.clear()
      const log = (message: string): void => this.log(message)
      this.current = {
        oidc,
        seal: new Seal(oidc),
        provider: new Provider(oidc, this.context.now, log),
      }
    }
    return this.current
  }
}

const millisOf = ({ session }: Oidc): number => Duration.toMillis(session)

/** Whether a browser opens an address, in whose place it can be sent elsewhere. */
export const isNavigation = ({ head, upgrade }: FrontRequest): boolean =>
  head.method === "GET" &&
  !upgrade &&
  Accept.weight(first(head.headers, "accept"), "text/html") > 0 &&
  (first(head.headers, "sec-fetch-mode") ?? "navigate") === "navigate"

/** An address that fits into a cookie: without its query, or only its host, if it is too long. */
const shortened = (address: string): string => {
  if (address.length <= maxWanted) return address
  const path = address.slice(0, (address.indexOf("?") + 1 || address.length + 1) - 1)
  return path.length <= maxWanted ? path : `${new URL(address).origin}/`
}

/** The location is always absolute: a path that begins with two slashes would name a host. */
const redirect = (reply: Reply, location: string, fields: HeaderList = []): void =>
  reply.respond(
    { status: 303, headers: [["Location", location], ["Cache-Control", "no-store"], ...fields] },
    empty,
  )

const failed = (reply: Reply, error: ExchangeError): Cancel => {
  reply.fail(error)
  return cancelNothing
}

const required = (realm: string): ExchangeError =>
  new ExchangeError({
    code: "PTTH_SIGN_IN_REQUIRED",
    detail: "the relay asks visitors to sign in with a browser",
    // RFC 9110 11.6.1 asks for a challenge; no scheme is registered for this.
    headers: [["WWW-Authenticate", `OpenIDConnect realm="${realm}"`]],
  })

const notPossible = new ExchangeError({
  code: "PTTH_SIGN_IN_UNAVAILABLE",
  detail: "the relay cannot have visitors sign in at this address",
})

const plainHere = new ExchangeError({
  code: "PTTH_SIGN_IN_UNAVAILABLE",
  detail:
    "this request came to the relay with another scheme or port than its public_url has; if a proxy is in front, trusted_proxies has to name it",
})

const busy = new ExchangeError({
  code: "PTTH_SIGN_IN_UNAVAILABLE",
  detail: "too many visitors sign in at the moment",
  retryAfter: 5,
})

/** Whether the provider was asked in vain because of what the visitor brought. */
const isWrong = (error: unknown): boolean =>
  error instanceof ExchangeError && error.code === "PTTH_SIGN_IN_FAILED"

const tooManyWrong = (waitMillis: number): ExchangeError =>
  new ExchangeError({
    code: "PTTH_TOO_MANY_REQUESTS",
    detail: "too many attempts from your network to sign in have failed or still run",
    retryAfter: Math.ceil(waitMillis / 1000),
  })

const tooLate = new ExchangeError({
  code: "PTTH_SIGN_IN_FAILED",
  detail: "it was begun in another browser or too long ago, or the browser keeps no cookies",
})

const otherSite = new ExchangeError({
  code: "PTTH_SIGN_IN_FAILED",
  detail: "another site asked to sign out",
})

const notFound = new ExchangeError({
  code: "PTTH_NOT_FOUND",
  detail: "the relay has no such page",
})
