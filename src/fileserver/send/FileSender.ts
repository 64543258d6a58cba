/**
 * Sends files: from the cache of small files, as they are, precompressed or
 * compressed while they are sent. What the answer says is decided in
 * `http/Decision.ts`.
 */
import * as fs from "node:fs"
import * as Headers from "../../domain/HeaderList.ts"
import * as Body from "../../transport/body/Body.ts"
import * as ContentCoding from "../http/ContentCoding.ts"
import * as Decision from "../http/Decision.ts"
import * as Disposition from "../http/Disposition.ts"
import type * as Multipart from "../http/Multipart.ts"
import * as Query from "../http/Query.ts"
import { type ByteName, toFsPath } from "../names/ByteName.ts"
import * as Root from "../root/Root.ts"
import * as FileTypes from "../types/FileTypes.ts"
import * as MediaType from "../types/MediaType.ts"
import * as Compressor from "./Compressor.ts"
import { ContentSniffer } from "./ContentSniffer.ts"
import * as FileBody from "./FileBody.ts"
import type { FileRequest } from "./FileRequest.ts"
import * as PrecompressedFile from "./PrecompressedFile.ts"
import * as SmallFiles from "./SmallFiles.ts"

/** The largest file that is compressed, in bytes. */
const maxCompressed = 10 * 1024 * 1024

/** An open file; whoever it is passed to closes the handle. */
type Opened = Pick<Root.OpenFile, "handle" | "stats">

/** An open file, and all of its bytes if they have been read already. */
interface ReadableFile extends Opened {
  readonly bytes?: Uint8Array | undefined
}

/** A request for a file, with the state of the file at the time. */
interface Download {
  readonly request: FileRequest
  readonly segments: ReadonlyArray<ByteName>
  /** Stats of the uncompressed file. */
  readonly stats: fs.BigIntStats
  /** The file without content coding. */
  readonly identity: Decision.Representation
  /** Milliseconds since 1970. */
  readonly now: number
  /** All bytes of the uncompressed file, if they have been read already. */
  readonly bytes: Uint8Array | undefined
}

/** Called with new stats if a file has shrunk before anything was sent. */
type Retry = (shrunk: fs.BigIntStats) => void

/** How files are sent. */
export interface SendRules {
  /** Whether browsers may run scripts in the files. */
  readonly trusted: boolean
  /** Whether precompressed files in a folder are sent in place of the others. */
  readonly usesPrecompressed: (folder: ReadonlyArray<ByteName>) => boolean
}

/** See the head of this file. */
export class FileSender {
  private readonly root: Root.Root
  private readonly rules: SendRules
  private readonly cache = new SmallFiles.SmallFiles()
  private readonly sniffer = new ContentSniffer()
  /** Heads of cached files for requests without conditions. */
  private readonly decisions = new WeakMap<SmallFiles.SmallFile, Decision.Decision>()
  private readonly compressor = new Compressor.Compressor()

  constructor(root: Root.Root, rules: SendRules) {
    this.root = root
    this.rules = rules
  }

  /** Sends a file from the cache if it has not changed on disk; calls `miss` otherwise. */
  sendCached(request: FileRequest, segments: ReadonlyArray<ByteName>, miss: () => void): void {
    const key = keyOf(request, segments)
    const cached = this.cache.get(key, Date.now())
    if (cached === undefined) return miss()
    this.cache.isUnchanged(key, toFsPath(this.root.pathOf(segments)), cached, (isUnchanged) => {
      if (!isUnchanged) {
        this.cache.drop(key)
        return miss()
      }
      if (isUnconditional(request)) return this.sendUnconditionally(request, cached)
      request.sendBytes(cached.bytes, withDisposition(request, segments, cached.representation))
    })
  }

  private sendUnconditionally(request: FileRequest, cached: SmallFiles.SmallFile): void {
    let decision = this.decisions.get(cached)
    if (decision === undefined) {
      decision = request.decide(cached.representation, Date.now())
      this.decisions.set(cached, decision)
    }
    request.respond(decision, Body.fromBytes(cached.bytes))
  }

  /** Sends an open file and closes it. */
  send(request: FileRequest, segments: ReadonlyArray<ByteName>, file: Opened): void {
    const { handle, stats } = file
    this.sniffer.contentOf(segments.at(-1) as ByteName, handle, stats, (content, bytes) => {
      const now = Date.now()
      const identity = Decision.ofFile(
        Decision.factsOf(segments.at(-1) as ByteName, stats),
        now,
        content,
        this.rules.trusted,
      )
      const download: Download = { request, segments, stats, identity, now, bytes }
      if (stats.size === 0n) return this.sendEmpty(download, handle)
      this.sendCoded(download, handle, content)
    })
  }

