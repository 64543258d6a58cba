import { assert, describe, it } from "@effect/vitest"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import { connectionFields } from "../../../src/protocol/http/ConnectionFields.ts"
import { type Body, empty, fromText } from "../../../src/transport/body/Body.ts"
import { planOf } from "../../../src/transport/front/ResponsePlan.ts"

/** A body whose length is not known beforehand. */
const endless: Body = { ...fromText("x"), length: undefined, whole: undefined }

const fieldsOf = (headers: HeaderList, status = 200): HeaderList =>
  planOf("GET", { status, headers }, empty, true).headers

describe("how a response is written", () => {
  it("leaves out every connection field, and what Connection nominates", () => {
    for (const name of connectionFields) assert.deepStrictEqual(fieldsOf([[name, "x"]], 304), [])
    assert.deepStrictEqual(
      fieldsOf(
        [
          ["Connection", "secret"],
          ["Secret", "x"],
          ["Public", "y"],
        ],
        304,
      ),
      [["Public", "y"]],
    )
  })

  it("says in a 426 what to upgrade to", () => {
    const upgrade = [["Upgrade", "websocket, HTTP/3.0"]] as const
    const plan = planOf("GET", { status: 426, headers: upgrade }, empty, true)
    assert.isTrue(plan.offersUpgrade)
    assert.deepInclude(plan.headers, upgrade[0])
    const other = planOf("GET", { status: 200, headers: upgrade }, empty, true)
    assert.isFalse(other.offersUpgrade)
    assert.notDeepInclude(other.headers, upgrade[0])
  })

  it("adds the length of a body that is known", () => {
    const plan = planOf("GET", { status: 200, headers: [] }, fromText("four"), true)
    assert.deepStrictEqual(plan.headers, [["Content-Length", "4"]])
    assert.isDefined(plan.whole)
    assert.isFalse(plan.chunked)
  })

  it("uses chunks for a body of unknown length, and trailers only with them", () => {
    const head = { status: 200, headers: [["Trailer", "x"]] as const }
    assert.isTrue(planOf("GET", head, endless, true).chunked)
    assert.deepStrictEqual(planOf("GET", head, endless, true).headers, [["Trailer", "x"]])
    assert.isFalse(planOf("GET", head, endless, false).chunked)
    assert.deepStrictEqual(planOf("GET", head, endless, false).headers, [])
  })

  it("sends no body to HEAD or with 204 and 304, and no length with 204", () => {
    const length: HeaderList = [["Content-Length", "5"]]
    for (const [method, status, headers] of [
      ["HEAD", 200, length],
      ["GET", 304, length],
      ["GET", 204, []],
    ] as const) {
      const plan = planOf(method, { status, headers: length }, fromText("five!"), true)
      assert.isUndefined(plan.whole ?? plan.streamed)
      assert.deepStrictEqual(plan.headers, headers)
    }
  })

  it("holds a body to the length that its head promises", () => {
    const head = { status: 200, headers: [["Content-Length", "5"]] as const }
    assert.isDefined(planOf("GET", head, fromText("four"), true).streamed)
    assert.isDefined(planOf("GET", head, fromText("five!"), true).whole)
  })
})
