/**
 * A part of an open file as a body: read as fast as it is taken, one read at a
 * time, and closed whatever becomes of it.
 */
import * as fs from "node:fs"
import { BodyError } from "../protocol/Exchange.ts"
import type { Body, BodySink } from "../transport/Body.ts"
import { close } from "./Root.ts"

/** Bytes per read. */
const chunk = 128 * 1024

/** A body and the way to end it at any time. */
export interface FileBody {
  readonly body: Body
  /** Closes the file, whether the body is being read or not. The sink hears nothing more. Idempotent. */
  readonly cancel: () => void
}

const cut = (detail: string): BodyError => new BodyError({ reason: "cut", detail })

/**
 * Takes over a handle. The body has `length` bytes from `first` on, or fails
 * with `cut`: it is neither padded if the file shrinks nor longer if it grows.
 */
export const make = (handle: number, first: number, length: number): FileBody => {
  let sink: BodySink | undefined
  let position = first
  let left = length
  let reading = false
  let paused = false
  let over = false

  const finish = (): void => {
    over = true
    // A handle that is closed under a read may by then be another file's.
    if (!reading) close(handle)
  }

  const cancel = (): void => {
    if (!over) finish()
  }

  const next = (): void => {
    if (over || reading || paused) return
    reading = true
    const buffer = Buffer.allocUnsafeSlow(Math.min(chunk, left))
    fs.read(handle, buffer, 0, buffer.length, position, take)
  }

  const take = (error: NodeJS.ErrnoException | null, count: number, buffer: Buffer): void => {
    reading = false
    if (over) return close(handle)
    const to = sink as BodySink
    if (error !== null || count === 0) {
      finish()
      return to.fail(
        cut(
          error === null
            ? `the file ended ${left} bytes early`
            : `the file could not be read (${error.code})`,
        ),
      )
    }
    position += count
    left -= count
    paused = true
    if (to.data(count === buffer.length ? buffer : buffer.subarray(0, count))) paused = false
    if (over) return
    if (left > 0) return next()
    finish()
    to.end([])
  }

  const endEmpty = (): void => {
    if (over) return
    finish()
    ;(sink as BodySink).end([])
  }

  return {
    cancel,
    body: {
      length,
      whole: undefined,
      discard: cancel,
      read: (into) => {
        sink = into
        if (length === 0) queueMicrotask(endEmpty)
        else next()
        return {
          resume: () => {
            paused = false
            if (left > 0) next()
          },
          cancel,
        }
      },
    },
  }
}

/**
 * Reads `length` bytes at once; the handle stays open. Gives `undefined` if
 * the file has fewer by now.
 */
export const readAll = (
  handle: number,
  first: number,
  length: number,
  done: (error: NodeJS.ErrnoException | undefined, bytes: Uint8Array | undefined) => void,
): void => {
  const buffer = Buffer.allocUnsafeSlow(length)
  let at = 0
  const step = (): void => {
    if (at === length) return done(undefined, buffer)
    fs.read(handle, buffer, at, length - at, first + at, (error, count) => {
      if (error !== null) return done(error, undefined)
      if (count === 0) return done(undefined, undefined)
      at += count
      step()
    })
  }
  step()
}
