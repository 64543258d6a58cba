/**
 * The dead properties of WebDAV (RFC 4918 4). Each folder that has any has a file
 * with its own and those of its entries, which is never served. So they stay with
 * the folder wherever its owner moves it.
 */
import * as fs from "node:fs"
import { type ByteName, toFsPath } from "../names/ByteName.ts"
import { propertiesName } from "../names/TargetPath.ts"

/** The properties of one entry: XML elements by `{namespace}name`. */
export type EntryProperties = Readonly<Record<string, string>>

/** The properties in a folder by the names of its entries; those of the folder itself have no name. */
export type FolderProperties = Readonly<Record<ByteName, EntryProperties>>

/** A folder by a path to it. */
interface FolderPath {
  readonly path: ByteName
  readonly real: ByteName
}

/** The largest file, in bytes. */
const maxBytes = 1024 * 1024
/** The largest properties of one entry, in characters. */
const maxEntry = 64 * 1024

const none: FolderProperties = {}

const isText = (value: unknown): value is string => typeof value === "string"

const isProperties = (value: unknown): value is FolderProperties =>
  typeof value === "object" &&
  value !== null &&
  Object.values(value).every(
    (entry) => typeof entry === "object" && entry !== null && Object.values(entry).every(isText),
  )

/** The properties in a folder; none if its file cannot be read. */
export const read = async ({ path }: Pick<FolderPath, "path">): Promise<FolderProperties> => {
  try {
    const file = toFsPath(`${path}/${propertiesName}`)
    const stats = await fs.promises.lstat(file)
    if (!stats.isFile() || stats.size > 2 * maxBytes) return none
    const value: unknown = JSON.parse(await fs.promises.readFile(file, "utf8"))
    return isProperties(value) ? value : none
  } catch {
    return none
  }
}

/** Writes them, one change of a folder after the other. */
export class Properties {
  private readonly running = new Map<ByteName, Promise<unknown>>()

  /**
   * Changes the properties of an entry, or with the name `""` of the folder.
   * Gives whether there was room.
   */
  change(
    folder: FolderPath,
    name: ByteName,
    change: (properties: EntryProperties) => EntryProperties,
  ): Promise<boolean> {
    return this.alone(folder, async () => {
      const all = await read(folder)
      const before = Object.hasOwn(all, name) ? (all[name] as EntryProperties) : {}
      const after = change(before)
      const text = JSON.stringify(after)
      if (text === JSON.stringify(before)) return true
      if (text.length > maxEntry) return false
      return write(folder, { ...without(all, name), ...(isEmpty(after) ? {} : { [name]: after }) })
    })
  }

  /** Gives an entry the properties of another, which keeps or loses its own. */
  async transfer(
    from: FolderPath,
    fromName: ByteName,
    to: FolderPath,
    toName: ByteName,
    keep: boolean,
  ): Promise<void> {
    const all = await read(from)
    const properties = Object.hasOwn(all, fromName) ? (all[fromName] as EntryProperties) : {}
    await this.change(to, toName, () => properties)
    if (!keep) await this.remove(from, fromName)
  }

  /** Gives a new folder the properties of another, and those of its entries. */
  async copy(from: Pick<FolderPath, "path">, to: FolderPath, deep: boolean): Promise<void> {
    const all = await read(from)
    const copied = deep ? all : onlyOwn(all)
    if (!isEmpty(copied)) await this.alone(to, () => write(to, copied))
  }

  /** Removes the properties of an entry that is gone. */
  async remove(folder: FolderPath, name: ByteName): Promise<void> {
    await this.change(folder, name, () => ({}))
  }

  private alone<A>({ real }: FolderPath, work: () => Promise<A>): Promise<A> {
    const before = this.running.get(real) ?? Promise.resolve()
    const result = before.then(work, work)
    this.running.set(real, result)
    const finish = (): void => {
      if (this.running.get(real) === result) this.running.delete(real)
    }
    result.then(finish, finish)
    return result
  }
}

const isEmpty = (record: object): boolean => Object.keys(record).length === 0

const without = (all: FolderProperties, name: ByteName): FolderProperties =>
  Object.fromEntries(Object.entries(all).filter(([other]) => other !== name))

/** Those of the folder itself. */
const onlyOwn = (all: FolderProperties): FolderProperties =>
  Object.fromEntries(Object.entries(all).filter(([name]) => name === ""))

const write = async ({ path }: FolderPath, all: FolderProperties): Promise<boolean> => {
  const file = `${path}/${propertiesName}`
  const text = JSON.stringify(all)
  if (text === "{}") {
    await fs.promises.rm(toFsPath(file), { force: true })
    return true
  }
  if (Buffer.byteLength(text) > maxBytes) return false
  const temporary = toFsPath(`${file}.new`)
  try {
    await fs.promises.writeFile(temporary, text)
    await fs.promises.rename(temporary, toFsPath(file))
  } catch (error) {
    await fs.promises.rm(temporary, { force: true }).catch(() => {})
    throw error
  }
  return true
}
