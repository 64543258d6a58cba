/**
 * Source code as HTML in which classes tell keywords, strings and the like
 * apart. All text of the code is escaped.
 */
import highlighter from "highlight.js/lib/common"

/** The longest code whose parts are told apart, in characters; what is longer is only escaped. */
const longest = 256 * 1024

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" }

const escapeText = (text: string): string =>
  text.replace(/[&<>]/g, (character) => escapes[character] as string)

/**
 * Highlights code.
 *
 * @param language a name or a file name's ending, such as `ts`; what is not known is only escaped
 */
export const toHtml = (text: string, language: string): string => {
  if (text.length > longest || highlighter.getLanguage(language) === undefined) {
    return escapeText(text)
  }
  return highlighter.highlight(text, { language, ignoreIllegals: true }).value
}
