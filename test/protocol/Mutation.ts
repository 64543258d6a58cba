/**
 * Random changes to bytes, to find input that is almost legal: arbitrary bytes
 * rarely get past the first check of a decoder.
 */
import * as Schema from "effect/Schema"

/** One change. */
const Edit = Schema.Struct({
  kind: Schema.Literals(["set", "flip", "remove", "insert"]),
  /** Where, modulo the length. */
  at: Schema.Natural,
  /** The new byte, or the number of the bit to flip. */
  byte: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })),
})

/** A few changes. */
export const Edits = Schema.Array(Edit).check(Schema.isMaxLength(4))

/** A copy of `bytes` with the changes. */
export const mutate = (bytes: Uint8Array, edits: typeof Edits.Type): Buffer => {
  const values = [...bytes]
  for (const { at, byte, kind } of edits) {
    const index = at % (values.length + 1)
    if (kind === "insert") values.splice(index, 0, byte)
    else if (kind === "remove") values.splice(index, 1)
    else if (index < values.length)
      values[index] = kind === "set" ? byte : (values[index] as number) ^ (1 << (byte & 7))
  }
  return Buffer.from(values)
}
