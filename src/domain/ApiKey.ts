/**
 * The secret that authenticates a server or a scraper. It is redacted wherever
 * it could be printed, and compared only by its tripcode.
 */
import { timingSafeEqual } from "node:crypto"
import { blake3 } from "@noble/hashes/blake3.js"
import { wordlist } from "@scure/bip39/wordlists/english.js"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { Tripcode } from "./Tripcode.ts"

/** The request field in which a key is sent, in lower case (protocol.md, Classic 1). */
export const apiKeyField = "x-apikey"

/** An API key that prints as `<redacted:ApiKey>`. */
export type ApiKey = Redacted.Redacted<string>

/** Wraps the text of a key. */
export const make = (text: string): ApiKey => Redacted.make(text, { label: "ApiKey" })

/**
 * The key in a text, without white space and line ends around it, as editors
 * and files of secrets leave them; or why it is none, as the rest of a sentence
 * about it. A key is sent as the value of a header field (RFC 9110 5.5).
 */
export const parse = (input: string): Result.Result<ApiKey, string> => {
  const text = input.trim()
  const fault = faultOf(text)
  return fault === undefined ? Result.succeed(make(text)) : Result.fail(fault)
}

const faultOf = (text: string): string | undefined => {
  if (text === "") return "is empty"
  if (/^(["'`]).*\1$/s.test(text)) return "is in quotes, which are not part of a key"
  if (/[\r\n]/.test(text)) return "has a line break in it"
  if (/\s/.test(text)) return "has a space in it"
  return /^[\x21-\x7e]+$/.test(text)
    ? undefined
    : "has a character that is not visible or not ASCII, as typographic quotes and dashes are"
}

const hash = (text: string): Uint8Array => blake3(new TextEncoder().encode(text))

/** The tripcode of a key: base64 of the BLAKE3 hash of its UTF-8 bytes (protocol.md, Classic 1). */
export const tripcode = (key: ApiKey): Tripcode => tripcodeOfText(Redacted.value(key))

/** The tripcode of a key that arrived as text, such as a header's value. */
export const tripcodeOfText = (text: string): Tripcode =>
  Buffer.from(hash(text)).toString("base64") as Tripcode

/**
 * Whether two tripcodes are equal, in constant time. Both are hashes, so
 * their lengths are public.
 */
export const sameTripcode = (left: Tripcode, right: Tripcode): boolean => {
  const leftBytes = Buffer.from(left, "latin1")
  const rightBytes = Buffer.from(right, "latin1")
  return leftBytes.length === rightBytes.length && timingSafeEqual(leftBytes, rightBytes)
}

const wordCount = 7

/**
 * A new diceware-style passphrase: seven words of the 2,048-word BIP-39 list,
 * 77 bits, capitalised and joined.
 *
 * @param pick returns a uniformly random integer below its argument
 */
export const generate = (pick: (below: number) => number): ApiKey => {
  const chosen = Array.from({ length: wordCount }, () => wordlist[pick(wordlist.length)] ?? "")
  return make(chosen.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(""))
}

/** Whether a key has the form of {@link generate}, with all words different. */
export const hasGeneratedForm = (key: ApiKey): boolean => {
  const words = Redacted.value(key).match(/[A-Z][a-z]+/g) ?? []
  return (
    words.join("") === Redacted.value(key) &&
    new Set(words).size === wordCount &&
    words.length === wordCount &&
    words.every((word) => wordlist.includes(word.toLowerCase()))
  )
}
