/**
 * Traffic in a database: what is written is read again by the next process.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { HistoryStore } from "../../../src/relay/history/HistoryStore.ts"
import { Series, type SpanName, spanNames, width } from "../../../src/relay/history/Series.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const start = Date.UTC(2026, 0, 31, 12)
const minute = 60_000

const requests = (series: Series, span: SpanName, at: number): number =>
  series.rings[span].read(at).reduce((sum, { values }) => sum + (values[2] ?? 0), 0)

const values = (count: number): ReadonlyArray<number> => {
  const all = new Array<number>(width).fill(0)
  all[2] = count
  return all
}

const loaded = async (folder: string, now: number): Promise<ReadonlyMap<string, Series>> => {
  const store = await HistoryStore.open(folder)
  const all = new Map<string, Series>()
  store.load(now, (server) => {
    const series = all.get(server) ?? new Series()
    all.set(server, series)
    return series
  })
  store.close()
  return all
}

describe("the database of traffic", () => {
  it.effect("has after a restart what was written, as long as it is not too old", () =>
    Effect.promise(async () => {
      const folder = path.join(temporaryFolder(), "state")
      const store = await HistoryStore.open(folder)
      const series = new Series()
      for (const i of [0, 1, 2]) {
        const at = start + i * minute
        series.add(at, values(10 ** i))
        store.save(at, [{ server: "attic", series, minutes: new Set([at]) }])
      }
      store.close()
      const end = start + 2 * minute
      const again = (await loaded(folder, end)).get("attic") ?? new Series()
      assert.deepStrictEqual(
        spanNames.map((span) => requests(again, span, end)),
        [111, 111, 111],
      )
      const later = (await loaded(folder, start + 60 * minute)).get("attic") ?? new Series()
      assert.strictEqual(requests(later, "hour", start + 60 * minute), 110)
    }),
  )

  it.effect("forgets servers that are gone, and slots that are too old", () =>
    Effect.promise(async () => {
      const folder = temporaryFolder()
      const store = await HistoryStore.open(folder)
      const series = new Series()
      series.add(start, values(1))
      const minutes = new Set([start])
      store.save(start, [
        { server: "attic", series, minutes },
        { server: "cellar", series, minutes },
      ])
      store.drop(["cellar"])
      const week = start + 8 * 24 * 60 * minute
      store.save(week, [])
      store.close()
      assert.deepStrictEqual([...(await loaded(folder, start)).keys()], [])
    }),
  )

  it.effect("that is none is refused, and left as it is", () =>
    Effect.promise(async () => {
      const folder = temporaryFolder()
      const file = path.join(folder, "traffic.sqlite")
      fs.writeFileSync(file, "this is no database, but somebody's notes".repeat(100))
      const opened = await HistoryStore.open(folder).then(
        () => "opened",
        () => "refused",
      )
      assert.strictEqual(opened, "refused")
      assert.include(fs.readFileSync(file, "utf8"), "somebody's notes")
    }),
  )
})
