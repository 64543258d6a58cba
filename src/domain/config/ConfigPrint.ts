/**
 * Prints the configuration in force as TOML, with the source of each value as
 * a comment. Secrets are replaced.
 */
import { stringify } from "smol-toml"
import type { Decoded, Rank } from "./ConfigDecode.ts"
import type { ConfigRows } from "./ConfigKey.ts"

/** One key of a configuration. */
export interface PrintedKey {
  readonly key: string
  /** As it would stand in the file; `undefined` if it is not set and has no default. */
  readonly value: unknown
  readonly rank: Rank
  /** The file and line, environment variable or flag. */
  readonly where: string
  readonly secret?: boolean | undefined
}

/** The keys of a decoded configuration, with defaults. */
export const rows = (
  keys: ConfigRows,
  { given, rank, where }: Pick<Decoded<unknown>, "given" | "rank" | "where">,
): ReadonlyArray<PrintedKey> =>
  Object.values(keys).map(({ default: fallback, name: key, secret }) => ({
    key,
    value: given(key) ?? fallback,
    rank: rank(key),
    where: where([key]),
    secret,
  }))

/** Stands for a secret. */
export const redacted = "<redacted>"

/** Names that may be secrets in tables without rows, such as `[dev_mode]`. */
const secretName = /^(?:api_key|auth_password|password|secret)$/

/** A value without secrets; hashes of passwords are replaced wherever they are. */
const redact = (name: string, value: unknown): unknown => {
  if (typeof value === "string")
    return secretName.test(name) || value.startsWith("$scrypt$") ? redacted : value
  if (Array.isArray(value)) return value.map((one) => redact(name, one))
  if (typeof value !== "object" || value === null || value instanceof Date) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, redact(name, one)]))
}

const toToml = ({ key, secret, value }: PrintedKey): string =>
  stringify({ [key]: secret === true ? redacted : redact(key, value) }).trimEnd()

const isTable = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.some(isTable)
    : typeof value === "object" && value !== null && !(value instanceof Date)

const source = ({ rank, where }: PrintedKey): string =>
  rank === 0
    ? "default"
    : rank === 2
      ? `environment variable ${where}`
      : rank === 3
        ? `flag ${where}`
        : where

/** Prints keys: first those of one line, then the names of those that are not set, then tables. */
export const print = (keys: ReadonlyArray<PrintedKey>): string => {
  const set = keys.filter(({ value }) => value !== undefined)
  const lines = set
    .filter(({ value }) => !isTable(value))
    .map((one) => ({ text: toToml(one), from: source(one) }))
  const width = Math.min(56, Math.max(0, ...lines.map(({ text }) => text.length)))
  const tables = set
    .filter(({ value }) => isTable(value))
    .map((one) => `\n# ${source(one)}\n${toToml(one)}`)
  const unset = keys.filter(({ value }) => value === undefined).map(({ key }) => key)
  return [
    ...lines.map(({ from, text }) => `${text.padEnd(width)}  # ${from}`),
    ...(unset.length === 0 ? [] : ["", ...wrapped(`not set: ${unset.join(", ")}`)]),
    ...tables,
  ].join("\n")
}

/**
 * A whole configuration; a note comes first if secrets are left out. The
 * placeholder is an invalid value, so that a rule that lets everybody in cannot result.
 */
export const whole = (printed: ReadonlyArray<string>): string => {
  const text = printed.join("\n")
  return text.includes(`"${redacted}"`)
    ? `# Secrets are not shown. Put them where ${redacted} stands before you use this again.\n\n${text}`
    : text
}

/** Comment lines of at most 100 characters. */
const wrapped = (text: string): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = "#"
  for (const word of text.split(" ")) {
    if (line.length + word.length + 1 > 100) {
      lines.push(line)
      line = "#"
    }
    line += ` ${word}`
  }
  return [...lines, line]
}
