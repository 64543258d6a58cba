/**
 * How an administrator's browser becomes known: a link that is printed where
 * only the administrator reads, good once and for a short time, is exchanged
 * for a session. Both are secrets of this process and end with it.
 */
import { createHash, randomBytes } from "node:crypto"

/** How long a login link is good, in milliseconds. */
export const linkMillis = 10 * 60_000

/** How long a session lasts, in milliseconds. */
export const sessionMillis = 12 * 3_600_000

/** How many links may be good at once; a further one ends the oldest. */
export const maxLinks = 5

/** How many sessions there may be; a further one ends the oldest. */
export const maxSessions = 100

/** The name of the cookie. Servers behind the relay never see it; see `PrivateCookies.ts`. */
export const cookieName = "__Host-ptth-admin"

const newSecret = (): string => randomBytes(32).toString("base64url")

/** Secrets are looked up by a hash, so that the time of a look-up tells nothing about them. */
const mark = (secret: string): string => createHash("sha256").update(secret).digest("base64")

/** Secrets that expire, of which there are not many. */
class Secrets {
  private readonly expiries = new Map<string, number>()
  private readonly millis: number
  private readonly most: number

  constructor(millis: number, most: number) {
    this.millis = millis
    this.most = most
  }

  make(now: number): string {
    const oldest = this.expiries.keys().next().value
    if (this.expiries.size >= this.most && oldest !== undefined) this.expiries.delete(oldest)
    const secret = newSecret()
    this.expiries.set(mark(secret), now + this.millis)
    return secret
  }

  has(secret: string, now: number): boolean {
    return (this.expiries.get(mark(secret)) ?? Number.NEGATIVE_INFINITY) > now
  }

  /** Ends it; whether it was good. */
  take(secret: string, now: number): boolean {
    const good = this.has(secret, now)
    this.expiries.delete(mark(secret))
    return good
  }
}

/** Links and sessions of one relay. Times are in milliseconds since 1970. */
export class AdminLogin {
  private readonly links = new Secrets(linkMillis, maxLinks)
  private readonly sessions = new Secrets(sessionMillis, maxSessions)

  /** The secret of a new login link. */
  newLink(now: number): string {
    return this.links.make(now)
  }

  /** A session for the secret of a link, which is not good again; `undefined` if it was not good. */
  enter(link: string, now: number): string | undefined {
    return this.links.take(link, now) ? this.sessions.make(now) : undefined
  }

  isSession(session: string, now: number): boolean {
    return this.sessions.has(session, now)
  }

  leave(session: string, now: number): void {
    this.sessions.take(session, now)
  }
}
