/**
 * One page of a folder, sorted and filtered. In a large folder only the entries
 * of the page are examined (stat), or all of them if the order depends on size
 * or time. Names and order are cached for some seconds, for the next page; the
 * entries of the page are always examined again.
 */
import * as fs from "node:fs"
import type { Query } from "../http/Query.ts"
import { type ByteName, toFsPath, toText } from "../names/ByteName.ts"
import * as CaseFolding from "../names/CaseFolding.ts"
import * as NaturalOrder from "../names/NaturalOrder.ts"
import * as Folder from "../root/Folder.ts"
import type { HiddenFiles } from "../root/HiddenFiles.ts"
import { forbidden, type NotOpen, type OpenFolder, type Root } from "../root/Root.ts"
import * as FileTypes from "../types/FileTypes.ts"

/** One page. */
export interface Listing {
  /** Folders first, in the order that was asked for. */
  readonly entries: ReadonlyArray<Folder.Entry>
  /** How many entries match the filter, on all pages. */
  readonly count: number
  /** How many of them are folders. */
  readonly folders: number
  /** How many entries the folder has, matching or not. */
  readonly total: number
  /** Bytes of all files that match the filter; `undefined` if not all were examined. */
  readonly size: number | undefined
  /** The number of the page, from 1 to {@link pages}. */
  readonly page: number
  readonly pages: number
}

/** An entry that may turn out not to be served. */
interface Candidate {
  readonly name: ByteName
  readonly folder: boolean
  readonly key: string
  /** 0 if the entry was not examined; so is `modified`. */
  readonly size: number
  readonly modified: number
}

interface CachedFolder {
  /** Identifies the state of the folder. */
  readonly state: string
  /** When it was read, in milliseconds since 1970. */
  readonly readAt: number
  /** Whether the candidates were examined, so that they have sizes and times. */
  readonly examined: boolean
  readonly candidates: ReadonlyArray<Candidate>
}

/** Cached folders by their real path, the least recently read first. */
export type Listings = Map<ByteName, CachedFolder>

/** How many large folders are cached. */
const maxCached = 4
/** How long, in milliseconds. */
const lifetime = 5_000
/** File systems may not show two changes within this time, in milliseconds, as different times. */
const timestampResolution = 2_000

/** An empty cache. */
export const make = (): Listings => new Map()

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
        const extension = dot < 0 ? name : name.slice(dot)
        const cached = types.get(extension)
        if (cached !== undefined) return cached
        const type = FileTypes.mediaTypeOf(name)
        types.set(extension, type)
        return type
      }
      return (a, b) => (a.folder ? 0 : sign * byText(typeOf(a), typeOf(b))) || byName(a, b)
    }
  }
}

/** The candidates that match the filter, in order. */
const arrange = (candidates: ReadonlyArray<Candidate>, query: Query): ReadonlyArray<Candidate> => {
  const foldedFilter = CaseFolding.fold(query.filter)
  const matching =
    foldedFilter === ""
      ? [...candidates]
      : candidates.filter(({ name }) => CaseFolding.fold(toText(name)).includes(foldedFilter))
  const within = compare(query)
  return matching.sort((a, b) => (a.folder === b.folder ? within(a, b) : a.folder ? -1 : 1))
}

const pageOf = (count: number, query: Query, size: number) => {
  const pages = Math.max(1, Math.ceil(count / size))
  const page = Math.min(query.page, pages)
  return { page, pages, from: (page - 1) * size, to: page * size }
}

const foldersIn = (candidates: ReadonlyArray<Candidate>): number =>
  candidates.reduce((count, { folder }) => count + (folder ? 1 : 0), 0)

const bytesOf = (candidates: ReadonlyArray<Candidate>): number =>
  candidates.reduce((sum, { size }) => sum + size, 0)

/** The shared folder that is listed, and the cache. */
export interface ListingSource {
  readonly root: Root
  readonly hidden: HiddenFiles
  readonly listings: Listings
}

/** The entries of a folder in no order, without those that are never served. */
interface Candidates {
  readonly candidates: ReadonlyArray<Candidate>
  /** Whether they were examined, now or when they were cached. */
  readonly examined: boolean
  /** Whether all were examined just now, so that all of them are served. */
  readonly isCurrent: boolean
}

/** Finds the entries of a folder, in the cache or on disk. */
class CandidateReader {
  private readonly source: ListingSource
  private readonly folder: OpenFolder
  private readonly size: number
  private readonly sortsByStats: boolean
  private readonly isCancelled: () => boolean
  private readonly done: (result: Candidates | NotOpen) => void

  /** @param size up to how many entries are all examined at once */
  constructor(
    source: ListingSource,
    folder: OpenFolder,
    query: Query,
    size: number,
    isCancelled: () => boolean,
    done: (result: Candidates | NotOpen) => void,
  ) {
    this.source = source
    this.folder = folder
    this.size = size
    this.sortsByStats = query.sort === "size" || query.sort === "time"
    this.isCancelled = isCancelled
    this.done = done
  }

