/**
 * Reads the beginning of a body before its head is sent, to decide whether it
 * is sent at all.
 */
import type { Body, BodyFlow } from "./Body.ts"
import { PushedBody } from "./PushedBody.ts"

/** How a body is judged: one of `accepted` and `refused` is called, once. */
export interface Judgement {
  /** Whether a body that begins with these bytes, one for each character, is accepted; `undefined` to read on. */
  readonly judge: (text: string) => boolean | undefined
  /** Called with the whole body, also if nothing was decided in its first 64 KiB or before its end. */
  readonly accepted: (body: Body) => void
  /** The rest of the body has been given up. */
  readonly refused: () => void
}

/** How much is read before the decision, in bytes. */
const maxRead = 64 * 1024

/** Reads a body until it is judged. */
export const peek = (body: Body, { accepted, judge, refused }: Judgement): void => {
  if (body.whole !== undefined) {
    if (judge(Buffer.from(body.whole).toString("latin1", 0, maxRead)) !== false)
      return accepted(body)
    body.discard()
    return refused()
  }
  let text = ""
  let isDecided = false
  /** Judged again each time that it has doubled, so that small chunks do not cost more. */
  let nextLength = 1
  const decide = (isEnd: boolean): void => {
    if (isDecided || (!isEnd && text.length < nextLength)) return
    nextLength = text.length * 2
    const verdict = judge(text)
    if (verdict === undefined && !isEnd && text.length < maxRead) return
    isDecided = true
    if (verdict !== false) return accepted(pushed)
    pushed.discard()
    refused()
  }
  const pushed = new PushedBody(body.length, {
    resume: () => flow.resume(),
    abandon: () => flow.cancel(),
  })
  const flow: BodyFlow = body.read({
    data: (chunk) => {
      if (!isDecided) text += Buffer.from(chunk).toString("latin1")
      const wantsMore = pushed.data(chunk)
      decide(false)
      return wantsMore || !isDecided
    },
    end: (trailers) => {
      decide(true)
      pushed.end(trailers)
    },
    fail: (error) => {
      decide(true)
      pushed.fail(error)
    },
  })
}
