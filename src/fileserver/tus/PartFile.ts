/**
 * An upload that is not complete, on disk: the bytes that have arrived, under a
 * temporary name in the folder of the file, and beside them a description. The
 * size of the first is the offset, so that nothing is lost if the process ends.
 */
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import type * as Headers from "../../domain/HeaderList.ts"
import { type ByteName, toFsPath } from "../names/ByteName.ts"
import { temporaryPrefix } from "../names/TargetPath.ts"
import type { OpenFolder } from "../root/Root.ts"
import { staleAfter } from "../uploads/Leftovers.ts"

/** The description of an upload. */
export interface PartInfo {
  /** The bytes of the whole file. */
  readonly length: number
  /** The file's name, as a byte string. */
  readonly name: ByteName
  /** Upload-Metadata as sent. */
  readonly metadata: string
  /** The fields of the request that began it: its preconditions hold for the whole upload. */
  readonly conditions: Headers.HeaderList
  /** The offset of bytes whose checksum is being computed: they do not count yet. */
  readonly unverifiedFrom?: number
}

const { O_APPEND, O_CREAT, O_EXCL, O_WRONLY } = fs.constants
const noFollow = fs.constants.O_NOFOLLOW ?? 0
/** The longest description, in bytes. */
const maxInfo = 64 * 1024

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT"

const removeFile = (path: string | Buffer): Promise<void> =>
  fs.promises.unlink(path).catch((error: unknown) => {
    if (!isMissing(error)) throw error
  })

/** See the head of this file. */
export class PartFile {
  readonly id: string
  info: PartInfo
  /** Bytes that have arrived. */
  offset: number
  /** When something of it arrived last, in milliseconds since 1970. */
  private modified: number
  readonly path: string | Buffer
  private readonly infoPath: string | Buffer

  private constructor(
    folder: OpenFolder,
    id: string,
    info: PartInfo,
    offset: number,
    modified: number,
  ) {
    this.id = id
    this.info = info
    this.offset = offset
    this.modified = modified
    this.path = toFsPath(`${folder.path}/${temporaryPrefix}${id}`)
    this.infoPath = toFsPath(`${folder.path}/${temporaryPrefix}${id}.json`)
  }

  /** Begins an upload. */
  static async create(folder: OpenFolder, info: PartInfo, mode: number): Promise<PartFile> {
    const part = new PartFile(folder, randomBytes(12).toString("hex"), info, 0, Date.now())
    try {
      await fs.promises.writeFile(part.infoPath, JSON.stringify(info), { flag: "wx", mode: 0o600 })
      const file = await fs.promises.open(part.path, O_WRONLY | O_CREAT | O_EXCL | noFollow, mode)
      await file.close()
    } catch (error) {
      await part.remove().catch(() => {})
      throw error
    }
    return part
  }

  /** An upload that was begun; `undefined` if there is none, or it has expired. */
  static async find(folder: OpenFolder, id: string, now: number): Promise<PartFile | undefined> {
    try {
      const part = new PartFile(
        folder,
        id,
        { length: 0, name: "", metadata: "", conditions: [] },
        0,
        0,
      )
      const [stats, text] = await Promise.all([
        fs.promises.lstat(part.path),
        readSmall(part.infoPath),
      ])
      if (!stats.isFile() || text === undefined) return undefined
      part.info = JSON.parse(text) as PartInfo
      part.offset = stats.size
      part.modified = stats.mtimeMs
      if (now >= part.expires) {
        await part.remove()
        return undefined
      }
      if (part.info.unverifiedFrom !== undefined) await part.cutTo(part.info.unverifiedFrom)
      return part
    } catch (error) {
      if (isMissing(error) || error instanceof SyntaxError) return undefined
      throw error
    }
  }

  /** When it is deleted unless more arrives, in milliseconds since 1970. */
  get expires(): number {
    return this.modified + staleAfter
  }

  get isComplete(): boolean {
    return this.offset === this.info.length
  }

  /** Opens it for appending. */
  open(): Promise<fs.promises.FileHandle> {
    return fs.promises.open(this.path, O_WRONLY | O_APPEND | noFollow)
  }

  /** Notes that bytes were appended. */
  async refresh(): Promise<void> {
    const stats = await fs.promises.lstat(this.path)
    this.offset = stats.size
    this.modified = stats.mtimeMs
    // Leftovers are deleted by the age of each file.
    await fs.promises.utimes(this.infoPath, stats.mtime, stats.mtime).catch(() => {})
  }

  /** Notes that bytes from the present offset on have no proven checksum yet. */
  async suspect(): Promise<void> {
    await this.describe({ ...this.info, unverifiedFrom: this.offset })
  }

  /** The checksum of all bytes was right. */
  async trust(): Promise<void> {
    const { unverifiedFrom: _, ...info } = this.info
    await this.describe(info)
  }

  /** Drops the bytes from an offset on. */
  async cutTo(offset: number): Promise<void> {
    await fs.promises.truncate(this.path, Math.min(offset, this.offset))
    await this.refresh()
    await this.trust()
  }

  /** Deletes it. */
  async remove(): Promise<void> {
    await Promise.all([removeFile(this.path), this.forget()])
  }

  /** Deletes the description, when the file has its name. */
  forget(): Promise<void> {
    return removeFile(this.infoPath)
  }

  private async describe(info: PartInfo): Promise<void> {
    await fs.promises.writeFile(this.infoPath, JSON.stringify(info))
    this.info = info
  }
}

const readSmall = async (path: string | Buffer): Promise<string | undefined> => {
  const file = await fs.promises.open(path, fs.constants.O_RDONLY | noFollow)
  try {
    const stats = await file.stat()
    return stats.isFile() && stats.size <= maxInfo ? await file.readFile("utf8") : undefined
  } finally {
    await file.close()
  }
}
