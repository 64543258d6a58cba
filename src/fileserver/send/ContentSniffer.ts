/**
 * Finds out what a file's name does not tell: the charset of a text, whether a
 * `.ts` is source code or a film, and whether a `.svgz` is compressed.
 */
import { isUtf8 } from "node:buffer"
import * as fs from "node:fs"
import type { ByteName } from "../names/ByteName.ts"
import * as FileTypes from "../types/FileTypes.ts"
import type * as MediaType from "../types/MediaType.ts"

/** How many bytes at the beginning of a file are examined. */
const examined = 1024 * 1024
/** How many of them may declare a charset (HTML Standard, prescan a byte stream). */
const declaring = 1024
/** How many files are remembered. */
const maxCount = 4096
/** File systems may not show two changes within this time, in nanoseconds, as different times. */
const timestampResolution = 2_000_000_000n

const transportStream = /\.m?ts$/i
const compressedImage = /\.svgz$/i

const hasSync = (bytes: Uint8Array, first: number, distance: number): boolean =>
  [0, 1, 2].every((i) => bytes[first + i * distance] === 0x47)

/** Packets of 188 bytes, or of 192 with a time in front (ISO/IEC 13818-1, 2.4.3.2). */
const isTransportStream = (bytes: Uint8Array): boolean =>
  hasSync(bytes, 0, 188) || hasSync(bytes, 4, 192)

const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b

/** The bytes without a character at the end that is cut off. */
const wholeCharacters = (bytes: Uint8Array): Uint8Array => {
  for (let i = 1; i <= 4; i++) {
    const byte = bytes[bytes.length - i] ?? 0
    if (byte < 0x80) return bytes
    if (byte >= 0xc0) return bytes.subarray(0, bytes.length - i)
  }
  return bytes
}

const declarations: ReadonlyArray<readonly [mediaTypes: RegExp, declaration: RegExp]> = [
  [/^text\/html$/, /<meta[^>]*charset\s*=\s*["']?\s*([\w.:-]+)/i],
  [/^text\/(?:html|xml|xsl)$/, /^\s*<\?xml[^>]*encoding\s*=\s*["']([\w.:-]+)/i],
  [/^text\/css$/, /^@charset "([^"]+)"/],
]

/** The charset that a document declares itself. */
const declaredIn = (bytes: Uint8Array, mediaType: string): string | undefined => {
  const start = Buffer.from(bytes.subarray(0, declaring)).toString("latin1")
  for (const [mediaTypes, declaration] of declarations) {
    const declared = mediaTypes.test(mediaType) ? declaration.exec(start)?.[1] : undefined
    if (declared !== undefined) return declared
  }
  return undefined
}

/** The escape sequences of ISO-2022, whose other bytes are ASCII. */
const shifts = ["\x1b$", "\x1b("]

/**
 * The charset of a text if it is certain. Without one in the header, browsers
 * use what the document declares, else a legacy encoding.
 */
const charsetOf = (bytes: Uint8Array, mediaType: string, isWhole: boolean): string | undefined => {
  const [first, second, third] = bytes
  if (first === 0xef && second === 0xbb && third === 0xbf) return "utf-8"
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return "utf-16"
  if (!isUtf8(isWhole ? bytes : wholeCharacters(bytes)) || bytes.includes(0)) return undefined
  if (
    shifts.some((shift) =>
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(shift),
    )
  ) {
    return undefined
  }
  const declared = declaredIn(bytes, mediaType)
  return declared === undefined || /^utf-?8$/i.test(declared) ? "utf-8" : undefined
}

const examine = (name: ByteName, bytes: Uint8Array, isWhole: boolean): MediaType.Content => {
  const mediaType = FileTypes.mediaTypeOf(name)
  if (compressedImage.test(name)) {
    return { mediaType, charset: undefined, coding: isGzip(bytes) ? "gzip" : undefined }
  }
  if (transportStream.test(name) && isTransportStream(bytes)) {
    return { mediaType: "video/mp2t", charset: undefined, coding: undefined }
  }
  return { mediaType, charset: charsetOf(bytes, mediaType, isWhole), coding: undefined }
}

/** Remembers what is in files for as long as they do not change. */
export class ContentSniffer {
  private readonly contents = new Map<string, MediaType.Content>()

  /**
   * Gives what is in an open file; synchronously if that is known or follows from its name.
   *
   * @param done also gets all bytes of the file if they were read for that
   */
  contentOf(
    name: ByteName,
    handle: number,
    stats: fs.BigIntStats,
    done: (content: MediaType.Content, bytes?: Uint8Array) => void,
  ): void {
    const byName = FileTypes.contentOf(name)
    const isClear = byName.charset === undefined && !compressedImage.test(name)
    if (isClear || stats.size === 0n) return done(byName)
    const key = `${stats.dev} ${stats.ino} ${stats.size} ${stats.mtimeNs} ${name}`
    const content = this.contents.get(key)
    if (content !== undefined) return done(content)
    const buffer = Buffer.allocUnsafeSlow(Number(stats.size < examined ? stats.size : examined))
    fs.read(handle, buffer, 0, buffer.length, 0, (error, count) => {
      // Sending the file will fail in the same way.
      if (error !== null) return done(byName)
      const isWhole = BigInt(count) === stats.size
      const content = examine(name, buffer.subarray(0, count), isWhole)
      this.remember(key, stats, content)
      done(content, isWhole ? buffer : undefined)
    })
  }

  private remember(key: string, { mtimeNs }: fs.BigIntStats, content: MediaType.Content): void {
    if (BigInt(Date.now()) * 1_000_000n - mtimeNs < timestampResolution) return
    this.contents.set(key, content)
    const [oldest] = this.contents.keys()
    if (this.contents.size > maxCount && oldest !== undefined) this.contents.delete(oldest)
  }
}
