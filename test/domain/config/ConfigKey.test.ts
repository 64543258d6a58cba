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

describe("the table of limits in docs/operating.md", () => {
  const cellsOf = (line: string): ReadonlyArray<string> =>
    line.split(" | ").map((cell) => cell.replace(/^\| /, ""))
  const codes = (cell: string): ReadonlyArray<string> =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code)

  it("has the defaults of the keys", () => {
    const table = readFileSync("docs/operating.md", "utf8")
      .split("\n## Limits\n")[1]
      ?.split("\n\n")
      .find((part) => part.startsWith("| Key |"))
    const rows = (table ?? "").split("\n").slice(2).map(cellsOf)
    const configured = new Map(
      readFileSync("docs/configuration.md", "utf8")
        .split("\n## Server")[0]
        ?.split("\n")
        .filter((line) => line.startsWith("| `"))
        .map((line) => cellsOf(line))
        // A key of a server's table defaults to the relay's.
        .filter(([, , fallback]) => fallback !== "the relay's")
        .map(([key = "", , fallback = ""]) => [codes(key)[0], fallback.replace(/[`"]/g, "")]),
    )
    const limits = rows.flatMap(([keys = "", defaults = ""]) =>
      codes(keys).map((key, i) => [key, codes(defaults)[i] ?? "no limit"] as const),
    )
    assert.isAtLeast(limits.length, 12)
    for (const [key, fallback] of limits) assert.strictEqual(configured.get(key), fallback, key)
  })
})