  /** Sends a file whose size is 0: it is empty, or its size is not known beforehand, as in /proc. */
  private sendEmpty(download: Download, handle: number): void {
    const { identity, now, request, segments } = download
    FileBody.hasContent(handle, (hasContent) => {
      if (!hasContent) return this.sendIdentity(download, handle)
      const representation = Decision.ofUnsized(identity, now)
      const decision = request.decide(withDisposition(request, segments, representation), now)
      if (decision.body === undefined) {
        Root.close(handle)
        return request.respond(decision, Body.empty)
      }
      const unsized = FileBody.makeUnsized(handle)
      request.cancelWith(unsized)
      request.respond(decision, unsized.body)
    })
  }

  /** Sends a file in the best coding. */
  private sendCoded(download: Download, handle: number, content: MediaType.Content): void {
    const { request, segments, stats } = download
    const accepted = acceptedCodings(request, content)
    if (accepted.length === 0) return this.sendIdentity(download, handle)
    if (!this.rules.usesPrecompressed(segments.slice(0, -1))) {
      return this.sendWithCoding(download, handle, accepted, undefined)
    }
    PrecompressedFile.find(this.root, segments, stats, accepted, (precompressed) =>
      this.sendWithCoding(download, handle, accepted, precompressed),
    )
  }

  /** Sends a file to a client that accepts codings. */
  private sendWithCoding(
    download: Download,
    handle: number,
    accepted: ReadonlyArray<ContentCoding.Accepted>,
    precompressed: PrecompressedFile.PrecompressedFile | undefined,
  ): void {
    const coding = this.mayCompress(download.stats)
      ? ContentCoding.choose(accepted, precompressed?.weight ?? 0)
      : undefined
    if (coding !== undefined) {
      if (precompressed !== undefined) Root.close(precompressed.handle)
      return this.sendCompressed(download, handle, coding)
    }
    if (precompressed === undefined) return this.sendIdentity(download, handle)
    Root.close(handle)
    this.sendPrecompressed(download, precompressed)
  }

  private mayCompress({ size }: fs.BigIntStats): boolean {
    return size <= maxCompressed && this.compressor.accepts(Number(size))
  }

  private sendIdentity(download: Download, handle: number): void {
    const { bytes, identity, request, segments, stats } = download
    this.sendStored(download, { handle, stats, bytes }, identity, (shrunk) =>
      this.send(request, segments, { handle, stats: shrunk }),
    )
  }

  private sendPrecompressed(download: Download, file: PrecompressedFile.PrecompressedFile): void {
    const { identity, now, segments } = download
    const facts = Decision.factsOf(segments.at(-1) as ByteName, file.stats)
    const representation = Decision.ofPrecompressed(identity, facts, file.coding, now)
    this.sendStored(download, file, representation, (shrunk) =>
      this.sendPrecompressed(download, { ...file, stats: shrunk }),
    )
  }

  /** Sends the bytes of an open file, and caches them if they are few. */
  private sendStored(
    { now, request, segments, stats: original }: Download,
    file: ReadableFile,
    representation: Decision.Representation,
    retry: Retry,
  ): void {
    const { handle } = file
    const decision = request.decide(withDisposition(request, segments, representation), now)
    const { body, multipart } = decision
    if (multipart !== undefined) {
      const parts = FileBody.ofPieces(handle, multipart.pieces, multipart.length)
      request.cancelWith(parts)
      return request.respond(decision, parts.body)
    }
    if (body === undefined || body.length === 0) {
      Root.close(handle)
      return request.respond(decision, Body.empty)
    }
    if (body.length > SmallFiles.maxSize) {
      const part = FileBody.make(handle, body.first, body.length)
      request.cancelWith(part)
      return request.respond(decision, part.body)
    }
    readIntoMemory(request, file, body, retry, (bytes) => {
      Root.close(handle)
      if (decision.status === 200) {
        const file = { stats: original, bytes, representation, checkedAt: now }
        this.cache.put(keyOf(request, segments), file)
      }
      request.respond(decision, Body.fromBytes(bytes))
    })
  }

  private sendCompressed(download: Download, handle: number, coding: ContentCoding.Coding): void {
    const { identity, now, request, segments } = download
    const representation = Decision.ofCompressed(identity, coding)
    const decision = request.decide(withDisposition(request, segments, representation), now)
    const inMemory = identity.length <= Compressor.maxInMemory
    if (decision.status !== 200 || (decision.body === undefined && !inMemory)) {
      Root.close(handle)
      return request.respond(decision, Body.empty)
    }
    if (inMemory) return this.compressInMemory(download, handle, coding)
    const file = FileBody.make(handle, 0, identity.length)
    const body = this.compressor.compressWhileSending(file.body, coding)
    request.cancelWith(body)
    request.respond(decision, body)
  }

