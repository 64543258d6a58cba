/**
 * What a terminal can show: colours, characters beyond ASCII, and a cursor that
 * moves; and text that fits into it.
 */

type Environment = { readonly [name: string]: string | undefined }

/** What can be shown. */
export interface TerminalStyle {
  readonly hasColors: boolean
  /** Whether characters beyond ASCII are shown. */
  readonly hasUnicode: boolean
  /** Whether lines can be erased and written again. */
  readonly canMove: boolean
}

/** The part of a stream that is looked at. */
export interface TerminalStream {
  readonly isTTY?: boolean
}

/** Whether the locale is one of UTF-8 (POSIX, Base Definitions 8.2); terminals of Windows always are. */
const isUtf8 = (env: Environment, platform: string): boolean =>
  platform === "win32" ||
  /utf-?8/i.test([env.LC_ALL, env.LC_CTYPE, env.LANG].find((value) => value) ?? "")

/** What a stream can show. NO_COLOR is that of https://no-color.org. */
export const styleOf = (
  stream: TerminalStream,
  env: Environment = process.env,
  platform: string = process.platform,
): TerminalStyle => {
  const canMove = stream.isTTY === true && env.TERM !== "dumb"
  return { hasColors: canMove && !env.NO_COLOR, hasUnicode: isUtf8(env, platform), canMove }
}

/** The number of an SGR attribute (ECMA-48 8.3.117). */
export const attributes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const

/** An attribute by its name. */
export type Attribute = keyof typeof attributes

/** Text with an attribute, if there is one, and there are colours. */
export const paint = (
  style: TerminalStyle,
  attribute: Attribute | undefined,
  text: string,
): string =>
  style.hasColors && attribute !== undefined && text !== ""
    ? `\u001b[${attributes[attribute]}m${text}\u001b[0m`
    : text

const sgr = /\u001b\[[0-9;]*m/g

/** How many columns a text takes, without its attributes. */
export const widthOf = (text: string): number => [...text.replace(sgr, "")].length

/** Text without characters that control a terminal or turn the direction of a line; ASCII only, if that is all there is. */
export const printable = (style: TerminalStyle, text: string): string => {
  const clean = text.replaceAll(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, "?")
  return style.hasUnicode ? clean : clean.replaceAll(/[^\x20-\x7e]/gu, "?")
}

/** What stands for what is left out. */
const ellipsisOf = ({ hasUnicode }: TerminalStyle): string => (hasUnicode ? "…" : "...")

/** Text of at most so many columns, without the middle if it is longer. */
export const cutMiddle = (style: TerminalStyle, text: string, width: number): string => {
  const letters = [...text]
  if (letters.length <= width) return text
  const ellipsis = ellipsisOf(style)
  const rest = width - ellipsis.length
  if (rest < 2) return letters.slice(0, Math.max(0, width)).join("")
  const head = Math.ceil(rest / 2)
  return letters.slice(0, head).join("") + ellipsis + letters.slice(head - rest).join("")
}

/** Text of at most so many columns, without the end if it is longer. */
export const cutEnd = (style: TerminalStyle, text: string, width: number): string => {
  const letters = [...text]
  if (letters.length <= width) return text
  const ellipsis = ellipsisOf(style)
  return width <= ellipsis.length
    ? letters.slice(0, Math.max(0, width)).join("")
    : letters.slice(0, width - ellipsis.length).join("") + ellipsis
}
