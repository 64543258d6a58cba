/**
 * The cookies of signing in. Each belongs to one host (`__Host-`, RFC 6265bis
 * 4.1.3), is sent over TLS only and is hidden from scripts; `PrivateCookies.ts`
 * keeps them from servers.
 */
import { createHash } from "node:crypto"
import type { Header, HeaderList } from "../../domain/HeaderList.ts"
import { pairs } from "../../transport/auth/RequestCookies.ts"

/** Has a `Session`. */
export const session = "__Host-ptth-session"

/** A random text that shows that the same browser asked to sign in at this host. */
export const asker = "__Host-ptth-asker"

const attempts = "__Host-ptth-attempt-"

/** Has an `Attempt`: one cookie for each, since several tabs may sign in at once. */
export const attempt = (state: string): string => attempts + state.slice(0, 8)

/** The names of cookies of attempts. */
export const attemptsIn = (headers: HeaderList): ReadonlyArray<string> =>
  pairs(headers).flatMap(([name]) => (name.startsWith(attempts) ? [name] : []))

/** The field that sets a cookie for some seconds; 0 removes it. */
export const set = (name: string, value: string, seconds: number): Header => [
  "Set-Cookie",
  `${name}=${value}; Path=/; Max-Age=${Math.max(0, Math.floor(seconds))}; Secure; HttpOnly; SameSite=Lax`,
]

/** The field that removes a cookie. */
export const remove = (name: string): Header => set(name, "", 0)

/** What other hosts learn of the cookie {@link asker}. */
export const hashOf = (value: string): string =>
  createHash("sha256").update(value).digest("base64url")
