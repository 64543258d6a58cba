/**
 * Entity tags (RFC 9110 8.8.3): the name of one state of a file, and the lists
 * of them in which clients say what they have.
 */
import { hash } from "node:crypto"

/** A tag; `opaque` is what stands between the quotes. */
export interface EntityTag {
  readonly opaque: string
  /** Weak: may also name a state with slightly different bytes. */
  readonly weak: boolean
}

/** A list of tags as a condition has it; `*` is any state at all. */
export type EntityTags = "*" | ReadonlyArray<EntityTag>

/** The form in which a header has the tag. */
export const format = (tag: EntityTag): string => `${tag.weak ? "W/" : ""}"${tag.opaque}"`

/** A tag whose text is a 128-bit digest of what identifies the state. */
export const digest = (state: string | Uint8Array, weak: boolean): EntityTag => ({
  opaque: hash("sha256", state, "base64url").slice(0, 22),
  weak,
})

/**
 * Reads a condition's value. What is not a tag in it is skipped, so that a
 * broken list matches nothing by mistake.
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

/** Strong comparison (RFC 9110 8.8.3.2): for what must have the same bytes. */
export const matchesStrongly = (tags: EntityTags, current: EntityTag): boolean =>
  tags === "*" || (!current.weak && tags.some((tag) => !tag.weak && tag.opaque === current.opaque))

/** Weak comparison (RFC 9110 8.8.3.2): for what may be as good. */
export const matchesWeakly = (tags: EntityTags, current: EntityTag): boolean =>
  tags === "*" || tags.some((tag) => tag.opaque === current.opaque)
