/**
 * Checks users and passwords against salted hashes, and makes such hashes.
 */
import { hash, randomBytes, scrypt, timingSafeEqual } from "node:crypto"
import * as Effect from "effect/Effect"
import * as PasswordHash from "../../domain/PasswordHash.ts"

/** A user and the hash of their password. */
export interface Login {
  readonly user: string
  readonly password: PasswordHash.PasswordHash
}

const derive = (
  password: string,
  parts: PasswordHash.PasswordParts,
  done: (hash: Buffer | undefined) => void,
): void => {
  const N = 2 ** parts.ln
  const { hash, p, r, salt } = parts
  // OpenSSL needs 128 * r * (N + p + 2) bytes.
  const maxmem = 256 * r * (N + p + 2)
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

/** Checks credentials. */
export interface LoginChecker {
  /** Whether these credentials were right before, so that no hash has to be computed. */
  readonly isKnown: (credentials: string) => boolean
  /** Stands for credentials, without telling them. */
  readonly idOf: (credentials: string) => string
  /** Calls `done` now or later. */
  readonly verify: (credentials: string, done: (isRight: boolean) => void) => void
}

/** The user in credentials, as text. */
export const userOf = (credentials: string): string =>
  Buffer.from(credentials.slice(0, Math.max(credentials.indexOf(":"), 0)), "latin1").toString(
    "utf8",
  )

/**
 * Credentials that were right, as hashes with a secret of this process, by the
 * hash that they were right for: a new configuration with the same hash does not
 * forget them.
 */
export class RightCredentials {
  private readonly secret = randomBytes(32).toString("latin1")
  private readonly byPassword = new Map<PasswordHash.PasswordHash, Buffer>()

  /** A hash that stands for credentials, without telling them. */
  hashOf(credentials: string): Buffer {
    return hash("sha256", Buffer.from(this.secret + credentials, "latin1"), "buffer")
  }

  /** They are right for this hash. */
  remember(password: PasswordHash.PasswordHash, credentials: string): void {
    if (this.byPassword.size >= maxRemembered) this.byPassword.clear()
    this.byPassword.set(password, this.hashOf(credentials))
  }

  /** Whether they were right for this hash before. */
  has(password: PasswordHash.PasswordHash, credentials: string): boolean {
    const before = this.byPassword.get(password)
    return before !== undefined && timingSafeEqual(before, this.hashOf(credentials))
  }
}

/** The most accounts whose credentials are remembered. */
const maxRemembered = 10_000

/** A checker for these users. What is right is remembered in `rights`, which several checkers may share. */
export const makeChecker = (
  logins: ReadonlyArray<Login>,
  rights = new RightCredentials(),
): LoginChecker => {
  const passwords = new Map(logins.map(({ password, user }) => [user, password]))
  const accounts = new Map<string, PasswordHash.PasswordParts>()
  for (const { password, user } of logins) {
    const parts = PasswordHash.parse(password)
    if (parts === undefined) throw new TypeError("a password hash was not validated")
    accounts.set(user, parts)
  }
  const [anybody] = accounts.values()

  const isKnown = (credentials: string): boolean => {
    const password = passwords.get(userOf(credentials))
    return password !== undefined && rights.has(password, credentials)
  }

  return {
    isKnown,
    idOf: (credentials) => rights.hashOf(credentials).toString("base64"),
    verify: (credentials, done) => {
      const colon = credentials.indexOf(":")
      const user = userOf(credentials)
      const account = accounts.get(user)
      // An unknown user costs the same time, so that it does not show which users exist.
      const parts = account ?? anybody
      if (parts === undefined) return done(false)
      const password = Buffer.from(credentials.slice(colon + 1), "latin1").toString("utf8")
      derive(password, parts, (derived) => {
        const same = derived !== undefined && timingSafeEqual(derived, parts.hash)
        const isRight = same && account !== undefined && colon >= 0
        const registered = passwords.get(user)
        if (isRight && registered !== undefined) rights.remember(registered, credentials)
        done(isRight)
      })
    },
  }
}
