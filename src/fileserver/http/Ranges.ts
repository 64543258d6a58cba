/**
 * Byte ranges: the Range header (RFC 9110 14).
 */

/** Bytes `first` to `last`, both inclusive. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

/**
 * `Whole`: the header is ignored. `Unsatisfiable`: no requested byte exists.
 * `Parts`: the requested bytes that exist, in the order of the header.
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

// Positions may have any number of digits; comparing text avoids rounding.
const isAfter = (left: string, right: string): boolean => {
  const a = stripped(left)
  const b = stripped(right)
  return a.length === b.length ? a > b : a.length > b.length
}

/**
 * Parses a Range header for a file of `size` bytes (a safe integer). Another
 * unit and malformed headers are ignored.
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
      // Above 2^53 a number is rounded, but then it exceeds any size anyway.
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
  // An empty file has no bytes that a Content-Range could name.
  return size === 0 ? whole : { _tag: "Parts", parts }
}

/** The most parts of a response; a request for more gets the whole file. */
export const maxParts = 32

/**
 * Merges parts that overlap or touch. Parts keep the order of the request; a
 * merged one has the position of its first (RFC 9110 15.3.7.2).
 */
export const coalesce = (parts: ReadonlyArray<ByteRange>): ReadonlyArray<ByteRange> => {
  if (parts.length < 2) return parts
  const joined: Array<{ first: number; last: number; position: number }> = []
  const byStart = parts
    .map(({ first, last }, position) => ({ first, last, position }))
    .sort((a, b) => a.first - b.first)
  for (const part of byStart) {
    const previous = joined.at(-1)
    if (previous === undefined || part.first > previous.last + 1) joined.push(part)
    else {
      previous.last = Math.max(previous.last, part.last)
      previous.position = Math.min(previous.position, part.position)
    }
  }
  return joined.sort((a, b) => a.position - b.position).map(({ first, last }) => ({ first, last }))
}

/**
 * Parses a Range header and limits it: parts that overlap or touch are merged,
 * and a request for more than {@link maxParts} of
 * them, or for more bytes than the file has, is ignored (RFC 9110 14.2).
 */
export const select = (value: string, size: number): Ranges => {
  const ranges = parse(value, size)
  if (ranges._tag !== "Parts" || ranges.parts.length === 1) return ranges
  let bytes = 0
  for (const { first, last } of ranges.parts) bytes += last - first + 1
  if (bytes > size) return whole
  const parts = coalesce(ranges.parts)
  return parts.length > maxParts ? whole : { _tag: "Parts", parts }
}