  private compressInMemory(
    { bytes: read, identity, now, request, segments, stats }: Download,
    handle: number,
    coding: ContentCoding.Coding,
  ): void {
    const whole: Multipart.Stretch = { first: 0, length: identity.length }
    const retry: Retry = (shrunk) => this.send(request, segments, { handle, stats: shrunk })
    readIntoMemory(request, { handle, stats, bytes: read }, whole, retry, (bytes) => {
      Root.close(handle)
      this.compressor.compress(bytes, coding, (compressed) => {
        const isSmaller = compressed !== undefined && compressed.length < bytes.length
        const sent = isSmaller ? compressed : bytes
        const representation = isSmaller
          ? Decision.ofCompressed(identity, coding, compressed.length)
          : identity
        if (sent.length <= SmallFiles.maxSize) {
          const file = { stats, bytes: sent, representation, checkedAt: now }
          this.cache.put(keyOf(request, segments), file)
        }
        request.sendBytes(sent, withDisposition(request, segments, representation))
      })
    })
  }
}

/** Whether a request asks for the whole file without conditions or parameters. */
const isUnconditional = ({ head, method, query }: FileRequest): boolean => {
  if (method !== "GET" || query !== Query.none) return false
  for (const [name] of head.headers) if (isConditional(name)) return false
  return true
}

/** Most names are ruled out by their first letter. */
const isConditional = (name: string): boolean => {
  const letter = name.charCodeAt(0) | 0x20
  return (letter === letterI || letter === letterR) && /^(?:range|if-.*)$/i.test(name)
}

const letterI = 0x69
const letterR = 0x72

/** The codings to try for a file: none for a range, since ranges are of the uncompressed bytes. */
const acceptedCodings = (
  { head: { headers }, method }: FileRequest,
  { coding, mediaType }: MediaType.Content,
): ReadonlyArray<ContentCoding.Accepted> => {
  if (!Headers.has(headers, "accept-encoding")) return []
  if (method === "GET" && Headers.has(headers, "range")) return []
  return coding === undefined && MediaType.isCompressible(mediaType)
    ? ContentCoding.accepted(headers)
    : []
}

/** The cache key of the answer: the path and the accepted codings. */
const keyOf = (request: FileRequest, segments: ReadonlyArray<ByteName>): ByteName => {
  const path = segments.join("/")
  if (!Headers.has(request.head.headers, "accept-encoding")) return path
  const name = segments.at(-1)
  const accepted = name === undefined ? [] : acceptedCodings(request, FileTypes.contentOf(name))
  return accepted.length === 0 ? path : `${path}\0${ContentCoding.key(accepted)}`
}

/** Adds the file name for `?download`. */
const withDisposition = (
  { query }: FileRequest,
  segments: ReadonlyArray<ByteName>,
  representation: Decision.Representation,
): Decision.Representation => {
  if (!query.download) return representation
  const value = Disposition.attachment(segments.at(-1) as ByteName)
  return Decision.withHeader(representation, ["Content-Disposition", value])
}

/** Reads a part of a file. The handle stays open for `retry` and `done`, and is closed otherwise. */
const readIntoMemory = (
  request: FileRequest,
  { bytes: read, handle, stats }: ReadableFile,
  { first, length }: Multipart.Stretch,
  retry: Retry,
  done: (bytes: Uint8Array) => void,
): void => {
  if (read !== undefined) return done(read.subarray(first, first + length))
  FileBody.readAll(handle, first, length, (error, bytes) => {
    if (error !== undefined) {
      Root.close(handle)
      return request.failNotOpen(Root.notOpen(error))
    }
    if (bytes !== undefined) return done(bytes)
    // The file has shrunk since it was opened; the head has not been sent yet.
    fs.fstat(handle, { bigint: true }, (failure, shrunk) => {
      if (failure === null && shrunk.size < stats.size && !request.isCancelled()) {
        return retry(shrunk)
      }
      // In /sys the size of a file is not that of its content.
      if (failure === null && shrunk.size === stats.size && !request.isCancelled()) {
        return retry({ ...shrunk, size: 0n } as fs.BigIntStats)
      }
      Root.close(handle)
      request.failNotOpen(failure === null ? Root.absent : Root.notOpen(failure))
    })
  })
}
