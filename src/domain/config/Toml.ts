/**
 * TOML with positions: smol-toml parses the values, and a scanner of our own
 * records the line of each key, so that errors can name it. Frames never show
 * a value that may be a secret.
 */
import * as Result from "effect/Result"
import { parse as parseToml, TomlError } from "smol-toml"
import type { ConfigError } from "./ConfigError.ts"
import { single } from "./ConfigError.ts"

/** A position in a text; both numbers count from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** The path from the top of a document to a value: keys, and indices of arrays. */
export type Path = ReadonlyArray<string | number>

/** A parsed document and the positions of its keys. */
export interface Document {
  readonly table: { readonly [key: string]: unknown }
  /** The position of the key at `path`, or of the nearest parent that has one. */
  readonly position: (path: Path) => Position | undefined
}

/** How a text is parsed. */
export interface ParseOptions {
  /** How errors name the file. */
  readonly file: string
  /** Keys whose values may be shown in a frame. */
  readonly printable?: ReadonlySet<string> | undefined
}

const idOf = (path: Path): string => JSON.stringify(path)

/**
 * Records the position of every key of a valid TOML text. The position of a
 * table is that of its first header or key. One long function, since all steps
 * of the scanner advance the same position.
 */
const scan = (text: string): ReadonlyMap<string, Position> => {
  const positions = new Map<string, Position>()
  const lengths = new Map<string, number>()
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0
  let line = 1
  let lineStart = at

  const step = (): void => {
    if (text[at] === "\n") {
      line++
      lineStart = at + 1
    }
    at++
  }
  const here = (): Position => ({ line, column: at - lineStart + 1 })
  const note = (path: Path, position: Position): void => {
    const id = idOf(path)
    if (!positions.has(id)) positions.set(id, position)
  }
  const skipBlank = (): void => {
    while (text[at] === " " || text[at] === "\t") at++
  }
  const skipVoid = (): void => {
    while (at < text.length) {
      const char = text[at] as string
      if (char === "#") while (at < text.length && text[at] !== "\n") at++
      else if (/\s/.test(char)) step()
      else return
    }
  }
  const readQuoted = (): string => {
    const quote = text[at] as string
    const long = text.startsWith(quote.repeat(3), at)
    const end = long ? quote.repeat(3) : quote
    const start = at
    at += end.length
    while (at < text.length && !text.startsWith(end, at)) {
      if (quote === '"' && text[at] === "\\") step()
      step()
    }
    at += end.length
    // Up to two quotes may stand before the closing three.
    if (long) while (text[at] === quote) at++
    const raw = text.slice(start + end.length, at - end.length)
    if (quote === "'") return raw
    try {
      return JSON.parse(`"${raw}"`) as string
    } catch {
      return raw
    }
  }
  const readKey = (): Array<string> => {
    const keys: Array<string> = []
    for (;;) {
      skipBlank()
      if (text[at] === '"' || text[at] === "'") keys.push(readQuoted())
      else {
        const start = at
        while (/[A-Za-z0-9_-]/.test(text[at] ?? "")) at++
        keys.push(text.slice(start, at))
      }
      skipBlank()
      if (text[at] !== ".") return keys
      at++
    }
  }
  const readPair = (table: Path): void => {
    const position = here()
    const keys = readKey()
    for (let i = 1; i <= keys.length; i++) note([...table, ...keys.slice(0, i)], position)
    if (text[at] === "=") at++
    readValue([...table, ...keys])
  }
  const readValue = (path: Path): void => {
    skipBlank()
    const char = text[at]
    if (char === '"' || char === "'") {
      readQuoted()
      return
    }
    if (char !== "{" && char !== "[") {
      while (at < text.length && !/[,\]}#\n]/.test(text[at] as string)) at++
      return
    }
    const end = char === "{" ? "}" : "]"
    at++
    for (let i = 0; ; i++) {
      skipVoid()
      if (at >= text.length) return
      if (text[at] === end) {
        at++
        return
      }
      const before = at
      if (char === "{") readPair(path)
      else {
        note([...path, i], here())
        readValue([...path, i])
      }
      skipVoid()
      if (text[at] === ",") at++
      // Always advance, so that an invalid text cannot cause an endless loop.
      else if (at === before) at++
    }
  }
  const resolve = (keys: ReadonlyArray<string>, appends: boolean): Path => {
    const path: Array<string | number> = []
    keys.forEach((key, i) => {
      path.push(key)
      const id = idOf(path)
      const length = lengths.get(id)
      if (appends && i === keys.length - 1) {
        lengths.set(id, (length ?? 0) + 1)
        path.push(length ?? 0)
      } else if (length !== undefined) path.push(length - 1)
    })
    return path
  }

  let table: Path = []
  for (;;) {
    skipVoid()
    if (at >= text.length) return positions
    if (text[at] === "[") {
      const position = here()
      const appends = text[at + 1] === "["
      at += appends ? 2 : 1
      table = resolve(readKey(), appends)
      for (let i = 1; i <= table.length; i++) note(table.slice(0, i), position)
      at += appends ? 2 : 1
    } else {
      const before = at
      readPair(table)
      if (at === before) at++
    }
  }
}

