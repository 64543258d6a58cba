/**
 * Guesses the encoding of a text that declares none and is not UTF-8. In texts
 * with Latin letters bytes above 127 stand alone; where they stand together it
 * is Cyrillic, or one of the encodings of East Asia. Those are told apart by
 * the characters that each language uses most.
 */

/** How many bytes are examined. */
export const examined = 16 * 1024

/** The fewest bytes above 127 that are enough for a guess. */
const fewest = 6

const isHigh = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x80

/** The share of the bytes above 127 that have another one beside them. */
const togetherness = (bytes: Uint8Array): number => {
  let high = 0
  let together = 0
  for (let i = 0; i < bytes.length; i++) {
    if (!isHigh(bytes[i])) continue
    high++
    if (isHigh(bytes[i - 1]) || isHigh(bytes[i + 1])) together++
  }
  return high < fewest ? 0 : together / high
}

/** The text in an encoding, which may end within a character; `undefined` if it is invalid. */
const decodeAs = (label: string, bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder(label, { fatal: true }).decode(bytes, { stream: true })
  } catch {
    return undefined
  }
}

/** How much of what is not ASCII in a text is of the characters, from 0 to 1. */
const share = (text: string, pattern: RegExp): number => {
  const foreign = text.match(/[^\0-\x7f]/gu)?.length ?? 0
  return foreign === 0 ? 0 : (text.match(pattern)?.length ?? 0) / foreign
}

/** An encoding, and how its texts are recognized. */
interface Candidate {
  readonly label: string
  readonly characters: RegExp
  /** The least share of {@link characters} in what is not ASCII. */
  readonly least: number
}

/** In the order in which they are tried: later ones take nearly anything. */
const eastAsian: ReadonlyArray<Candidate> = [
  { label: "euc-jp", characters: /[\u3041-\u3096\u30a1-\u30fa]/gu, least: 0.2 },
  { label: "shift_jis", characters: /[\u3041-\u3096\u30a1-\u30fa]/gu, least: 0.2 },
  { label: "euc-kr", characters: /[\uac00-\ud7a3]/gu, least: 0.9 },
]

/** The characters that are most frequent in Chinese texts, simplified and traditional. */
const frequentHan =
  /[的一是不了在人有我他这這个個们們中来來上大为為和国國地到以说說时時要就出会會可也你对對生能而子那得于於着著下自之年过過发發后後作里裡]/gu

const cyrillic = /[\u0400-\u045f]/gu
/** Small letters, of which a text has the most: in other encodings they are capitals. */
const smallCyrillic = /[а-яё]/gu

/** The label whose text has the greatest share of the characters. */
const best = (
  labels: ReadonlyArray<string>,
  bytes: Uint8Array,
  characters: RegExp,
  isPossible: (text: string) => boolean,
): string | undefined =>
  labels
    .map((label) => ({ label, text: decodeAs(label, bytes) ?? "" }))
    .filter(({ text }) => isPossible(text))
    .map(({ label, text }) => ({ label, found: share(text, characters) }))
    .sort((a, b) => b.found - a.found)[0]?.label

/** The encoding of a text that begins with these bytes; `undefined` if it is no other than windows-1252. */
export const guess = (start: Uint8Array): string | undefined => {
  const bytes = start.subarray(0, examined)
  if (togetherness(bytes) < 0.75) return undefined
  const found = eastAsian.find(
    ({ characters, label, least }) => share(decodeAs(label, bytes) ?? "", characters) >= least,
  )
  return (
    found?.label ??
    best(
      ["windows-1251", "koi8-r", "ibm866"],
      bytes,
      smallCyrillic,
      (text) => share(text, cyrillic) >= 0.9 && share(text, smallCyrillic) >= 0.6,
    ) ??
    best(["gb18030", "big5"], bytes, frequentHan, (text) => share(text, frequentHan) >= 0.05)
  )
}
