/**
 * Conditional requests (RFC 9110 13).
 */
import * as Headers from "../../domain/HeaderList.ts"
import * as EntityTag from "./EntityTag.ts"
import * as HttpDate from "./HttpDate.ts"

/** The validators of the current state of a file. */
export interface Validators {
  readonly etag: EntityTag.EntityTag
  /** The last change in seconds since 1970, if there is a Last-Modified field. */
  readonly modified: number | undefined
}

const joined = (headers: Headers.HeaderList, name: string): string | undefined => {
  const values = Headers.all(headers, name)
  return values.length < 2 ? values[0] : values.join(", ")
}

/**
 * Evaluates the preconditions of a GET or HEAD whose answer would be 200, in
 * the order of RFC 9110 13.2.2. Invalid dates are ignored.
 *
 * @param now seconds
 */
export const evaluate = (
  headers: Headers.HeaderList,
  current: Validators,
  now: number,
): "proceed" | "not-modified" | "failed" => {
  const date = (name: string): number | undefined => {
    const value = current.modified === undefined ? undefined : joined(headers, name)
    return value === undefined ? undefined : HttpDate.parse(value, now)
  }

  const ifMatch = joined(headers, "if-match")
  if (ifMatch !== undefined) {
    if (!EntityTag.matchesStrongly(EntityTag.parseList(ifMatch), current.etag)) return "failed"
  } else {
    const since = date("if-unmodified-since")
    if (since !== undefined && (current.modified as number) > since) return "failed"
  }

  const ifNoneMatch = joined(headers, "if-none-match")
  if (ifNoneMatch !== undefined) {
    return EntityTag.matchesWeakly(EntityTag.parseList(ifNoneMatch), current.etag)
      ? "not-modified"
      : "proceed"
  }
  const since = date("if-modified-since")
  return since !== undefined && (current.modified as number) <= since ? "not-modified" : "proceed"
}

/**
 * Whether a Range may be answered with 206: there is no If-Range, or it matches
 * the current state exactly (RFC 9110 13.1.5).
 *
 * @param now seconds
 */
export const allowRange = (
  headers: Headers.HeaderList,
  current: Validators,
  now: number,
): boolean => {
  const value = joined(headers, "if-range")
  if (value === undefined) return true
  if (value.startsWith('"') || value.startsWith("W/")) {
    const tags = EntityTag.parseList(value)
    return tags !== "*" && tags.length === 1 && EntityTag.matchesStrongly(tags, current.etag)
  }
  // A file that was changed a moment ago may change again within the same second (8.8.2.2).
  if (current.etag.weak) return false
  return current.modified !== undefined && HttpDate.parse(value, now) === current.modified
}
