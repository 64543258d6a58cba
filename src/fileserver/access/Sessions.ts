/**
 * Sessions of people who have signed in: a cookie with the user and an end,
 * authenticated with a secret of this process. A session ends when its user's
 * password changes, and when the server restarts.
 */
import { createHmac, randomBytes } from "node:crypto"
import type * as Headers from "../../domain/HeaderList.ts"
import * as ConstantTime from "../../transport/auth/ConstantTime.ts"
import type { Login } from "../../transport/auth/LoginChecker.ts"
import * as RequestCookies from "../../transport/auth/RequestCookies.ts"

/** The cookie's name. Names that begin with `ptth` are the relay's. */
export const cookieName = "files_session"
/** How long a session lasts, in milliseconds: until the browser ends, and if it is to be remembered. */
const shortMillis = 24 * 60 * 60 * 1000
const longMillis = 30 * shortMillis

/** User, end and authentication. */
const pattern = /^([\w-]+)\.(\d{1,15})\.([\w-]+)$/

/** Whether a request has a cookie of a session, valid or not: it comes from a browser. */
export const hasCookie = (headers: Headers.HeaderList): boolean =>
  RequestCookies.valuesOf(headers, cookieName).length > 0

/** See the head of this file. */
export class Sessions {
  private readonly secret = randomBytes(32)
  private readonly logins: ReadonlyMap<string, Login>
  private readonly now: () => number

  /** @param now milliseconds since 1970 */
  constructor(logins: ReadonlyArray<Login>, now: () => number = Date.now) {
    this.logins = new Map(logins.map((login) => [login.user, login]))
    this.now = now
  }

  /** The user of a request's session. */
  userOf(headers: Headers.HeaderList): string | undefined {
    for (const value of RequestCookies.valuesOf(headers, cookieName)) {
      const [, encoded, end, mac] = pattern.exec(value) ?? []
      if (encoded === undefined || end === undefined || mac === undefined) continue
      const user = Buffer.from(encoded, "base64url").toString("utf8")
      const expected = this.macOf(user, end)
      const actual = Buffer.from(mac, "base64url")
      const isRight = expected !== undefined && ConstantTime.isEqual(actual, expected)
      if (isRight && Number(end) > this.now()) return user
    }
    return undefined
  }

  /** The value of Set-Cookie that begins a session. */
  begin(user: string, lasting: boolean, secure: boolean): string {
    const millis = lasting ? longMillis : shortMillis
    const end = String(this.now() + millis)
    const mac = this.macOf(user, end)?.toString("base64url") ?? ""
    const name = Buffer.from(user, "utf8").toString("base64url")
    const age = lasting ? `; Max-Age=${millis / 1000}` : ""
    return `${cookieName}=${name}.${end}.${mac}; Path=/; HttpOnly; SameSite=Lax${age}${secure ? "; Secure" : ""}`
  }

  /** The value of Set-Cookie that ends a session. */
  end(secure: boolean): string {
    return `${cookieName}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0${secure ? "; Secure" : ""}`
  }

  private macOf(user: string, end: string): Buffer | undefined {
    const login = this.logins.get(user)
    if (login === undefined) return undefined
    const text = JSON.stringify([user, end, login.password])
    return createHmac("sha256", this.secret).update(text).digest()
  }
}
