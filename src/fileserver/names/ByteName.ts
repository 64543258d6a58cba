/**
 * File names as byte strings: each character is one byte, as in header values.
 * Names on disk need not be UTF-8; as bytes they survive a link unchanged.
 */

/** A file name or path, one character a byte. */
export type ByteName = string

const ascii = /^[\0-\x7f]*$/
const unreserved = /^[A-Za-z0-9._~-]*$/
const controls = /[\0-\x1f\x7f]/g

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

/** The name as text on one line: control characters become control pictures (U+2400). */
export const toDisplay = (name: ByteName): string =>
  toText(name).replace(controls, (character) =>
    character === "\x7f" ? "\u2421" : String.fromCharCode(0x2400 + character.charCodeAt(0)),
  )

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
