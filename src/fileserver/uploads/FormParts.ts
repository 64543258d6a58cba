/**
 * A form with files (RFC 7578) as it comes in: each file is a body of its own,
 * and the form is held back while the files are not taken.
 */
import * as MultipartParser from "effect/http/MultipartParser"
import * as Headers from "../../domain/HeaderList.ts"
import { BodyError } from "../../protocol/Exchange.ts"
import type { Body, BodyFlow, BodySink } from "../../transport/body/Body.ts"
import { type ByteName, fromText } from "../names/ByteName.ts"

/** What comes out of a form. */
export interface FormSink {
  /** A file; it has to be read or let go of. */
  readonly file: (name: ByteName, body: Body) => void
  /** The form is over; every file has been given out. */
  readonly end: () => void
  /** It is no form, or broke off; the files that are being read break off, too. */
  readonly fail: () => void
}

/** Bytes that may wait in all files. */
const highWater = 256 * 1024
/** The most files of one form. */
const maxParts = 1_000

interface Part {
  readonly body: Body
  readonly push: (chunk: Uint8Array | null) => void
  readonly cut: () => void
}

const cut = new BodyError({ reason: "cut", detail: "the form broke off" })

const makePart = (waits: (bytes: number) => void): Part => {
  let waiting: Array<Uint8Array> = []
  let sink: BodySink | undefined
  let paused = false
  let end: "open" | "ending" | "ended" | "cut" = "open"
  let over = false

  const pump = (): void => {
    if (sink === undefined) return
    while (!over && !paused) {
      const chunk = waiting.shift()
      if (chunk === undefined) {
        if (end === "open" || end === "ending") return
        over = true
        if (end === "ended") sink.end([])
        else sink.fail(cut)
        return
      }
      waits(-chunk.length)
      paused = true
      if (sink.data(chunk)) paused = false
    }
  }

  const drop = (): void => {
    over = true
    for (const chunk of waiting) waits(-chunk.length)
    waiting = []
  }

  return {
    push: (chunk) => {
      if (over) return
      if (chunk === null) {
        // The parser also says this right before it fails: then the file is not whole.
        end = "ending"
        queueMicrotask(() => {
          if (end !== "ending") return
          end = "ended"
          pump()
        })
      } else if (chunk.length > 0) {
        // The parser's chunks are views of what it was given.
        waiting.push(chunk)
        waits(chunk.length)
      }
      pump()
    },
    cut: () => {
      if (end !== "ended") end = "cut"
      pump()
    },
    body: {
      length: undefined,
      whole: undefined,
      discard: drop,
      read: (into) => {
        queueMicrotask(() => {
          sink = into
          pump()
        })
        return {
          resume: () => {
            paused = false
            pump()
          },
          cancel: drop,
        }
      },
    },
  }
}

/** The name that a browser gives, which says quotes and line ends in its own way (HTML, multipart form data). */
const nameOf = (filename: string): ByteName =>
  fromText(
    filename.replaceAll(/%(22|0D|0A)/gi, (_, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 16)),
    ),
  )

/** Reads a form. Gives the way to end it. */
export const read = (headers: Headers.HeaderList, body: Body, to: FormSink): (() => void) => {
  let size = 0
  let over = false
  let held = false
  let flow: BodyFlow | undefined
  const parts: Array<Part> = []

  const waits = (bytes: number): void => {
    size += bytes
    if (!held || size > highWater / 2 || over) return
    held = false
    queueMicrotask(() => {
      if (!over) flow?.resume()
    })
  }

  const fail = (): void => {
    if (over) return
    over = true
    flow?.cancel()
    for (const part of parts) part.cut()
    to.fail()
  }

  const parser = MultipartParser.make({
    headers: { "content-type": Headers.first(headers, "content-type") ?? "" },
    maxParts,
    maxFieldSize: 4096,
    isFile: ({ filename }) => filename !== undefined,
    onField: () => {},
    onFile: ({ filename }) => {
      const part = makePart(waits)
      parts.push(part)
      to.file(nameOf(filename ?? ""), part.body)
      return part.push
    },
    onError: fail,
    onDone: () => {
      if (over) return
      over = true
      to.end()
    },
  })

  if (over) {
    body.discard()
    return fail
  }
  flow = body.read({
    data: (chunk) => {
      if (over) return false
      parser.write(chunk)
      held = size >= highWater
      return !held
    },
    end: () => {
      if (!over) parser.end()
    },
    fail,
  })
  return fail
}
