/**
 * Appends a body to an upload. What has arrived when the body breaks off stays,
 * unless there is a checksum, which then cannot be compared.
 */
import { createHash, type Hash } from "node:crypto"
import * as ConstantTime from "../../transport/auth/ConstantTime.ts"
import type { Body } from "../../transport/body/Body.ts"
import { BodyWriter } from "../uploads/BodyWriter.ts"
import * as UploadFailure from "../uploads/UploadFailure.ts"
import type { PartFile } from "./PartFile.ts"
import type { Checksum } from "./TusFields.ts"

/** An interrupted request ends when no byte has arrived for so long, in milliseconds. */
const quietMillis = 250
/** And at the latest after so long. */
const lingerMillis = 3_000

/** How it ended. */
export type Outcome = { readonly _tag: "Written" | "WrongChecksum" } | UploadFailure.UploadFailure

const isRight = (hash: Hash, { digest }: Checksum): boolean =>
  ConstantTime.isEqual(hash.digest(), digest)

/** See the head of this file. The body is read or discarded in any case. */
export class PartWriter {
  readonly done: Promise<Outcome>
  private readonly part: PartFile
  private readonly body: Body
  private readonly checksum: Checksum | undefined
  private writer: BodyWriter | undefined
  private isCancelled = false
  private linger: NodeJS.Timeout | undefined

  constructor(part: PartFile, body: Body, checksum: Checksum | undefined) {
    this.part = part
    this.body = body
    this.checksum = checksum
    this.done = this.run().finally(() => clearTimeout(this.linger))
  }

  /**
   * Stops reading when no more bytes arrive: those that a broken connection has
   * left in buffers on the way need not be sent again. Idempotent.
   */
  interrupt(): void {
    if (this.linger !== undefined) return
    const latest = performance.now() + lingerMillis
    const received = (): number => this.writer?.receivedBytes ?? 0
    const wait = (before: number): void => {
      this.linger = setTimeout(() => {
        const now = received()
        if (now === before || performance.now() >= latest) this.cancel()
        else wait(now)
      }, quietMillis)
    }
    wait(received())
  }

  /** Stops reading. Idempotent. */
  cancel(): void {
    this.isCancelled = true
    this.writer?.cancel()
  }

  private async run(): Promise<Outcome> {
    const { checksum, part } = this
    const start = part.offset
    const hash = checksum === undefined ? undefined : createHash(checksum.algorithm)
    if (checksum !== undefined) await part.suspect()
    const failure = await this.append(part.info.length - start, hash)
    await part.refresh()
    if (hash === undefined || checksum === undefined) {
      if (failure?._tag === "TooLarge") await part.cutTo(start)
      return failure ?? { _tag: "Written" }
    }
    const isVerified = failure === undefined && isRight(hash, checksum)
    await (isVerified ? part.trust() : part.cutTo(start))
    return failure ?? { _tag: isVerified ? "Written" : "WrongChecksum" }
  }

  private async append(
    maxBytes: number,
    hash: Hash | undefined,
  ): Promise<UploadFailure.UploadFailure | undefined> {
    const file = await this.part.open().catch((error: unknown) => UploadFailure.of(error))
    if ("_tag" in file || this.isCancelled) {
      this.body.discard()
      if ("_tag" in file) return file
      await file.close()
      return { _tag: "BrokenOff" }
    }
    try {
      this.writer = new BodyWriter(this.body, file.fd, {
        maxBytes,
        keep: true,
        ...(hash === undefined ? {} : { onWritten: (bytes) => hash.update(bytes) }),
      })
      return await this.writer.done
    } finally {
      this.writer = undefined
      await file.close()
    }
  }
}
