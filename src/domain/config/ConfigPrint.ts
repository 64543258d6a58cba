/**
 * A configuration as it is in force, as TOML in which each value says where it
 * comes from. What must not be shown is replaced.
 */
import { stringify } from "smol-toml"
import type { Rank } from "./ConfigDecode.ts"

/** One key of a configuration. */
export interface PrintedKey {
  readonly key: string
  /** As TOML has it; `undefined` if it is not set and has no default. */
  readonly value: unknown
  readonly rank: Rank
  /** The file and line, variable or flag. */
  readonly where: string
}

/** Stands for what is not shown. */
export const redacted = "<redacted>"

const secretKey = /^(?:api_key|auth_password|password|secret)$/

/** A value without what must not be shown: of keys that hold a secret, and hashes of passwords wherever they are. */
const shown = (key: string, value: unknown): unknown => {
  if (typeof value === "string")
    return secretKey.test(key) || value.startsWith("$scrypt$") ? redacted : value
  if (Array.isArray(value)) return value.map((one) => shown(key, one))
  if (typeof value !== "object" || value === null || value instanceof Date) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, shown(name, one)]))
}

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

/** Writes a configuration: what is one line first, then tables, then the keys that are not set. */
export const print = (keys: ReadonlyArray<PrintedKey>): string => {
  const set = keys.filter(({ value }) => value !== undefined)
  const lines = set
    .filter(({ value }) => !isTable(value))
    .map((one) => ({
      text: stringify({ [one.key]: shown(one.key, one.value) }).trimEnd(),
      from: source(one),
    }))
  const width = Math.min(56, Math.max(0, ...lines.map(({ text }) => text.length)))
  const tables = set
    .filter(({ value }) => isTable(value))
    .map(
      (one) =>
        `\n# ${source(one)}\n${stringify({ [one.key]: shown(one.key, one.value) }).trimEnd()}`,
    )
  const unset = keys.filter(({ value }) => value === undefined).map(({ key }) => key)
  return [
    ...lines.map(({ from, text }) => `${text.padEnd(width)}  # ${from}`),
    ...(unset.length === 0 ? [] : ["", ...wrapped(`not set: ${unset.join(", ")}`)]),
    ...tables,
  ].join("\n")
}

/** A whole configuration; if something in it is not shown, it says so first. What stands for it is refused until it is filled in: without it a door could be open. */
export const whole = (printed: ReadonlyArray<string>): string => {
  const text = printed.join("\n")
  return text.includes(`"${redacted}"`)
    ? `# Secrets are not shown. Put them where ${redacted} stands before you use this again.\n\n${text}`
    : text
}

/** Lines of comment of at most 100 characters. */
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
