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
