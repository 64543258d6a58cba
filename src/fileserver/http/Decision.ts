/**
 * Decides the answer to a GET or HEAD: status, header fields and the bytes to
 * send, from the request's fields and a description of the file. It does no IO,
 * so that every case of HTTP can be tested on it.
 */
import type { BigIntStats } from "node:fs"
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

/** The state of an open file. */
export interface FileFacts {
  readonly name: ByteName
  readonly device: bigint
  readonly inode: bigint
  /** Bytes. */
  readonly size: bigint
  /** The last change of the content in nanoseconds since 1970; programs can set it. */
  readonly modified: bigint
  /**
   * The last change of content or properties in nanoseconds since 1970, which only the
   * operating system sets. It distinguishes a file that was overwritten and got its
   * former size and {@link modified} again.
   */
  readonly changed: bigint
}

/** The state of an open file, by what the operating system says of it. */
export const factsOf = (
  name: ByteName,
  {
    ctimeNs,
    dev,
    ino,
    mtimeNs,
    size,
  }: Pick<BigIntStats, "ctimeNs" | "dev" | "ino" | "mtimeNs" | "size">,
): FileFacts => ({
  name,
  device: dev,
  inode: ino,
  size,
  modified: mtimeNs,
  changed: ctimeNs,
})

/** Something that can be sent: a file or a generated page. */
export interface Representation {
  /** Bytes; `Infinity` if the length is known only after sending. Then there are no ranges. */
  readonly length: number
  readonly validators: Conditions.Validators
  /** Whether it supports range requests. */
  readonly ranges: boolean
  /** The fields that describe it; the decision adds others. */
  readonly headers: Headers.HeaderList
  /** How long it may be cached; default: it is validated before each use. */
  readonly cacheControl?: string
}

/** The answer. */
export interface Decision {
  readonly status: 200 | 206 | 304 | 412 | 416
  readonly headers: Headers.HeaderList
  /** The bytes to send: `length` of them from `first` on; `undefined` if there is no body. */
  readonly body: Multipart.Stretch | undefined
  /** The body of a response with several ranges; `body` is `undefined` then. */
  readonly multipart?: Multipart.Multipart
}

/** The value of Allow where only reading is allowed. */
export const allow = "GET, HEAD, OPTIONS"

/** Keeps a picture of the server's own pages from loading or running anything when it is opened by itself. */
export const isolated: Headers.Header = ["Content-Security-Policy", "default-src 'none'; sandbox"]

const noCache: Headers.Header = ["Cache-Control", "no-cache"]
const noSniff: Headers.Header = ["X-Content-Type-Options", "nosniff"]
const acceptRanges: Headers.Header = ["Accept-Ranges", "bytes"]
const noLength: Headers.Header = ["Content-Length", "0"]
const varyEncoding: Headers.Header = ["Vary", "Accept-Encoding"]
const sandbox: Headers.Header = ["Content-Security-Policy", "sandbox"]

/** A file changed within this time, in nanoseconds, may change again without a new timestamp. */
const timestampResolution = 2_000_000_000n
const second = 1_000_000_000n

/**
 * Describes a file.
 *
 * @param now milliseconds since 1970
 * @param content what is in it
 * @param trusted whether browsers may run scripts in it
 */
