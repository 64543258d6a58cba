/**
 * How log lines are written.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Output from "../../../src/cli/shared/Output.ts"

/** The lines of JSON that are written while `run` runs. */
const linesOf = (run: Effect.Effect<void>) =>
  Effect.suspend(() => {
    const lines: Array<{ readonly message: unknown; readonly cause?: string }> = []
    const console: Console.Console = Object.assign(Object.create(globalThis.console), {
      error: (line: string) => lines.push(JSON.parse(line)),
    })
    return run.pipe(
      Effect.provide(Output.layerLogger("json")),
      Effect.provideService(Console.Console, console),
      Effect.as(lines),
    )
  })

it.effect("the message of a line of JSON is a text", () =>
  Effect.gen(function* () {
    const lines = yield* linesOf(
      Effect.logInfo("one").pipe(
        Effect.andThen(Effect.logInfo("two", 0, { a: 1 })),
        Effect.andThen(Effect.logWarning("three", Cause.fail(new Error("full")))),
        Effect.andThen(Effect.logWarning(Cause.fail("alone"))),
      ),
    )
    assert.deepStrictEqual(
      lines.map(({ message }) => message),
      ["one", "two 0 { a: 1 }", "three", ""],
    )
    assert.include(lines[2]?.cause, "full")
  }),
)

/** Calls of `Effect.log…` that pass on whatever they are called with, such as an index. */
const passedOn =
  /(?:forEach|map|flatMap|andThen|tap)\([^()]*(?:\([^()]*\)[^()]*)*, Effect\.log\w*[,)]/

it("no log call is given the index of a list as part of its message", () => {
  const root = new URL("../../../src", import.meta.url).pathname
  const files = readdirSync(root, { recursive: true, encoding: "utf8" })
  const sources = files.filter((file) => file.endsWith(".ts"))
  assert.isAbove(sources.length, 500)
  const wrong = sources.filter((file) => passedOn.test(readFileSync(join(root, file), "utf8")))
  assert.deepStrictEqual(wrong, [])
  assert.match("Effect.forEach(f(yield* own, others), Effect.logWarning)", passedOn)
})
