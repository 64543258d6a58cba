/**
 * The cache of thumbnails: some in memory, more in a folder on disk, both of
 * bounded size, the least recently used ones removed first. Several servers may
 * share the folder. Without a folder that can be written, only the memory is
 * used.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { BoundedMap } from "../../transport/runtime/BoundedMap.ts"
import { homeFolder } from "../../transport/runtime/HomeFolder.ts"
import type { Thumb } from "./ThumbJob.ts"

/** Bytes of the thumbnails in memory. */
const maxMemory = 8 * 1024 * 1024
/** Bytes of the files on disk unless another limit is given. */
const maxDisk = 512 * 1024 * 1024
/** The part of the limit that is left when there was more. */
const afterSweep = 0.9
/** A file that is used again after so many milliseconds gets a new time. */
const touchAfter = 24 * 3_600_000

/** The folder of the user's caches (XDG Base Directory Specification), with that of the thumbnails in it. */
export const defaultFolder = (): string => {
  const base = process.env.XDG_CACHE_HOME
  const cache =
    base !== undefined && path.isAbsolute(base) ? base : path.join(homeFolder(), ".cache")
  return path.join(cache, "ptth", "thumbs")
}

const types: Readonly<Record<string, string>> = {
  webp: "image/webp",
  avif: "image/avif",
  jpeg: "image/jpeg",
  png: "image/png",
}

interface StoredFile {
  readonly file: string
  readonly bytes: number
  readonly usedAt: number
}

/** See the head of this file. Keys are hexadecimal digests. */
export class ThumbCache {
  private readonly folder: string
  private readonly limit: number
  private readonly memory = new BoundedMap<string, Thumb>({
    sizeOf: ({ bytes }) => bytes.length,
    maxSize: maxMemory,
  })
  /** Bytes on disk; `undefined` until they have been counted. */
  private diskBytes: number | undefined
  private sweeping = false
  private writes = 0

  /** @param limit bytes of the files on disk; with 0 nothing is written */
  constructor(folder: string, limit = maxDisk) {
    this.folder = folder
    this.limit = limit
  }

  /** The thumbnail of a key, if it is cached. */
  async get(key: string): Promise<Thumb | undefined> {
    const inMemory = this.memory.get(key)
    if (inMemory !== undefined) {
      this.memory.set(key, inMemory)
      return inMemory
    }
    for (const [extension, type] of Object.entries(types)) {
      const file = this.fileOf(key, extension)
      const bytes = await fs.promises.readFile(file).catch(() => undefined)
      if (bytes === undefined || bytes.length === 0) continue
      const thumb = { type, bytes }
      this.memory.set(key, thumb)
      void this.touch(file)
      return thumb
    }
    return undefined
  }

  /** Stores a thumbnail: in memory at once, on disk when the promise resolves, unless it cannot be written. */
  put(key: string, thumb: Thumb): Promise<void> {
    this.memory.set(key, thumb)
    return this.write(key, thumb).catch(() => {})
  }

  private fileOf(key: string, extension: string): string {
    return path.join(this.folder, key.slice(0, 2), `${key.slice(2)}.${extension}`)
  }

  private async touch(file: string): Promise<void> {
    try {
      const now = Date.now()
      const { mtimeMs } = await fs.promises.stat(file)
      if (now - mtimeMs > touchAfter) await fs.promises.utimes(file, now / 1000, now / 1000)
    } catch {
      // Removed meanwhile.
    }
  }

  private async write(key: string, { bytes, type }: Thumb): Promise<void> {
    const extension = Object.keys(types).find((name) => types[name] === type)
    if (extension === undefined || this.limit === 0) return
    const file = this.fileOf(key, extension)
    await fs.promises.mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
    const temporary = `${file}.${process.pid}-${this.writes++}`
    await fs.promises.writeFile(temporary, bytes, { mode: 0o600 })
    await fs.promises.rename(temporary, file)
    if (this.diskBytes !== undefined) this.diskBytes += bytes.length
    if (this.diskBytes === undefined || this.diskBytes > this.limit) await this.sweep()
  }

  /** Counts the files, and removes those that were not used for the longest time if there are too many. */
  private async sweep(): Promise<void> {
    if (this.sweeping) return
    this.sweeping = true
    try {
      const files = await this.files()
      let total = files.reduce((sum, { bytes }) => sum + bytes, 0)
      if (total > this.limit) {
        for (const { bytes, file } of files.sort((a, b) => a.usedAt - b.usedAt)) {
          if (total <= this.limit * afterSweep) break
          await fs.promises.rm(file, { force: true })
          total -= bytes
        }
      }
      this.diskBytes = total
    } finally {
      this.sweeping = false
    }
  }

  private async files(): Promise<Array<StoredFile>> {
    const files: Array<StoredFile> = []
    for (const name of await fs.promises.readdir(this.folder)) {
      const folder = path.join(this.folder, name)
      const names = await fs.promises.readdir(folder).catch(() => [])
      for (const entry of names) {
        const file = path.join(folder, entry)
        const stats = await fs.promises.stat(file).catch(() => undefined)
        if (stats?.isFile() === true) {
          files.push({ file, bytes: stats.size, usedAt: stats.mtimeMs })
        }
      }
    }
    return files
  }
}
