/**
 * Syntax highlighting: source code as HTML with classes for keywords, strings
 * and so on. All text is escaped.
 */
import highlighter from "highlight.js/lib/common"

/** The longest code that is highlighted, in characters; longer code is only escaped. */
const maxLength = 256 * 1024

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" }

const escapeText = (text: string): string =>
  text.replace(/[&<>]/g, (character) => escapes[character] as string)

/**
 * Highlights code.
 *
 * @param language a name or a file name extension, such as `ts`; code of an unknown language is only escaped
 */
export const toHtml = (text: string, language: string): string => {
  if (text.length > maxLength || highlighter.getLanguage(language) === undefined) {
    return escapeText(text)
  }
  return highlighter.highlight(text, { language, ignoreIllegals: true }).value
}
