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
 * table is that of its first header or key.
 */
class PositionScanner {
  private readonly text: string
  private readonly positions = new Map<string, Position>()
  /** How many tables each array of tables has so far, by its path. */
  private readonly lengths = new Map<string, number>()
  private offset: number
  private line = 1
  private lineStart: number

  constructor(text: string) {
    this.text = text
    // Behind the byte order mark, if there is one.
    this.offset = text.charCodeAt(0) === 0xfeff ? 1 : 0
    this.lineStart = this.offset
  }

  /** Scans the text, and gives the positions by the ids of their paths. */
  scan(): ReadonlyMap<string, Position> {
    let table: Path = []
    for (;;) {
      this.skipVoid()
      if (this.isAtEnd) return this.positions
      if (this.char === "[") table = this.readHeader()
      else this.advancing(() => this.readPair(table))
    }
  }

  private get char(): string {
    return this.text[this.offset] ?? ""
  }

  private get isAtEnd(): boolean {
    return this.offset >= this.text.length
  }

  private get position(): Position {
    return { line: this.line, column: this.offset - this.lineStart + 1 }
  }

  private step(): void {
    if (this.char === "\n") {
      this.line++
      this.lineStart = this.offset + 1
    }
    this.offset++
  }

  /** Reads something, and at least one character, so that an invalid text cannot cause an endless loop. */
  private advancing(read: () => void): void {
    const before = this.offset
    read()
    if (this.offset === before) this.offset++
  }

  private skipBlank(): void {
    while (this.char === " " || this.char === "\t") this.offset++
  }

  private skipTo(end: RegExp): void {
    while (!this.isAtEnd && !end.test(this.char)) this.offset++
  }

  /** Skips blanks, line ends and comments. */
  private skipVoid(): void {
    while (!this.isAtEnd) {
      if (this.char === "#") this.skipTo(/\n/)
      else if (/\s/.test(this.char)) this.step()
      else return
    }
  }

  private record(path: Path, position: Position): void {
    const id = idOf(path)
    if (!this.positions.has(id)) this.positions.set(id, position)
  }

  private readHeader(): Path {
    const { position } = this
    const isArray = this.text[this.offset + 1] === "["
    this.offset += isArray ? 2 : 1
    const table = this.resolve(this.readKey(), isArray)
    for (let i = 1; i <= table.length; i++) this.record(table.slice(0, i), position)
    this.offset += isArray ? 2 : 1
    return table
  }

  /** The path to the table of a header: in arrays of tables, keys mean the last table, or a new one. */
  private resolve(keys: ReadonlyArray<string>, isArray: boolean): Path {
    const path: Array<string | number> = []
    keys.forEach((key, i) => {
      path.push(key)
      const id = idOf(path)
      const length = this.lengths.get(id)
      if (isArray && i === keys.length - 1) {
        this.lengths.set(id, (length ?? 0) + 1)
        path.push(length ?? 0)
      } else if (length !== undefined) path.push(length - 1)
    })
    return path
  }

  private readPair(table: Path): void {
    const { position } = this
    const keys = this.readKey()
    for (let i = 1; i <= keys.length; i++) this.record([...table, ...keys.slice(0, i)], position)
    if (this.char === "=") this.offset++
    this.readValue([...table, ...keys])
  }

  /** Reads a key, which may have several parts with dots between them. */
  private readKey(): Array<string> {
    const keys: Array<string> = []
    for (;;) {
      this.skipBlank()
      keys.push(this.char === '"' || this.char === "'" ? this.readQuoted() : this.readBare())
      this.skipBlank()
      if (this.char !== ".") return keys
      this.offset++
    }
  }

  private readBare(): string {
    const start = this.offset
    while (/[A-Za-z0-9_-]/.test(this.char)) this.offset++
    return this.text.slice(start, this.offset)
  }

  private readQuoted(): string {
    const quote = this.char
    const isLong = this.text.startsWith(quote.repeat(3), this.offset)
    const end = isLong ? quote.repeat(3) : quote
    this.offset += end.length
    const start = this.offset
    while (!this.isAtEnd && !this.text.startsWith(end, this.offset)) {
      if (quote === '"' && this.char === "\\") this.step()
      this.step()
    }
    this.offset += end.length
    // Up to two quotes may stand before the closing three.
    if (isLong) while (this.char === quote) this.offset++
    const raw = this.text.slice(start, this.offset - end.length)
    if (quote === "'") return raw
    try {
      return JSON.parse(`"${raw}"`) as string
    } catch {
      return raw
    }
  }

  private readValue(path: Path): void {
    this.skipBlank()
    const { char } = this
    if (char === '"' || char === "'") this.readQuoted()
    else if (char === "{" || char === "[") this.readItems(path, char)
    else this.skipTo(/[,\]}#\n]/)
  }

  /** Reads an array or an inline table. */
  private readItems(path: Path, start: "{" | "["): void {
    const end = start === "{" ? "}" : "]"
    this.offset++
    for (let i = 0; ; i++) {
      this.skipVoid()
      if (this.isAtEnd) return
      if (this.char === end) {
        this.offset++
        return
      }
      this.advancing(() => {
        if (start === "{") this.readPair(path)
        else {
          this.record([...path, i], this.position)
          this.readValue([...path, i])
        }
        this.skipVoid()
        if (this.char === ",") this.offset++
      })
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
        positions ??= new PositionScanner(text).scan()
        for (let length = path.length; length > 0; length--) {
          const position = positions.get(idOf(path.slice(0, length)))
          if (position !== undefined) return position
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
