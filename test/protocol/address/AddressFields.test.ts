/** The table of fields with addresses: its documentation, and that each field is moved. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { json, withTables } from "../../../scripts/path-mode.ts"
import * as AddressFields from "../../../src/protocol/address/AddressFields.ts"

const read = (file: string): string =>
  readFileSync(new URL(`../../../docs/${file}`, import.meta.url), "utf8")

describe("docs/path-mode.md and docs/path-mode.json", () => {
  it("are what `npm run docs:path-mode` writes", () => {
    const page = read("path-mode.md")
    assert.strictEqual(page, withTables(page))
    assert.strictEqual(read("path-mode.json"), json())
  })

  it("name every field that is moved", () => {
    const page = read("path-mode.md")
    const { inRequests, inResponses, setCookie, withHost } = AddressFields
    for (const { name } of [...inRequests, ...inResponses, setCookie, ...withHost])
      assert.include(page, `| \`${name}\` |`)
  })
})

describe("moving the addresses of fields", () => {
  const fields = AddressFields.byName(AddressFields.inResponses)

  it("keeps order, repetition, names and all other fields", () => {
    const moved = AddressFields.moved(
      [
        ["LINK", "</a>"],
        ["X-Other", "/a"],
        ["Link", "</b>"],
      ],
      fields,
      (reference) => `/p${reference}`,
    )
    assert.deepStrictEqual(moved, [
      ["LINK", "</p/a>"],
      ["X-Other", "/a"],
      ["Link", "</p/b>"],
    ])
  })

  it("does not copy a list without such fields", () => {
    const headers = [["X-Other", "/a"]] as const
    assert.strictEqual(AddressFields.moved(headers, fields, String), headers)
  })
})