const header = /^\s*\[/
const pair = /^(\s*([A-Za-z0-9_-]+)\s*=\s*)/

/**
 * The line with a caret under the column. The value on the line is left out
 * unless its key is `printable`; a line that may be inside a multi-line string
 * is not shown at all.
 */
const frameOf = (
  lines: ReadonlyArray<string>,
  { line, column }: Position,
  printable: ReadonlySet<string>,
): string | undefined => {
  const text = lines[line - 1] ?? ""
  const before = lines.slice(0, line - 1).join("\n")
  if (/"""|'''/.test(before)) return undefined
  const match = pair.exec(text)
  const whole =
    header.test(text) ||
    (match !== null && printable.has(match[2] as string) && !text.includes("#"))
  if (!whole && match === null) return undefined
  const visible = whole ? text : `${match?.[1] ?? ""}…`
  const caret = Math.min(column, visible.length + 1)
  const number = String(line)
  return `${number} | ${visible}\n${" ".repeat(number.length)} | ${" ".repeat(caret - 1)}^`
}

interface Diagnosis {
  readonly detail: string
  readonly remedy?: string | undefined
}

const diagnose = (message: string, text: string): Diagnosis => {
  const opened = /^\s*\[\[\s*([A-Za-z0-9_.-]+)\s*\](?!\])/.exec(text)
  if (opened !== null) {
    return {
      detail: `the header [[${opened[1]}] lacks its second closing bracket`,
      remedy: `Write [[${opened[1]}]].`,
    }
  }
  const closed = /^\s*\[\s*([A-Za-z0-9_.-]+)\s*\]\]/.exec(text)
  if (closed !== null) {
    return {
      detail: `the header [${closed[1]}]] lacks its second opening bracket`,
      remedy: `Write [[${closed[1]}]].`,
    }
  }
  const key = pair.exec(text)?.[2]
  const named = key === undefined ? "" : `\`${key}\`: `
  if (message.includes("redefine")) {
    return {
      detail:
        key === undefined
          ? "this table is given a second time"
          : `\`${key}\` is given a second time`,
      remedy: "Keep only one of them.",
    }
  }
  if (/in strings|unfinished string/.test(message)) {
    return {
      detail: `${named}a text is not closed on its line`,
      remedy: "Put a double quote on both sides of it.",
    }
  }
  const value = key === undefined ? "" : text.slice(text.indexOf("=") + 1).trim()
  if (value !== "" && !/^["'[{]/.test(value) && !/^(true|false|[-+]?\d[\d_]*)$/.test(value)) {
    return { detail: `${named}${message}`, remedy: "Put text in double quotes." }
  }
  return { detail: `${named}${message}` }
}

/** A byte that was not UTF-8, as readers of files show it. */
const undecoded = "\ufffd"

/** The error for a text in another encoding than UTF-8, which TOML requires; `undefined` if it is none. */
const wrongEncoding = (text: string, file: string): ConfigError | undefined => {
  if (!text.includes(undecoded)) return undefined
  const remedy = "Save the file as UTF-8."
  if (text.startsWith(undecoded) && text.includes("\0"))
    return single({ code: "PTTH_CONFIG_SYNTAX", where: file, detail: "it is UTF-16", remedy })
  const line = text.slice(0, text.indexOf(undecoded)).split("\n").length
  const detail = "there is a character that is not UTF-8"
  return single({ code: "PTTH_CONFIG_SYNTAX", where: `${file}:${line}`, detail, remedy })
}

/** Parses a document. A syntax error names line and column, and the usual remedy where there is one. */
export const parse = (
  text: string,
  options: ParseOptions,
): Result.Result<Document, ConfigError> => {
  const encoding = wrongEncoding(text, options.file)
  if (encoding !== undefined) return Result.fail(encoding)
  try {
    const table = parseToml(text) as Document["table"]
    let positions: ReadonlyMap<string, Position> | undefined
    return Result.succeed({
      table,
      position: (path) => {
        positions ??= scan(text)
        for (let length = path.length; length > 0; length--) {
          const found = positions.get(idOf(path.slice(0, length)))
          if (found !== undefined) return found
        }
        return undefined
      },
    })
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const lines = text.split(/\r?\n/)
    const position = { line: error.line, column: error.column }
    const message = (error.message.split("\n")[0] ?? "").replace(/^Invalid TOML document: /, "")
    return Result.fail(
      single({
        code: "PTTH_CONFIG_SYNTAX",
        where: `${options.file}:${position.line}:${position.column}`,
        ...diagnose(message, lines[position.line - 1] ?? ""),
        frame: frameOf(lines, position, options.printable ?? new Set()),
      }),
    )
  }
}
