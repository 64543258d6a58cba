/**
 * The file server's decision: from a request and what is known of the thing
 * it asks for to a status, the header fields and the bytes to send. It reads
 * nothing, so every case of HTTP can be tried on it.
 */
import * as Headers from "../../domain/HeaderList.ts"
import type { ByteName } from "../names/ByteName.ts"
import * as FileTypes from "../types/FileTypes.ts"
import * as MediaType from "../types/MediaType.ts"
import * as Conditions from "./Conditions.ts"
import type { Coding } from "./ContentCoding.ts"
import * as EntityTag from "./EntityTag.ts"
import * as HttpDate from "./HttpDate.ts"
import * as Multipart from "./Multipart.ts"
import * as Ranges from "./Ranges.ts"

/** What is known of an open file. */
export interface FileFacts {
  readonly name: ByteName
  readonly device: bigint
  readonly inode: bigint
  /** Bytes. */
  readonly size: bigint
  /** The last change in nanoseconds since 1970. */
  readonly modified: bigint
}

/** Something that can be sent: a file, or a page made here. */
export interface Representation {
  /** Bytes; `Infinity` where only sending it will tell. Then it has no ranges. */
  readonly length: number
  readonly validators: Conditions.Validators
  /** Whether parts of it can be asked for. */
  readonly ranges: boolean
  /** The fields that describe it; those of the decision come on top. */
  readonly headers: Headers.HeaderList
}

/** What to answer. */
export interface Decision {
  readonly status: 200 | 206 | 304 | 412 | 416
  readonly headers: Headers.HeaderList
  /** The bytes to send: `length` of them from `first` on; `undefined` where the answer has no body. */
  readonly body: Multipart.Stretch | undefined
  /** What to send instead of one stretch: several, with what stands between them. `body` is undefined then. */
  readonly multipart?: Multipart.Multipart
}

/** The methods that are answered. */
export const allow = "GET, HEAD"

const noCache: Headers.Header = ["Cache-Control", "no-cache"]
const noSniff: Headers.Header = ["X-Content-Type-Options", "nosniff"]
const acceptRanges: Headers.Header = ["Accept-Ranges", "bytes"]
const noLength: Headers.Header = ["Content-Length", "0"]
const varyEncoding: Headers.Header = ["Vary", "Accept-Encoding"]
const sandbox: Headers.Header = ["Content-Security-Policy", "sandbox"]

/** Younger than this, in nanoseconds, a file may change again within one tick of its clock. */
const settled = 2_000_000_000n
const second = 1_000_000_000n

/**
 * Describes a file.
 *
 * @param now milliseconds since 1970
 * @param trusted whether a browser may run what is in it
 */
export const ofFile = (facts: FileFacts, now: number, trusted = false): Representation => {
  const type = FileTypes.mediaTypeOf(facts.name)
  const weak = BigInt(now) * 1_000_000n - facts.modified < settled
  const state = stateOf(facts)
  // RFC 9110 8.8.2.1: never later than the answer itself.
  const modified = Math.min(wholeSeconds(facts.modified), Math.floor(now / 1000))
  const headers: Array<Headers.Header> = [["Content-Type", MediaType.contentType(type)]]
  if (MediaType.isActive(type) && !trusted) headers.push(sandbox)
  if (MediaType.isCompressible(type)) headers.push(varyEncoding)
  return {
    length: Number(facts.size),
    validators: {
      etag: EntityTag.digest(state, weak),
      modified: HttpDate.isWritable(modified) ? modified : undefined,
    },
    ranges: true,
    headers,
  }
}

const stateOf = (facts: FileFacts): string =>
  `${facts.device} ${facts.inode} ${facts.size} ${facts.modified}`

/** The fields of a file in a coding: those of the file, and which coding it is. */
const codedHeaders = (file: Representation, coding: Coding): Headers.HeaderList => [
  ...file.headers,
  ["Content-Encoding", coding],
]

/**
 * Describes a file that lies ready in a coding, in a file of its own.
 *
 * @param neighbour what is known of that file
 * @param now milliseconds since 1970
 */
