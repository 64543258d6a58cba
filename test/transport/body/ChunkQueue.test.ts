import { assert, describe, it } from "@effect/vitest"
import { ChunkQueue } from "../../../src/transport/body/ChunkQueue.ts"
import { chunksOf, Sizes } from "../../support/Chunked.ts"

const takeAll = (queue: ChunkQueue): ReadonlyArray<Uint8Array> => {
  const chunks: Array<Uint8Array> = []
  for (let chunk = queue.shift(); chunk !== undefined; chunk = queue.shift()) chunks.push(chunk)
  return chunks
}

describe("a queue of chunks", () => {
  it.prop("gives the bytes in the order in which they came", [Sizes], ([sizes]) => {
    const chunks = chunksOf(sizes)
    const queue = new ChunkQueue()
    for (const chunk of chunks) queue.push(chunk)
    assert.isTrue(Buffer.concat(takeAll(queue)).equals(Buffer.concat(chunks)))
    assert.isTrue(queue.isEmpty)
  })

  it("joins small chunks", () => {
    const queue = new ChunkQueue()
    for (let i = 0; i < 1_000; i++) queue.push(Buffer.from([i % 256]))
    assert.deepStrictEqual(
      takeAll(queue).map(({ length }) => length),
      [1_000],
    )
  })

  it("does not change a chunk that was taken when further bytes are pushed", () => {
    const queue = new ChunkQueue()
    queue.push(Buffer.from("a"))
    queue.push(Buffer.from("b"))
    const first = queue.shift()
    queue.push(Buffer.from("c"))
    assert.strictEqual(`${first}`, "ab")
    assert.strictEqual(`${queue.shift()}`, "c")
  })

  it("holds a large chunk without a copy, and copies a small part of a large buffer", () => {
    const large = Buffer.alloc(32 * 1024)
    const part = Buffer.alloc(1024 * 1024).subarray(0, 32 * 1024)
    const queue = new ChunkQueue()
    queue.push(large)
    queue.push(part)
    const [first, second] = takeAll(queue)
    assert.strictEqual(first?.buffer, large.buffer)
    assert.notStrictEqual(second?.buffer, part.buffer)
  })

  it("counts what it throws away", () => {
    const queue = new ChunkQueue()
    for (const chunk of chunksOf([3, 0, 20_000, 5])) queue.push(chunk)
    assert.strictEqual(queue.clear(), 20_008)
    assert.isTrue(queue.isEmpty)
    assert.strictEqual(queue.clear(), 0)
  })
})
