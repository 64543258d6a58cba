/**
 * The relay's own check of its visitors, where the configuration has one, and
 * what servers must not see of it: a hostile one would collect passwords.
 */
import { sameTripcode, tripcodeOfText } from "../../domain/ApiKey.ts"
import type { AuthRules } from "../../domain/config/AuthRules.ts"
import { all, type HeaderList } from "../../domain/HeaderList.ts"
import { bucketOf } from "../../domain/VisitorAddress.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import * as BasicAuth from "../../transport/auth/BasicAuth.ts"
import type { Cancel, Reply } from "../../transport/body/Handler.ts"
import { refuse } from "../../transport/body/Replies.ts"
import type { FrontRequest } from "../../transport/front/NodeFront.ts"
import type { AuthSecrets } from "../settings/AuthSecrets.ts"
import type { DerivedConfig } from "../settings/DerivedConfig.ts"
import { clientAddress, isTrusted } from "../settings/TrustedProxies.ts"
import { Quotas } from "./Quotas.ts"

/** The rules for a server, or for the relay's own pages; `undefined` lets everybody in. */
export const rulesFor = (
  { config, servers }: DerivedConfig,
  name: string | undefined,
): AuthRules | undefined => {
  const own = name === undefined ? undefined : servers.get(name)?.auth
  return own === "open" ? undefined : (own ?? config.frontendAuth)
}

const bearerOf = (value: string): string | undefined => /^bearer +(\S+) *$/i.exec(value)?.[1]

const isOneOf = (tokens: AuthRules["tokens"], token: string): boolean => {
  if (tokens.length === 0) return false
  const shown = tripcodeOfText(token)
  let found = false
  for (const tripcode of tokens) found = sameTripcode(tripcode, shown) || found
  return found
}

/** Whether an Authorization field is meant for the relay, as far as that can be seen without computing much. */
const isRelays = ({ tokens, users }: AuthSecrets, value: string): boolean => {
  const credentials = BasicAuth.credentialsOf([["authorization", value]])
  if (credentials !== undefined) return users.has(BasicAuth.userOf(credentials))
  const token = bearerOf(value)
  return token !== undefined && isOneOf(tokens, token)
}

/**
 * A request's fields without what the relay's rules are about: fields that name
 * who has signed in, whoever sent them, and the `Authorization` that the relay
 * asks for. Of a server that others sign in to, that is every one that would
 * do for another: below one origin a browser gives them to whomever asks.
 */
export const strip = (
  derived: DerivedConfig,
  name: string | undefined,
  headers: HeaderList,
): HeaderList => {
  const { authSecrets: all } = derived
  if (all === undefined) return headers
  const rules = rulesFor(derived, name)
  const asks = rules !== undefined && rules.users.length + rules.tokens.length > 0
  return headers.filter(([field, value]) => {
    if (!all.lengths.has(field.length)) return true
    const lower = field.toLowerCase().replaceAll("_", "-")
    if (lower === "authorization") return !asks && !isRelays(all, value)
    return !all.headers.has(lower)
  })
}

/** How often one visitor may be wrong: ten times, then once in six seconds. */
const mistakes = { perSecond: 1 / 6, burst: 10, atOnce: Number.POSITIVE_INFINITY }

/** The check of one relay. */
export interface VisitorAuth {
  /** Goes on with `next` once the rules let the visitor in, or answers why they do not. */
  readonly admit: (
    rules: AuthRules,
    realm: string,
    request: FrontRequest,
    reply: Reply,
    next: () => Cancel,
  ) => Cancel
  /** Forgets who has not been wrong for a while. */
  readonly sweep: () => void
}

const never: Cancel = () => {}

/** Makes the check. `now` gives milliseconds. */
export const make = (derived: () => DerivedConfig, now: () => number): VisitorAuth => {
  const gate = BasicAuth.makeGate()
  const checkers = new WeakMap<AuthRules, BasicAuth.LoginChecker>()
  const wrong = new Quotas()

  const checkerOf = (rules: AuthRules): BasicAuth.LoginChecker => {
    let checker = checkers.get(rules)
    if (checker === undefined) {
      checker = BasicAuth.makeChecker(rules.users, gate)
      checkers.set(rules, checker)
    }
    return checker
  }

  const saysProxy = (
    { allow, userHeader }: AuthRules,
    { address, head }: FrontRequest,
  ): "yes" | "unknown" | "not allowed" => {
    if (userHeader === undefined || !isTrusted(derived().config.trustedProxies, address))
      return "unknown"
    const named = all(head.headers, userHeader)
    const [user = ""] = named
    if (named.length !== 1 || user === "") return "unknown"
    return allow === undefined || allow.includes(user) ? "yes" : "not allowed"
  }

  const checkPassword = (
    rules: AuthRules,
    credentials: string,
    request: FrontRequest,
    done: (refusal: ExchangeError | undefined) => void,
    refusal: () => ExchangeError,
  ): void => {
    const checker = checkerOf(rules)
    if (checker.isKnown(credentials)) return done(undefined)
    const { trustedProxies } = derived().config
    const key = bucketOf(clientAddress(trustedProxies, request.address, request.head.headers))
    const place = wrong.enter(key, now(), mistakes)
    if (typeof place === "number") return done(tooOften(place))
    checker.check(credentials, (right) => {
      if (right === false) wrong.leave(place)
      else wrong.takeBack(place)
      done(right === true ? undefined : right === false ? refusal() : BasicAuth.busy)
    })
  }

  const check = (
    rules: AuthRules,
    realm: string,
    request: FrontRequest,
    done: (refusal: ExchangeError | undefined) => void,
  ): void => {
    const proxy = saysProxy(rules, request)
    if (proxy === "yes") return done(undefined)
    const { headers } = request.head
    const refusal = () =>
      rules.users.length + rules.tokens.length === 0 ? notAdmitted(proxy) : asking(rules, realm)
    const shown = all(headers, "authorization")
    if (shown.length !== 1) return done(refusal())
    const token = bearerOf(shown[0] as string)
    if (token !== undefined) return done(isOneOf(rules.tokens, token) ? undefined : refusal())
    const credentials = BasicAuth.credentialsOf(headers)
    if (credentials === undefined || rules.users.length === 0) return done(refusal())
    checkPassword(rules, credentials, request, done, refusal)
  }

  return {
    sweep: () => wrong.sweep(now(), mistakes),
    admit: (rules, realm, request, reply, next) => {
      let cancel = never
      let over = false
      check(rules, realm, request, (refusal) => {
        if (over) return
        if (refusal === undefined) {
          cancel = next()
          return
        }
        refuse(request.body, reply, refusal)
      })
      return () => {
        over = true
        cancel()
      }
    },
  }
}

const asking = ({ tokens, users }: AuthRules, realm: string): ExchangeError =>
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

const notAdmitted = (proxy: "unknown" | "not allowed"): ExchangeError =>
  new ExchangeError({
    code: "PTTH_NOT_ADMITTED",
    detail:
      proxy === "unknown"
        ? "no proxy that the relay trusts says who you are"
        : "you have signed in, but may not come here",
  })

const tooOften = (wait: number): ExchangeError =>
  new ExchangeError({
    code: "PTTH_TOO_MANY_REQUESTS",
    detail: "too many passwords were wrong",
    retryAfter: Math.ceil(wait / 1000),
  })
