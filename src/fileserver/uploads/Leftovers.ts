/**
 * Deletes the temporary files that uploads leave behind when their process is
 * killed, and resumable uploads that nobody goes on with. A folder is searched
 * for them when a file is uploaded to it; files that were not written to for a
 * day are deleted, since no upload of this or another process can still be
 * writing them.
 */
import * as fs from "node:fs"
import { type ByteName, toFsPath } from "../names/ByteName.ts"
import * as UploadFile from "./UploadFile.ts"

/** The folders that were searched. */
export interface Leftovers {
  /**
   * Deletes the leftovers in a folder, unless it was searched recently. Never
   * rejects.
   *
   * @param real the folder's real path
   * @param path a path to it that stays valid until the promise is resolved
   * @param now milliseconds since 1970
   */
  readonly sweep: (real: ByteName, path: ByteName, now: number) => Promise<void>
}

/** Milliseconds without a write after which a temporary file is deleted. */
export const staleAfter = 24 * 60 * 60 * 1000
/** Milliseconds until a folder is searched again. */
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
      // Another server may have deleted it, or this one may lack the permission.
    }
  }
}

/** No folder has been searched yet. */
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
