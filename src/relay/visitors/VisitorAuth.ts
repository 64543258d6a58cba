/**
 * The relay's authentication of visitors, if it is configured, and the removal
 * of its secrets from requests: a hostile server would collect them.
 */
import type { SharedMarks } from "../../cluster/engine/SharedMarks.ts"
import { sameTripcode, tripcodeOfText } from "../../domain/ApiKey.ts"
import type { AuthRules } from "../../domain/config/AuthRules.ts"
import { all, type HeaderList } from "../../domain/HeaderList.ts"
import { allows, type Identity } from "../../domain/visitor/AllowList.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import * as BasicAuth from "../../transport/auth/BasicAuth.ts"
import {
  type LoginChecker,
  makeChecker,
  RightCredentials,
  userOf,
} from "../../transport/auth/LoginChecker.ts"
import { PasswordGuard } from "../../transport/auth/PasswordGuard.ts"
import type { Cancel, Reply } from "../../transport/body/Handler.ts"
import { refuse } from "../../transport/body/Replies.ts"
import type { FrontRequest } from "../../transport/front/FrontRequest.ts"
import type { AuthSecrets } from "../settings/AuthSecrets.ts"
import type { DerivedConfig } from "../settings/DerivedConfig.ts"
import { clientAddress, isTrusted } from "../settings/TrustedProxies.ts"
import { isNavigation, type SignIn } from "../signin/SignIn.ts"

/** The rules for a server, or for the relay's own pages if `name` is `undefined`; without rules everybody may enter. */
export const rulesFor = (
  { config, servers }: DerivedConfig,
  name: string | undefined,
): AuthRules | undefined => {
  const own = name === undefined ? undefined : servers.get(name)?.auth
  return own === "open" ? undefined : (own ?? config.frontendAuth)
}

const bearerOf = (value: string): string | undefined => /^bearer +(\S+) *$/i.exec(value)?.[1]

/** Compares all tokens, so that the time taken does not tell which one matched. */
const isOneOf = (tokens: AuthRules["tokens"], token: string): boolean => {
  if (tokens.length === 0) return false
  const tripcode = tripcodeOfText(token)
  let matches = false
  for (const registered of tokens) matches = sameTripcode(registered, tripcode) || matches
  return matches
}

/** Whether an Authorization value is of one of the relay's users or tokens. Passwords are not checked, as that is slow. */
const isForRelay = ({ tokens, users }: AuthSecrets, value: string): boolean => {
  const credentials = BasicAuth.credentialsOf([["authorization", value]])
  if (credentials !== undefined) return users.has(userOf(credentials))
  const token = bearerOf(value)
  return token !== undefined && isOneOf(tokens, token)
}

/** Whether a proxy names the visitor in a field. Underscores count as hyphens: CGI and WSGI applications cannot tell them apart. */
export const isNaming = ({ headers }: AuthSecrets, field: string): boolean =>
  headers.has(field.toLowerCase().replaceAll("_", "-"))

/**
 * A request's fields without those of authentication: fields in which a proxy
 * names the user, whoever sent them, and `Authorization` if the relay asks for
 * it. For a server without such rules, an Authorization value that is valid
 * for another server is removed too, because a browser sends it to every
 * server of the same origin.
 */
export const strip = (
  derived: DerivedConfig,
  name: string | undefined,
  headers: HeaderList,
): HeaderList => {
  const { authSecrets } = derived
  if (authSecrets === undefined) return headers
  const rules = rulesFor(derived, name)
  const isAsked = rules !== undefined && rules.users.length + rules.tokens.length > 0
  return headers.filter(([field, value]) => {
    if (!authSecrets.lengths.has(field.length)) return true
    if (field.toLowerCase().replaceAll("_", "-") === "authorization")
      return !isAsked && !isForRelay(authSecrets, value)
    return !isNaming(authSecrets, field)
  })
}

/** What a trusted proxy tells of the visitor: an allowed user, one who is not, or none. */
type ProxyUser = "allowed" | "not allowed" | "unknown"

/** The visitor may enter; `identity` says who has signed in. */
interface Admitted {
  readonly identity: Identity | undefined
}

/** Called with whether the visitor may enter, is to sign in first, or is refused. */
type Decide = (verdict: Admitted | "sign in" | ExchangeError) => void

const cancelNothing: Cancel = () => {}

/** The authentication of one relay. */
export class VisitorAuth {
  private readonly derived: () => DerivedConfig
  private readonly guard: PasswordGuard
  private readonly checkers = new WeakMap<AuthRules, LoginChecker>()
  private readonly rights = new RightCredentials()
  private readonly signIn: SignIn

  /**
   * @param now in milliseconds
   * @param marks networks that have sent too many wrong passwords, also to other relays
   */
  constructor(
    derived: () => DerivedConfig,
    now: () => number,
    signIn: SignIn,
    marks?: SharedMarks,
  ) {
    this.derived = derived
    this.signIn = signIn
    this.guard = new PasswordGuard(now, (network, millis) =>
      marks?.tell("passwords", network, millis),
    )
    marks?.listen("passwords", (network) => this.guard.limit(network))
  }

