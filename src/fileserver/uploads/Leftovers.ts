/**
 * What uploads leave behind when their process is killed: files under temporary
 * names, which nobody is shown. They are looked for where files are uploaded
 * to, and deleted once nothing has been written to them for so long that no
 * upload, of this process or of another one, can still be at them.
 */
import * as fs from "node:fs"
import { type ByteName, toFsPath } from "../names/ByteName.ts"
import * as UploadFile from "./UploadFile.ts"

/** See {@link make}. */
export interface Leftovers {
  /**
   * Deletes what is left over in a folder, unless it was looked through a
   * moment ago. Never rejects.
   *
   * @param real the folder's real path
   * @param path a path to it that stays good until the promise is resolved
   * @param now milliseconds since 1970
   */
  readonly sweep: (real: ByteName, path: ByteName, now: number) => Promise<void>
}

/** Milliseconds without a write after which an upload is given up for dead. */
const staleAfter = 24 * 60 * 60 * 1000
/** Milliseconds until a folder is looked through again. */
const interval = 60 * 60 * 1000

const deleteStale = async (path: ByteName, now: number): Promise<void> => {
  const names = await fs.promises.readdir(toFsPath(path), { encoding: "latin1" })
  for (const name of names) {
    if (!UploadFile.isTemporary(name)) continue
    const file = toFsPath(`${path}/${name}`)
    try {
      const stats = await fs.promises.lstat(file)
      if (stats.isFile() && now - stats.mtimeMs > staleAfter) await fs.promises.unlink(file)
    } catch {
      // Another server may have deleted it, or may be allowed to when this one is not.
    }
  }
}

/** Has looked through no folder yet. */
export const make = (): Leftovers => {
  const sweptAt = new Map<ByteName, number>()
  return {
    sweep: async (real, path, now) => {
      for (const [folder, at] of sweptAt) if (Math.abs(now - at) >= interval) sweptAt.delete(folder)
      if (sweptAt.has(real)) return
      sweptAt.set(real, now)
      await deleteStale(path, now).catch(() => {})
    },
  }
}
