import { Duplex } from "node:stream"
import { assert, describe, it } from "@effect/vitest"
import { ReadBuffer, receive } from "../../../src/transport/net/ReadBuffer.ts"

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const record = 16 * 1024

/** A connection, what reads it, and what comes of it. */
const setting = () => {
  const buffer = new ReadBuffer()
  const socket = buffer.attached(new Duplex({ read: () => {}, write: () => {} }))
  const chunks: Array<Buffer> = []
  let sent = 0
  /** Node has read so many bytes; each of them is its number. */
  const read = (count: number): void => {
    const rest = (buffer.onread.buffer as () => Uint8Array)()
    assert.isAtLeast(rest.length, count)
    for (let i = 0; i < count; i++) rest[i] = sent++ % 251
    assert.isTrue(buffer.onread.callback(count, rest))
  }
  const take = (chunk: Buffer) => chunks.push(chunk)
  const isWhole = (): boolean => {
    const all = Buffer.concat(chunks)
    return all.length === sent && all.every((byte, i) => byte === i % 251)
  }
  return { chunks, isWhole, read, socket, take }
}

describe("a connection that is read into large buffers", () => {
  it("gives small reads at once", () => {
    const { chunks, isWhole, read, socket, take } = setting()
    receive(socket, take)
    read(10)
    read(500)
    assert.deepStrictEqual(
      chunks.map(({ length }) => length),
      [10, 500],
    )
    assert.isTrue(isWhole())
  })

  it("joins what comes in whole records of one turn, in buffers that grow", async () => {
    const { chunks, isWhole, read, socket, take } = setting()
    receive(socket, take)
    for (let i = 0; i < 20; i++) read(record)
    assert.isBelow(chunks.length, 4)
    await turn()
    assert.isTrue(isWhole())
    assert.isAbove(Math.max(...chunks.map(({ length }) => length)), 4 * record)
  })

  it("joins what comes behind whole records with them", async () => {
    const { chunks, isWhole, read, socket, take } = setting()
    receive(socket, take)
    read(record)
    read(7)
    read(record)
    await turn()
    assert.deepStrictEqual(
      chunks.map(({ length }) => length),
      [2 * record + 7],
    )
    assert.isTrue(isWhole())
  })

  it("leaves what it gave as it was, and keeps what came before there was a reader", async () => {
    const { chunks, isWhole, read, socket, take } = setting()
    for (let i = 0; i < 30; i++) read(record - 100)
    receive(socket, take)
    for (let i = 0; i < 30; i++) read(record)
    await turn()
    assert.isTrue(isWhole())
    assert.isNotEmpty(chunks)
  })

  it("gives everything before it ends", async () => {
    const { isWhole, read, socket, take } = setting()
    receive(socket, take)
    read(record)
    const closed = new Promise<boolean>((resolve) => socket.once("close", () => resolve(isWhole())))
    socket.destroy()
    assert.isTrue(await closed)
  })
})

it("another connection is read as Node gives it", async () => {
  const socket = new Duplex({ read: () => {}, write: () => {} })
  const chunks: Array<string> = []
  receive(socket, (chunk) => chunks.push(chunk.toString()))
  socket.push("hello")
  await turn()
  assert.deepStrictEqual(chunks, ["hello"])
})
