/**
 * Writes a body to an open file. The body is paused while the disk is slower.
 */
import * as fs from "node:fs"
import type { Body, BodyFlow, BodySink } from "../../transport/body/Body.ts"
import * as UploadFailure from "./UploadFailure.ts"

/** Queued bytes at which the body is paused. */
const highWater = 1024 * 1024

const write = (handle: number, bytes: Uint8Array, from: number): Promise<number> =>
  new Promise((resolve, reject) =>
    fs.write(handle, bytes, from, bytes.length - from, null, (error, count) =>
      error === null || error === undefined ? resolve(count) : reject(error),
    ),
  )

const writeAll = async (handle: number, bytes: Uint8Array): Promise<void> => {
  for (let at = 0; at < bytes.length; ) at += await write(handle, bytes, at)
}

/** How a body is written. */
export interface WriterOptions {
  /** The most bytes, or `Infinity`. */
  readonly maxBytes: number
  /** Whether what arrived before the body broke off is still written. Default: `false`. */
  readonly keep?: boolean
  /** Called with bytes that were written. */
  readonly onWritten?: (bytes: Uint8Array) => void
}

/** See the head of this file. */
export class BodyWriter implements BodySink {
  /** `undefined` once all bytes are written, or why they are not. */
  readonly done: Promise<UploadFailure.UploadFailure | undefined>
  private readonly handle: number
  private readonly options: WriterOptions
  private readonly resolve: (failure: UploadFailure.UploadFailure | undefined) => void
  private readonly queue: Array<Uint8Array> = []
  private queuedBytes = 0
  /** How many bytes of the body have arrived. */
  receivedBytes = 0
  private readonly flow: BodyFlow
  private source: "flowing" | "paused" | "ended" | "broken" = "flowing"
  private disk: "idle" | "writing" = "idle"
  private result: { readonly failure: UploadFailure.UploadFailure | undefined } | undefined

  constructor(body: Body, handle: number, options: WriterOptions) {
    this.handle = handle
    this.options = options
    const { promise, resolve } = Promise.withResolvers<UploadFailure.UploadFailure | undefined>()
    this.done = promise
    this.resolve = resolve
    this.flow = body.read(this)
  }

  /** Stops reading the body. Idempotent. */
  cancel(): void {
    if (this.isComplete) return
    if (this.options.keep === true) this.flow.cancel()
    this.breakOff()
  }

  data(chunk: Uint8Array): boolean {
    if (this.result !== undefined) return false
    this.receivedBytes += chunk.length
    if (this.receivedBytes > this.options.maxBytes) {
      this.finish({ _tag: "TooLarge" })
      return false
    }
    this.queue.push(chunk)
    this.queuedBytes += chunk.length
    this.source = this.queuedBytes >= highWater ? "paused" : "flowing"
    void this.writeQueue()
    return this.source === "flowing"
  }

  end(): void {
    this.source = "ended"
    void this.writeQueue()
  }

  fail(): void {
    if (this.options.keep !== true) this.source = "ended"
    this.breakOff()
  }

  /** Whether the source has delivered all that it is going to. */
  private get isComplete(): boolean {
    return this.source === "ended" || this.source === "broken"
  }

  private breakOff(): void {
    if (this.options.keep !== true) return this.finish({ _tag: "BrokenOff" })
    this.source = "broken"
    void this.writeQueue()
  }

  private finish(failure: UploadFailure.UploadFailure | undefined): void {
    if (this.result !== undefined) return
    this.result = { failure }
    if (failure !== undefined && !this.isComplete) this.flow.cancel()
    // A handle closed during a write may be reused for another file before the write ends.
    if (this.disk === "idle") this.resolve(failure)
  }

  /** Called when nothing is being written. */
  private settle(): void {
    if (this.result !== undefined) this.resolve(this.result.failure)
    else if (this.source === "ended") this.finish(undefined)
    else if (this.source === "broken") this.finish({ _tag: "BrokenOff" })
  }

  /** Writes until the queue is empty, unless that is being done already. */
  private async writeQueue(): Promise<void> {
    if (this.disk === "writing" || this.result !== undefined) return
    this.disk = "writing"
    try {
      for (
        let bytes = this.queue.shift();
        bytes !== undefined && this.result === undefined;
        bytes = this.queue.shift()
      ) {
        await writeAll(this.handle, bytes)
        this.queuedBytes -= bytes.length
        this.options.onWritten?.(bytes)
        this.resumeSource()
      }
    } catch (error) {
      this.finish(UploadFailure.of(error))
    }
    this.disk = "idle"
    this.settle()
  }

  private resumeSource(): void {
    if (this.result !== undefined || this.source !== "paused") return
    if (this.queuedBytes >= highWater / 2) return
    this.source = "flowing"
    this.flow.resume()
  }
}
