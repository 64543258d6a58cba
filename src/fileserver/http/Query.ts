/**
 * What stands after the `?` of an address.
 */
import { toText } from "../names/ByteName.ts"

/** The value of a parameter: empty if it has none, `undefined` if it is not there. */
export const value = (query: string | undefined, name: string): string | undefined =>
  // Most addresses have no query, and few of those that have one need more than a look.
  query === undefined || !query.includes(name)
    ? undefined
    : (new URLSearchParams(toText(query)).get(name) ?? undefined)

/** Whether a parameter is there. */
export const has = (query: string | undefined, name: string): boolean =>
  value(query, name) !== undefined