  start(): void {
    fs.stat(toFsPath(this.folder.path), { bigint: true }, (error, stats) => {
      if (error !== null) return this.readNames(undefined)
      const now = Date.now()
      const newest = Math.max(Number(stats.mtimeMs), Number(stats.ctimeMs))
      if (now - newest < timestampResolution) return this.readNames(undefined)
      const state = `${stats.dev} ${stats.ino} ${stats.mtimeNs} ${stats.ctimeNs}`
      const cached = this.source.listings.get(this.folder.real)
      const age = cached === undefined ? -1 : now - cached.readAt
      const isFresh = cached?.state === state && age >= 0 && age < lifetime
      if (isFresh && (cached.examined || !this.sortsByStats)) return this.giveCached(cached)
      this.readNames(state)
    })
  }

  /** @param state under which the folder may be cached, if it may */
  private readNames(state: string | undefined): void {
    Folder.names(this.folder, (names) => {
      if ("_tag" in names) return this.done(names)
      const all = names.map(({ name }) => name)
      if (names.length <= this.size) {
        return this.examine(all, (entries) =>
          this.done({ candidates: entries.map(candidateOf), examined: true, isCurrent: true }),
        )
      }
      if (this.sortsByStats) {
        return this.examine(all, (entries) => this.keep(state, true, entries.map(candidateOf)))
      }
      // Links and the like may lead to folders, which come first.
      const unclear = names.filter(({ kind }) => kind === "other").map(({ name }) => name)
      this.examine(unclear, (entries) => {
        const clear = names
          .filter(({ kind }) => kind !== "other")
          .map(({ kind, name }) =>
            candidateOf({ name, folder: kind === "folder", size: 0, modified: 0 }),
          )
        // A small folder is cached only when examined, since its page shows the sum of all sizes.
        this.keep(this.size === 0 ? undefined : state, false, [
          ...clear,
          ...entries.map(candidateOf),
        ])
      })
    })
  }

  private examine(
    names: ReadonlyArray<ByteName>,
    done: (entries: ReadonlyArray<Folder.Entry>) => void,
  ): void {
    const { hidden, root } = this.source
    Folder.look(root, hidden, this.folder, names, this.isCancelled, (entries, unexamined) => {
      // A folder whose entries may not be examined is not empty.
      if (entries.length === 0 && unexamined.length > 0) this.done(forbidden)
      else done(entries)
    })
  }

  private keep(
    state: string | undefined,
    examined: boolean,
    candidates: ReadonlyArray<Candidate>,
  ): void {
    const { listings } = this.source
    const folder: CachedFolder = { state: state ?? "", readAt: Date.now(), examined, candidates }
    listings.delete(this.folder.real)
    if (state !== undefined && !this.isCancelled()) {
      listings.set(this.folder.real, folder)
      const [oldest] = listings.keys()
      if (listings.size > maxCached && oldest !== undefined) listings.delete(oldest)
    }
    this.giveCached(folder)
  }

  private giveCached({ candidates, examined }: CachedFolder): void {
    this.done({ candidates, examined, isCurrent: false })
  }
}

/**
 * Reads one page of a folder.
 *
 * @param size entries a page
 * @param isCancelled asked now and then; once it returns true, entries may be missing
 */
export const read = (
  source: ListingSource,
  folder: OpenFolder,
  query: Query,
  size: number,
  isCancelled: () => boolean,
  done: (result: Listing | NotOpen) => void,
): void =>
  new CandidateReader(source, folder, query, size, isCancelled, (result) => {
    if ("_tag" in result) return done(result)
    const { candidates, examined, isCurrent } = result
    const matching = arrange(candidates, query)
    const { from, page, pages, to } = pageOf(matching.length, query, size)
    const give = (entries: ReadonlyArray<Folder.Entry>): void =>
      done({
        entries,
        count: matching.length,
        folders: foldersIn(matching),
        total: candidates.length,
        size: examined ? bytesOf(matching) : undefined,
        page,
        pages,
      })
    const candidatesOfPage = matching.slice(from, to)
    if (isCurrent) return give(candidatesOfPage)
    const names = candidatesOfPage.map(({ name }) => name)
    Folder.look(source.root, source.hidden, folder, names, isCancelled, (entries) => {
      const byName = new Map(entries.map((entry) => [entry.name, entry]))
      give(names.flatMap((name) => byName.get(name) ?? []))
    })
  }).start()

/**
 * Reads the names of a folder's files, in the order of its pages. Some of them
 * may turn out not to be served.
 *
 * @param isCancelled asked now and then; once it returns true, names may be missing
 */
export const readFiles = (
  source: ListingSource,
  folder: OpenFolder,
  query: Query,
  isCancelled: () => boolean,
  done: (result: ReadonlyArray<ByteName> | NotOpen) => void,
): void =>
  new CandidateReader(source, folder, query, 0, isCancelled, (result) => {
    if ("_tag" in result) return done(result)
    const files = arrange(result.candidates, query).filter((candidate) => !candidate.folder)
    done(files.map(({ name }) => name))
  }).start()
