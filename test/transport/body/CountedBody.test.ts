import { assert, describe, it } from "@effect/vitest"
import { BodyError } from "../../../src/protocol/Exchange.ts"
import {
  type Body,
  type BodyFlow,
  type BodySink,
  fromText,
} from "../../../src/transport/body/Body.ts"
import { count, countResponse } from "../../../src/transport/body/CountedBody.ts"

const setting = () => {
  const seen = { bytes: 0, over: 0, flow: [] as Array<string>, told: [] as Array<string> }
  let inner: BodySink | undefined
  const body: Body = {
    length: 7,
    whole: undefined,
    discard: () => seen.flow.push("discard"),
    read: (sink) => {
      inner = sink
      return { resume: () => seen.flow.push("resume"), cancel: () => seen.flow.push("cancel") }
    },
  }
  const counted = count(body, {
    bytes: (n) => {
      seen.bytes += n
    },
    over: () => {
      seen.over += 1
    },
  })
  const read = (): [BodySink, BodyFlow] => {
    const flow = counted.read({
      data: (chunk) => {
        seen.told.push(`data ${chunk.length}`)
        return chunk.length < 3
      },
      end: (trailers) => seen.told.push(`end ${trailers.length}`),
      fail: (error) => seen.told.push(`fail ${error.reason}`),
    })
    return [inner as BodySink, flow]
  }
  return { seen, counted, read }
}

describe("a counted body", () => {
  it("passes on everything, both ways, and counts the bytes", () => {
    const { counted, read, seen } = setting()
    assert.strictEqual(counted.length, 7)
    const [source, flow] = read()
    assert.isTrue(source.data(new Uint8Array(2)))
    assert.isFalse(source.data(new Uint8Array(5)))
    flow.resume()
    assert.strictEqual(seen.over, 0)
    source.end([["A", "b"]])
    assert.deepStrictEqual(seen, {
      bytes: 7,
      over: 1,
      flow: ["resume"],
      told: ["data 2", "data 5", "end 1"],
    })
  })

  it("is over when it breaks off, is given up, or nobody wants it", () => {
    const broken = setting()
    broken.read()[0].fail(new BodyError({ reason: "cut", detail: "" }))
    assert.deepStrictEqual([broken.seen.over, broken.seen.told], [1, ["fail cut"]])
    const given = setting()
    given.read()[1].cancel()
    assert.deepStrictEqual([given.seen.over, given.seen.flow], [1, ["cancel"]])
    const unwanted = setting()
    unwanted.counted.discard()
    assert.deepStrictEqual([unwanted.seen.over, unwanted.seen.flow], [1, ["discard"]])
  })
})

it("the body of a response that is in memory is over at once, since nobody reads it", () => {
  const counted: Array<number | boolean> = []
  const body = fromText("seven b")
  const tally = {
    bytes: (bytes: number) => counted.push(bytes),
    over: (isWhole: boolean) => counted.push(isWhole),
  }
  assert.strictEqual(countResponse(body, tally), body)
  assert.deepStrictEqual(counted, [7, true])
})
