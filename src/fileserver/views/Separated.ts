/**
 * Tables as text: comma-separated values (RFC 4180), also with other
 * separators, and JSON lines.
 */
import * as JsonMembers from "./JsonMembers.ts"

/** The rows of a table; the first are the names of the columns. */
export interface Table {
  readonly columns: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
  /** Whether there are more rows or columns than are given. */
  readonly isCutShort: boolean
}

/** The most rows and columns that are shown. */
const maxRows = 2_000
const maxColumns = 100

const separators = [",", ";", "\t", "|"] as const

/** In so many lines the separator is looked for: the first one may be a title. */
const examinedLines = 10

/** The separator that one of the first lines has most often, outside quotes. */
const separatorOf = (text: string): string => {
  const lines = text
    .slice(0, 64 * 1024)
    .replaceAll(/"[^"]*"/g, "")
    .split(/\r\n|\r|\n/, examinedLines)
  const count = (separator: string): number =>
    Math.max(...lines.map((line) => line.split(separator).length))
  return separators.reduce<string>((best, each) => (count(each) > count(best) ? each : best), ",")
}

/** The columns, which are as many as the longest row has: the first one may have fewer. */
const tableOf = (
  [head = [], ...rest]: ReadonlyArray<ReadonlyArray<string>>,
  isCutShort: boolean,
): Table => {
  const rows = rest.slice(0, maxRows)
  const width = rows.reduce((most, cells) => Math.max(most, cells.length), head.length)
  const columns = Array.from({ length: Math.min(width, maxColumns) }, (_, i) => head[i] ?? "")
  return {
    columns,
    rows: rows.map((cells) => cells.slice(0, maxColumns)),
    isCutShort: isCutShort || width > maxColumns || rest.length > maxRows,
  }
}

/** Parses separated values. A field in quotes may contain separators and line ends. */
export const parse = (text: string): Table => {
  const separator = separatorOf(text)
  const rows: Array<Array<string>> = []
  let row: Array<string> = []
  let at = 0
  const endRow = (): void => {
    if (row.length > 1 || row[0] !== "") rows.push(row)
    row = []
  }
  while (at < text.length && rows.length <= maxRows) {
    if (text.charAt(at) === '"') {
      let end = at + 1
      while (end < text.length) {
        end = text.indexOf('"', end)
        if (end < 0) end = text.length
        else if (text.charAt(end + 1) === '"') end += 2
        else break
      }
      // What follows the closing quote is shown behind it.
      const rest = fieldEnd(text, end + 1, separator)
      row.push(text.slice(at + 1, end).replaceAll('""', '"') + text.slice(end + 1, rest))
      at = rest
    } else {
      const end = fieldEnd(text, at, separator)
      row.push(text.slice(at, end))
      at = end
    }
    if (text.charAt(at) === separator) {
      at++
      if (at === text.length) row.push("")
      continue
    }
    if (text.charAt(at) === "\r") at++
    if (text.charAt(at) === "\n") at++
    endRow()
  }
  if (row.length > 0) endRow()
  return tableOf(rows, at < text.length)
}

/** Where a field without quotes ends. */
const fieldEnd = (text: string, from: number, separator: string): number => {
  let end = from
  while (end < text.length && !["\r", "\n", separator].includes(text.charAt(end))) end++
  return end
}

/** Parses JSON lines; `undefined` if a line is not a JSON object, or is nested too deeply to be shown. */
export const parseJsonLines = (text: string): Table | undefined => {
  const lines = text.split("\n").filter((line) => line.trim() !== "")
  const objects: Array<ReadonlyMap<string, string>> = []
  const columns = new Set<string>()
  try {
    for (const line of lines.slice(0, maxRows)) {
      const value: unknown = JSON.parse(line)
      if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined
      const members = JsonMembers.read(line)
      if (members === undefined) return undefined
      objects.push(members)
      for (const key of Object.keys(value)) columns.add(key)
    }
    if (objects.length === 0) return undefined
    const names = [...columns].slice(0, maxColumns)
    return {
      columns: names,
      rows: objects.map((members) => names.map((name) => members.get(name) ?? "")),
      isCutShort: lines.length > maxRows || columns.size > maxColumns,
    }
  } catch {
    return undefined
  }
}