export const ofFile = (
  facts: FileFacts,
  now: number,
  content: MediaType.Content = FileTypes.contentOf(facts.name),
  trusted = false,
): Representation => {
  const weak = BigInt(now) * 1_000_000n - facts.modified < timestampResolution
  const state = stateOf(facts)
  // RFC 9110 8.8.2.1: never later than the date of the answer.
  const modified = Math.min(wholeSeconds(facts.modified), Math.floor(now / 1000))
  const headers: Array<Headers.Header> = [["Content-Type", MediaType.contentType(content)]]
  if (MediaType.isActive(content.mediaType) && !trusted) headers.push(sandbox)
  if (content.coding !== undefined) headers.push(["Content-Encoding", content.coding])
  else if (MediaType.isCompressible(content.mediaType)) headers.push(varyEncoding)
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
  `${facts.device} ${facts.inode} ${facts.size} ${facts.modified} ${facts.changed}`

/** The fields of a file in a content coding. */
const codedHeaders = (file: Representation, coding: Coding): Headers.HeaderList => [
  ...file.headers,
  ["Content-Encoding", coding],
]

/**
 * Describes a precompressed file.
 *
 * @param file the uncompressed file
 * @param precompressed the state of the precompressed file
 * @param now milliseconds since 1970
 */
export const ofPrecompressed = (
  file: Representation,
  precompressed: FileFacts,
  coding: Coding,
  now: number,
): Representation => {
  const weak = BigInt(now) * 1_000_000n - precompressed.modified < timestampResolution
  return {
    length: Number(precompressed.size),
    // Depends on the uncompressed file too: its type may be all that changes.
    validators: {
      etag: EntityTag.digest(
        `${coding} ${stateOf(precompressed)} ${file.validators.etag.opaque}`,
        weak || file.validators.etag.weak,
      ),
      modified: file.validators.modified,
    },
    ranges: false,
    headers: codedHeaders(file, coding),
  }
}

/**
 * Describes a file that is compressed when it is sent. Its tag is weak, since
 * another version of the compressor may give other bytes.
 *
 * @param length compressed bytes, if it has been compressed already
 */
export const ofCompressed = (
  file: Representation,
  coding: Coding,
  length = Number.POSITIVE_INFINITY,
): Representation => ({
  ...file,
  length,
  validators: {
    etag: EntityTag.digest(`${coding} ${file.validators.etag.opaque}`, true),
    modified: file.validators.modified,
  },
  ranges: false,
  headers: codedHeaders(file, coding),
})

/**
 * Describes a file whose size is 0 although it has content, as in /proc: its
 * length is known only after it was read, and nothing tells its state.
 *
 * @param now milliseconds since 1970
 */
export const ofUnsized = (file: Representation, now: number): Representation => ({
  ...file,
  length: Number.POSITIVE_INFINITY,
  validators: {
    etag: EntityTag.digest(`${file.validators.etag.opaque} ${now}`, true),
    modified: undefined,
  },
  ranges: false,
})

/** Adds a header field. */
export const withHeader = (
  representation: Representation,
  header: Headers.Header,
): Representation => ({
  ...representation,
  headers: [...representation.headers, header],
})

// Rounds down before 1970 too, where BigInt division would round up.
const wholeSeconds = (nanoseconds: bigint): number =>
  Number((nanoseconds - (((nanoseconds % second) + second) % second)) / second)

/** Describes generated bytes. The tag is their digest. */
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
  representation: Representation,
  now: number,
): Decision => {
  const seconds = Math.floor(now / 1000)
  const { length, validators } = representation
  const condition = Conditions.evaluate(request, validators, seconds)
  if (condition === "failed") {
    return { status: 412, headers: [noLength, noCache, noSniff], body: undefined }
  }

  const validating: Array<Headers.Header> = [
    ["ETag", EntityTag.format(validators.etag)],
    representation.cacheControl === undefined
      ? noCache
      : ["Cache-Control", representation.cacheControl],
  ]
  if (validators.modified !== undefined) {
    validating.push(["Last-Modified", HttpDate.format(validators.modified)])
  }
  if (condition === "not-modified") {
    for (const header of representation.headers) if (header[0] === "Vary") validating.push(header)
    return { status: 304, headers: validating, body: undefined }
  }

  const headers = [...representation.headers, ...validating, noSniff]
  if (representation.ranges) headers.push(acceptRanges)

  const range = representation.ranges && method === "GET" ? Headers.all(request, "range") : []
  if (range.length === 1 && Conditions.allowRange(request, validators, seconds)) {
    const ranges = Ranges.select(range[0] as string, length)
    if (ranges._tag === "Unsatisfiable") {
      return {
        status: 416,
        headers: [["Content-Range", `bytes */${length}`], noLength, noCache, noSniff, acceptRanges],
        body: undefined,
      }
    }
    if (ranges._tag === "Parts") {
      const [only, second] = ranges.parts
      if (only !== undefined && second === undefined) {
        const part = { first: only.first, length: only.last - only.first + 1 }
        headers.push(
          ["Content-Range", `bytes ${only.first}-${only.last}/${length}`],
          ["Content-Length", String(part.length)],
        )
        return { status: 206, headers, body: part }
      }
      return multipartOf(ranges.parts, length, headers)
    }
  }
  if (length !== Number.POSITIVE_INFINITY) headers.push(["Content-Length", String(length)])
  return { status: 200, headers, body: method === "HEAD" ? undefined : { first: 0, length } }
}

const multipartOf = (
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
