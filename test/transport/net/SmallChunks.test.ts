import { assert, describe, it } from "@effect/vitest"
import { SmallChunks } from "../../../src/transport/net/SmallChunks.ts"

const joining = () => {
  const delivered: Array<string> = []
  const small = new SmallChunks((bytes) => delivered.push(bytes.toString("latin1")))
  const take = (text: string): boolean => small.take(Buffer.from(text, "latin1"))
  return { delivered, small, take }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe("small chunks", () => {
  it("of one turn of the event loop are delivered as one, in that turn", async () => {
    const { delivered, take } = joining()
    for (const byte of "abc") assert.isTrue(take(byte))
    assert.deepStrictEqual(delivered, [])
    await turn()
    take("d")
    await turn()
    assert.deepStrictEqual(delivered, ["abc", "d"])
  })

  it("come before a larger one that follows them", () => {
    const { delivered, take } = joining()
    take("abc")
    assert.isFalse(take("d".repeat(1024)))
    assert.deepStrictEqual(delivered, ["abc"])
  })

  it("are delivered as soon as they fill the buffer, and not twice", async () => {
    const { delivered, small, take } = joining()
    for (let i = 0; i < 100; i++) take("x".repeat(100))
    assert.deepStrictEqual(
      delivered.map(({ length }) => length),
      [4000, 4000],
    )
    small.flush()
    await turn()
    assert.strictEqual(delivered.join(""), "x".repeat(10_000))
  })
})
