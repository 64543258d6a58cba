/**
 * The layout of `--help`.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import type { HelpDoc } from "effect/cli/HelpDoc"
import * as Option from "effect/Option"
import * as HelpText from "../../../src/cli/text/HelpText.ts"
import { type TerminalStyle, widthOf } from "../../../src/cli/text/TerminalStyle.ts"

const plain: TerminalStyle = { hasColors: false, hasUnicode: true, canMove: true }

const flag = (name: string, type: string, description: string) => ({
  name,
  type,
  aliases: [],
  description: Option.some(description),
  required: false,
})

const doc: HelpDoc = {
  description: "Serve a folder, or an application on a local port, through a relay",
  usage: "ptth server [flags]",
  commandPath: ["ptth", "server"],
  annotations: Context.empty(),
  flags: [
    flag("to", "PORT|URL", "The application to which requests are forwarded (default: off)"),
    flag("insecure", "boolean", "Allow plain http"),
  ],
  globalFlags: [flag("quiet", "boolean", "Print only warnings, errors and results")],
  examples: [{ command: "ptth server --to 3000", description: "An application" }],
}

describe("the help of a command", () => {
  it("has flags in groups, the command's own first", () => {
    assert.strictEqual(
      HelpText.format(doc, plain, 80),
      [
        "Serve a folder, or an application on a local port, through a relay",
        "",
        "USAGE",
        "  ptth server [flags]",
        "",
        "OPTIONS",
        "  --insecure                    Allow plain http",
        "",
        "WHAT IS SERVED",
        "  --to PORT|URL                 The application to which requests are forwarded",
        "                                (default: off)",
        "",
        "OUTPUT",
        "  --quiet                       Print only warnings, errors and results",
        "",
        "EXAMPLES",
        "  An application",
        "  ptth server --to 3000",
      ].join("\n"),
    )
  })

  it.each([24, 40, 63, 64, 80, 200])("fits into %s columns", (columns) => {
    for (const style of [plain, { ...plain, hasColors: true }])
      for (const line of HelpText.format(doc, style, columns).split("\n"))
        assert.isAtMost(widthOf(line), columns)
  })

  it("has each flag on one line where it is not for a terminal", () => {
    assert.match(HelpText.format(doc, plain, undefined), /^ {2}--to PORT\|URL .*off\)$/m)
  })
})
