/**
 * Parses a form with files (RFC 7578) while it is received: each file is a
 * body of its own, and the form is paused while its files are not read.
 */
import * as MultipartParser from "effect/http/MultipartParser"
import * as Headers from "../../domain/HeaderList.ts"
import { BodyError } from "../../protocol/Exchange.ts"
import type { Body, BodyFlow } from "../../transport/body/Body.ts"
import { type BodySource, PushedBody } from "../../transport/body/PushedBody.ts"
import { type ByteName, fromText } from "../names/ByteName.ts"

/** Receives what is in a form. */
export interface FormSink {
  /** A file; its body has to be read or discarded. */
  readonly file: (name: ByteName, body: Body) => void
  /** The form has ended; `file` has been called for every file. */
  readonly end: () => void
  /** It is not a form, broke off, or has too many parts; files that have not ended fail too. */
  readonly fail: (reason: "invalid" | "too many parts") => void
}

/** How many bytes may be queued in all files together before the form is paused. */
const highWater = 256 * 1024
/** The most files and fields of one form. */
export const maxParts = 1_000

const cut = new BodyError({ reason: "cut", detail: "the form broke off" })

/** The file's name; browsers percent-encode quotes and line ends in it (HTML, multipart form data). */
const nameOf = (filename: string): ByteName =>
  fromText(
    filename.replaceAll(/%(22|0D|0A)/gi, (_, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 16)),
    ),
  )

/** Reads a form. The returned function breaks it off. */
export const read = (headers: Headers.HeaderList, body: Body, to: FormSink): (() => void) => {
  let size = 0
  let over = false
  let held = false
  let flow: BodyFlow | undefined
  /** The files that have not ended. */
  const files = new Set<PushedBody>()

  const source: BodySource = {
    // The form is held back by `consumed`, for all files together.
    abandon: () => {},
    consumed: (bytes) => {
      size -= bytes
      if (!held || size > highWater / 2 || over) return
      held = false
      queueMicrotask(() => {
        if (!over) flow?.resume()
      })
    },
  }

  const fail = (reason: "invalid" | "too many parts" = "invalid"): void => {
    if (over) return
    over = true
    flow?.cancel()
    for (const file of files) file.fail(cut)
    files.clear()
    to.fail(reason)
  }

  const endFile = (file: PushedBody): void => {
    // The parser also ends a file right before it fails: then the file is not whole.
    queueMicrotask(() => {
      if (files.delete(file)) file.end([])
    })
  }

  const parser = MultipartParser.make({
    headers: { "content-type": Headers.first(headers, "content-type") ?? "" },
    maxParts,
    // The parser keeps fields in memory and limits them; as files they are passed over.
    isFile: () => true,
    onField: () => {},
    onFile: ({ filename }) => {
      if (filename === undefined) return () => {}
      const file = new PushedBody(undefined, source)
      files.add(file)
      to.file(nameOf(filename), file)
      return (chunk) => {
        if (chunk === null) return endFile(file)
        size += chunk.length
        file.data(chunk)
      }
    },
    onError: (error) => fail(error._tag === "ReachedLimit" ? "too many parts" : "invalid"),
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
    fail: () => fail(),
  })
  return fail
}
