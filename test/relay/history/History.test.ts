/**
 * The charts of a relay: they have the traffic of the minute at once, and go on
 * after a restart if the relay has a folder for its state.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import { tripcodeOfText } from "../../../src/domain/ApiKey.ts"
import { type AdminRelay, adminRelay } from "../../support/AdminHarness.ts"
import * as Harness from "../../support/Harness.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const config = (state: string): string => `admin_token = "${tripcodeOfText("a-token")}"
${state}[[servers]]
name = "attic"
tripcode = "${tripcodeOfText(Harness.keyOf("attic"))}"
`

const ask = ({ admin }: AdminRelay, target: string, accept: string) =>
  Effect.map(
    Harness.visit(admin, target, {
      headers: [
        ["Authorization", "Bearer a-token"],
        ["Accept", accept],
      ],
    }),
    ({ text }) => text,
  )

const labelOf = (page: string): string => /aria-label="(Requests: [^"]*)"/.exec(page)?.[1] ?? ""

/** What the charts of a relay say after so many requests; then it stops. */
const chartsAfter = Effect.fnUntraced(function* (text: string, requests: number) {
  const scope = yield* Scope.make()
  const on = yield* Scope.provide(adminRelay(text), scope)
  yield* Scope.provide(Harness.serverAt(on.relay.url, "attic", Harness.echo), scope)
  for (let i = 0; i < requests; i++) yield* Harness.get(on.relay, "/servers/attic/")
  yield* Harness.get(on.relay, "/servers/nobody/")
  const label = labelOf(yield* ask(on, "/servers/attic?span=day", "text/html"))
  const all = labelOf(yield* ask(on, "/", "text/html"))
  const slots = JSON.parse(
    yield* ask(on, "/api/v1/traffic?server=attic&span=hour", "application/json"),
  ) as ReadonlyArray<{ readonly statuses: ReadonlyArray<number> }>
  yield* Scope.close(scope, Exit.void)
  return [label, all, slots.length, slots.at(-1)?.statuses[2]]
})

describe("the charts", () => {
  it.effect("say why they are not kept, as a text and a cause", () =>
    Effect.gen(function* () {
      const file = join(temporaryFolder(), "file")
      writeFileSync(file, "")
      const lines: Array<{ readonly message: unknown; readonly cause: string | undefined }> = []
      const logger = Logger.map(Logger.formatStructured, (line) => void lines.push(line))
      yield* Effect.scoped(adminRelay(config(`state_dir = "${file}"\n`), logger))
      const line = lines.find(({ message }) => `${message}`.includes("cannot be kept"))
      assert.strictEqual(
        line?.message,
        `the traffic cannot be kept in ${file}, so that charts start empty at each start`,
      )
      assert.include(line?.cause, "EEXIST")
    }),
  )

  it.effect("have the requests since the last sample, of which nobody asked, after a restart", () =>
    Effect.gen(function* () {
      const stored = config(`state_dir = "${temporaryFolder()}"\n`)
      const scope = yield* Scope.make()
      const on = yield* Scope.provide(adminRelay(stored), scope)
      yield* Scope.provide(Harness.serverAt(on.relay.url, "attic", Harness.echo), scope)
      for (let i = 0; i < 2; i++) yield* Harness.get(on.relay, "/servers/attic/")
      yield* Scope.close(scope, Exit.void)
      const [label] = yield* chartsAfter(stored, 0)
      assert.strictEqual(label, "Requests: 2")
    }),
  )

  it.effect("go on after a restart with a folder for the state, and begin anew without", () =>
    Effect.gen(function* () {
      const stored = config(`state_dir = "${temporaryFolder()}"\n`)
      assert.deepStrictEqual(yield* chartsAfter(stored, 2), ["Requests: 2", "Requests: 3", 60, 2])
      assert.deepStrictEqual(yield* chartsAfter(stored, 3), ["Requests: 5", "Requests: 7", 60, 5])
      assert.deepStrictEqual(yield* chartsAfter(config(""), 1), [
        "Requests: 1",
        "Requests: 2",
        60,
        1,
      ])
    }),
  )
})
