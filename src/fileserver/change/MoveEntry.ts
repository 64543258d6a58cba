/**
 * Moves a file, folder or link on disk.
 */
import * as fs from "node:fs"

/** An entry was copied whole to another file system, and could not be removed, or not all of it. */
export class NotRemoved extends Error {
  override readonly name = "NotRemoved"
  /** Of the file system. */
  readonly code: string | undefined

  constructor(cause: unknown) {
    super("the entry was copied, and could not be removed", { cause })
    this.code = (cause as NodeJS.ErrnoException).code
  }
}

/** Moves an entry to a free name, also to another file system. Rejects with {@link NotRemoved} if the copy has to stay. */
export const moveEntry = async (from: string | Buffer, to: string | Buffer): Promise<void> => {
  try {
    await fs.promises.rename(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error
    await copyAll(from, to)
    await fs.promises.rm(from, { recursive: true }).catch((reason: unknown) => {
      throw new NotRemoved(reason)
    })
  }
}

/** Copies everything as it is, links as links. */
const copyAll = async (from: string | Buffer, to: string | Buffer): Promise<void> => {
  const stats = await fs.promises.lstat(from)
  if (stats.isSymbolicLink()) {
    return fs.promises.symlink(await fs.promises.readlink(from, "buffer"), to)
  }
  if (!stats.isDirectory()) {
    await fs.promises.copyFile(from, to, fs.constants.COPYFILE_EXCL)
    return fs.promises.utimes(to, stats.atime, stats.mtime)
  }
  await fs.promises.mkdir(to, { mode: stats.mode & 0o777 })
  for (const name of await fs.promises.readdir(from, { encoding: "buffer" })) {
    await copyAll(join(from, name), join(to, name))
  }
}

const join = (folder: string | Buffer, name: Buffer): Buffer =>
  Buffer.concat([Buffer.from(folder), Buffer.from("/"), name])
