/**
 * Lists what is in the archive of a folder, before its first byte is sent. What
 * cannot be read is left out, and a text in the archive names it. A folder that
 * links lead to is in it once, where it really is.
 */
import * as fs from "node:fs"
import { type ByteName, fromText, toDisplay, toFsPath } from "../names/ByteName.ts"
import * as Folder from "../root/Folder.ts"
import type { HiddenFiles } from "../root/HiddenFiles.ts"
import * as Root from "../root/Root.ts"
import type { Item } from "./ArchiveFormat.ts"

/** A file or folder with its path in the shared folder. */
export interface ListedItem extends Item {
  /** The segments of the folder that it is in; for a folder, its own. Shared by all files of a folder, since there may be many. */
  readonly folderSegments: ReadonlyArray<ByteName>
  /** Its name in the folder; a format may change that in {@link Item.path}. */
  readonly name?: ByteName
  /** Identifies the file, unless it was replaced by another. */
  readonly inode: number
  /** The content, if it is in memory. */
  readonly bytes?: Uint8Array
}

/** Something that is not in the archive. */
export interface LeftOut {
  /** The path that it would have in the archive, with a slash at the end if it is a folder. */
  readonly path: ByteName
  /** Why, as the end of a sentence. */
  readonly reason: string
}

/** What is in the archive of a folder. */
export interface ArchiveItems {
  /** Folders precede what is in them. */
  readonly items: ReadonlyArray<ListedItem>
  readonly leftOut: ReadonlyArray<LeftOut>
}

/** The folder to archive. */
export interface ArchiveSource {
  readonly root: Root.Root
  readonly hidden: HiddenFiles
  readonly segments: ReadonlyArray<ByteName>
  /** The folder's name in the archive. */
  readonly name: ByteName
  /** The entries of the folder that are in the archive; empty for all. */
  readonly chosen: ReadonlyArray<ByteName>
  readonly isCancelled: () => boolean
}

/** The most items of an archive. */
const maxItems = 1_000_000
/** How many files are checked at the same time. */
const concurrency = 64
/** The name of the text that says what is left out. */
const noteName = "NOT INCLUDED.txt"

const tooMany: Root.NotOpen = {
  _tag: "Broken",
  detail: `The folder has more than ${maxItems} entries; download its subfolders one by one.`,
}

const reasonOf = ({ _tag, detail }: Root.NotOpen): string => {
  switch (_tag) {
    case "Forbidden":
      return "the server may not read it"
    case "TooLong":
      return "its path is too long for the server's operating system"
    case "Absent":
    case "Busy":
    case "Broken":
      return detail
  }
}

interface Content {
  readonly entries: ReadonlyArray<Folder.Entry> | Root.NotOpen
  readonly unexamined: ReadonlyArray<ByteName>
}

/** Why a file cannot be read; `undefined` if it can, or if it is gone. */
const unreadable = (path: ByteName): Promise<Root.NotOpen | undefined> =>
  new Promise((resolve) =>
    fs.access(toFsPath(path), fs.constants.R_OK, (error) => {
      const reason = error === null ? undefined : Root.notOpen(error)
      resolve(reason?._tag === "Absent" ? undefined : reason)
    }),
  )

/** A folder that is still to be listed. */
interface Pending {
  readonly segments: ReadonlyArray<ByteName>
  readonly path: ByteName
}

class ItemLister {
  private readonly source: ArchiveSource
  private readonly items: Array<ListedItem> = []
  private readonly leftOut: Array<LeftOut> = []
  /** Where the folders that are listed are in the archive, by their real paths. */
  private readonly visited = new Map<ByteName, ByteName>()
  /** Folders that are not listed again. They are in the archive, so the log does not need them. */
  private readonly repeated: Array<LeftOut> = []
  /** The last one is listed next: depth first, so that folders follow what is above them. */
  private readonly pending: Array<Pending> = []
  /** Links to folders, listed last, so that a folder is where it really is. */
  private readonly links: Array<Pending> = []

  constructor(source: ArchiveSource) {
    this.source = source
  }

  async list(): Promise<ArchiveItems | Root.NotOpen> {
    const { isCancelled, name, segments } = this.source
    const failure = await this.listFolder({ segments, path: name })
    if (failure !== undefined) return failure
    for (;;) {
      const folder = this.pending.pop() ?? this.links.shift()
      if (folder === undefined) break
      if (isCancelled()) return Root.absent
      const problem = await this.listFolder(folder)
      if (this.items.length > maxItems) return tooMany
      if (problem !== undefined) this.leaveOut(`${folder.path}/`, problem)
    }
    return { items: this.withNote(), leftOut: this.leftOut }
  }

