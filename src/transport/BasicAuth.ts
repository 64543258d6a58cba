/**
 * HTTP Basic authentication in front of a handler (RFC 7617), at the server's
 * own end: the owner of a server need not trust the relay's administrator to
 * keep visitors out.
 */
import { createHmac, randomBytes, scrypt, timingSafeEqual } from "node:crypto"
import * as Effect from "effect/Effect"
import { all } from "../domain/HeaderList.ts"
import * as PasswordHash from "../domain/PasswordHash.ts"
import { ExchangeError } from "../protocol/Exchange.ts"
import type { Cancel, Handler } from "./Handler.ts"

/** Who may come in. */
export interface Account {
  readonly user: string
  readonly password: PasswordHash.PasswordHash
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

/** At most a few checks run at once, each takes tens of milliseconds and megabytes. */
const makeGate = () => {
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

/** The same handler for those who show the right user and password; it never sees them. */
export const protect = (handler: Handler, account: Account): Handler => {
  const parts = PasswordHash.parse(account.password)
  if (parts === undefined) throw new TypeError("a password hash was not validated")
  const secret = randomBytes(32)
  const mark = (credentials: string): Buffer =>
    createHmac("sha256", secret).update(credentials).digest()
  const gate = makeGate()
  let known: Buffer | undefined

  const check = (credentials: string, done: (right: boolean | undefined) => void): void => {
    const marked = mark(credentials)
    if (known !== undefined && timingSafeEqual(known, marked)) return done(true)
    const colon = credentials.indexOf(":")
    const user = mark(credentials.slice(0, Math.max(colon, 0)))
    const sameUser = timingSafeEqual(
      user,
      mark(Buffer.from(account.user, "utf8").toString("latin1")),
    )
    const password = Buffer.from(credentials.slice(colon + 1), "latin1").toString("utf8")
    const entered = gate.enter((leave) =>
      derive(password, parts, (hash) => {
        leave()
        const right =
          hash !== undefined && timingSafeEqual(hash, parts.hash) && sameUser && colon >= 0
        if (right) known = marked
        done(right)
      }),
    )
    if (!entered) done(undefined)
  }

  return (head, body, reply) => {
    const shown = all(head.headers, "authorization")
    const basic = /^basic +([A-Za-z0-9+/=]+) *$/i.exec(
      shown.length === 1 ? (shown[0] as string) : "",
    )
    let cancel: Cancel | undefined
    let over = false
    const refuse = (right: boolean | undefined): void => {
      body.discard()
      reply.fail(right === undefined ? busy : unauthorized(account.realm))
    }
    if (basic === null) {
      refuse(false)
      return () => {}
    }
    check(Buffer.from(basic[1] as string, "base64").toString("latin1"), (right) => {
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
    headers: [
      ["WWW-Authenticate", `Basic realm="${realm.replace(/["\\]/g, "")}", charset="UTF-8"`],
    ],
  })

const busy = new ExchangeError({
  code: "PTTH_QUEUE_FULL",
  detail: "too many sign-ins are being checked",
  retryAfter: 2,
})
