/**
 * A tripcode as words, so that two people can compare it by reading it aloud.
 */
import { wordlist } from "@scure/bip39/wordlists/english.js"
import type { Tripcode } from "./Tripcode.ts"

const wordCount = 6
const bitsPerWord = 11

/**
 * Six words of the 2,048-word BIP-39 list: the first 66 bits of the tripcode,
 * most significant bit first.
 */
export const toWords = (tripcode: Tripcode): string => {
  const bits = [...Buffer.from(tripcode, "base64").subarray(0, 9)]
    .map((byte) => byte.toString(2).padStart(8, "0"))
    .join("")
  return Array.from({ length: wordCount }, (_, i) => {
    const start = i * bitsPerWord
    return wordlist[Number.parseInt(bits.slice(start, start + bitsPerWord), 2)] ?? ""
  }).join(" ")
}
