/**
 * Moves a file, folder or link on disk.
 */
import * as fs from "node:fs"

/** An entry was copied whole to another file system, and then only some of it could be removed. */
export class NotRemoved extends Error {
  override readonly name = "NotRemoved"
  /** Of the file system. */
  readonly code: string | undefined

  constructor(cause: unknown) {
    super("the entry was copied, and could not be removed as a whole", { cause })
    this.code = (cause as NodeJS.ErrnoException).code
  }
}

/**
 * Moves an entry to a free name, also to another file system. Rejects with {@link NotRemoved} if the
 * copy has to stay, else with an error of the file system.
 */
export const moveEntry = async (from: string | Buffer, to: string | Buffer): Promise<void> => {
  try {
    await fs.promises.rename(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error
    await copyAll(from, to)
    await fs.promises.rm(from, { recursive: true }).catch(async (reason: unknown) => {
      await expectAll(from, to).catch(() => {
        throw new NotRemoved(reason)
      })
      await fs.promises.rm(to, { recursive: true, force: true }).catch(() => {})
      throw reason
    })
  }
}

/** Rejects unless everything that was copied is still where it was. */
const expectAll = async (from: string | Buffer, copy: string | Buffer): Promise<void> => {
  await fs.promises.lstat(from)
  if (!(await fs.promises.lstat(copy)).isDirectory()) return
  for (const name of await fs.promises.readdir(copy, { encoding: "buffer" })) {
    await expectAll(join(from, name), join(copy, name))
  }
}

/** Copies everything as it is, links as links; leaves no part of a folder if that fails. */
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
  try {
    for (const name of await fs.promises.readdir(from, { encoding: "buffer" })) {
      await copyAll(join(from, name), join(to, name))
    }
  } catch (error) {
    await fs.promises.rm(to, { recursive: true, force: true }).catch(() => {})
    throw error
  }
}

const join = (folder: string | Buffer, name: Buffer): Buffer =>
  Buffer.concat([Buffer.from(folder), Buffer.from("/"), name])
