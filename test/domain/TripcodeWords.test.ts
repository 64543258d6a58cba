import { assert, it } from "@effect/vitest"
import { wordlist } from "@scure/bip39/wordlists/english.js"
import type { Tripcode } from "../../src/domain/Tripcode.ts"
import * as TripcodeWords from "../../src/domain/TripcodeWords.ts"

const ofBytes = (bytes: ReadonlyArray<number>): Tripcode =>
  Buffer.from([...bytes, ...Array<number>(32 - bytes.length).fill(0)]).toString(
    "base64",
  ) as Tripcode

it("the words of a tripcode are six, and say its first 66 bits", () => {
  assert.strictEqual(TripcodeWords.toWords(ofBytes([])), Array(6).fill(wordlist[0]).join(" "))
  // 11 bits each: 1, 2, 3, 4, 5, 6.
  const bits = [1, 2, 3, 4, 5, 6].map((one) => one.toString(2).padStart(11, "0")).join("")
  const bytes = Array.from({ length: 9 }, (_, i) =>
    Number.parseInt(bits.slice(8 * i, 8 * i + 8).padEnd(8, "1"), 2),
  )
  assert.strictEqual(
    TripcodeWords.toWords(ofBytes(bytes)),
    [1, 2, 3, 4, 5, 6].map((one) => wordlist[one]).join(" "),
  )
})
