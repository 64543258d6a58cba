/**
 * HTTP Basic authentication (RFC 7617): the checking of passwords, for whoever
 * asks for them, and a handler that asks. The latter is at the server's own
 * end: the owner of a server need not trust the relay's administrator to keep
 * visitors out.
 */
import { hash, randomBytes, scrypt, timingSafeEqual } from "node:crypto"
import * as Effect from "effect/Effect"
import { all, type HeaderList } from "../../domain/HeaderList.ts"
import * as PasswordHash from "../../domain/PasswordHash.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { Cancel, Handler } from "../body/Handler.ts"

/** Who may come in. */
export interface Account extends Login {
  /** What a browser shows when it asks, in visible ASCII. */
  readonly realm: string
}

const derive = (
  password: string,
  parts: PasswordHash.PasswordParts,
  done: (hash: Buffer | undefined) => void,
): void => {
  const N = 2 ** parts.ln
  const { hash, p, r, salt } = parts
  const maxmem = 256 * N * r
  scrypt(password, salt, hash.length, { N, r, p, maxmem }, (error, key) =>
    done(error === null ? key : undefined),
  )
}

/** Hashes a new password with a fresh salt. */
export const hashPassword = (password: string): Effect.Effect<PasswordHash.PasswordHash> =>
  Effect.callback((resume) => {
    const salt = randomBytes(16)
    derive(password, { ...PasswordHash.newCost, salt, hash: Buffer.alloc(32) }, (hash) =>
      resume(
        hash === undefined
          ? Effect.die("scrypt failed")
          : Effect.succeed(PasswordHash.format(salt, hash)),
      ),
    )
  })

const maxChecks = 2
const maxWaiting = 64

/** Lets a few of many work at once. */
export interface Gate {
  /** Runs a work now or later, which calls `leave` when it is done; `false` if too many wait. */
  readonly enter: (run: (leave: () => void) => void) => boolean
}

/** A gate for checks of passwords: at most a few run at once, each takes tens of milliseconds and megabytes. */
export const makeGate = (): Gate => {
  const waiting: Array<() => void> = []
  let running = 0
  return {
    enter: (run: (leave: () => void) => void): boolean => {
      const leave = (): void => {
        running -= 1
        waiting.shift()?.()
      }
      const begin = (): void => {
        running += 1
        run(leave)
      }
      if (running < maxChecks) begin()
      else if (waiting.length < maxWaiting) waiting.push(begin)
      else return false
      return true
    },
  }
}

/** A user and the hash of the password. */
export interface Login {
  readonly user: string
  readonly password: PasswordHash.PasswordHash
}

/** Whether credentials are right, which is said at once or later; `undefined`: too many are being checked. */
export interface LoginChecker {
  /** Whether these are right and were shown before, so that nothing has to be computed. */
  readonly isKnown: (credentials: string) => boolean
  readonly check: (credentials: string, done: (right: boolean | undefined) => void) => void
}

/** The credentials that a request shows: `user:password`, a character for each byte. */
export const credentialsOf = (headers: HeaderList): string | undefined => {
  const shown = all(headers, "authorization")
  const basic = /^basic +([A-Za-z0-9+/=]+) *$/i.exec(shown.length === 1 ? (shown[0] as string) : "")
  return basic === null ? undefined : Buffer.from(basic[1] as string, "base64").toString("latin1")
}

/** The user in credentials, as text. */
export const userOf = (credentials: string): string =>
  Buffer.from(credentials.slice(0, Math.max(credentials.indexOf(":"), 0)), "latin1").toString(
    "utf8",
  )

/** Checks the credentials of some users. What was right once is known from then on. */
export const makeChecker = (logins: ReadonlyArray<Login>, gate: Gate): LoginChecker => {
  const secret = randomBytes(32).toString("latin1")
  const mark = (credentials: string): Buffer =>
    hash("sha256", Buffer.from(secret + credentials, "latin1"), "buffer")
  const accounts = new Map<string, PasswordHash.PasswordParts>()
  for (const { password, user } of logins) {
    const parts = PasswordHash.parse(password)
    if (parts === undefined) throw new TypeError("a password hash was not validated")
    accounts.set(user, parts)
  }
  const [anybody] = accounts.values()
  const known = new Map<string, Buffer>()

  const isKnown = (credentials: string): boolean => {
    const before = known.get(userOf(credentials))
    return before !== undefined && timingSafeEqual(before, mark(credentials))
  }

  return {
    isKnown,
    check: (credentials, done) => {
      if (isKnown(credentials)) return done(true)
      const colon = credentials.indexOf(":")
      const user = userOf(credentials)
      const account = accounts.get(user)
      // Nobody can tell by the time whether there is such a user.
      const parts = account ?? anybody
      if (parts === undefined) return done(false)
      const password = Buffer.from(credentials.slice(colon + 1), "latin1").toString("utf8")
      const entered = gate.enter((leave) =>
        derive(password, parts, (derived) => {
          leave()
          const same = derived !== undefined && timingSafeEqual(derived, parts.hash)
          const right = same && account !== undefined && colon >= 0
          if (right) known.set(user, mark(credentials))
          done(right)
        }),
      )
      if (!entered) done(undefined)
    },
  }
}

/** The same handler for those who show the right user and password; it never sees them. */
export const protect = (handler: Handler, account: Account): Handler => {
  const checker = makeChecker([account], makeGate())
  return (head, body, reply) => {
    const credentials = credentialsOf(head.headers)
    let cancel: Cancel | undefined
    let over = false
    const refuse = (right: boolean | undefined): void => {
      body.discard()
      reply.fail(right === undefined ? busy : unauthorized(account.realm))
    }
    if (credentials === undefined) {
      refuse(false)
      return () => {}
    }
    checker.check(credentials, (right) => {
      if (over) return
      if (right !== true) return refuse(right)
      const headers = head.headers.filter(([name]) => name.toLowerCase() !== "authorization")
      cancel = handler({ ...head, headers }, body, reply)
    })
    return () => {
      over = true
      cancel?.()
    }
  }
}

const unauthorized = (realm: string): ExchangeError =>
  new ExchangeError({
    code: "PTTH_AUTH_REQUIRED",
    detail: "the owner of this server asks for a user and a password",
    headers: [["WWW-Authenticate", challenge(realm)]],
  })

/** What a browser is asked by (RFC 7617 2.1). */
export const challenge = (realm: string): string =>
  `Basic realm="${realm.replace(/["\\]/g, "")}", charset="UTF-8"`

/** What is said where the gate lets nobody in. */
export const busy = new ExchangeError({
  code: "PTTH_QUEUE_FULL",
  detail: "too many sign-ins are being checked",
  retryAfter: 2,
})
