/**
 * Sends what the file server has made, such as a page or its style sheet,
 * compressed to clients that accept it: a listing of a thousand files takes a
 * tenth of the bytes.
 *
 * A page that repeats a text of its request stays uncompressed: whoever can make a
 * browser send requests could guess the rest of the page from its length (BREACH).
 * Every page repeats its address.
 */
import * as Headers from "../../domain/HeaderList.ts"
import * as Body from "../../transport/body/Body.ts"
import * as ContentCoding from "../http/ContentCoding.ts"
import * as Decision from "../http/Decision.ts"
import * as Compressor from "./Compressor.ts"
import type { FileRequest } from "./FileRequest.ts"
import type { FolderWork } from "./FolderWork.ts"

/** The fields of a query whose values leave no choice of a text. */
const withoutText =
  /^(?:(?:view|grid|choose|json|plain)=?|sort=(?:name|type|size|time)|order=(?:asc|desc)|(?:page|part)=\d{1,3}|as=text|kind=folder)$/

/** Bytes that stay the same while the server runs. */
export interface FixedFile {
  readonly bytes: Uint8Array
  readonly representation: Decision.Representation
}

const compressor = new Compressor.Compressor()
const compressedFiles = new WeakMap<Uint8Array, Map<ContentCoding.Coding, Uint8Array>>()

/** Whether the address of a request has a text that anybody could have chosen. */
const hasText = ({ head: { target } }: FileRequest): boolean => {
  const mark = target.indexOf("?")
  return (
    mark >= 0 &&
    target
      .slice(mark + 1)
      .split("&")
      .some((field) => !withoutText.test(field))
  )
}

/** Adds to Vary what the coding depends on. */
const varying = (headers: Headers.HeaderList): Headers.HeaderList => {
  const names = [...Headers.all(headers, "vary"), "Accept-Encoding"]
  return [...headers.filter(([name]) => name !== "Vary"), ["Vary", names.join(", ")]]
}

const codingFor = (request: FileRequest, length: number): ContentCoding.Coding | undefined =>
  compressor.accepts(length)
    ? ContentCoding.choose(ContentCoding.accepted(request.head.headers), 0)
    : undefined

/** Sends bytes that were made for this request; `work` counts their memory until they have been read. */
export const send = (
  request: FileRequest,
  bytes: Uint8Array,
  headers: Headers.HeaderList,
  work: FolderWork,
): void => {
  const coding = hasText(request) ? undefined : codingFor(request, bytes.length)
  if (coding === undefined) return request.sendGenerated(bytes, varying(headers), work)
  const identity = Decision.ofBytes(bytes, varying(headers))
  const decision = request.decide(Decision.ofCompressed(identity, coding), Date.now())
  const inMemory = bytes.length <= Compressor.maxInMemory
  if (decision.status !== 200 || (decision.body === undefined && !inMemory)) {
    return request.respond(decision, Body.empty)
  }
  if (inMemory) {
    return compressor.compress(bytes, coding, (compressed) => {
      if (compressed === undefined) return request.sendBytes(bytes, identity)
      request.sendBytes(compressed, Decision.ofCompressed(identity, coding, compressed.length))
    })
  }
  const body = compressor.compressWhileSending(work.holdBytes(bytes), coding)
  request.cancelWith(body)
  request.respond(decision, body)
}

/** A fixed file with the fields that describe it. */
export const fixedFile = (bytes: Uint8Array, headers: Headers.HeaderList): FixedFile => ({
  bytes,
  representation: Decision.ofBytes(bytes, varying(headers)),
})

/** Sends a fixed file, which is compressed once for each coding. */
export const sendFixed = (request: FileRequest, { bytes, representation }: FixedFile): void => {
  const coding = codingFor(request, bytes.length)
  if (coding === undefined) return request.sendBytes(bytes, representation)
  const sendCompressed = (compressed: Uint8Array): void =>
    request.sendBytes(compressed, Decision.ofCompressed(representation, coding, compressed.length))
  const files = compressedFiles.get(bytes) ?? new Map<ContentCoding.Coding, Uint8Array>()
  const kept = files.get(coding)
  if (kept !== undefined) return sendCompressed(kept)
  compressor.compress(bytes, coding, (compressed) => {
    if (compressed === undefined) return request.sendBytes(bytes, representation)
    compressedFiles.set(bytes, files.set(coding, compressed))
    sendCompressed(compressed)
  })
}
