/**
 * Passes requests to handlers by their paths: each route takes a path and all
 * below it, and the rest goes to one handler.
 */
import * as UriReference from "../protocol/address/UriReference.ts"
import type { Handler } from "../transport/body/Handler.ts"

/** A path, without a slash at its end, and who answers for it and all below it. */
export interface Route {
  readonly path: string
  readonly handler: Handler
}

/** A handler for all routes; of several that match the longest one counts. */
export const make = (routes: ReadonlyArray<Route>, rest: Handler): Handler => {
  if (routes.length === 0) return rest
  const byLength = routes.toSorted((one, other) => other.path.length - one.path.length)
  return (head, body, reply) => {
    const route = byLength.find(({ path }) => UriReference.isBelow(head.target, path))
    return (route?.handler ?? rest)(head, body, reply)
  }
}