export const ofNeighbour = (
  file: Representation,
  neighbour: FileFacts,
  coding: Coding,
  now: number,
): Representation => {
  const weak = BigInt(now) * 1_000_000n - neighbour.modified < settled
  return {
    length: Number(neighbour.size),
    // With the plain file's state: its type and name may be all that changes.
    validators: {
      etag: EntityTag.digest(
        `${coding} ${stateOf(neighbour)} ${file.validators.etag.opaque}`,
        weak || file.validators.etag.weak,
      ),
      modified: file.validators.modified,
    },
    ranges: false,
    headers: codedHeaders(file, coding),
  }
}

/**
 * Describes a file that is compressed while it is sent. Its tag is weak: the
 * same bytes may be compressed in other ways tomorrow.
 *
 * @param length bytes, where it has been compressed already
 */
export const ofCompressed = (
  file: Representation,
  coding: Coding,
  length = Number.POSITIVE_INFINITY,
): Representation => ({
  length,
  validators: {
    etag: EntityTag.digest(`${coding} ${file.validators.etag.opaque}`, true),
    modified: file.validators.modified,
  },
  ranges: false,
  headers: codedHeaders(file, coding),
})

/** The same with further fields. */
export const withHeader = (what: Representation, header: Headers.Header): Representation => ({
  ...what,
  headers: [...what.headers, header],
})

// Rounds down before 1970 too, where BigInt division would round up.
const wholeSeconds = (nanoseconds: bigint): number =>
  Number((nanoseconds - (((nanoseconds % second) + second) % second)) / second)

/** Describes bytes made here. Their tag is a digest of them. */
export const ofBytes = (bytes: Uint8Array, headers: Headers.HeaderList): Representation => ({
  length: bytes.length,
  validators: { etag: EntityTag.digest(bytes, false), modified: undefined },
  ranges: false,
  headers,
})

/**
 * Decides the answer to a GET or HEAD.
 *
 * @param now milliseconds since 1970
 */
export const decide = (
  method: "GET" | "HEAD",
  request: Headers.HeaderList,
  what: Representation,
  now: number,
): Decision => {
  const seconds = Math.floor(now / 1000)
  const { length, validators } = what
  const condition = Conditions.evaluate(request, validators, seconds)
  if (condition === "failed") {
    return { status: 412, headers: [noLength, noCache, noSniff], body: undefined }
  }

  const validating: Array<Headers.Header> = [["ETag", EntityTag.format(validators.etag)], noCache]
  if (validators.modified !== undefined) {
    validating.push(["Last-Modified", HttpDate.format(validators.modified)])
  }
  if (condition === "not-modified") {
    for (const header of what.headers) if (header[0] === "Vary") validating.push(header)
    return { status: 304, headers: validating, body: undefined }
  }

  const headers = [...what.headers, ...validating, noSniff]
  if (what.ranges) headers.push(acceptRanges)

  const range = what.ranges && method === "GET" ? Headers.all(request, "range") : []
  if (range.length === 1 && Conditions.allowRange(request, validators, seconds)) {
    const asked = Ranges.select(range[0] as string, length)
    if (asked._tag === "Unsatisfiable") {
      return {
        status: 416,
        headers: [["Content-Range", `bytes */${length}`], noLength, noCache, noSniff, acceptRanges],
        body: undefined,
      }
    }
    if (asked._tag === "Parts") {
      const [only, second] = asked.parts
      if (only !== undefined && second === undefined) {
        const part = { first: only.first, length: only.last - only.first + 1 }
        headers.push(
          ["Content-Range", `bytes ${only.first}-${only.last}/${length}`],
          ["Content-Length", String(part.length)],
        )
        return { status: 206, headers, body: part }
      }
      return several(asked.parts, length, headers)
    }
  }
  if (length !== Number.POSITIVE_INFINITY) headers.push(["Content-Length", String(length)])
  return { status: 200, headers, body: method === "HEAD" ? undefined : { first: 0, length } }
}

const several = (
  parts: ReadonlyArray<Ranges.ByteRange>,
  size: number,
  headers: Headers.HeaderList,
): Decision => {
  const type = Headers.first(headers, "content-type")
  const multipart = Multipart.layout(parts, size, type, Multipart.boundary())
  return {
    status: 206,
    // RFC 9110 15.3.7.2: the type of the file is in the parts, and there is no Content-Range.
    headers: [
      ...headers.filter(([name]) => name !== "Content-Type"),
      ["Content-Type", multipart.contentType],
      ["Content-Length", String(multipart.length)],
    ],
    body: undefined,
    multipart,
  }
}
