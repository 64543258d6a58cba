/**
 * The file server's decision: from a request and what is known of the thing
 * it asks for to a status, the header fields and the bytes to send. It reads
 * nothing, so every case of HTTP can be tried on it.
 */
import * as Headers from "../domain/HeaderList.ts"
import type { ByteName } from "./ByteName.ts"
import * as Conditions from "./Conditions.ts"
import * as ContentType from "./ContentType.ts"
import * as EntityTag from "./EntityTag.ts"
import * as HttpDate from "./HttpDate.ts"
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
  /** Bytes. */
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
  readonly body: { readonly first: number; readonly length: number } | undefined
}

/** The methods that are answered. */
export const allow = "GET, HEAD"

const noCache: Headers.Header = ["Cache-Control", "no-cache"]
const noSniff: Headers.Header = ["X-Content-Type-Options", "nosniff"]
const acceptRanges: Headers.Header = ["Accept-Ranges", "bytes"]
const noLength: Headers.Header = ["Content-Length", "0"]
const sandbox: Headers.Header = ["Content-Security-Policy", "sandbox"]

/** Younger than this, in nanoseconds, a file may change again within one tick of its clock. */
const settled = 2_000_000_000n
const second = 1_000_000_000n

/**
 * Describes a file.
 *
 * @param now milliseconds since 1970
 */
export const ofFile = (facts: FileFacts, now: number): Representation => {
  const type = ContentType.ofName(facts.name)
  const weak = BigInt(now) * 1_000_000n - facts.modified < settled
  const state = `${facts.device} ${facts.inode} ${facts.size} ${facts.modified}`
  // RFC 9110 8.8.2.1: never later than the answer itself.
  const modified = Math.min(wholeSeconds(facts.modified), Math.floor(now / 1000))
  const contentType: Headers.Header = ["Content-Type", ContentType.header(type)]
  return {
    length: Number(facts.size),
    validators: {
      etag: EntityTag.digest(state, weak),
      modified: HttpDate.isWritable(modified) ? modified : undefined,
    },
    ranges: true,
    headers: ContentType.isActive(type) ? [contentType, sandbox] : [contentType],
  }
}

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
    const asked = Ranges.parse(range[0] as string, length)
    if (asked._tag === "Unsatisfiable") {
      return {
        status: 416,
        headers: [["Content-Range", `bytes */${length}`], noLength, noCache, noSniff, acceptRanges],
        body: undefined,
      }
    }
    // Several parts would need multipart/byteranges; RFC 9110 14.2 allows the whole instead.
    if (asked._tag === "Parts" && asked.parts.length === 1) {
      const { first, last } = asked.parts[0] as Ranges.ByteRange
      headers.push(
        ["Content-Range", `bytes ${first}-${last}/${length}`],
        ["Content-Length", String(last - first + 1)],
      )
      return { status: 206, headers, body: { first, length: last - first + 1 } }
    }
  }
  headers.push(["Content-Length", String(length)])
  return { status: 200, headers, body: method === "HEAD" ? undefined : { first: 0, length } }
}
