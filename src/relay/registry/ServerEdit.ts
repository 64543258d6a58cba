/**
 * Changes one server's table in the text of a file of `servers.d`, and leaves
 * all other lines as they are. Each change is checked by parsing the new text:
 * where a file is written in a form that this does not understand, nothing is
 * changed.
 */
import { isDeepStrictEqual } from "node:util"
import * as Result from "effect/Result"
import * as Toml from "../../domain/config/Toml.ts"

/** What an administrator can change of a registered server. */
export type ServerChange =
  | { readonly kind: "rename"; readonly to: string }
  | { readonly kind: "pause" | "resume" | "remove" }
  /** The tripcodes of the keys that it may have from now on. */
  | { readonly kind: "keys"; readonly tripcodes: ReadonlyArray<string> }

/** A table of `[[servers]]` as it is parsed. */
type Table = Readonly<Record<string, unknown>>

const parse = (text: string): Toml.Document | undefined =>
  Result.getOrUndefined(Toml.parse(text, { file: "" }))

const serversOf = ({ table }: Toml.Document): ReadonlyArray<Table> =>
  Array.isArray(table.servers) ? (table.servers as ReadonlyArray<Table>) : []

/** Whether a text registers a server of this name. */
export const registers = (text: string, name: string): boolean => {
  const document = parse(text)
  return document !== undefined && serversOf(document).some((server) => server.name === name)
}

/** The table after a change; `undefined` if it is removed. */
const changed = (table: Table, change: ServerChange): Table | undefined => {
  switch (change.kind) {
    case "rename":
      return { ...table, name: change.to }
    case "pause":
      return { ...table, paused: true }
    case "resume": {
      const { paused: _, ...rest } = table
      return rest
    }
    case "keys": {
      const [only, ...others] = change.tripcodes
      return { ...table, tripcode: others.length === 0 ? only : change.tripcodes }
    }
    case "remove":
      return undefined
  }
}

/** The change as lines of TOML: what the keys are, or `undefined` for those that are removed. */
const valuesOf = (change: ServerChange): Readonly<Record<string, string | undefined>> => {
  switch (change.kind) {
    case "rename":
      return { name: JSON.stringify(change.to) }
    case "pause":
      return { paused: "true" }
    case "resume":
      return { paused: undefined }
    case "keys": {
      const [only = "", ...others] = change.tripcodes
      return {
        tripcode: JSON.stringify(others.length === 0 ? only : change.tripcodes).replaceAll(
          '","',
          '", "',
        ),
      }
    }
    case "remove":
      return {}
  }
}

/** How many lines a key and its value take from a line on. */
const heightOf = (lines: ReadonlyArray<string>, start: number): number | undefined => {
  for (let height = 1; start + height <= lines.length; height++)
    if (parse(lines.slice(start, start + height).join("\n")) !== undefined) return height
  return undefined
}

/** The comment after a value on the last of its lines, with the blank before it. */
const commentOf = (pair: string): string => {
  for (const { index } of pair.matchAll(/\s*#/g))
    if (parse(pair.slice(0, index)) !== undefined) return pair.slice(index)
  return ""
}

/** Sets a key of the table at `index`, or removes it; `undefined` if its place is not found. */
const withKey = (
  text: string,
  index: number,
  key: string,
  value: string | undefined,
): string | undefined => {
  const document = parse(text)
  const table = document === undefined ? undefined : serversOf(document)[index]
  if (document === undefined || table === undefined) return undefined
  const lines = text.split("\n")
  const isThere = Object.hasOwn(table, key)
  const at = document.position(["servers", index, isThere ? key : "tripcode"])
  const start = at === undefined ? undefined : at.line - 1
  const height = start === undefined ? undefined : heightOf(lines, start)
  if (start === undefined || height === undefined) return undefined
  const pair = lines.slice(start, start + height).join("\n")
  const indent = /^\s*/.exec(pair)?.[0] ?? ""
  const line = value === undefined ? [] : [`${indent}${key} = ${value}`]
  return [
    ...lines.slice(0, isThere ? start : start + height),
    ...(isThere ? line.map((one) => one + commentOf(pair)) : line),
    ...lines.slice(start + height),
  ].join("\n")
}

const header = /^\s*\[(?!\[?\s*servers\s*\.)/

/** The text without the table at `index`: from its header to the next one. */
const withoutTable = (text: string, index: number): string | undefined => {
  const at = parse(text)?.position(["servers", index])
  if (at === undefined) return undefined
  const lines = text.split("\n")
  const start = at.line - 1
  const next = lines.findIndex((line, i) => i > start && header.test(line))
  return [...lines.slice(0, start), ...(next < 0 ? [] : lines.slice(next))].join("\n")
}

const edited = (text: string, index: number, change: ServerChange): string | undefined => {
  if (change.kind === "remove") return withoutTable(text, index)
  let result: string | undefined = text
  for (const [key, value] of Object.entries(valuesOf(change)))
    result = result === undefined ? undefined : withKey(result, index, key, value)
  return result
}

/**
 * The text with the change. It is empty if no key is left in it.
 *
 * @returns `undefined` if the text does not register the server, or is written in a form that is not understood
 */
export const edit = (text: string, name: string, change: ServerChange): string | undefined => {
  const document = parse(text)
  if (document === undefined) return undefined
  const servers = serversOf(document)
  const index = servers.findIndex((server) => server.name === name)
  const table = servers[index]
  if (table === undefined) return undefined
  const result = edited(text, index, change)
  const after = result === undefined ? undefined : parse(result)
  if (result === undefined || after === undefined) return undefined
  const expectedServers = servers.flatMap((server, i) =>
    i === index ? (changed(table, change) ?? []) : [server],
  )
  const { servers: _, ...rest } = document.table
  const expected = expectedServers.length === 0 ? rest : { ...rest, servers: expectedServers }
  if (!isDeepStrictEqual(withoutPrototypes(after.table), withoutPrototypes(expected)))
    return undefined
  return Object.keys(after.table).length === 0 ? "" : result
}

/** Without the prototypes of the parser's tables. */
const withoutPrototypes = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(withoutPrototypes)
    : typeof value === "object" && value !== null && !(value instanceof Date)
      ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withoutPrototypes(one)]))
      : value

/** A line of a comparison of two texts. */
export interface DiffLine {
  readonly kind: "same" | "removed" | "added"
  readonly text: string
}

/** Compares two texts that differ in one place, as those before and after a change do. */
export const diff = (before: string, after: string): ReadonlyArray<DiffLine> => {
  const [old, now] = [linesOf(before), linesOf(after)]
  const shorter = Math.min(old.length, now.length)
  let start = 0
  while (start < shorter && old[start] === now[start]) start++
  let end = 0
  while (end < shorter - start && old.at(-1 - end) === now.at(-1 - end)) end++
  const as = (kind: DiffLine["kind"]) => (text: string) => ({ kind, text })
  return [
    ...old.slice(0, start).map(as("same")),
    ...old.slice(start, old.length - end).map(as("removed")),
    ...now.slice(start, now.length - end).map(as("added")),
    ...old.slice(old.length - end).map(as("same")),
  ]
}

const linesOf = (text: string): ReadonlyArray<string> =>
  text === "" ? [] : text.replace(/\n$/, "").split("\n")
