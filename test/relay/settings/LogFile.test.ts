/**
 * Files of lines that follow the configuration while lines keep coming.
 */
import { readFileSync } from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as RelayConfig from "../../../src/domain/config/RelayConfig.ts"
import { derive } from "../../../src/relay/settings/DerivedConfig.ts"
import * as LogFile from "../../../src/relay/settings/LogFile.ts"
import { RelaySettings } from "../../../src/relay/settings/RelaySettings.ts"
import * as Harness from "../../support/Harness.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const numbersIn = (file: string): ReadonlyArray<number> =>
  readFileSync(file, "utf8").trimEnd().split("\n").map(Number)

describe("a file of lines that follows the configuration", () => {
  it.effect("has each line in one of its places, however often it moves meanwhile", () =>
    Effect.gen(function* () {
      const folder = temporaryFolder()
      const [one = "", two = ""] = ["one", "two"].map((name) => path.join(folder, name))
      const at = (auditLog: string) => ({ ...RelayConfig.empty, auditLog })
      const changes = yield* Queue.unbounded<RelayConfig.RelayConfig>()
      const settings = Layer.mock(RelaySettings, {
        current: () => at(one),
        derived: () => derive(at(one)),
        changes: Stream.fromQueue(changes),
        status: () => ({ path: undefined, serversFolder: undefined, since: 0, problem: undefined }),
      })
      const appends = new Set<(line: string) => void>()
      let count = 0
      const tell = Effect.sync(() => {
        for (const append of appends) append(`${count++}\n`)
      })
      yield* LogFile.follow({
        name: "log",
        unit: "lines",
        wanted: (config) => config.auditLog,
        isSame: (before, after) => before === after,
        pathOf: (file) => file,
        feed: (_file, append) => {
          appends.add(append)
          return () => appends.delete(append)
        },
      }).pipe(
        Effect.andThen(
          Effect.forEach([two, one, two], (file) =>
            Effect.gen(function* () {
              yield* Queue.offer(changes, at(file))
              for (let turn = 0; turn < 50; turn++) yield* Effect.andThen(tell, Harness.turns(1))
            }),
          ),
        ),
        Effect.scoped,
        Effect.provide(settings),
      )
      const all = [...numbersIn(one), ...numbersIn(two)].sort((a, b) => a - b)
      assert.deepStrictEqual(
        all,
        Array.from({ length: 150 }, (_, i) => i),
      )
    }),
  )
})
