/**
 * Byte ranges: which bytes of a file a Range header asks for (RFC 9110 14).
 */

/** Bytes `first` to `last`, both inclusive. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

/**
 * `Whole` the header is to be ignored, `Unsatisfiable` it asks only for bytes
 * that are not there, `Parts` the bytes that it asks for and that are there, in its order.
 */
export type Ranges =
  | { readonly _tag: "Whole" }
  | { readonly _tag: "Unsatisfiable" }
  | { readonly _tag: "Parts"; readonly parts: ReadonlyArray<ByteRange> }

const whole: Ranges = { _tag: "Whole" }
const unsatisfiable: Ranges = { _tag: "Unsatisfiable" }

const unit = /^bytes=/i
const form = /^(\d*)-(\d*)$/

const stripped = (digits: string): string => digits.replace(/^0+(?=\d)/, "")

// Positions may have any number of digits; compared as text none of them is rounded.
const isAfter = (left: string, right: string): boolean => {
  const a = stripped(left)
  const b = stripped(right)
  return a.length === b.length ? a > b : a.length > b.length
}

/**
 * Reads a Range header for a file of `size` bytes (a safe integer). Another
 * unit, and anything that is not well-formed, is ignored.
 */
export const parse = (value: string, size: number): Ranges => {
  if (!unit.test(value)) return whole
  const parts: Array<ByteRange> = []
  let specs = 0
  for (const item of value.slice(6).split(",")) {
    const spec = item.trim()
    if (spec === "") continue
    const match = form.exec(spec)
    if (match === null) return whole
    const first = match[1] as string
    const last = match[2] as string
    specs++
    if (first === "") {
      if (last === "") return whole
      // Above 2^53 a number is rounded, but then it is beyond any size as well.
      const length = Number(last)
      if (length > 0) parts.push({ first: Math.max(0, size - length), last: size - 1 })
    } else {
      if (last !== "" && isAfter(first, last)) return whole
      const start = Number(first)
      const end = last === "" ? size - 1 : Math.min(Number(last), size - 1)
      if (start < size) parts.push({ first: start, last: end })
    }
  }
  if (specs === 0) return whole
  if (parts.length === 0) return unsatisfiable
  // The last bytes of an empty file are all of it, which no Content-Range can say.
  return size === 0 ? whole : { _tag: "Parts", parts }
}

/** How many parts an answer may have; a request for more gets the whole. */
export const maxParts = 32

/**
 * Joins parts that overlap or touch. They keep the order in which they were
 * asked for, a joined one the place of its first (RFC 9110 15.3.7.2).
 */
export const coalesce = (parts: ReadonlyArray<ByteRange>): ReadonlyArray<ByteRange> => {
  if (parts.length < 2) return parts
  const joined: Array<{ first: number; last: number; place: number }> = []
  const byStart = parts
    .map(({ first, last }, place) => ({ first, last, place }))
    .sort((a, b) => a.first - b.first)
  for (const part of byStart) {
    const previous = joined.at(-1)
    if (previous === undefined || part.first > previous.last + 1) joined.push(part)
    else {
      previous.last = Math.max(previous.last, part.last)
      previous.place = Math.min(previous.place, part.place)
    }
  }
  return joined.sort((a, b) => a.place - b.place).map(({ first, last }) => ({ first, last }))
}

/**
 * Reads a Range header and decides what of it is worth answering: parts that
 * overlap or touch become one, and a request for more than {@link maxParts} of
 * them, or for more bytes than there are, is ignored (RFC 9110 14.2).
 */
export const select = (value: string, size: number): Ranges => {
  const asked = parse(value, size)
  if (asked._tag !== "Parts" || asked.parts.length === 1) return asked
  let bytes = 0
  for (const { first, last } of asked.parts) bytes += last - first + 1
  if (bytes > size) return whole
  const parts = coalesce(asked.parts)
  return parts.length > maxParts ? whole : { _tag: "Parts", parts }
}
