/** The registry of error codes, and its table in the documentation. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { codes, type ErrorCode, entry } from "../../src/domain/ErrorRegistry.ts"

interface Row {
  readonly code: string
  readonly status: string
  readonly exit: string
  readonly title: string
  readonly remedy: string
}

const rows: ReadonlyArray<Row> = readFileSync(
  new URL("../../docs/errors.md", import.meta.url),
  "utf8",
)
  .split("\n")
  .filter((line) => line.startsWith("| `PTTH_"))
  .map((line) => {
    const [, code = "", status = "", exit = "", title = "", remedy = ""] = line
      .split("|")
      .map((cell) => cell.trim())
    return { code: code.replaceAll("`", ""), status, exit, title, remedy }
  })

const rowOf = (code: ErrorCode): Row => {
  const { exit, ownerRemedy, remedy: visitorRemedy, status, title } = entry(code)
  const remedy = ownerRemedy === undefined ? visitorRemedy : `${visitorRemedy} ${ownerRemedy}`
  return { code, status: `${status ?? ""}`, exit: `${exit ?? ""}`, title, remedy }
}

describe("docs/errors.md", () => {
  it("lists all codes in the order of the source, with the same texts, and no others", () => {
    assert.isNotEmpty(codes)
    assert.deepStrictEqual(rows, codes.map(rowOf))
  })
})

describe("the error registry", () => {
  it("has a status or exit code for every code, and one sentence each for what happened and what to do", () => {
    for (const code of codes) {
      const { exit, isLogged, ownerRemedy, remedy, status, title } = entry(code)
      assert.isTrue(status !== undefined || exit !== undefined || isLogged === true, code)
      if (status !== undefined) assert.isTrue(status >= 400 && status <= 599, code)
      if (exit !== undefined) assert.isTrue(exit >= 1 && exit <= 4, code)
      for (const sentence of [title, remedy, ...(ownerRemedy === undefined ? [] : [ownerRemedy])])
        assert.match(sentence, /^[A-Z][^\n|]*\.$/, code)
    }
  })
})
