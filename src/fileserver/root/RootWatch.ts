/**
 * Tells the owner that the shared folder itself is gone, as when its disk was
 * unplugged: every visitor then gets 404, as for a file that was deleted.
 */
import * as fs from "node:fs"

/** How often it is looked at, at the most, in milliseconds. */
const interval = 10_000

/** See the head of this file. */
export class RootWatch {
  private readonly folder: string
  private readonly log: (message: string) => void
  private readonly now: () => number
  private lookedAt = Number.NEGATIVE_INFINITY

  /** @param now milliseconds of a monotonic clock */
  constructor(
    folder: string,
    log: (message: string) => void,
    now: () => number = () => performance.now(),
  ) {
    this.folder = folder
    this.log = log
    this.now = now
  }

  /** Something was not found: looks whether the folder is there. */
  look(): void {
    const now = this.now()
    if (now - this.lookedAt < interval) return
    this.lookedAt = now
    fs.stat(this.folder, (error, stats) => {
      if (error === null && stats.isDirectory()) return
      const reason = error === null ? "it is no folder any more" : (error.code ?? error.message)
      this.log(
        `PTTH_ROOT_NOT_FOLDER: ${this.folder} cannot be read (${reason}), and visitors get 404. Put the folder back, or mount its disk: it is served again at once`,
      )
    })
  }
}
