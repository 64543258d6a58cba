/**
 * The rows of the configuration keys, and the document made from them.
 */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { render } from "../../../scripts/configuration.ts"
import { type ConfigRows, isTable } from "../../../src/domain/config/ConfigKey.ts"
import { relayKeys, relaySections } from "../../../src/domain/config/RelayKeys.ts"
import { serverKeys, serverSections } from "../../../src/domain/config/ServerKeys.ts"

const withNested = (rows: ConfigRows): ReadonlyArray<readonly [string, ConfigRows[string]]> =>
  Object.entries(rows).flatMap(([field, key]) => [
    [field, key] as const,
    ...(isTable(key.value) ? withNested(key.value.rows) : []),
  ])

describe("the rows of the configuration keys", () => {
  const all = [...withNested(relayKeys), ...withNested(serverKeys)]

  it("decode each key to the field of its name in camel case", () => {
    for (const [field, { name }] of all) {
      assert.strictEqual(
        field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        name,
      )
    }
  })

  it("document each key in one sentence", () => {
    for (const [, { doc, name }] of all) assert.match(doc, /^[A-Z][^\n|]*\.$/, name)
  })

  it("are all in the sections of the document", () => {
    for (const [rows, sections] of [
      [relayKeys, relaySections],
      [serverKeys, serverSections],
    ] as ReadonlyArray<readonly [ConfigRows, Record<string, ConfigRows>]>) {
      assert.deepStrictEqual(
        Object.values(sections).flatMap((section) => Object.keys(section)),
        Object.keys(rows),
      )
    }
  })
})

describe("docs/configuration.md", () => {
  it("is what `npm run docs:configuration` writes", () => {
    const file = new URL("../../../docs/configuration.md", import.meta.url)
    assert.strictEqual(readFileSync(file, "utf8"), render())
  })
})
