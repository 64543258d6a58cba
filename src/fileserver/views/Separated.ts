/**
 * Tables as text: comma-separated values (RFC 4180), also with other
 * separators, and JSON lines.
 */

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

/** The separator that is most frequent in the first line, outside quotes. */
const separatorOf = (text: string): string => {
  const line = (/^[^\r\n]*/.exec(text)?.[0] ?? "").replaceAll(/"[^"]*"/g, "")
  const count = (separator: string): number => line.split(separator).length
  return separators.reduce<string>((best, each) => (count(each) > count(best) ? each : best), ",")
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
      row.push(text.slice(at + 1, end).replaceAll('""', '"'))
      at = end + 1
      // What follows the closing quote belongs to no field.
      while (at < text.length && !["\r", "\n", separator].includes(text.charAt(at))) at++
    } else {
      let end = at
      while (end < text.length && !["\r", "\n", separator].includes(text.charAt(end))) end++
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
  const [columns = [], ...rest] = rows
  return {
    columns: columns.slice(0, maxColumns),
    rows: rest.slice(0, maxRows).map((cells) => cells.slice(0, maxColumns)),
    isCutShort: at < text.length || columns.length > maxColumns || rest.length > maxRows,
  }
}

const cellOf = (value: unknown): string =>
  value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value)

/** Parses JSON lines; `undefined` if a line is not a JSON object, or is nested too deeply to be shown. */
export const parseJsonLines = (text: string): Table | undefined => {
  const lines = text.split("\n").filter((line) => line.trim() !== "")
  const objects: Array<{ readonly [key: string]: unknown }> = []
  const columns = new Set<string>()
  try {
    for (const line of lines.slice(0, maxRows)) {
      const value: unknown = JSON.parse(line)
      if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined
      objects.push(value as { readonly [key: string]: unknown })
      for (const key of Object.keys(value)) columns.add(key)
    }
    if (objects.length === 0) return undefined
    const names = [...columns].slice(0, maxColumns)
    return {
      columns: names,
      rows: objects.map((object) => names.map((name) => cellOf(object[name]))),
      isCutShort: lines.length > maxRows || columns.size > maxColumns,
    }
  } catch {
    return undefined
  }
}
