/**
 * Searches for names below a folder, and for text in files, breadth first. Links are found but not
 * followed, so that a search ends and stays inside the shared folder. Only
 * names that are served are found.
 */
import * as ByteName from "../names/ByteName.ts"
import * as CaseFolding from "../names/CaseFolding.ts"
import * as NaturalOrder from "../names/NaturalOrder.ts"
import * as Folder from "../root/Folder.ts"
import type { HiddenFiles } from "../root/HiddenFiles.ts"
import { close, closeFolder, type NotOpen, type OpenFolder, type Root } from "../root/Root.ts"
import * as FileTypes from "../types/FileTypes.ts"
import * as Kind from "../types/Kind.ts"
import * as FolderJson from "./FolderJson.ts"
import * as TextSearch from "./TextSearch.ts"

/** A file or folder whose name or text contains the text. */
export interface Hit {
  /** The folder it is in, relative to the searched folder. */
  readonly folder: ReadonlyArray<ByteName.ByteName>
  readonly entry: Folder.Entry
  /** The line of the file that contains the text, if its name does not. */
  readonly match?: TextSearch.Match
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

/** What a search looks for, besides the text. */
export interface Scope {
  /** Only entries of this kind; empty for all kinds. */
  readonly kind: string
  /** Whether the text of files is searched, too. */
  readonly inText: boolean
}

const namesOnly: Scope = { kind: "", inText: false }

/** The largest file whose text is searched, and how much of all texts, in bytes. */
const maxFileText = 16 * 1024 * 1024
const maxAllText = 256 * 1024 * 1024
/** How long texts are searched, in milliseconds. */
const maxTextMillis = 20_000

/** What is searched, for what, and how far. */
export interface SearchOptions {
  readonly root: Root
  readonly hidden: HiddenFiles
  readonly text: string
  /** Default: all names. */
  readonly scope?: Scope
  /** Default: {@link limits}. */
  readonly limits?: Limits
  /** Asked now and then; the search ends once it returns true. */
  readonly isCancelled: () => boolean
  /** Called once, when the folder itself has been read. */
  readonly onStart?: () => void
  /** Called for each hit of the result when it is found, in the order of the result. */
  readonly onHit?: (hit: Hit) => void
}

/** One search; see {@link search}. */
class RunningSearch {
  private readonly options: SearchOptions
  private readonly start: OpenFolder
  private readonly wanted: string
  private readonly scope: Scope
  private readonly limits: Limits
  private readonly done: (result: Result | NotOpen) => void
  private readonly hits: Array<Hit> = []
  private readonly queue: Array<ReadonlyArray<ByteName.ByteName>> = []
  private readonly startedAt = performance.now()
  private position = 0
  private namesSearched = 0
  private textSearched = 0
  private isCutShort = false

  constructor(options: SearchOptions, start: OpenFolder, done: (result: Result | NotOpen) => void) {
    this.options = options
    this.start = start
    this.wanted = CaseFolding.fold(options.text.slice(0, maxText))
    this.scope = options.scope ?? namesOnly
    this.limits = options.limits ?? limits
    this.done = done
  }

  run(): void {
    this.read(this.start, [])
  }

  private add(hit: Hit): void {
    this.hits.push(hit)
    this.options.onHit?.(hit)
  }

  private next(): void {
    const { hits, limits, namesSearched } = this
    const folder = this.queue[this.position]
    const isOverLimit = hits.length >= limits.hits || namesSearched >= limits.entries
    if (folder === undefined || this.options.isCancelled() || isOverLimit) {
      this.isCutShort ||= folder !== undefined
      return this.done({ hits, namesSearched, isCutShort: this.isCutShort })
    }
    this.position++
    this.options.root.open([...this.start.segments, ...folder], (opened) => {
      if (opened._tag === "Folder") return this.read(opened, folder)
      // A folder may have been deleted meanwhile; any other failure may hide matches.
      if (opened._tag === "File") close(opened.handle)
      else if (opened._tag !== "Absent") this.isCutShort = true
      this.next()
    })
  }

  private read(opened: OpenFolder, folder: ReadonlyArray<ByteName.ByteName>): void {
    Folder.names(opened, (names) => {
      if ("_tag" in names) {
        closeFolder(opened)
        if (opened === this.start) return this.done(names)
        this.isCutShort = true
        return this.next()
      }
      if (opened === this.start) this.options.onStart?.()
      const { matching, texts } = this.match(names, folder)
      const room = this.limits.hits - this.hits.length
      const candidates = firstOf(matching, room + spare)
      this.isCutShort ||= candidates.length < matching.length
      this.look(opened, [...candidates, ...texts], (entries) => {
        closeFolder(opened)
        const byName = new Set(candidates)
        const sorted = Folder.sorted(entries.filter(({ name }) => byName.has(name)))
        this.isCutShort ||= sorted.length > room
        for (const entry of sorted.slice(0, room)) this.add({ folder, entry })
        const files = entries.filter(({ folder, name }) => !folder && !byName.has(name))
        this.searchTexts(folder, Folder.sorted(files), 0)
      })
    })
  }

