/**
 * One page of a folder: sorted, filtered, and looked at only as far as it is
 * shown. Of a large folder the names are read at once, and every entry is
 * looked at only if the order depends on it; both are kept for a moment, for
 * the next page. What is shown has always just been looked at.
 */
import * as fs from "node:fs"
import type { Query } from "../http/Query.ts"
import { type ByteName, toFsPath, toText } from "../names/ByteName.ts"
import * as NaturalOrder from "../names/NaturalOrder.ts"
import * as Folder from "../root/Folder.ts"
import type { HiddenFiles } from "../root/HiddenFiles.ts"
import type { NotOpen, OpenFolder, Root } from "../root/Root.ts"
import * as FileTypes from "../types/FileTypes.ts"

/** What one page shows. */
export interface Listing {
  /** Folders first, in the order that was asked for. */
  readonly entries: ReadonlyArray<Folder.Entry>
  /** How many entries fit the filter, on all pages. */
  readonly count: number
  /** How many of them are folders. */
  readonly folders: number
  /** How many entries the folder has, whatever the filter says. */
  readonly total: number
  /** Bytes of all files that fit the filter; `undefined` where not all were looked at. */
  readonly size: number | undefined
  /** The page, from 1 to {@link pages}. */
  readonly page: number
  readonly pages: number
}

/** An entry before it is known to be served. */
interface Candidate {
  readonly name: ByteName
  readonly folder: boolean
  readonly key: string
  readonly size: number
  readonly modified: number
}

interface Kept {
  readonly state: string
  readonly at: number
  readonly looked: boolean
  readonly candidates: ReadonlyArray<Candidate>
}

/** The folders whose names are kept, the one used last at the end. */
export interface Listings {
  readonly kept: Map<ByteName, Kept>
}

/** How many large folders are kept. */
const maxKept = 4
/** How long one is, in milliseconds. */
const lifetime = 5_000
/** Milliseconds after which a change has to show in a folder's times. */
const settled = 2_000

/** Keeps no folder yet. */
export const make = (): Listings => ({ kept: new Map() })

const candidateOf = (entry: Folder.Entry): Candidate => ({
  name: entry.name,
  folder: entry.folder,
  key: NaturalOrder.key(toText(entry.name)),
  size: entry.size,
  modified: entry.modified,
})

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const byName = (a: Candidate, b: Candidate): number =>
  byText(a.key, b.key) || byText(a.name, b.name)

const compare = (query: Query): ((a: Candidate, b: Candidate) => number) => {
  const sign = query.order === "desc" ? -1 : 1
  switch (query.sort) {
    case "name":
      return (a, b) => sign * byName(a, b)
    case "size":
      return (a, b) => sign * (a.size - b.size) || byName(a, b)
    case "time":
      return (a, b) => sign * (a.modified - b.modified) || byName(a, b)
    case "type": {
      const types = new Map<string, string>()
      const typeOf = ({ name }: Candidate): string => {
        const dot = name.lastIndexOf(".")
        const ending = dot < 0 ? name : name.slice(dot)
        const known = types.get(ending)
        if (known !== undefined) return known
        const type = FileTypes.mediaTypeOf(name)
        types.set(ending, type)
        return type
      }
      return (a, b) => (a.folder ? 0 : sign * byText(typeOf(a), typeOf(b))) || byName(a, b)
    }
  }
}

/** The candidates that fit, in order. */
const arrange = (candidates: ReadonlyArray<Candidate>, query: Query): ReadonlyArray<Candidate> => {
  const wanted = query.filter.toLowerCase()
  const fits =
    wanted === ""
      ? [...candidates]
      : candidates.filter(({ name }) => toText(name).toLowerCase().includes(wanted))
  const within = compare(query)
  return fits.sort((a, b) => (a.folder === b.folder ? within(a, b) : a.folder ? -1 : 1))
}

const pageOf = (count: number, query: Query, size: number) => {
  const pages = Math.max(1, Math.ceil(count / size))
  const page = Math.min(query.page, pages)
  return { page, pages, from: (page - 1) * size, to: page * size }
}

