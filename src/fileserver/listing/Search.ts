/**
 * Looks for names below a folder. Folders are read one after the other, those
 * near first; links are found but not followed, so that a search ends and stays
 * inside. What is not served is not found.
 */
import * as ByteName from "../names/ByteName.ts"
import * as NaturalOrder from "../names/NaturalOrder.ts"
import * as Folder from "../root/Folder.ts"
import type { HiddenFiles } from "../root/HiddenFiles.ts"
import { close, type NotOpen, type OpenFolder, type Root } from "../root/Root.ts"
import * as FolderJson from "./FolderJson.ts"

/** Something that was found. */
export interface Hit {
  /** The folder it is in, below the one that was searched. */
  readonly folder: ReadonlyArray<ByteName.ByteName>
  readonly entry: Folder.Entry
}

/** What a search came to. */
export interface Found {
  readonly hits: ReadonlyArray<Hit>
  /** How many names were looked at. */
  readonly looked: number
  /** Whether there may be more: a limit was reached, or a folder could not be read. */
  readonly cut: boolean
}

/** How much a search does. */
export interface Limits {
  readonly hits: number
  readonly entries: number
}

/** The limits of a search unless it is told others. */
export const limits: Limits = { hits: 1_000, entries: 100_000 }

/** The longest text, in characters; no name is longer. */
export const maxText = 255

/** How many more names than there is room for are looked at, since some may turn out not to be served. */
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

const folded = (text: string): string => text.normalize("NFC").toLowerCase()

/**
 * Searches a folder for names that have a text in them, capitals aside. The
 * folder's handle is closed.
 *
 * @param isCancelled asked now and then; once it says so, the search ends
 */
export const search = (
  root: Root,
  hidden: HiddenFiles,
  start: OpenFolder,
  text: string,
  isCancelled: () => boolean,
  done: (result: Found | NotOpen) => void,
  { entries: maxEntries, hits: maxHits }: Limits = limits,
): void => {
  const wanted = folded(text.slice(0, maxText))
  const hits: Array<Hit> = []
  const waiting: Array<ReadonlyArray<ByteName.ByteName>> = []
  let taken = 0
  let looked = 0
  let cut = false

  const next = (): void => {
    const folder = waiting[taken]
    if (folder === undefined || isCancelled() || hits.length >= maxHits || looked >= maxEntries) {
      cut ||= folder !== undefined
      return done({ hits, looked, cut })
    }
    taken++
    root.open([...start.segments, ...folder], (opened) => {
      if (opened._tag === "Folder") return read(opened, folder)
      // It may have vanished; for want of handles it would be missed.
      if (opened._tag === "File") close(opened.handle)
      else if (opened._tag !== "Absent") cut = true
      next()
    })
  }

  const read = (opened: OpenFolder, folder: ReadonlyArray<ByteName.ByteName>): void => {
    const leave = (): void => {
      if (opened.handle !== undefined) close(opened.handle)
    }
    Folder.names(opened, (names) => {
      if ("_tag" in names) {
        leave()
        if (opened === start) return done(names)
        cut = true
        return next()
      }
      const within = names.slice(0, maxEntries - looked)
      cut ||= within.length < names.length
      looked += within.length
      const matching: Array<ByteName.ByteName> = []
      for (const { kind, name } of within) {
        if (kind === "folder") waiting.push([...folder, name])
        if (folded(ByteName.toText(name)).includes(wanted)) matching.push(name)
      }
      const room = maxHits - hits.length
      const candidates = firstOf(matching, room + spare)
      cut ||= candidates.length < matching.length
      Folder.look(root, hidden, opened, candidates, isCancelled, (entries) => {
        leave()
        const ordered = Folder.sorted(entries)
        cut ||= ordered.length > room
        for (const entry of ordered.slice(0, room)) hits.push({ folder, entry })
        next()
      })
    })
  }

  read(start, [])
}

/** The path from the searched folder to what was found. */
export const pathOf = ({ entry, folder }: Hit): ByteName.ByteName =>
  [...folder, entry.name].join("/")

/** The relative link from the searched folder to what was found. */
export const href = ({ entry, folder }: Hit): string =>
  [...folder, entry.name].map(ByteName.toUrl).join("/") + (entry.folder ? "/" : "")

/**
 * What was found as JSON: `{query, entries, looked_at, cut_short}`; an entry is
 * one of a folder's with its `path` and `href` from the searched folder.
 */
export const renderJson = (text: string, { cut, hits, looked }: Found): string => {
  const entries = hits.map((hit) => {
    const item = FolderJson.item(hit.entry)
    const own = { path: ByteName.toText(pathOf(hit)), href: href(hit) }
    return { ...(JSON.parse(item) as Record<string, unknown>), ...own }
  })
  return `${JSON.stringify({ query: text.toWellFormed(), entries, looked_at: looked, cut_short: cut })}\n`
}
