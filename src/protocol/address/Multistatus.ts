/**
 * Listings of WebDAV (RFC 4918 13) name resources in their bodies, where nobody
 * moves paths. An application that does not know the path at which its visitors
 * see it names resources without it. Clients take such a listing for that of an
 * empty folder, and a synchronisation deletes its copies of all that it misses.
 * So relay and server refuse it; see docs/path-mode.md.
 */
import { first, type HeaderList, without } from "../../domain/HeaderList.ts"
import * as UriReference from "./UriReference.ts"

/** PROPFIND (RFC 4918 9.1), REPORT (RFC 3253 3.6) and SEARCH (RFC 5323). */
const methods = new Set(["PROPFIND", "REPORT", "SEARCH"])

/** Whether a method asks for a listing. */
export const isAskedBy = (method: string): boolean => methods.has(method)

const acceptEncoding = new Set(["accept-encoding"])

/** The fields of a request: a listing is asked for without compression, so that it can be read. */
export const readable = (method: string, headers: HeaderList): HeaderList =>
  isAskedBy(method) ? without(headers, acceptEncoding) : headers

/** Whether a response to such a method is a listing that can be read. */
export const isIn = (status: number, headers: HeaderList): boolean =>
  status === 207 &&
  /\bxml\b/i.test(first(headers, "content-type") ?? "xml") &&
  /^(?:identity)?$/i.test(first(headers, "content-encoding") ?? "")

/** The content of the first `href` element, which names the first resource of the list. */
const firstHref = /<(?:[^\s<>/!?:]+:)?href(?:\s[^<>]*)?>([^<]*)<\//i

/**
 * Whether the first resource of a listing that begins with `text` has a path
 * that is right. Hosts are not compared: clients look at paths. `undefined` if
 * it names none yet, or a relative one.
 */
export const leadsTo = (text: string, isRight: (path: string) => boolean): boolean | undefined => {
  const href = firstHref.exec(text)?.[1]?.trim()
  const reference = href === undefined ? undefined : UriReference.parse(href)
  return reference === undefined ? undefined : isRight(decoded(reference.path))
}

const decoded = (path: string): string => {
  try {
    return decodeURI(path)
  } catch {
    return path
  }
}

/** Whether a path has a prefix, perhaps after one of a proxy that the relay does not know. */
export const hasPrefix = (path: string, prefix: string): boolean => {
  const at = path.indexOf(decoded(prefix))
  return at >= 0 && UriReference.isBelow(path.slice(at), decoded(prefix))
}
