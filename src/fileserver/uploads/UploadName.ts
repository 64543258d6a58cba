/**
 * Which names an upload may give to a file. Unusual names are taken, but none
 * that is a path on some system, that cannot be seen as it is, or that drives
 * the terminal of whoever lists the folder.
 */
import { type ByteName, isText, toText } from "../names/ByteName.ts"

const pathCharacters = /[/\\\0]/
const drive = /^[A-Za-z]:/
/** Control characters, line ends, signs that change the direction of text, and spaces without width. */
const invisible =
  /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\u00ad\u180e\u200b\u2060-\u2064\ufeff\ufff9-\ufffb]/u
/** At least one character that is neither white space nor only a format of others. */
const visible = /[^\s\p{Z}\p{C}\p{M}\u115f\u1160\u2800\u3164\uffa0]/u

/** Why a file may not be uploaded under a name, as the end of a sentence; `undefined` if it may. */
export const problemOf = (name: ByteName): string | undefined => {
  const text = toText(name)
  if (name === "") return "the name is empty"
  if (pathCharacters.test(name)) return "a name must not contain slashes or backslashes"
  if (drive.test(name)) return "a name must not begin with a drive letter"
  if (invisible.test(text)) return "a name must not contain control or invisible characters"
  if (isText(name) && !visible.test(text)) return "a name must contain a visible character"
  return undefined
}

/** The name in a form without the folders of the sender's machine, which some browsers of Windows send (RFC 7578 4.2). */
export const withoutFolders = (name: ByteName): ByteName => name.slice(name.lastIndexOf("\\") + 1)
