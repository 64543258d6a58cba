import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"

const root = join(import.meta.dirname, "../../../src")

it("no module imports more than types from node:http, which would load the client of fetch", () => {
  const sources = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  )
  assert.isAbove(sources.length, 100)
  const importing = sources.filter((file) =>
    /^import (?!type ).* from "(?:node:)?https?"$/m.test(readFileSync(join(root, file), "utf8")),
  )
  assert.deepStrictEqual(importing, [])
})
