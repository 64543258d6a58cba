/**
 * HTTP Basic authentication (RFC 7617), and a handler that requires it. That
 * handler runs at the server, so that its owner need not trust the relay to
 * keep visitors out.
 */
import { all, type HeaderList } from "../../domain/HeaderList.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import * as Forwarded from "../../protocol/http/Forwarded.ts"
import type { Cancel, Handler } from "../body/Handler.ts"
import { type Login, makeChecker } from "./LoginChecker.ts"
import { PasswordGuard, type Verdict } from "./PasswordGuard.ts"

/** The account that {@link protect} requires. */
export interface Account extends Login {
  /** The realm that browsers show, in visible ASCII. */
  readonly realm: string
}

/** The credentials of a request: `user:password`, one character per byte. */
export const credentialsOf = (headers: HeaderList): string | undefined => {
  const fields = all(headers, "authorization")
  const basic = /^basic +([A-Za-z0-9+/=]+) *$/i.exec(
    fields.length === 1 ? (fields[0] as string) : "",
  )
  return basic === null ? undefined : Buffer.from(basic[1] as string, "base64").toString("latin1")
}

/**
 * The handler behind Basic authentication, without the Authorization field.
 *
 * @param now a monotonic clock in milliseconds
 */
export const protect = (
  handler: Handler,
  account: Account,
  now: () => number = () => performance.now(),
): Handler => {
  const checker = makeChecker([account])
  const guard = new PasswordGuard(now)
  return (head, body, reply) => {
    const credentials = credentialsOf(head.headers)
    let cancel: Cancel = () => {}
    let isOver = false
    const decide = (verdict: Verdict): void => {
      if (isOver) return
      if (verdict === "right") {
        const headers = head.headers.filter(([name]) => name.toLowerCase() !== "authorization")
        cancel = handler({ ...head, headers }, body, reply)
      } else {
        body.discard()
        reply.fail(verdict === "wrong" ? unauthorized(account.realm) : verdict)
      }
    }
    const leave =
      credentials === undefined
        ? decide("wrong")
        : guard.check(checker, credentials, Forwarded.visitorOf(head.headers), decide)
    return () => {
      isOver = true
      leave?.()
      cancel()
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
