/**
 * When writes of a batch are made, and that none is lost.
 */
import { assert, describe, it } from "@effect/vitest"
import * as WriteBatch from "../../../src/transport/runtime/WriteBatch.ts"

const made = () => {
  const log: Array<string> = []
  return { log, add: (name: string) => WriteBatch.add(() => log.push(name)) }
}

describe("a write", () => {
  it("is made at once where there is no batch", () => {
    const { add, log } = made()
    add("one")
    assert.deepStrictEqual(log, ["one"])
  })

  it("is made at the end of the outermost batch, in its turn", () => {
    const { add, log } = made()
    WriteBatch.during(() => {
      add("one")
      WriteBatch.during(() => add("two"))
      log.push("work")
      add("three")
    })
    assert.deepStrictEqual(log, ["work", "one", "two", "three"])
  })

  it("is made although the batch failed", () => {
    const { add, log } = made()
    assert.throws(() =>
      WriteBatch.during(() => {
        add("one")
        throw new Error("failed")
      }),
    )
    add("two")
    assert.deepStrictEqual(log, ["one", "two"])
  })

  it("that is caused by another one is made at once", () => {
    const { add, log } = made()
    WriteBatch.during(() => {
      WriteBatch.add(() => add("inner"))
      add("outer")
    })
    assert.deepStrictEqual(log, ["inner", "outer"])
  })
})
