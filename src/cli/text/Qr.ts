/**
 * QR codes (ISO/IEC 18004) as text: two modules above each other make one
 * character.
 */
import { encode } from "uqr"
import type { TerminalStyle } from "./TerminalStyle.ts"

/** Light modules around the code, which readers need. */
const border = 2

/** Black on white, whatever the colours of the terminal are. */
const blackOnWhite = "\u001b[38;5;16;48;5;231m"
const reset = "\u001b[0m"

/** By whether the upper and the lower module are drawn. */
const halves = [" ", "▄", "▀", "█"] as const

const halfOf = (upper: boolean, lower: boolean): string =>
  halves[(upper ? 2 : 0) + (lower ? 1 : 0)] as string

/** The code of a text, without a line feed at its end. */
export const render = (text: string, { hasColors, hasUnicode }: TerminalStyle): string => {
  const { data, size } = encode(text, { border })
  const isDark = (row: number, column: number): boolean => data[row]?.[column] === true
  // Without colours most terminals are light on dark: there the light modules are drawn.
  const isDrawn = (row: number, column: number): boolean => isDark(row, column) === hasColors
  const columns = Array.from({ length: size }, (_, column) => column)
  const lines: Array<string> = []
  for (let row = 0; row < size; row += hasUnicode ? 2 : 1) {
    const line = hasUnicode
      ? columns.map((column) => halfOf(isDrawn(row, column), isDrawn(row + 1, column))).join("")
      : columns.map((column) => (isDrawn(row, column) ? "##" : "  ")).join("")
    lines.push(hasColors ? `${blackOnWhite}${line}${reset}` : line)
  }
  return lines.join("\n")
}
