/**
 * Masks the values of names that look like secrets in forms, in both encodings
 * of HTML, and in CSV.
 */
import { decodedName, isSecretName } from "../../domain/SecretNames.ts"
import { announcesSecret, isNamed, mask, type Redact, Redaction } from "./Redaction.ts"

const urlEncodedPair = /(?<=^|&)([^&=]*)=([^&]*)/g

/** `application/x-www-form-urlencoded`. */
export const redactUrlEncoded = (text: string, redact: Redact): string => {
  const pairs = [...text.matchAll(urlEncodedPair)].map(([whole, name = "", value = ""]) => ({
    whole,
    // `name[]` and `value[]` come in turn.
    name: decodedName(name).replace(/\[\w*\]$/, ""),
    value,
  }))
  const hasSecretName = pairs.some(({ name, value }) => announcesSecret(name, decodedName(value)))
  return text.replace(urlEncodedPair, (pair, raw: string, value: string) => {
    const name = decodedName(raw)
    if (isSecretName(name) || (hasSecretName && isNamed(name.replace(/\[\w*\]$/, ""))))
      return `${raw}=${mask}`
    const decoded = decodedName(value)
    const redacted = redact(decoded)
    return redacted === decoded ? pair : `${raw}=${encodeURIComponent(redacted)}`
  })
}

/** The value of a parameter of a field, such as `name` or `boundary`. */
export const parameter = (field: string, name: string): string | undefined => {
  const match = new RegExp(
    `;\\s*${name}(\\*?)\\s*=\\s*(?:"((?:\\\\.|[^"\\\\])*)"|([^;\\s]+))`,
    "i",
  ).exec(field)
  if (match === null) return undefined
  const [, extended, quoted, token] = match
  const value = quoted?.replace(/\\(.)/g, "$1") ?? token ?? ""
  return extended === "*" ? decodedName(value.replace(/^[^']*'[^']*'/, "")) : value
}

/** The fields of a part, in one line each. */
const fieldOf = (head: string, name: string): string | undefined =>
  head
    .replace(/\r?\n[ \t]+/g, " ")
    .split(/\r?\n/)
    .find((line) => line.toLowerCase().startsWith(`${name}:`))
    ?.slice(name.length + 1)

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")

/**
 * `multipart/form-data` and the like (RFC 7578).
 *
 * @param redact for the content of a part, with the part's type
 */
export const redactMultipart = (
  text: string,
  type: string,
  redact: (text: string, type: string) => string,
): string => {
  const boundary = parameter(type, "boundary") ?? /^\s*--(\S+)/.exec(text)?.[1]
  if (boundary === undefined) return redact(text, "text/plain")
  const redaction = new Redaction(text)
  const delimiter = new RegExp(
    `(?:^|\\r?\\n)--${escaped(boundary)}(?:--)?[ \\t]*(?:\\r?\\n|$)`,
    "g",
  )
  let at = 0
  const redactPart = (end: number): void => {
    const part = text.slice(at, end)
    const gap = /^\r?\n|\r?\n\r?\n/.exec(part)
    const head = gap === null ? part : part.slice(0, gap.index)
    const start = gap === null ? end : at + gap.index + gap[0].length
    const name = parameter(fieldOf(head, "content-disposition") ?? "", "name")
    const partType = fieldOf(head, "content-type")?.trim() ?? "text/plain"
    const content = text.slice(start, end)
    redaction.replace(
      start,
      end,
      name !== undefined && isSecretName(decodedName(name)) && content !== ""
        ? mask
        : redact(content, partType),
    )
  }
  for (const match of text.matchAll(delimiter)) {
    if (at > 0) redactPart(match.index)
    else redaction.replace(0, match.index, redact(text.slice(0, match.index), "text/plain"))
    // The line feed before the next delimiter may be the one after this.
    at = match.index + match[0].length
  }
  if (at === 0) return redact(text, "text/plain")
  redactPart(text.length)
  return redaction.apply()
}

const cell = /"(?:[^"]|"")*(?:"|$)|[^,;\t"]*/y

/** The cells of a row, each with its separator's place. */
const cellsOf = (row: string): ReadonlyArray<readonly [start: number, end: number]> => {
  const cells: Array<readonly [number, number]> = []
  for (let at = 0; at <= row.length; at++) {
    cell.lastIndex = at
    const length = cell.exec(row)?.[0].length ?? 0
    const rest = /[,;\t]/.exec(row.slice(at + length))
    const end = rest === null ? row.length : at + length + rest.index
    cells.push([at, end])
    at = end
  }
  return cells
}

/** A row of names, at least two of them. */
const isHeadOfCsv =
  /^[ \t]*"?[\p{L}_][\p{L}\w .-]{0,40}"?(?:[ \t]*[,;\t][ \t]*"?[\p{L}_][\p{L}\w .-]{0,40}"?)+\r?$/u

/** Whether a text is comma-separated values with the names of secrets, whatever its type says. */
export const isCsvWithSecrets = (text: string): boolean => {
  const end = text.indexOf("\n")
  const head = text.slice(0, Math.min(end, 1_000))
  return end > 0 && isHeadOfCsv.test(head) && secretColumnsOf(head).size > 0
}

const secretColumnsOf = (head: string): ReadonlySet<number> =>
  new Set(
    cellsOf(head).flatMap(([start, end], i) =>
      isSecretName(head.slice(start, end).replaceAll('"', "").trim()) ? [i] : [],
    ),
  )

/** Comma-separated values (RFC 4180) whose first row names the columns. */
export const redactCsv = (text: string, redact: Redact): string => {
  const [head = "", ...rows] = text.split("\n")
  const secretColumns = secretColumnsOf(head)
  if (secretColumns.size === 0) return redact(text)
  const redactRow = (row: string): string => {
    const redaction = new Redaction(row)
    for (const [i, [start, end]] of cellsOf(row).entries())
      if (secretColumns.has(i)) redaction.replace(start, end, mask)
    return redaction.apply()
  }
  return [head, ...rows.map(redactRow)].join("\n")
}
