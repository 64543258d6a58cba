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
  const reader = new FormReader(headers, to)
  reader.read(body)
  return () => reader.break("invalid")
}

/** One form that is read. It is held back for all of its files together. */
class FormReader implements BodySource {
  private readonly to: FormSink
  private readonly parser: MultipartParser.Parser
  private state: "Flowing" | "Held" | "Over" = "Flowing"
  private flow: BodyFlow | undefined
  /** Bytes of files that have not been consumed. */
  private size = 0
  /** The files that have not ended. */
  private readonly files = new Set<PushedBody>()

  constructor(headers: Headers.HeaderList, to: FormSink) {
    this.to = to
    this.parser = MultipartParser.make({
      headers: { "content-type": Headers.first(headers, "content-type") ?? "" },
      maxParts,
      // The parser keeps fields in memory and limits them; as files they are passed over.
      isFile: () => true,
      onField: () => {},
      onFile: ({ filename }) => (filename === undefined ? () => {} : this.file(filename)),
      onError: (error) => this.break(error._tag === "ReachedLimit" ? "too many parts" : "invalid"),
      onDone: () => this.done(),
    })
  }

  read(body: Body): void {
    if (this.isOver) return body.discard()
    this.flow = body.read({
      data: (chunk) => this.data(chunk),
      end: () => {
        if (!this.isOver) this.parser.end()
      },
      fail: () => this.break("invalid"),
    })
  }

  break(reason: "invalid" | "too many parts"): void {
    if (this.isOver) return
    this.state = "Over"
    this.flow?.cancel()
    for (const file of this.files) file.fail(cut)
    this.files.clear()
    this.to.fail(reason)
  }

  /** Nothing to do: the rest of a file that nobody reads is passed over. */
  abandon(): void {}

  consumed(bytes: number): void {
    this.size -= bytes
    if (this.state !== "Held" || this.size > highWater / 2) return
    this.state = "Flowing"
    queueMicrotask(() => {
      if (!this.isOver) this.flow?.resume()
    })
  }

  private get isOver(): boolean {
    return this.state === "Over"
  }

  private data(chunk: Uint8Array): boolean {
    if (this.isOver) return false
    this.parser.write(chunk)
    if (this.isOver || this.size < highWater) return !this.isOver
    this.state = "Held"
    return false
  }

  private file(filename: string): (chunk: Uint8Array | null) => void {
    const file = new PushedBody(undefined, this)
    this.files.add(file)
    this.to.file(nameOf(filename), file)
    return (chunk) => {
      if (chunk === null) return this.endFile(file)
      this.size += chunk.length
      file.data(chunk)
    }
  }

  private endFile(file: PushedBody): void {
    // The parser also ends a file right before it fails: then the file is not whole.
    queueMicrotask(() => {
      if (this.files.delete(file)) file.end([])
    })
  }

  private done(): void {
    if (this.isOver) return
    this.state = "Over"
    this.to.end()
  }
}
