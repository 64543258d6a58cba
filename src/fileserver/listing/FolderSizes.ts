/**
 * How much is in each folder of a folder, all levels down. Links are not
 * followed and count for nothing, so that nothing counts twice and the walk
 * ends. Only what is served counts.
 */
import type { ByteName } from "../names/ByteName.ts"
import * as Folder from "../root/Folder.ts"
import type { HiddenFiles } from "../root/HiddenFiles.ts"
import * as Root from "../root/Root.ts"
import * as FolderForm from "./FolderForm.ts"
import * as FolderJson from "./FolderJson.ts"

/** What is in a folder and all folders below it. */
export interface FolderSize {
  /** The sizes of the files, in bytes. */
  readonly bytes: number
  readonly files: number
  readonly folders: number
  /** Whether there may be more: a limit was reached, or a folder could not be read. */
  readonly isCutShort: boolean
}

/** A folder in the folder that is measured. */
export interface MeasuredFolder {
  readonly entry: Folder.Entry
  readonly size: FolderSize
}

/** How much is counted. */
export interface Limits {
  /** Names that are read. */
  readonly names: number
  /** Folders that are given one by one. */
  readonly listed: number
  /** How long it may take, in milliseconds. */
  readonly millis: number
}

/** The limits unless others are given. */
export const limits: Limits = { names: 500_000, listed: 5_000, millis: 20_000 }

/** What is measured, and how far. */
export interface SizesOptions {
  readonly root: Root.Root
  readonly hidden: HiddenFiles
  /** Default: {@link limits}. */
  readonly limits?: Limits
  /** Asked now and then; once it returns true, nothing more is counted. */
  readonly isCancelled: () => boolean
  /** Called once, when the folder itself has been read. */
  readonly onStart: () => void
  /** Called for each folder in it, in natural order. */
  readonly onFolder: (folder: MeasuredFolder) => void
}

const noSize: FolderSize = { bytes: 0, files: 0, folders: 0, isCutShort: false }
const cutShort: FolderSize = { ...noSize, isCutShort: true }

const sum = (one: FolderSize, other: FolderSize): FolderSize => ({
  bytes: one.bytes + other.bytes,
  files: one.files + other.files,
  folders: one.folders + other.folders,
  isCutShort: one.isCutShort || other.isCutShort,
})

/** What is right in a folder. */
interface Content {
  /** Without its folders. */
  readonly size: FolderSize
  readonly folders: ReadonlyArray<ByteName>
}

/** One measurement; see {@link measure}. */
class Measurement {
  private readonly options: SizesOptions
  private readonly limits: Limits
  private readonly startedAt = performance.now()
  private namesRead = 0

  constructor(options: SizesOptions) {
    this.options = options
    this.limits = options.limits ?? limits
  }

  /** The size of the folder at a path, depth first, so that few folders wait to be read. */
  async below(start: ReadonlyArray<ByteName>): Promise<FolderSize> {
    let total = noSize
    const pending = [start]
    for (;;) {
      const segments = pending.pop()
      if (segments === undefined) return total
      if (this.isOver()) return sum(total, cutShort)
      const folder = await Root.openFolder(this.options.root, segments)
      if (folder._tag === "Folder") {
        const { folders, size } = await this.read(folder)
        total = sum(total, size)
        for (const name of folders) pending.push([...segments, name])
      } else if (folder._tag !== "Absent") total = sum(total, cutShort)
    }
  }

  /** What is right in an open folder, which is closed. */
  private async read(folder: Root.OpenFolder): Promise<Content> {
    try {
      const names = await new Promise<ReadonlyArray<Folder.Name> | Root.NotOpen>((resolve) =>
        Folder.names(folder, resolve),
      )
      if ("_tag" in names) return { size: cutShort, folders: [] }
      const counted = names.slice(0, Math.max(0, this.limits.names - this.namesRead))
      this.namesRead += counted.length
      const folders = counted.flatMap(({ kind, name }) => (kind === "folder" ? [name] : []))
      const others = counted.flatMap(({ kind, name }) => (kind === "folder" ? [] : [name]))
      const size = await this.look(folder, others)
      const isCutShort = size.isCutShort || counted.length < names.length
      return { size: { ...size, folders: folders.length, isCutShort }, folders }
    } finally {
      Root.closeFolder(folder)
    }
  }

