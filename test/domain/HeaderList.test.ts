/**
 * Field names and values: which are legal as text and as bytes, and how fields are found by name.
 */
import { describe, expect, it } from "vitest"
import { grouped, isName, isNameIn, isValue, isValueIn } from "../../src/domain/HeaderList.ts"

const characters = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))

/** Every character alone, at the start, inside and at the end of a text; and no text. */
const texts = [
  "",
  ...characters.flatMap((character) => [
    character,
    `${character}a`,
    `a${character}a`,
    `a${character}`,
  ]),
]

/** A text as bytes between others, of which it has to be independent. */
const within = (text: string, around: string): readonly [Buffer, number, number] => [
  Buffer.from(around + text + around, "latin1"),
  around.length,
  around.length + text.length,
]

describe("a field in bytes", () => {
  it.each(["", "a", " ", "\r\n"])("is legal exactly when its text is, between %j", (around) => {
    for (const text of texts) {
      expect(isNameIn(...within(text, around)), JSON.stringify(text)).toBe(isName(text))
      expect(isValueIn(...within(text, around)), JSON.stringify(text)).toBe(isValue(text))
    }
  })
})

describe("fields by their names", () => {
  it("have all values in their order, whatever a name is called", () => {
    const fields = grouped([
      ["Accept", "a"],
      ["constructor", "b"],
      ["ACCEPT", "c"],
      ["__proto__", "d"],
    ])
    expect(Object.entries(fields)).toStrictEqual([
      ["accept", ["a", "c"]],
      ["constructor", ["b"]],
      ["__proto__", ["d"]],
    ])
  })
})
