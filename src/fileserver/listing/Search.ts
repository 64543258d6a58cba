/**
 * Searches for names below a folder, breadth first. Links are found but not
 * followed, so that a search ends and stays inside the shared folder. Only
 * names that are served are found.
 */
import * as ByteName from "../names/ByteName.ts"
import * as CaseFolding from "../names/CaseFolding.ts"
import * as NaturalOrder from "../names/NaturalOrder.ts"
import * as Folder from "../root/Folder.ts"
import type { HiddenFiles } from "../root/HiddenFiles.ts"
import { close, closeFolder, type NotOpen, type OpenFolder, type Root } from "../root/Root.ts"
import * as FolderJson from "./FolderJson.ts"

/** A file or folder whose name contains the text. */
export interface Hit {
  /** The folder it is in, relative to the searched folder. */
  readonly folder: ReadonlyArray<ByteName.ByteName>
  readonly entry: Folder.Entry
}

/** The result of a search. */
export interface Result {
  readonly hits: ReadonlyArray<Hit>
  readonly namesSearched: number
  /** Whether there may be more: a limit was reached, or a folder could not be read. */
  readonly isCutShort: boolean
}

/** How much a search does. */
export interface Limits {
  readonly hits: number
  /** Names that are compared. */
  readonly entries: number
}

/** The limits of a search unless others are given. */
export const limits: Limits = { hits: 1_000, entries: 100_000 }

/** The longest text, in characters: no name is longer. */
export const maxText = 255

/** How many names beyond the limit are looked at, since some may turn out not to be served. */
const spare = 64

const firstOf = (
  names: ReadonlyArray<ByteName.ByteName>,
  count: number,
): ReadonlyArray<ByteName.ByteName> => {
  if (names.length <= count) return names
  return names
    .map((name) => ({ name, key: NaturalOrder.key(ByteName.toText(name)) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .slice(0, count)
    .map(({ name }) => name)
}

/**
 * Searches a folder for names that contain a text, ignoring case. Closes the
 * folder.
 *
 * @param isCancelled asked now and then; the search ends once it returns true
 */
export const search = (
  root: Root,
  hidden: HiddenFiles,
  start: OpenFolder,
  text: string,
  isCancelled: () => boolean,
  done: (result: Result | NotOpen) => void,
  { entries: maxNames, hits: maxHits }: Limits = limits,
): void => {
  const wanted = CaseFolding.fold(text.slice(0, maxText))
  const hits: Array<Hit> = []
  const queue: Array<ReadonlyArray<ByteName.ByteName>> = []
  let position = 0
  let namesSearched = 0
  let isCutShort = false

  const next = (): void => {
    const folder = queue[position]
    const isOverLimit = hits.length >= maxHits || namesSearched >= maxNames
    if (folder === undefined || isCancelled() || isOverLimit) {
      isCutShort ||= folder !== undefined
      return done({ hits, namesSearched, isCutShort })
    }
    position++
    root.open([...start.segments, ...folder], (opened) => {
      if (opened._tag === "Folder") return read(opened, folder)
      // A folder may have been deleted meanwhile; any other failure may hide matches.
      if (opened._tag === "File") close(opened.handle)
      else if (opened._tag !== "Absent") isCutShort = true
      next()
    })
  }

  const read = (opened: OpenFolder, folder: ReadonlyArray<ByteName.ByteName>): void =>
    Folder.names(opened, (names) => {
      if ("_tag" in names) {
        closeFolder(opened)
        if (opened === start) return done(names)
        isCutShort = true
        return next()
      }
      const matching = match(names, folder)
      const room = maxHits - hits.length
      const candidates = firstOf(matching, room + spare)
      isCutShort ||= candidates.length < matching.length
      Folder.look(root, hidden, opened, candidates, isCancelled, (entries, unexamined) => {
        closeFolder(opened)
        isCutShort ||= unexamined.length > 0
        const sorted = Folder.sorted(entries)
        isCutShort ||= sorted.length > room
        for (const entry of sorted.slice(0, room)) hits.push({ folder, entry })
        next()
      })
    })

  /** The matching names of a folder; its subfolders are queued. */
  const match = (
    names: ReadonlyArray<Folder.Name>,
    folder: ReadonlyArray<ByteName.ByteName>,
  ): ReadonlyArray<ByteName.ByteName> => {
    const withinLimit = names.slice(0, maxNames - namesSearched)
    isCutShort ||= withinLimit.length < names.length
    namesSearched += withinLimit.length
    const matching: Array<ByteName.ByteName> = []
    for (const { kind, name } of withinLimit) {
      if (kind === "folder") queue.push([...folder, name])
      if (CaseFolding.fold(ByteName.toText(name)).includes(wanted)) matching.push(name)
    }
    return matching
  }

  read(start, [])
}

/** The path from the searched folder to a hit. */
export const pathOf = ({ entry, folder }: Hit): ByteName.ByteName =>
  [...folder, entry.name].join("/")

/** The relative link from the searched folder to a hit. */
export const href = ({ entry, folder }: Hit): string =>
  [...folder, entry.name].map(ByteName.toUrl).join("/") + (entry.folder ? "/" : "")

/**
 * The result as JSON: `{query, entries, looked_at, cut_short}`; an entry is
 * one of a folder's with its `path` and `href` from the searched folder.
 */
export const renderJson = (text: string, { hits, isCutShort, namesSearched }: Result): string => {
  const entries = hits.map((hit) => {
    const item = FolderJson.item(hit.entry)
    const location = { path: ByteName.toText(pathOf(hit)), href: href(hit) }
    return { ...(JSON.parse(item) as Record<string, unknown>), ...location }
  })
  const result = {
    query: text.toWellFormed(),
    entries,
    looked_at: namesSearched,
    cut_short: isCutShort,
  }
  return `${JSON.stringify(result)}\n`
}
