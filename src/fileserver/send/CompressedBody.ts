/**
 * A body that is compressed while it is sent, with back-pressure. It fails if
 * the original body fails.
 */
import * as zlib from "node:zlib"
import { BodyError } from "../../protocol/Exchange.ts"
import type { Body } from "../../transport/body/Body.ts"
import type { Coding } from "../http/ContentCoding.ts"

// Quality 4 is fast enough for a fast connection; the window of 2^18 bytes limits
// the memory of one request to about a megabyte.
const brotli: zlib.BrotliOptions = {
  params: {
    [zlib.constants.BROTLI_PARAM_QUALITY]: 4,
    [zlib.constants.BROTLI_PARAM_LGWIN]: 18,
  },
}
const gzip: zlib.ZlibOptions = { level: 6 }

/** Compresses bytes in memory; gives `undefined` if that fails. */
export const compress = (
  bytes: Uint8Array,
  coding: Coding,
  done: (compressed: Uint8Array | undefined) => void,
): void => {
  const take = (error: Error | null, compressed: Buffer): void =>
    done(error === null ? compressed : undefined)
  if (coding === "br") zlib.brotliCompress(bytes, brotli, take)
  else zlib.gzip(bytes, gzip, take)
}

/**
 * Compresses a body.
 *
 * @param closed called once, when the body has ended in any way
 */
export const make = (source: Body, coding: Coding, closed: () => void): Body => {
  let over = false
  const finish = (): void => {
    over = true
    closed()
  }
  return {
    length: undefined,
    whole: undefined,
    discard: () => {
      if (over) return
      finish()
      source.discard()
    },
    read: (sink) => {
      const coder = coding === "br" ? zlib.createBrotliCompress(brotli) : zlib.createGzip(gzip)
      coder.on("data", (chunk: Buffer) => {
        if (over) return
        coder.pause()
        if (sink.data(chunk)) coder.resume()
      })
      coder.on("end", () => {
        if (over) return
        finish()
        sink.end([])
      })
      coder.on("error", (error) => {
        if (over) return
        finish()
        flow.cancel()
        sink.fail(new BodyError({ reason: "cut", detail: `compressing failed: ${error.message}` }))
      })
      coder.on("drain", () => {
        if (!over) flow.resume()
      })
      const flow = source.read({
        data: (chunk) => coder.write(chunk),
        end: () => coder.end(),
        fail: (error) => {
          if (over) return
          finish()
          coder.destroy()
          sink.fail(error)
        },
      })
      return {
        resume: () => {
          coder.resume()
        },
        cancel: () => {
          if (over) return
          finish()
          flow.cancel()
          coder.destroy()
        },
      }
    },
  }
}
