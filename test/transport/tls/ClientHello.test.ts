/**
 * The host that a TLS client wants, from what clients and others send.
 */
import * as net from "node:net"
import * as tls from "node:tls"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as ClientHello from "../../../src/transport/tls/ClientHello.ts"

/** What Node's own client sends first. */
const sentFor = async (options: tls.ConnectionOptions): Promise<Buffer> =>
  new Promise((resolve) => {
    const server = net.createServer((socket) => {
      socket.on("error", () => {})
      socket.once("data", (bytes) => {
        socket.destroy()
        server.close()
        resolve(bytes as Buffer)
      })
    })
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as net.AddressInfo
      tls.connect({ host: "127.0.0.1", port, ...options }).on("error", () => {})
    })
  })

const u16 = (n: number): Buffer => Buffer.from([n >> 8, n & 0xff])
const vector = (size: 1 | 2, bytes: Buffer): Buffer =>
  Buffer.concat([size === 1 ? Buffer.from([bytes.length]) : u16(bytes.length), bytes])
const extension = (kind: number, content: Buffer): Buffer =>
  Buffer.concat([u16(kind), vector(2, content)])
const nameEntry = (name: string, kind = 0): Buffer =>
  Buffer.concat([Buffer.from([kind]), vector(2, Buffer.from(name, "latin1"))])
const names = (...entries: ReadonlyArray<Buffer>): Buffer =>
  extension(0, vector(2, Buffer.concat(entries)))

/** A message with these extensions. */
const message = (...extensions: ReadonlyArray<Buffer>): Buffer => {
  const body = Buffer.concat([
    u16(0x0303),
    Buffer.alloc(32),
    vector(1, Buffer.alloc(32)),
    vector(2, Buffer.from([0x13, 0x01])),
    vector(1, Buffer.from([0])),
    vector(2, Buffer.concat(extensions)),
  ])
  return Buffer.concat([Buffer.from([1, 0]), u16(body.length), body])
}

/** In records of so many bytes. */
const records = (bytes: Buffer, size = 16_384): Buffer => {
  const parts: Array<Buffer> = []
  for (let at = 0; at < bytes.length; at += size)
    parts.push(Buffer.from([22, 3, 1]), vector(2, bytes.subarray(at, at + size)))
  return Buffer.concat(parts)
}

/** What is read from bytes that come in pieces of this size. */
const read = (bytes: Buffer, size = bytes.length): ClientHello.ClientHello => {
  const reader = new ClientHello.ClientHelloReader()
  let hello: ClientHello.ClientHello = { _tag: "Incomplete" }
  for (let at = 0; at < bytes.length && hello._tag === "Incomplete"; at += size)
    hello = reader.take(bytes.subarray(at, at + size))
  return hello
}

const nameOf = (bytes: Buffer): string | undefined => {
  const hello = read(bytes)
  assert.deepStrictEqual(read(bytes, 1), hello)
  assert.strictEqual(hello._tag, "Hello")
  return hello._tag === "Hello" ? hello.serverName : undefined
}

describe("a client's first message", () => {
  let sent: Buffer
  beforeAll(async () => {
    sent = await sentFor({ servername: "Attic.Relay.Example." })
  })

  it("names the host, whatever its case", () => {
    assert.strictEqual(nameOf(sent), "attic.relay.example")
    assert.strictEqual(nameOf(Buffer.concat([sent, Buffer.from("more")])), "attic.relay.example")
  })

  it("is waited for until it is whole, however it comes", () => {
    const reader = new ClientHello.ClientHelloReader()
    for (const byte of sent.subarray(0, -1))
      assert.strictEqual(reader.take(Buffer.from([byte]))._tag, "Incomplete")
    assert.strictEqual(reader.take(sent.subarray(-1))._tag, "Hello")
    assert.isTrue(reader.bytes.equals(sent))
  })

  it("may be split over records, to the byte", () => {
    const bytes = message(names(nameEntry("a.example")))
    for (const size of [1, 2, 3, 5, 7, 100])
      assert.strictEqual(nameOf(records(bytes, size)), "a.example")
  })

  it("has no name without the extension, and with an odd one", () => {
    assert.isUndefined(nameOf(records(message())))
    for (const extensions of [
      [names()],
      [names(nameEntry("a.example"), nameEntry("b.example"))],
      [names(nameEntry("a.example")), names(nameEntry("b.example"))],
      [names(nameEntry("a.example", 1))],
      [names(nameEntry("a.example\0.evil.test"))],
      [names(nameEntry("b\u00fccher.example"))],
      [names(nameEntry(""))],
      [names(nameEntry("x".repeat(256)))],
      [extension(0, Buffer.from([0, 9, 0]))],
    ])
      assert.isUndefined(nameOf(records(message(...extensions))))
  })

  it("names the outer host if the inner one is encrypted, among extensions that mean nothing", () => {
    const grease = extension(0x1a1a, Buffer.from([0]))
    const encrypted = extension(0xfe0d, Buffer.alloc(300, 7))
    const bytes = records(message(grease, encrypted, names(nameEntry("outer.example")), grease))
    assert.strictEqual(nameOf(bytes), "outer.example")
  })

  it("is none if it is another protocol, malformed or too large", () => {
    const good = message(names(nameEntry("a.example")))
    const changed = (at: number, value: number): Buffer => {
      const copy = Buffer.from(good)
      copy[at] = value
      return records(copy)
    }
    const thousands = Array.from({ length: 3_000 }, (_, i) => nameEntry(`n${i}.example`))
    for (const bytes of [
      Buffer.from("GET / HTTP/1.1\r\n\r\n"),
      Buffer.from([22, 2, 0]),
      Buffer.from([21, 3, 1, 0, 2, 2, 40]),
      Buffer.from([22, 3, 1, 0, 0]),
      Buffer.from([22, 3, 1, 0x40, 1]),
      changed(0, 2),
      changed(1, 1),
      changed(4 + 2 + 32, 255),
      records(message(...thousands.map((entry) => extension(0, entry)))),
    ])
      for (const size of [1, bytes.length]) assert.strictEqual(read(bytes, size)._tag, "Other")
  })

  it("is given up after a bounded number of bytes", () => {
    const bytes = Buffer.concat([Buffer.from([1, 0, 0x3f, 0]), Buffer.alloc(0x3f00)])
    const slow = records(bytes, 1)
    assert.isAbove(slow.length, 2 * ClientHello.maxBytes)
    const reader = new ClientHello.ClientHelloReader()
    let taken = 0
    while (reader.take(slow.subarray(taken, taken + 1))._tag === "Incomplete") taken += 1
    assert.strictEqual(taken, ClientHello.maxBytes)
  })
})
