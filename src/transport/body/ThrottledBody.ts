/**
 * Limits the rate of a body: after each chunk it pauses for as long as the
 * chunk takes at that rate.
 */
import type { Body } from "./Body.ts"

/** The same body, delivered at no more than `bytesPerSecond`. */
export const throttle = (body: Body, bytesPerSecond: number): Body => ({
  length: body.length,
  whole: undefined,
  discard: () => body.discard(),
  read: (sink) => {
    let timer: NodeJS.Timeout | undefined
    let wantsMore = true
    let last: (() => void) | undefined
    const onward = (): void => {
      timer = undefined
      if (last !== undefined) last()
      else if (wantsMore) flow.resume()
    }
    const after = (deliver: () => void): void => {
      if (timer === undefined) deliver()
      else last = deliver
    }
    const flow = body.read({
      data: (chunk) => {
        wantsMore = sink.data(chunk)
        timer = setTimeout(onward, (chunk.length / bytesPerSecond) * 1_000)
        return false
      },
      end: (trailers) => after(() => sink.end(trailers)),
      fail: (error) => after(() => sink.fail(error)),
    })
    return {
      resume: () => {
        wantsMore = true
        if (timer === undefined) flow.resume()
      },
      cancel: () => {
        clearTimeout(timer)
        last = undefined
        flow.cancel()
      },
    }
  },
})
