/**
 * Finds the character encoding of a text file. In this order it tries the byte
 * order mark, UTF-8 and UTF-16, the file's own declaration, and a guess by its
 * characters. The default is windows-1252, as in the Encoding Standard (WHATWG).
 */
import * as GuessedEncoding from "./GuessedEncoding.ts"

/** How many bytes at the beginning are examined for a declaration and for zeros. */
export const examined = 1024

const byteOrderMarks: ReadonlyArray<readonly [ReadonlyArray<number>, string]> = [
  [[0xef, 0xbb, 0xbf], "utf-8"],
  [[0xff, 0xfe], "utf-16le"],
  [[0xfe, 0xff], "utf-16be"],
]

/** The encoding of a byte order mark, if there is one. */
const markOf = (start: Uint8Array): string | undefined =>
  byteOrderMarks.find(([mark]) => mark.every((byte, i) => start[i] === byte))?.[1]

/** The text in an encoding; `undefined` if it is invalid or the encoding unknown. */
const decodeAs = (label: string, bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder(label, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** UTF-16 without a mark: of Latin letters and of line ends every other byte is zero. */
const utf16Of = (bytes: Uint8Array): string | undefined => {
  const start = bytes.subarray(0, examined)
  let even = 0
  let odd = 0
  for (const [i, byte] of start.entries()) if (byte === 0) i % 2 === 0 ? even++ : odd++
  if (even === 0 && odd > start.length / 16) return "utf-16le"
  if (odd === 0 && even > start.length / 16) return "utf-16be"
  return undefined
}

/** The encoding that a file declares in HTML, XML, CSS or for an editor. */
const declaredIn = (bytes: Uint8Array): string | undefined =>
  /(?:charset|coding|encoding)\s*[:=]?\s*["']?([a-z][\w.:-]+)/i.exec(
    Buffer.from(bytes.subarray(0, examined)).toString("latin1"),
  )?.[1]

/** The encoding of a text that declares none, or a wrong one, and is not UTF-8. */
const guessOf = (bytes: Uint8Array): string => GuessedEncoding.guess(bytes) ?? "windows-1252"

/** Control characters that texts do not contain (MIME Sniffing Standard, binary data bytes). */
const binary = /[\0-\x08\x0b\x0e-\x1a\x1c-\x1f]/

/** The text of a file; `undefined` if the file is not text. */
export const decode = (bytes: Uint8Array): string | undefined => {
  const mark = markOf(bytes)
  if (mark !== undefined) return new TextDecoder(mark).decode(bytes)
  if (bytes.includes(0)) {
    const label = utf16Of(bytes)
    const text = label === undefined ? undefined : decodeAs(label, bytes)
    return text === undefined || binary.test(text) ? undefined : text
  }
  const utf8 = decodeAs("utf-8", bytes)
  if (utf8 !== undefined) return utf8
  const declared = declaredIn(bytes)
  const text =
    (declared === undefined ? undefined : decodeAs(declared, bytes)) ??
    new TextDecoder(guessOf(bytes)).decode(bytes)
  return binary.test(text) ? undefined : text
}

/** The encoding of a text that begins with these bytes; `undefined` if they are not text. */
const encodingOf = (start: Uint8Array): string | undefined => {
  const mark = markOf(start)
  if (mark !== undefined) return mark
  if (start.includes(0)) return utf16Of(start)
  return declaredIn(start) ?? "utf-8"
}

/**
 * A part of a long text. It is UTF-8 where it is valid, whatever the beginning
 * of the file looks like; what cannot be decoded becomes U+FFFD.
 *
 * @param start the first bytes of the file
 */
export const decodePart = (start: Uint8Array, part: Uint8Array): string | undefined => {
  const encoding = encodingOf(start)
  if (encoding === undefined) return undefined
  const utf8 = part.includes(0) ? undefined : decodeAs("utf-8", part)
  const text =
    utf8 ??
    decodeAs(encoding, part) ??
    (encoding.startsWith("utf-16")
      ? new TextDecoder(encoding).decode(part)
      : new TextDecoder(guessOf(part)).decode(part))
  return binary.test(text) ? undefined : text
}

/** Whether bytes can be the beginning of a text in an encoding, which may end within a character. */
const canBegin = (label: string, first: Uint8Array): boolean => {
  try {
    new TextDecoder(label, { fatal: true }).decode(first, { stream: true })
    return true
  } catch {
    return false
  }
}

/**
 * A decoder for a text that is read piece by piece; `undefined` if it is not text.
 *
 * @param first the first piece
 */
export const decoderOf = (first: Uint8Array): TextDecoder | undefined => {
  const mark = markOf(first)
  if (mark !== undefined) return new TextDecoder(mark)
  const label = first.includes(0)
    ? utf16Of(first)
    : (["utf-8", declaredIn(first) ?? ""].find((each) => canBegin(each, first)) ?? guessOf(first))
  return label === undefined ? undefined : new TextDecoder(label)
}
