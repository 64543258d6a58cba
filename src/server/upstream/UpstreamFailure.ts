/**
 * The failure of an exchange whose origin gave no response: nothing listens
 * there, or the connection broke.
 */
import { ExchangeError } from "../../protocol/Exchange.ts"

/** Whether there was no connection; an AggregateError has a failure for each address of a name. */
const isUnreachable = (error: NodeJS.ErrnoException): boolean =>
  error.syscall === "connect" || error.syscall === "getaddrinfo" || error instanceof AggregateError

/** @param authority host and port of the origin */
export const make = (authority: string, error: NodeJS.ErrnoException): ExchangeError => {
  const down = isUnreachable(error)
  return new ExchangeError({
    code: down ? "PTTH_ORIGIN_DOWN" : "PTTH_ORIGIN_BROKEN",
    detail: down
      ? `nothing answers at ${authority} (${error.code})`
      : `${authority} broke off (${error.code ?? error.message})`,
  })
}
