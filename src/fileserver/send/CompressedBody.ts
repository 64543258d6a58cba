/**
 * A body that is compressed while it is sent, with back-pressure. It fails if
 * the original body fails.
 */
import * as zlib from "node:zlib"
import { BodyError } from "../../protocol/Exchange.ts"
import type { Body, BodyFlow, BodySink } from "../../transport/body/Body.ts"
import type { Coding } from "../http/ContentCoding.ts"

// Quality 4 is fast enough for a fast connection; the window of 2^18 bytes limits
// the memory of one request to about a megabyte.
const brotli = (): zlib.BrotliOptions => ({
  params: {
    [zlib.constants.BROTLI_PARAM_QUALITY]: 4,
    [zlib.constants.BROTLI_PARAM_LGWIN]: 18,
  },
})
const gzip: zlib.ZlibOptions = { level: 6 }

/** Compresses bytes in memory; gives `undefined` if that fails. */
export const compress = (
  bytes: Uint8Array,
  coding: Coding,
  done: (compressed: Uint8Array | undefined) => void,
): void => {
  const take = (error: Error | null, compressed: Buffer): void =>
    done(error === null ? compressed : undefined)
  if (coding === "br") zlib.brotliCompress(bytes, brotli(), take)
  else zlib.gzip(bytes, gzip, take)
}

/** See the head of this file. */
export class CompressedBody implements Body, BodySink, BodyFlow {
  readonly length = undefined
  readonly whole = undefined
  private readonly source: Body
  private readonly coding: Coding
  private readonly closed: () => void
  private state: "unread" | "flowing" | "over" = "unread"
  private coder: zlib.BrotliCompress | zlib.Gzip | undefined
  private sink: BodySink | undefined
  private flow: BodyFlow | undefined

  /** @param closed called once, when the body has ended in any way */
  constructor(source: Body, coding: Coding, closed: () => void) {
    this.source = source
    this.coding = coding
    this.closed = closed
  }

  discard(): void {
    this.cancel()
  }

  read(sink: BodySink): BodyFlow {
    this.state = "flowing"
    this.sink = sink
    const coder = this.coding === "br" ? zlib.createBrotliCompress(brotli()) : zlib.createGzip(gzip)
    this.coder = coder
    coder.on("data", (chunk: Buffer) => {
      if (this.state === "over") return
      coder.pause()
      if (sink.data(chunk)) coder.resume()
    })
    coder.on("end", () => {
      if (this.finish()) sink.end([])
    })
    coder.on("error", (error) => {
      if (!this.finish()) return
      this.flow?.cancel()
      sink.fail(new BodyError({ reason: "cut", detail: `compressing failed: ${error.message}` }))
    })
    coder.on("drain", () => {
      if (this.state === "flowing") this.flow?.resume()
    })
    this.flow = this.source.read(this)
    return this
  }

  data(chunk: Uint8Array): boolean {
    return this.coder?.write(chunk) ?? false
  }

  end(): void {
    this.coder?.end()
  }

  fail(error: BodyError): void {
    if (!this.finish()) return
    this.coder?.destroy()
    this.sink?.fail(error)
  }

  resume(): void {
    this.coder?.resume()
  }

  /** Ends it, whether it is being read or not. */
  cancel(): void {
    const { flow } = this
    if (!this.finish()) return
    if (flow === undefined) this.source.discard()
    else flow.cancel()
    this.coder?.destroy()
  }

  /** Ends it; whether it had not ended before. */
  private finish(): boolean {
    if (this.state === "over") return false
    this.state = "over"
    this.closed()
    return true
  }
}