  private look(folder: Root.OpenFolder, names: ReadonlyArray<ByteName>): Promise<FolderSize> {
    const { hidden, isCancelled, root } = this.options
    return new Promise((resolve) =>
      Folder.look(root, hidden, folder, names, isCancelled, (entries, unexamined) =>
        resolve(sizeOf(entries, unexamined)),
      ),
    )
  }

  private isOver(): boolean {
    const isLate = performance.now() - this.startedAt > this.limits.millis
    return isLate || this.namesRead >= this.limits.names || this.options.isCancelled()
  }
}

/** The size of the files among some entries. */
const sizeOf = (
  entries: ReadonlyArray<Folder.Entry>,
  unexamined: ReadonlyArray<ByteName>,
): FolderSize => {
  const files = entries.filter(({ folder, link }) => !folder && link !== true)
  return {
    bytes: files.reduce((total, { size }) => total + size, 0),
    files: files.length,
    folders: 0,
    isCutShort: unexamined.length > 0,
  }
}

const readSorted = (
  { hidden, isCancelled, root }: SizesOptions,
  folder: Root.OpenFolder,
): Promise<{
  readonly entries: ReadonlyArray<Folder.Entry> | Root.NotOpen
  readonly unexamined: ReadonlyArray<ByteName>
}> =>
  new Promise((resolve) =>
    Folder.read(root, hidden, folder, isCancelled, (entries, unexamined) => {
      Root.closeFolder(folder)
      resolve({ entries, unexamined })
    }),
  )

/**
 * Measures each folder in a folder, one after the other. Closes the folder.
 *
 * @returns the size of the folder itself, or why it cannot be read
 */
export const measure = async (
  options: SizesOptions,
  start: Root.OpenFolder,
): Promise<FolderSize | Root.NotOpen> => {
  const { entries, unexamined } = await readSorted(options, start)
  if ("_tag" in entries) return entries
  options.onStart()
  const { listed } = options.limits ?? limits
  const folders = entries.filter(({ folder, link }) => folder && link !== true)
  const measurement = new Measurement(options)
  let total = sizeOf(entries, unexamined)
  for (const entry of folders.slice(0, listed)) {
    const size = await measurement.below([...start.segments, entry.name])
    options.onFolder({ entry, size })
    total = sum(total, { ...size, folders: size.folders + 1 })
  }
  return folders.length > listed ? sum(total, cutShort) : total
}

const counts = ({ bytes, files, folders, isCutShort }: FolderSize) => ({
  size: bytes,
  files,
  folders,
  cut_short: isCutShort,
})

/** A result in pieces, each of which can be sent as soon as it is there. */
export interface Pieces {
  readonly head: string
  /** Called for each folder, in order. */
  readonly folder: (folder: MeasuredFolder) => string
  readonly tail: (total: FolderSize) => string
}

/**
 * The result as JSON: `{entries, size, files, folders, cut_short}`; an entry is
 * one of a folder's with its `size`, `files`, `folders` and `cut_short`.
 */
export const jsonPieces = (): Pieces => {
  let separator = ""
  return {
    head: `{"entries":[`,
    folder: ({ entry, size }) => {
      const item = JSON.parse(FolderJson.item(entry)) as Record<string, unknown>
      const json = separator + JSON.stringify({ ...item, ...counts(size) })
      separator = ","
      return json
    },
    tail: (total) => `],${JSON.stringify(counts(total)).slice(1)}\n`,
  }
}

const plainLine = (name: string, { bytes, files, isCutShort }: FolderSize): string => {
  const more = isCutShort ? "+" : ""
  return `${bytes}${more}\t${files}${more}\t${name}`
}

/** A line for each folder and one for the sum: bytes, files and name; a plus after a number that may be larger. */
export const plainPieces: Pieces = {
  head: "",
  folder: ({ entry, size }) => plainLine(FolderForm.line(entry.name, true), size),
  tail: (total) => plainLine("./\n", total),
}
