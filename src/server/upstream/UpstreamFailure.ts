/**
 * The failure of an exchange whose origin gave no response: nothing listens
 * there, or the connection broke.
 */
import { ExchangeError } from "../../protocol/Exchange.ts"
import { tlsAnswer } from "../../protocol/http/OriginResponse.ts"
import * as TlsFault from "../../transport/net/TlsFault.ts"

/** Whether there was no connection; an AggregateError has a failure for each address of a name. */
const isUnreachable = (error: NodeJS.ErrnoException): boolean =>
  error.syscall === "connect" || error.syscall === "getaddrinfo" || error instanceof AggregateError

/** What happened, and what the server's owner can do about it. */
interface Cause {
  readonly code?: "PTTH_ORIGIN_TLS"
  readonly detail: string
  readonly ownerRemedy?: string
}

const needsTls = (authority: string) =>
  ({
    code: "PTTH_ORIGIN_TLS",
    detail: `${authority} speaks TLS`,
    ownerRemedy: "Use https:// in its address.",
  }) as const

const causeOf = (authority: string, error: NodeJS.ErrnoException): Cause => {
  const { code = "", message } = error
  if (TlsFault.isUntrusted(code) || code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return {
      code: "PTTH_ORIGIN_TLS",
      detail: `the certificate of ${authority} is not trusted (${code})`,
      ownerRemedy:
        "Give the PEM file of the certificate's CA with --to-ca, and as its address the host that the certificate is for; --to-insecure accepts any certificate.",
    }
  if (TlsFault.isHandshake(code) && TlsFault.isNoTls(message))
    return {
      code: "PTTH_ORIGIN_TLS",
      detail: `${authority} does not speak TLS (${code})`,
      ownerRemedy: "Use http:// in its address.",
    }
  if (message === tlsAnswer) return needsTls(authority)
  if (code === "")
    return {
      detail: `${authority} broke off (${message})`,
      ownerRemedy:
        "Look at the application's log, or correct its address if something else listens there: it has to speak HTTP/1.1, with https:// if it speaks TLS.",
    }
  return { detail: `${authority} broke off (${code})` }
}

/**
 * There is no connection to the application.
 *
 * @param code that of Node's error
 */
export const down = (authority: string, code: string | undefined): ExchangeError =>
  new ExchangeError({
    code: "PTTH_ORIGIN_DOWN",
    detail: `nothing answers at ${authority} (${code})`,
  })

/** @param authority host and port of the origin */
export const make = (authority: string, error: NodeJS.ErrnoException): ExchangeError =>
  isUnreachable(error)
    ? down(authority, error.code)
    : new ExchangeError({ code: "PTTH_ORIGIN_BROKEN", ...causeOf(authority, error) })

/** Whether an application that is asked without TLS may speak it: it closed the connection. */
export const mayNeedTls = ({ code }: NodeJS.ErrnoException): boolean => code === "ECONNRESET"

/** The application speaks TLS, and is asked without it. */
export const ofTls = (authority: string): ExchangeError => new ExchangeError(needsTls(authority))

/** The application broke off a response. */
export const cut = (authority: string): ExchangeError =>
  new ExchangeError({
    code: "PTTH_ORIGIN_CUT",
    detail: `${authority} ended a response before it was complete`,
  })
