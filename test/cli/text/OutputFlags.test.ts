/**
 * The flags of the output, as they are found before the others are read.
 */
import { assert, it } from "@effect/vitest"
import * as OutputFlags from "../../../src/cli/text/OutputFlags.ts"

it.each([
  [["server"], undefined],
  [["server", "--log-format", "json"], "json"],
  [["--log-format=text", "relay"], "text"],
  [["--log-format", "json", "relay", "--log-format", "text"], "text"],
  [["server", "--log-format", "xml"], undefined],
  [["server", "--", "--log-format", "json"], undefined],
] as const)("of %j the format of logs is %s", (args, format) => {
  assert.strictEqual(OutputFlags.formatIn(args), format)
})

it.each([
  [["server"], false],
  [["server", "--quiet"], true],
  [["fileserver", "--", "--quiet"], false],
] as const)("%j is quiet: %s", (args, isQuiet) => {
  assert.strictEqual(OutputFlags.isQuietIn(args), isQuiet)
})

it("logs are text on a terminal, and JSON elsewhere", () => {
  assert.strictEqual(OutputFlags.usualFormat({ isTTY: true }), "text")
  assert.strictEqual(OutputFlags.usualFormat({}), "json")
})
