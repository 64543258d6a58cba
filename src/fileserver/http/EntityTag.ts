/**
 * Entity tags (RFC 9110 8.8.3) and the lists of them in conditions.
 */
import { hash } from "node:crypto"

/** A tag; `opaque` is the text between the quotes. */
export interface EntityTag {
  readonly opaque: string
  /** Weak: another state with equivalent bytes may have the same tag. */
  readonly weak: boolean
}

/** The tags of a condition; `*` matches any state. */
export type EntityTags = "*" | ReadonlyArray<EntityTag>

/** The tag as in a header. */
export const format = (tag: EntityTag): string => `${tag.weak ? "W/" : ""}"${tag.opaque}"`

/** A tag with a 128-bit digest of the state. */
export const digest = (state: string | Uint8Array, weak: boolean): EntityTag => ({
  opaque: hash("sha256", state, "base64url").slice(0, 22),
  weak,
})

/**
 * Parses the value of a condition. Anything that is not a tag is skipped, so
 * that a malformed list matches nothing by mistake.
 */
export const parseList = (value: string): EntityTags => {
  if (value.trim() === "*") return "*"
  const tags: Array<EntityTag> = []
  let at = 0
  while (at < value.length) {
    const weak = value.startsWith('W/"', at)
    const open = weak ? at + 2 : at
    if (value.charAt(open) === '"') {
      const close = value.indexOf('"', open + 1)
      if (close < 0) break
      tags.push({ opaque: value.slice(open + 1, close), weak })
      at = close + 1
    } else if (/[ \t,]/.test(value.charAt(at))) at++
    else {
      const comma = value.indexOf(",", at)
      at = comma < 0 ? value.length : comma + 1
    }
  }
  return tags
}

/** Strong comparison (RFC 9110 8.8.3.2): the same bytes. */
export const matchesStrongly = (tags: EntityTags, current: EntityTag): boolean =>
  tags === "*" || (!current.weak && tags.some((tag) => !tag.weak && tag.opaque === current.opaque))

/** Weak comparison (RFC 9110 8.8.3.2): equivalent bytes. */
export const matchesWeakly = (tags: EntityTags, current: EntityTag): boolean =>
  tags === "*" || tags.some((tag) => tag.opaque === current.opaque)
