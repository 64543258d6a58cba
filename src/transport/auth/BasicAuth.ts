/**
 * HTTP Basic authentication (RFC 7617): checking passwords, and a handler that
 * requires one. That handler runs at the server, so that its owner need not
 * trust the relay to keep visitors out.
 */
import { hash, randomBytes, scrypt, timingSafeEqual } from "node:crypto"
import * as Effect from "effect/Effect"
import { all, type HeaderList } from "../../domain/HeaderList.ts"
import * as PasswordHash from "../../domain/PasswordHash.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { Cancel, Handler } from "../body/Handler.ts"

/** The account that {@link protect} requires. */
export interface Account extends Login {
  /** The realm that browsers show, in visible ASCII. */
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

/** Limits concurrent password checks. */
export interface Gate {
  /** Runs a check now or later, which calls `leave` at its end; `false` if too many wait. */
  readonly enter: (run: (leave: () => void) => void) => boolean
}

/** A gate that runs two checks at once, because each takes tens of milliseconds and tens of megabytes. */
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

/** A user and the hash of their password. */
export interface Login {
  readonly user: string
  readonly password: PasswordHash.PasswordHash
}

/** Checks credentials. */
export interface LoginChecker {
  /** Whether these credentials were right before, so that no hash has to be computed. */
  readonly isKnown: (credentials: string) => boolean
  /** Calls `done` now or later; with `undefined` if too many checks wait. */
  readonly check: (credentials: string, done: (right: boolean | undefined) => void) => void
}

/** The credentials of a request: `user:password`, one character per byte. */
export const credentialsOf = (headers: HeaderList): string | undefined => {
  const fields = all(headers, "authorization")
  const basic = /^basic +([A-Za-z0-9+/=]+) *$/i.exec(
    fields.length === 1 ? (fields[0] as string) : "",
  )
  return basic === null ? undefined : Buffer.from(basic[1] as string, "base64").toString("latin1")
}

/** The user in credentials, as text. */
export const userOf = (credentials: string): string =>
  Buffer.from(credentials.slice(0, Math.max(credentials.indexOf(":"), 0)), "latin1").toString(
    "utf8",
  )

/** A checker for these users, which remembers credentials that were right. */
export const makeChecker = (logins: ReadonlyArray<Login>, gate: Gate): LoginChecker => {
  const secret = randomBytes(32).toString("latin1")
  const hashOf = (credentials: string): Buffer =>
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
    return before !== undefined && timingSafeEqual(before, hashOf(credentials))
  }

  return {
    isKnown,
    check: (credentials, done) => {
      if (isKnown(credentials)) return done(true)
      const colon = credentials.indexOf(":")
      const user = userOf(credentials)
      const account = accounts.get(user)
      // An unknown user costs the same time, so that it does not show which users exist.
      const parts = account ?? anybody
      if (parts === undefined) return done(false)
      const password = Buffer.from(credentials.slice(colon + 1), "latin1").toString("utf8")
      const entered = gate.enter((leave) =>
        derive(password, parts, (derived) => {
          leave()
          const same = derived !== undefined && timingSafeEqual(derived, parts.hash)
          const right = same && account !== undefined && colon >= 0
          if (right) known.set(user, hashOf(credentials))
          done(right)
        }),
      )
      if (!entered) done(undefined)
    },
  }
}

/** The handler behind Basic authentication, without the Authorization field. */
export const protect = (handler: Handler, account: Account): Handler => {
  const checker = makeChecker([account], makeGate())
  return (head, body, reply) => {
    const credentials = credentialsOf(head.headers)
    let cancel: Cancel | undefined
    let over = false
    const reject = (right: boolean | undefined): void => {
      body.discard()
      reply.fail(right === undefined ? busy : unauthorized(account.realm))
    }
    if (credentials === undefined) {
      reject(false)
      return () => {}
    }
    checker.check(credentials, (right) => {
      if (over) return
      if (right !== true) return reject(right)
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
    detail: "this server requires a user and a password",
    headers: [["WWW-Authenticate", challenge(realm)]],
  })

/** The value of WWW-Authenticate (RFC 7617 2.1). */
export const challenge = (realm: string): string =>
  `Basic realm="${realm.replace(/["\\]/g, "")}", charset="UTF-8"`

/** The error when too many checks wait. */
export const busy = new ExchangeError({
  code: "PTTH_QUEUE_FULL",
  detail: "too many sign-ins are being checked",
  retryAfter: 2,
})