  private look(
    opened: OpenFolder,
    names: ReadonlyArray<ByteName.ByteName>,
    done: (entries: ReadonlyArray<Folder.Entry>) => void,
  ): void {
    const { hidden, isCancelled, root } = this.options
    Folder.look(root, hidden, opened, names, isCancelled, (entries, unexamined) => {
      this.isCutShort ||= unexamined.length > 0
      const { kind } = this.scope
      done(kind === "" ? entries : entries.filter((entry) => FileTypes.kindOfEntry(entry) === kind))
    })
  }

  /** The matching names of a folder and the files whose text is searched; its subfolders are queued. */
  private match(
    names: ReadonlyArray<Folder.Name>,
    folder: ReadonlyArray<ByteName.ByteName>,
  ): {
    readonly matching: ReadonlyArray<ByteName.ByteName>
    readonly texts: ReadonlyArray<ByteName.ByteName>
  } {
    const withinLimit = names.slice(0, this.limits.entries - this.namesSearched)
    this.isCutShort ||= withinLimit.length < names.length
    this.namesSearched += withinLimit.length
    const matching: Array<ByteName.ByteName> = []
    const texts: Array<ByteName.ByteName> = []
    const { inText, kind: wantedKind } = this.scope
    for (const { kind, name } of withinLimit) {
      if (kind === "folder") this.queue.push([...folder, name])
      // A link may lead to a folder: what it is shows only when it is examined.
      const isExcluded =
        wantedKind !== "" &&
        kind !== "other" &&
        FileTypes.kindOfEntry({ name, folder: kind === "folder" }) !== wantedKind
      if (isExcluded) continue
      if (CaseFolding.fold(ByteName.toText(name)).includes(this.wanted)) matching.push(name)
      else if (inText && kind === "file" && Kind.isText(FileTypes.kindOf(name))) texts.push(name)
    }
    return { matching, texts }
  }

  /** Searches the text of files one after the other, from one of them on. */
  private searchTexts(
    folder: ReadonlyArray<ByteName.ByteName>,
    files: ReadonlyArray<Folder.Entry>,
    index: number,
  ): void {
    const entry = files[index]
    if (entry === undefined || this.options.isCancelled()) return this.next()
    const isOverLimit =
      this.hits.length >= this.limits.hits ||
      this.textSearched >= maxAllText ||
      performance.now() - this.startedAt > maxTextMillis
    if (isOverLimit) {
      this.isCutShort = true
      return this.next()
    }
    this.options.root.open([...this.start.segments, ...folder, entry.name], (opened) => {
      if (opened._tag === "Folder") closeFolder(opened)
      if (opened._tag !== "File") return this.searchTexts(folder, files, index + 1)
      const { handle } = opened
      const { isCancelled } = this.options
      TextSearch.find(handle, this.wanted, maxFileText, isCancelled, (match, bytes) => {
        close(handle)
        this.textSearched += bytes
        if (match !== undefined) this.add({ folder, entry, match })
        this.searchTexts(folder, files, index + 1)
      })
    })
  }
}

/**
 * Searches a folder for names that contain a text, ignoring case, and the text
 * of files if that is asked for. Closes the folder.
 */
export const search = (
  options: SearchOptions,
  start: OpenFolder,
  done: (result: Result | NotOpen) => void,
): void => new RunningSearch(options, start, done).run()

/** The path from the searched folder to a hit. */
export const pathOf = ({ entry, folder }: Hit): ByteName.ByteName =>
  [...folder, entry.name].join("/")

/** The relative link from the searched folder to a hit. */
export const href = ({ entry, folder }: Hit): string =>
  [...folder, entry.name].map(ByteName.toUrl).join("/") + (entry.folder ? "/" : "")

/** A result in pieces, each of which can be sent as soon as it is there. */
export interface Pieces {
  readonly head: string
  /** Called for each hit, in order. */
  readonly hit: (hit: Hit) => string
  readonly tail: (result: Result) => string
}

/**
 * The result as JSON: `{query, entries, looked_at, cut_short}`; an entry is
 * one of a folder's with its `path` and `href` from the searched folder.
 */
export const jsonPieces = (text: string): Pieces => {
  let separator = ""
  return {
    head: `{"query":${JSON.stringify(text.toWellFormed())},"entries":[`,
    hit: (hit) => {
      const item = JSON.parse(FolderJson.item(hit.entry)) as Record<string, unknown>
      const location = { path: ByteName.toText(pathOf(hit)), href: href(hit) }
      const { match } = hit
      const json = separator + JSON.stringify({ ...item, ...location, ...(match && { match }) })
      separator = ","
      return json
    },
    tail: ({ isCutShort, namesSearched }) =>
      `],"looked_at":${namesSearched},"cut_short":${isCutShort}}\n`,
  }
}

/** The pieces of a result that is whole. */
export const join = ({ head, hit, tail }: Pieces, result: Result): string =>
  head + result.hits.map(hit).join("") + tail(result)
