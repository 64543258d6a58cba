/**
 * A body that is compressed while it is sent: no faster than it is taken, and
 * cut where the body that it is made of is cut.
 */
import * as zlib from "node:zlib"
import { BodyError } from "../../protocol/Exchange.ts"
import type { Body } from "../../transport/body/Body.ts"
import type { Coding } from "../http/ContentCoding.ts"

// Four is where a modern processor still keeps up with a fast line; the window
// bounds what one visitor costs in memory to about a megabyte.
const brotli: zlib.BrotliOptions = {
  params: {
    [zlib.constants.BROTLI_PARAM_QUALITY]: 4,
    [zlib.constants.BROTLI_PARAM_LGWIN]: 18,
  },
}
const gzip: zlib.ZlibOptions = { level: 6 }

/** Compresses bytes that are here; `undefined` if that fails. */
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
 * Wraps a body.
 *
 * @param closed called once, as soon as nothing is compressed any more
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
