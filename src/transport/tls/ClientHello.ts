/**
 * Reads the host that a TLS client wants (RFC 6066 3) from its first message,
 * without any part in the handshake. The message may be split over records and
 * segments as the client likes. With Encrypted Client Hello (RFC 9849) it is
 * the outer name.
 */

/** What the first bytes of a connection say. */
export type ClientHello =
  | { readonly _tag: "Incomplete" }
  /** They are not a message with which a TLS client begins, or one that is too large. */
  | { readonly _tag: "Other" }
  | {
      readonly _tag: "Hello"
      /** In lower case, without a dot at the end; `undefined` if there is none, or more than one. */
      readonly serverName: string | undefined
    }

/** The largest message, in bytes; with post-quantum keys browsers send about 2,000. */
export const maxMessage = 16 * 1024

/** The most bytes that are read for it: a record has at least one byte of it. */
export const maxBytes = 32 * 1024

const recordHeader = 5
const handshakeRecord = 22
const maxRecord = 16 * 1024
const clientHello = 1
const messageHeader = 4
const serverNameExtension = 0
const hostName = 0

const other: ClientHello = { _tag: "Other" }
const incomplete: ClientHello = { _tag: "Incomplete" }

/** Bytes that grow at the end, at a cost that does not depend on how many pieces they come in. */
class Bytes {
  length = 0
  private buffer = Buffer.alloc(0)

  add(bytes: Uint8Array): void {
    const length = this.length + bytes.length
    if (length > this.buffer.length) {
      const larger = Buffer.alloc(Math.max(length, 2 * this.buffer.length))
      larger.set(this.whole)
      this.buffer = larger
    }
    this.buffer.set(bytes, this.length)
    this.length = length
  }

  get whole(): Buffer {
    return this.buffer.subarray(0, this.length)
  }
}

/** Takes the bytes of a connection until they say what it is. */
export class ClientHelloReader {
  private readonly received = new Bytes()
  private readonly message = new Bytes()
  /** Where the next byte of a record's header or content is. */
  private at = 0
  /** How many bytes of the record are still to come. */
  private left = 0

  /** All bytes that were taken. */
  get bytes(): Buffer {
    return this.received.whole
  }

  /** Takes the next bytes. */
  take(chunk: Uint8Array): ClientHello {
    this.received.add(chunk)
    const { whole } = this.received
    while (this.at < whole.length) {
      if (this.left === 0) {
        const length = lengthOfRecord(whole.subarray(this.at, this.at + recordHeader))
        if (length === "other") return other
        if (length === undefined) break
        this.at += recordHeader
        this.left = length
      }
      const content = whole.subarray(this.at, this.at + this.left)
      this.message.add(content)
      this.at += content.length
      this.left -= content.length
      const hello = messageOf(this.message.whole)
      if (hello !== incomplete) return hello
    }
    return whole.length > maxBytes ? other : incomplete
  }
}

/** The length in the header of a record (RFC 8446 5.1); `undefined` if more of it has to come. */
const lengthOfRecord = (header: Buffer): number | "other" | undefined => {
  if (header[0] !== handshakeRecord || (header.length > 1 && header[1] !== 3)) return "other"
  if (header.length < recordHeader) return undefined
  const length = header.readUInt16BE(3)
  return length === 0 || length > maxRecord ? "other" : length
}

/** The message that begins with these bytes (RFC 8446 4). */
const messageOf = (bytes: Buffer): ClientHello => {
  if (bytes.length > 0 && bytes[0] !== clientHello) return other
  if (bytes.length < messageHeader) return incomplete
  const size = messageHeader + bytes.readUIntBE(1, 3)
  if (size > maxMessage) return other
  return bytes.length < size ? incomplete : helloOf(bytes.subarray(messageHeader, size))
}

const helloOf = (body: Buffer): ClientHello => {
  const extensions = extensionsOf(body)
  if (extensions === undefined) return other
  const names: Buffer[] = []
  for (const [kind, content] of extensions) if (kind === serverNameExtension) names.push(content)
  const [content] = names
  const serverName = names.length === 1 && content !== undefined ? nameIn(content) : undefined
  return { _tag: "Hello", serverName }
}

/** The extensions of a message (RFC 8446 4.1.2); `undefined` if it is malformed. */
const extensionsOf = (body: Buffer): ReadonlyArray<readonly [number, Buffer]> | undefined => {
  const reader = new Reader(body)
  reader.skip(2 + 32)
  reader.vector(1)
  reader.vector(2)
  reader.vector(1)
  if (reader.isAtEnd) return []
  const list = new Reader(reader.vector(2))
  const extensions: Array<readonly [number, Buffer]> = []
  while (!list.isAtEnd && !list.isBroken) extensions.push([list.number(2), list.vector(2)])
  return reader.isBroken || list.isBroken || !reader.isAtEnd ? undefined : extensions
}

/** The only host name of a list. */
const nameIn = (content: Buffer): string | undefined => {
  const outer = new Reader(content)
  const list = new Reader(outer.vector(2))
  const kind = list.number(1)
  const name = list.vector(2)
  if (outer.isBroken || list.isBroken || !outer.isAtEnd || !list.isAtEnd) return undefined
  if (kind !== hostName) return undefined
  const text = name.toString("latin1")
  return /^[A-Za-z0-9._-]{1,255}$/.test(text) ? text.toLowerCase().replace(/\.$/, "") : undefined
}

const noBytes = Buffer.alloc(0)

/** Takes numbers and vectors from bytes; beyond their end it is broken, and gives zeros. */
class Reader {
  isBroken = false
  private at = 0
  private readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.at === this.bytes.length
  }

  skip(count: number): void {
    if (this.at + count > this.bytes.length) this.isBroken = true
    else this.at += count
  }

  number(size: 1 | 2): number {
    const from = this.at
    this.skip(size)
    return this.isBroken ? 0 : this.bytes.readUIntBE(from, size)
  }

  /** Bytes after their length, which has `size` bytes. */
  vector(size: 1 | 2): Buffer {
    const length = this.number(size)
    const from = this.at
    this.skip(length)
    return this.isBroken ? noBytes : this.bytes.subarray(from, from + length)
  }
}
