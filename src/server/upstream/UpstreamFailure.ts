/**
 * What is told of an origin that gives no answer: either nothing listens
 * there, or it broke off.
 */
import { ExchangeError } from "../../protocol/Exchange.ts"

/** Whether there was no connection at all; an AggregateError is one failure for each address of a name. */
const isUnreachable = (error: NodeJS.ErrnoException): boolean =>
  error.syscall === "connect" || error.syscall === "getaddrinfo" || error instanceof AggregateError

/** The failure of an exchange with the origin at `place`. */
export const make = (place: string, error: NodeJS.ErrnoException): ExchangeError => {
  const down = isUnreachable(error)
  return new ExchangeError({
    code: down ? "PTTH_ORIGIN_DOWN" : "PTTH_ORIGIN_BROKEN",
    detail: down
      ? `nothing answers at ${place} (${error.code})`
      : `${place} broke off (${error.code ?? error.message})`,
  })
}
