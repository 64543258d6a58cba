/**
 * Login links and sessions of the administrator's side. A link is printed
 * where only the administrator reads; it is valid once and for a short time,
 * and is exchanged for a session. Both end with the process.
 */
import { createHash, randomBytes } from "node:crypto"
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"

/** How long a login link is valid, in milliseconds. */
export const linkMillis = 10 * 60_000

/** How long a session lasts, in milliseconds. */
export const sessionMillis = 12 * 3_600_000

/** How many links are valid at once; a new one beyond that replaces the oldest. */
export const maxLinks = 5

/** How many sessions there are at once; a new one beyond that replaces the oldest. */
export const maxSessions = 100

/** The session's cookie, which `PrivateCookies.ts` keeps from servers. */
export const cookieName = "__Host-ptth-admin"

const newSecret = (): string => randomBytes(32).toString("base64url")

/** Secrets are looked up by a hash, so that the time of a look-up tells nothing about them. */
const hashOf = (secret: string): string => createHash("sha256").update(secret).digest("base64")

/** A bounded set of secrets that expire. */
class Secrets {
  private readonly expiries = new Map<string, number>()
  private readonly millis: number
  private readonly maxSize: number

  /** @param millis how long a secret is valid */
  constructor(millis: number, maxSize: number) {
    this.millis = millis
    this.maxSize = maxSize
  }

  create(now: number): string {
    const oldest = this.expiries.keys().next().value
    if (this.expiries.size >= this.maxSize && oldest !== undefined) this.expiries.delete(oldest)
    const secret = newSecret()
    this.expiries.set(hashOf(secret), now + this.millis)
    return secret
  }

  has(secret: string, now: number): boolean {
    return (this.expiries.get(hashOf(secret)) ?? Number.NEGATIVE_INFINITY) > now
  }

  /** Removes a secret; whether it was valid. */
  take(secret: string, now: number): boolean {
    const isValid = this.has(secret, now)
    this.expiries.delete(hashOf(secret))
    return isValid
  }
}

/**
 * Login links and sessions of one relay. Times are in milliseconds since 1970,
 * so that the wall clock decides when they end.
 */
export class AdminLogin extends Context.Service<
  AdminLogin,
  {
    /** The secret of a new login link. */
    readonly newLink: (now: number) => string
    /** Whether a link can be used. */
    readonly isLink: (link: string, now: number) => boolean
    /** The secret of a new session, for that of a link, which is used up; `undefined` if it is not valid. */
    readonly enter: (link: string, now: number) => string | undefined
    readonly isSession: (session: string, now: number) => boolean
    /** Ends a session. */
    readonly leave: (session: string, now: number) => void
  }
>()("ptth/relay/admin/AdminLogin") {
  static readonly make = (): AdminLogin["Service"] => {
    const links = new Secrets(linkMillis, maxLinks)
    const sessions = new Secrets(sessionMillis, maxSessions)
    return AdminLogin.of({
      newLink: (now) => links.create(now),
      isLink: (link, now) => links.has(link, now),
      enter: (link, now) => (links.take(link, now) ? sessions.create(now) : undefined),
      isSession: (session, now) => sessions.has(session, now),
      leave: (session, now) => {
        sessions.take(session, now)
      },
    })
  }

  static readonly layer: Layer.Layer<AdminLogin> = Layer.sync(AdminLogin, AdminLogin.make)
}
