/**
 * File names as byte strings: each character is one byte, as in header values.
 * Names on disk need not be UTF-8; as bytes they survive a link unchanged.
 */

/** A file name or path, one character a byte. */
export type ByteName = string

const ascii = /^[\0-\x7f]*$/
const unreserved = /^[A-Za-z0-9._~-]*$/
const printableAscii = /^[\x20-\x7e]*$/

/** The byte string of some text. */
export const fromText = (text: string): ByteName =>
  ascii.test(text) ? text : Buffer.from(text, "utf8").toString("latin1")

/** The path for `node:fs`: a string if it is ASCII, otherwise its bytes. */
export const toFsPath = (path: ByteName): string | Buffer =>
  ascii.test(path) ? path : Buffer.from(path, "latin1")

/** The name as text: invalid UTF-8 becomes U+FFFD. */
export const toText = (name: ByteName): string =>
  ascii.test(name) ? name : Buffer.from(name, "latin1").toString("utf8")

/**
 * The name as text in which canonically equivalent names are equal (Unicode NFC): a Mac writes `é`
 * as two characters, other systems as one.
 */
export const toCanonicalText = (name: ByteName): string => toText(name).normalize("NFC")

/** Whether the name is valid UTF-8, so that its text can be turned back into it. */
export const isText = (name: ByteName): boolean => fromText(toText(name)) === name

/**
 * Characters that nobody sees but that change how a name looks, or make two
 * names look alike.
 */
export const deceptive = new RegExp(
  [
    // Control characters, those that turn the writing direction (Unicode UAX #9), line separators.
    String.raw`[\p{Cc}\p{Bidi_Control}\u2028\u2029\ufff9-\ufffb]`,
    // Joiners, except inside words of other scripts and inside emoji.
    String.raw`(?<![^\0-\x7f])[\u200c-\u200d]|[\u200c-\u200d](?![^\0-\x7f])`,
    // Tags, except in the flags of regions.
    String.raw`(?<!\u{1f3f4}[\u{e0020}-\u{e007f}]*)[\u{e0000}-\u{e007f}]`,
    // Whatever else is invisible, except variation selectors.
    String.raw`(?![\u180b-\u180d\u180f\u200c-\u200d\ufe00-\ufe0f\u{e0000}-\u{e007f}\u{e0100}-\u{e01ef}])\p{Default_Ignorable_Code_Point}`,
  ].join("|"),
  "gu",
)

/** What every deceptive character is, for a fast test. */
const suspicious = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u

const visible = (character: string): string => {
  const code = character.codePointAt(0) as number
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  if (code === 0x7f) return "\u2421"
  return `[U+${code.toString(16).toUpperCase().padStart(4, "0")}]`
}

/**
 * The name as text on one line, as it is stored: control characters become
 * control pictures (U+2400), other {@link deceptive} characters their code
 * point, such as `[U+202E]`.
 */
export const toDisplay = (name: ByteName): string => {
  if (printableAscii.test(name)) return name
  const text = toText(name)
  return suspicious.test(text) ? text.replace(deceptive, visible) : text
}

const hex = "0123456789ABCDEF"

/** The name as one segment of a URL: every byte but the unreserved ones is escaped (RFC 3986 2.3). */
export const toUrl = (name: ByteName): string => {
  if (unreserved.test(name)) return name
  let url = ""
  for (let i = 0; i < name.length; i++) {
    const character = name.charAt(i)
    if (unreserved.test(character)) url += character
    else {
      const byte = name.charCodeAt(i)
      url += `%${hex.charAt(byte >> 4)}${hex.charAt(byte & 15)}`
    }
  }
  return url
}
