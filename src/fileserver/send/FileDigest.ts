/**
 * Answers `?sha256` of a file with its digest in hexadecimal. A few files are
 * read at a time; the digests of files that have not changed are remembered.
 */
import { createHash } from "node:crypto"
import type * as fs from "node:fs"
import type * as Headers from "../../domain/HeaderList.ts"
import * as Root from "../root/Root.ts"
import * as FileBody from "./FileBody.ts"
import type { FileRequest } from "./FileRequest.ts"
import { FolderWork } from "./FolderWork.ts"

/** Bytes that are read at once. */
const chunk = 1024 * 1024
/** How many digests are remembered. */
const maxCount = 1_000

const headers: Headers.HeaderList = [["Content-Type", "text/plain; charset=utf-8"]]

const stateOf = ({ ctimeNs, dev, ino, mtimeNs, size }: fs.BigIntStats): string =>
  `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`

/** See the head of this file. */
export class FileDigest {
  private readonly digests = new Map<string, string>()
  private readonly work = new FolderWork({
    maxWorking: 2,
    maxWaiting: 64,
    maxHeldBytes: 1,
    patience: 60_000,
    stalledAfter: 60_000,
  })

  /** Sends the digest of an open file, and closes it. */
  send(request: FileRequest, { handle, stats }: Root.OpenFile): void {
    const state = stateOf(stats)
    const cached = this.digests.get(state)
    if (cached !== undefined) {
      Root.close(handle)
      return request.sendGenerated(Buffer.from(`${cached}\n`), headers)
    }
    this.work.enter({
      isCancelled: request.isCancelled,
      refuse: () => {
        Root.close(handle)
        request.failCrowded("Too many digests are being computed at the moment.")
      },
      start: (leave) => {
        digest(handle, Number(stats.size), request.isCancelled, (error, hex) => {
          Root.close(handle)
          leave()
          if (error !== undefined) return request.failNotOpen(Root.notOpen(error))
          if (hex === undefined) return
          this.remember(state, hex)
          request.sendGenerated(Buffer.from(`${hex}\n`), headers)
        })
      },
    })
  }

  private remember(state: string, hex: string): void {
    this.digests.set(state, hex)
    const [oldest] = this.digests.keys()
    if (this.digests.size > maxCount && oldest !== undefined) this.digests.delete(oldest)
  }
}

/** Gives the digest of a file; nothing if the visitor is gone. */
const digest = (
  handle: number,
  size: number,
  isCancelled: () => boolean,
  done: (error: NodeJS.ErrnoException | undefined, hex?: string) => void,
): void => {
  const hash = createHash("sha256")
  const step = (at: number): void => {
    if (isCancelled()) return done(undefined)
    if (at >= size) return done(undefined, hash.digest("hex"))
    const length = Math.min(chunk, size - at)
    FileBody.readAll(handle, at, length, (error, bytes) => {
      if (error !== undefined) return done(error)
      // It has shrunk: the digest is of what there is.
      if (bytes === undefined) return done(undefined, hash.digest("hex"))
      hash.update(bytes)
      step(at + length)
    })
  }
  step(0)
}
