import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import * as TraceContext from "../../../src/protocol/http/TraceContext.ts"

const traceId = "0af7651916cd43dd8448eb211c80319c"
const spanId = "b7ad6b7169203331"

const hex = (length: number) =>
  Schema.String.check(Schema.isPattern(new RegExp(`^[0-9a-f]{${length - 1}}[1-9a-f]$`)))

describe("traceparent", () => {
  it("is read as W3C Trace Context defines it", () => {
    const value = `00-${traceId}-${spanId}-01`
    assert.deepStrictEqual(TraceContext.parse(value), { traceId, spanId, sampled: true })
    assert.deepStrictEqual(TraceContext.parse(`00-${traceId}-${spanId}-02`), {
      traceId,
      spanId,
      sampled: false,
    })
  })

  it("may have a later version and be longer", () => {
    const expected = { traceId, spanId, sampled: true }
    assert.deepStrictEqual(TraceContext.parse(`01-${traceId}-${spanId}-03`), expected)
    assert.deepStrictEqual(TraceContext.parse(`cc-${traceId}-${spanId}-01-more`), expected)
  })

  it("is ignored if it is malformed", () => {
    for (const value of [
      "",
      `00-${traceId}-${spanId}`,
      `00-${traceId}-${spanId}-01-more`,
      `00-${traceId}-${spanId}-01.`,
      `cc-${traceId}-${spanId}-01.more`,
      `ff-${traceId}-${spanId}-01`,
      `00-${traceId.toUpperCase()}-${spanId}-01`,
      `00-${"0".repeat(32)}-${spanId}-01`,
      `00-${traceId}-${"0".repeat(16)}-01`,
      `00-${traceId.slice(1)}-${spanId}-01`,
      `00-${traceId}-${spanId}-1`,
    ])
      assert.isUndefined(TraceContext.parse(value), value)
  })

  it("is ignored if there are two", () => {
    const field = ["traceparent", `00-${traceId}-${spanId}-01`] as const
    assert.isDefined(TraceContext.of([field]))
    assert.isUndefined(TraceContext.of([field, field]))
  })

  it.prop(
    "is read as it was written",
    [hex(32), hex(16), Schema.Boolean],
    ([trace, span, sampled]) => {
      const context = { traceId: trace, spanId: span, sampled }
      assert.deepStrictEqual(TraceContext.parse(TraceContext.format(context)), context)
    },
  )

  it("replaces the visitor's; tracestate is kept only in the same trace", () => {
    const headers: HeaderList = [
      ["TraceParent", `00-${traceId}-${spanId}-01`],
      ["Tracestate", "a=b"],
      ["Accept", "*/*"],
    ]
    const next = { traceId, spanId: "1".repeat(16), sampled: true }
    assert.deepStrictEqual(TraceContext.replace(headers, next), [
      ["Tracestate", "a=b"],
      ["Accept", "*/*"],
      ["traceparent", `00-${traceId}-${"1".repeat(16)}-01`],
    ])
    const other = { ...next, traceId: "2".repeat(32), sampled: false }
    assert.deepStrictEqual(TraceContext.replace(headers, other), [
      ["Accept", "*/*"],
      ["traceparent", `00-${"2".repeat(32)}-${"1".repeat(16)}-00`],
    ])
  })
})
