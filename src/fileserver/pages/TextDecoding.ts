/**
 * Finds out in which character encoding a text file is: by its byte order
 * mark, as UTF-8 or UTF-16, as the file itself declares, or as windows-1252,
 * the default of the Encoding Standard (WHATWG).
 */

/** How many bytes at the beginning are examined for a declaration and for zeros. */
const examined = 1024

const byteOrderMarks: ReadonlyArray<readonly [ReadonlyArray<number>, string]> = [
  [[0xef, 0xbb, 0xbf], "utf-8"],
  [[0xff, 0xfe], "utf-16le"],
  [[0xfe, 0xff], "utf-16be"],
]

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

/** Control characters that texts do not contain (MIME Sniffing Standard, binary data bytes). */
const binary = /[\0-\x08\x0b\x0e-\x1a\x1c-\x1f]/

/** The text of a file; `undefined` if it is none. */
export const decode = (bytes: Uint8Array): string | undefined => {
  const mark = byteOrderMarks.find(([mark]) => mark.every((byte, i) => bytes[i] === byte))
  if (mark !== undefined) return new TextDecoder(mark[1]).decode(bytes)
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
    new TextDecoder("windows-1252").decode(bytes)
  return binary.test(text) ? undefined : text
}