  /** Adds a folder and its files; gives why it could not be read. */
  private async listFolder({ path, segments }: Pending): Promise<Root.NotOpen | undefined> {
    const folder = await Root.openFolder(this.source.root, segments)
    if (folder._tag !== "Folder") return folder
    try {
      const visited = this.visited.get(folder.real)
      if (visited !== undefined) {
        this.repeat(path, visited)
        return undefined
      }
      this.visited.set(folder.real, path)
      const { entries: all, unexamined } = await this.read(folder)
      if ("_tag" in all) return all
      const entries = segments === this.source.segments ? this.onlyChosen(all) : all
      const { modified } = folder
      this.items.push({ folderSegments: segments, path, folder: true, size: 0, modified, inode: 0 })
      for (const name of unexamined) {
        this.leftOut.push({ path: `${path}/${name}`, reason: "the server may not examine it" })
      }
      await this.addFiles(
        { path, segments },
        entries.filter((entry) => !entry.folder),
      )
      for (const { link, name } of entries.filter((entry) => entry.folder).reverse()) {
        const below = { segments: [...segments, name], path: `${path}/${name}` }
        if (link === true) this.links.push(below)
        else this.pending.push(below)
      }
      return undefined
    } finally {
      Root.closeFolder(folder)
    }
  }

  private onlyChosen(entries: ReadonlyArray<Folder.Entry>): ReadonlyArray<Folder.Entry> {
    if (this.source.chosen.length === 0) return entries
    const chosen = new Set(this.source.chosen)
    return entries.filter(({ name }) => chosen.has(name))
  }

  private read(folder: Root.OpenFolder): Promise<Content> {
    const { hidden, isCancelled, root } = this.source
    return new Promise((resolve) =>
      Folder.read(root, hidden, folder, isCancelled, (entries, unexamined) =>
        resolve({ entries, unexamined }),
      ),
    )
  }

  /** Adds the files of a folder that can be read. */
  private async addFiles(
    { path, segments }: Pending,
    files: ReadonlyArray<Folder.Entry>,
  ): Promise<void> {
    const { isCancelled, root } = this.source
    for (let from = 0; from < files.length && !isCancelled(); from += concurrency) {
      const some = files.slice(from, from + concurrency)
      const problems = await Promise.all(
        some.map(({ name }) => unreadable(root.pathOf([...segments, name]))),
      )
      for (const [i, { executable = false, inode = 0, modified, name, size }] of some.entries()) {
        const problem = problems[i]
        const to = `${path}/${name}`
        if (problem !== undefined) this.leaveOut(to, problem)
        else {
          const file = { path: to, name, folder: false, size, modified, executable, inode }
          this.items.push({ folderSegments: segments, ...file })
        }
      }
    }
  }

  /** Notes what cannot be read, unless it was deleted meanwhile. */
  private leaveOut(path: ByteName, problem: Root.NotOpen): void {
    if (problem._tag !== "Absent") this.leftOut.push({ path, reason: reasonOf(problem) })
  }

  /** Notes a folder that is in the archive already; that it contains itself goes without saying. */
  private repeat(path: ByteName, visited: ByteName): void {
    if (!`${path}/`.startsWith(`${visited}/`))
      this.repeated.push({
        path: `${path}/`,
        reason: `it is the same folder as ${toDisplay(visited)}/`,
      })
  }

  /** The items with a text that names what is left out. */
  private withNote(): ReadonlyArray<ListedItem> {
    const { items } = this
    const [top] = items
    const named = [...this.leftOut, ...this.repeated]
    if (named.length === 0 || top === undefined) return items
    const lines = named.map(({ path, reason }) => `${toDisplay(path)}: ${reason}\n`)
    const bytes = Buffer.from(`Not included in this archive:\n\n${lines.join("")}`)
    const { folderSegments, modified, path } = top
    const paths = new Set(items.map((item) => item.path))
    let to: ByteName = fromText(`${path}/${noteName}`)
    while (paths.has(to)) to = to.replace(/\.txt$/, "_.txt")
    const note = { folderSegments, path: to, folder: false, size: bytes.length, modified, inode: 0 }
    return [...items, { ...note, bytes }]
  }
}

/**
 * Lists a folder and its subfolders.
 *
 * @returns why nothing can be served if the folder itself cannot be read
 */
export const list = (source: ArchiveSource): Promise<ArchiveItems | Root.NotOpen> =>
  new ItemLister(source).list()

/** How many things that are left out {@link describe} names, and how many characters of each. */
const maxNamed = 10
const maxCharacters = 300

const shortened = (path: ByteName): string => {
  const text = toDisplay(path)
  return text.length <= maxCharacters ? text : `…${text.slice(-maxCharacters)}`
}

/** What is left out, as a line for the server's log. */
export const describe = (leftOut: ReadonlyArray<LeftOut>): string => {
  const named = leftOut
    .slice(0, maxNamed)
    .map(({ path, reason }) => `${shortened(path)} (${reason})`)
  const more = leftOut.length - named.length
  return `an archive is incomplete, without ${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}`
}
