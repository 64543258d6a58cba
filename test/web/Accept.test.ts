import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Accept from "../../src/web/Accept.ts"

describe("Accept", () => {
  it.each([
    [undefined, 0],
    ["", 0],
    ["*/*", 0],
    ["text/*", 0],
    ["text/html", 1],
    ["TEXT/HTML", 1],
    ["text/html;q=0.5", 0.5],
    ["text/html ; Q=0.5", 0.5],
    ["text/html;level=1;q=0.3", 0.3],
    ["text/html;q=0", 0],
    ["text/html;q=2", 0],
    ["text/html;q=x", 0],
    ["text/plain, text/html;q=0.9 , */*;q=0.8", 0.9],
    ["text/html;q=0.2, text/html", 1],
    ["text/htmlx", 0],
    ["xtext/html", 0],
  ])("%j names text/html with weight %d", (accept, weight) => {
    assert.strictEqual(Accept.weight(accept, "text/html"), weight)
  })

  it.prop("gives a weight from 0 to 1 whatever it says", [Schema.String], ([text]) => {
    for (const accept of [text, `text/html;q=${text}`, `text/html;${text}`]) {
      const weight = Accept.weight(accept, "text/html")
      assert.isTrue(weight >= 0 && weight <= 1)
    }
  })
})