  /**
   * Continues with `next` if the rules allow the visitor to enter, otherwise
   * sends it to sign in or answers why not. A password may take a while to check.
   */
  admit(
    rules: AuthRules,
    realm: string,
    request: FrontRequest,
    reply: Reply,
    next: (identity: Identity | undefined) => Cancel,
  ): Cancel {
    let cancel = cancelNothing
    let isOver = false
    const leave = this.check(rules, realm, request, (verdict) => {
      if (isOver) return
      if (verdict === "sign in") cancel = this.signIn.begin(request, reply, realm)
      else if ("identity" in verdict) cancel = next(verdict.identity)
      else refuse(request.body, reply, verdict)
    })
    return () => {
      isOver = true
      leave()
      cancel()
    }
  }

  /** Drops the counts of addresses without recent wrong passwords. */
  sweep(): void {
    this.guard.sweep()
  }

  /** First the proxy's user, then who has signed in, then a token, then a password. */
  private check(rules: AuthRules, realm: string, request: FrontRequest, decide: Decide): Cancel {
    const settle = (verdict: Parameters<Decide>[0]): Cancel => {
      decide(verdict)
      return cancelNothing
    }
    const user = this.proxyUser(rules, request)
    if (user === "allowed") return settle(anybody)
    const { signIn } = rules
    const identity = signIn === undefined ? undefined : this.signIn.identityOf(request)
    if (signIn !== undefined && identity !== undefined && allows(signIn, identity))
      return settle({ identity })
    const { headers } = request.head
    const refusal = (): ExchangeError | "sign in" => {
      if (identity !== undefined) return notAllowed(identity)
      if (signIn !== undefined && (isNavigation(request) || !hasSecrets(rules))) return "sign in"
      return hasSecrets(rules) ? authRequired(rules, realm) : notAdmitted(user)
    }
    const [value, ...others] = all(headers, "authorization")
    if (value === undefined || others.length > 0) return settle(refusal())
    const token = bearerOf(value)
    if (token !== undefined) return settle(isOneOf(rules.tokens, token) ? anybody : refusal())
    const credentials = BasicAuth.credentialsOf(headers)
    if (credentials === undefined || rules.users.length === 0) return settle(refusal())
    return this.checkPassword(rules, credentials, request, decide, refusal)
  }

  private proxyUser({ allow, userHeader }: AuthRules, { address, head }: FrontRequest): ProxyUser {
    if (userHeader === undefined || !isTrusted(this.derived().config.trustedProxies, address))
      return "unknown"
    const [user, ...others] = all(head.headers, userHeader)
    if (user === undefined || user === "" || others.length > 0) return "unknown"
    return allow === undefined || allow.includes(user) ? "allowed" : "not allowed"
  }

  private checkPassword(
    rules: AuthRules,
    credentials: string,
    request: FrontRequest,
    decide: Decide,
    refusal: () => ExchangeError | "sign in",
  ): Cancel {
    const { trustedProxies } = this.derived().config
    const address = clientAddress(trustedProxies, request.address, request.head.headers)
    return this.guard.check(this.checkerOf(rules), credentials, address, (verdict) =>
      decide(verdict === "right" ? anybody : verdict === "wrong" ? refusal() : verdict),
    )
  }

  private checkerOf(rules: AuthRules): LoginChecker {
    let checker = this.checkers.get(rules)
    if (checker === undefined) {
      checker = makeChecker(rules.users, this.rights)
      this.checkers.set(rules, checker)
    }
    return checker
  }
}

const anybody: Admitted = { identity: undefined }

/** Whether there are passwords or tokens. */
const hasSecrets = ({ tokens, users }: AuthRules): boolean => users.length + tokens.length > 0

const notAllowed = ({ email, user }: Identity): ExchangeError =>
  new ExchangeError({
    code: "PTTH_ACCOUNT_REFUSED",
    detail: `you have signed in as ${email ?? user}`,
  })

const authRequired = ({ tokens, users }: AuthRules, realm: string): ExchangeError =>
  new ExchangeError({
    code: "PTTH_AUTH_REQUIRED",
    detail:
      users.length > 0
        ? "the relay asks for a user and a password"
        : "the relay asks for a token, as `Authorization: Bearer …`",
    headers: [
      ...(users.length > 0 ? ([["WWW-Authenticate", BasicAuth.challenge(realm)]] as const) : []),
      ...(tokens.length > 0 ? ([["WWW-Authenticate", `Bearer realm="${realm}"`]] as const) : []),
    ],
  })

const notAdmitted = (user: Exclude<ProxyUser, "allowed">): ExchangeError =>
  new ExchangeError({
    code: "PTTH_NOT_ADMITTED",
    detail:
      user === "unknown"
        ? "no proxy that the relay trusts says who you are"
        : "you have signed in, but may not come here",
  })
