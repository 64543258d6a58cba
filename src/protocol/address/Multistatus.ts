/**
 * Listings of WebDAV (RFC 4918 13) name resources in their bodies, where nobody
 * moves paths. This tells whether a listing is right for a visitor who sees the
 * application below a prefix.
 */
import { first, type HeaderList } from "../../domain/HeaderList.ts"
import * as UriReference from "./UriReference.ts"

/** PROPFIND (RFC 4918 9.1), REPORT (RFC 3253 3.6) and SEARCH (RFC 5323). */
const methods = new Set(["PROPFIND", "REPORT", "SEARCH"])

/** Whether a method asks for a listing. */
export const isAskedBy = (method: string): boolean => methods.has(method)

/** Whether a response to such a method is a listing that can be read. */
export const isIn = (status: number, headers: HeaderList): boolean =>
  status === 207 &&
  /\bxml\b/i.test(first(headers, "content-type") ?? "xml") &&
  /^(?:identity)?$/i.test(first(headers, "content-encoding") ?? "")

/** The content of the first `href` element, which names the first resource of the list. */
const firstHref = /<(?:[^\s<>/!?:]+:)?href(?:\s[^<>]*)?>([^<]*)<\//i

const decoded = (path: string): string => {
  try {
    return decodeURI(path)
  } catch {
    return path
  }
}

/**
 * Whether the beginning of a listing leads visitors to resources below the
 * prefix. `undefined` if it names none yet, or none on this host.
 */
export const leadsBelow = (
  text: string,
  visitor: UriReference.Host & { readonly prefix: string },
): boolean | undefined => {
  const href = firstHref.exec(text)?.[1]?.trim()
  const reference = href === undefined ? undefined : UriReference.parse(href)
  if (reference === undefined || !UriReference.isOn(reference, visitor)) return undefined
  return UriReference.isBelow(decoded(reference.path), decoded(visitor.prefix))
}
