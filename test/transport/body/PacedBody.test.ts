import { assert, describe, it } from "@effect/vitest"
import type { BodySink } from "../../../src/transport/body/Body.ts"
import { paced } from "../../../src/transport/body/PacedBody.ts"

/** A paced body, of which the test pushes the bytes, and who it said is waited for. */
const harness = () => {
  const waitedFor: Array<string> = []
  let sink: BodySink | undefined
  const calls: Array<string> = []
  const body = paced(
    {
      length: 3,
      whole: undefined,
      read: (to) => {
        sink = to
        return { resume: () => calls.push("resume"), cancel: () => calls.push("cancel") }
      },
      discard: () => calls.push("discard"),
    },
    {
      awaitsSender: () => waitedFor.push("sender"),
      awaitsReader: () => waitedFor.push("reader"),
    },
  )
  return { body, calls, waitedFor, sink: () => sink as BodySink }
}

describe("a paced body", () => {
  it("waits for its sender while its reader wants more, and else for its reader", () => {
    const on = harness()
    assert.deepStrictEqual(on.waitedFor, [])
    let wantsMore = true
    const flow = on.body.read({ data: () => wantsMore, end: () => {}, fail: () => {} })
    assert.isTrue(on.sink().data(new Uint8Array(1)))
    assert.deepStrictEqual(on.waitedFor, ["sender"])
    wantsMore = false
    assert.isFalse(on.sink().data(new Uint8Array(1)))
    flow.resume()
    on.sink().end([])
    assert.deepStrictEqual(on.waitedFor, ["sender", "reader", "sender", "reader"])
    assert.deepStrictEqual(on.calls, ["resume"])
  })

  it("waits for its reader once it broke off or is not wanted", () => {
    const on = harness()
    on.body.read({ data: () => true, end: () => {}, fail: () => {} }).cancel()
    assert.deepStrictEqual(on.waitedFor, ["sender", "reader"])
    assert.deepStrictEqual(on.calls, ["cancel"])
  })

  it("waits for its reader after its end, also if the reader asks for more then", () => {
    const on = harness()
    const flow = on.body.read({ data: () => false, end: () => {}, fail: () => {} })
    on.sink().data(new Uint8Array(3))
    on.sink().end([])
    flow.resume()
    assert.strictEqual(on.waitedFor.at(-1), "reader")
    assert.deepStrictEqual(on.calls, [])
  })
})
