/**
 * A body from a generator, which runs on only when the receiver has taken its
 * last chunk.
 */
import { BodyError } from "../../protocol/Exchange.ts"
import type { Body, BodySink } from "./Body.ts"

/** A body, and the function that ends it at any time; the generator's `finally` blocks are run. */
export interface PulledBody {
  readonly body: Body
  readonly cancel: () => void
}

/** Makes the body, which fails as `cut` if the generator throws. */
export const make = (
  bytes: AsyncGenerator<Uint8Array, void>,
  length: number | undefined,
): PulledBody => {
  let sink: BodySink | undefined
  let paused = false
  let pulling = false
  let isOver = false

  const cancel = (): void => {
    if (isOver) return
    isOver = true
    bytes.return().catch(() => {})
  }

  const pull = async (to: BodySink): Promise<void> => {
    if (pulling) return
    pulling = true
    try {
      while (!isOver && !paused) {
        const { done, value } = await bytes.next()
        if (isOver) return
        if (done === true) {
          isOver = true
          return to.end([])
        }
        // `resume` may be called from within.
        paused = true
        if (to.data(value)) paused = false
      }
    } catch (error) {
      if (isOver) return
      isOver = true
      const detail = error instanceof Error ? error.message : String(error)
      to.fail(new BodyError({ reason: "cut", detail }))
    } finally {
      pulling = false
    }
  }

  return {
    cancel,
    body: {
      length,
      whole: undefined,
      discard: cancel,
      read: (into) => {
        sink = into
        queueMicrotask(() => void pull(into))
        return {
          resume: () => {
            paused = false
            if (sink !== undefined) void pull(sink)
          },
          cancel,
        }
      },
    },
  }
}