const foldersIn = (candidates: ReadonlyArray<Candidate>): number =>
  candidates.reduce((count, { folder }) => count + (folder ? 1 : 0), 0)

/** Where a folder is read. */
export interface ListingSource {
  readonly root: Root
  readonly hidden: HiddenFiles
  readonly listings: Listings
}

/**
 * Reads one page of a folder.
 *
 * @param size the most entries that a page has
 * @param isCancelled asked now and then; once it says so, less may be found
 */
export const read = (
  { hidden, listings, root }: ListingSource,
  folder: OpenFolder,
  query: Query,
  size: number,
  isCancelled: () => boolean,
  done: (result: Listing | NotOpen) => void,
): void => {
  const look = (
    names: ReadonlyArray<ByteName>,
    then: (entries: ReadonlyArray<Folder.Entry>) => void,
  ): void => Folder.look(root, hidden, folder, names, isCancelled, then)

  /** All of it has been looked at just now. */
  const showAll = (entries: ReadonlyArray<Folder.Entry>): void => {
    const found = arrange(entries.map(candidateOf), query)
    const { page, pages, from, to } = pageOf(found.length, query, size)
    done({
      entries: found.slice(from, to),
      count: found.length,
      folders: foldersIn(found),
      total: entries.length,
      size: found.reduce((sum, entry) => sum + entry.size, 0),
      page,
      pages,
    })
  }

  const show = ({ candidates, looked }: Kept): void => {
    const found = arrange(candidates, query)
    const { page, pages, from, to } = pageOf(found.length, query, size)
    const shown = found.slice(from, to)
    look(
      shown.map(({ name }) => name),
      (entries) => {
        const now = new Map(entries.map((entry) => [entry.name, entry]))
        done({
          entries: shown.flatMap(({ name }) => now.get(name) ?? []),
          count: found.length,
          folders: foldersIn(found),
          total: candidates.length,
          size: looked ? found.reduce((sum, entry) => sum + entry.size, 0) : undefined,
          page,
          pages,
        })
      },
    )
  }

  const keep = (state: string | undefined, looked: boolean, entries: ReadonlyArray<Candidate>) => {
    const kept: Kept = { state: state ?? "", at: Date.now(), looked, candidates: entries }
    listings.kept.delete(folder.real)
    if (state !== undefined && !isCancelled()) {
      listings.kept.set(folder.real, kept)
      const [oldest] = listings.kept.keys()
      if (listings.kept.size > maxKept && oldest !== undefined) listings.kept.delete(oldest)
    }
    show(kept)
  }

  const needsLook = query.sort === "size" || query.sort === "time"

  const readAnew = (state: string | undefined): void =>
    Folder.names(folder, (names) => {
      if ("_tag" in names) return done(names)
      const all = names.map(({ name }) => name)
      if (names.length <= size) return look(all, showAll)
      if (needsLook) {
        return look(all, (entries) => keep(state, true, entries.map(candidateOf)))
      }
      const unclear = names.filter(({ kind }) => kind === "other").map(({ name }) => name)
      look(unclear, (entries) => {
        const clear = names
          .filter(({ kind }) => kind !== "other")
          .map(({ kind, name }) =>
            candidateOf({ name, folder: kind === "folder", size: 0, modified: 0 }),
          )
        keep(state, false, [...clear, ...entries.map(candidateOf)])
      })
    })

  fs.stat(toFsPath(folder.path), { bigint: true }, (error, stats) => {
    if (error !== null) return readAnew(undefined)
    const now = Date.now()
    const newest = Math.max(Number(stats.mtimeMs), Number(stats.ctimeMs))
    if (now - newest < settled) return readAnew(undefined)
    const state = `${stats.dev} ${stats.ino} ${stats.mtimeNs} ${stats.ctimeNs}`
    const kept = listings.kept.get(folder.real)
    const age = kept === undefined ? -1 : now - kept.at
    if (kept?.state === state && age >= 0 && age < lifetime && (kept.looked || !needsLook)) {
      return show(kept)
    }
    readAnew(state)
  })
}
