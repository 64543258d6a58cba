/** The scraper API: the original's answers, and how keys are checked and their use recorded. */
import { assert, describe, it } from "@effect/vitest"
import { tripcodeOfText } from "../../../src/domain/ApiKey.ts"
import { empty, plainServer, type RelayConfig } from "../../../src/domain/config/RelayConfig.ts"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import * as ScraperApi from "../../../src/relay/visitors/ScraperApi.ts"

const day = 24 * 3_600_000
const config: RelayConfig = {
  ...empty,
  enableScraperApi: true,
  servers: [
    {
      ...plainServer,
      name: "a" as never,
      tripcodes: [tripcodeOfText("k")],
      displayName: "The A",
    },
    {
      ...plainServer,
      name: "b" as never,
      tripcodes: [tripcodeOfText("k")],
    },
  ],
  scraperKeys: [
    { name: "s", notBefore: 10 * day, notAfter: 20 * day, hash: tripcodeOfText("scrape") },
  ],
}

const ask = (
  target: string,
  options: {
    key?: string | ReadonlyArray<string>
    now?: number
    method?: string
    config?: RelayConfig
    onKey?: (shown: ScraperApi.KeyCheckResult) => void
  } = {},
) => {
  const keys =
    options.key === undefined
      ? ["scrape"]
      : typeof options.key === "string"
        ? [options.key]
        : options.key
  const headers: HeaderList = keys.map((key) => ["X-ApiKey", key])
  return ScraperApi.answer(
    {
      config: options.config ?? config,
      now: options.now ?? 15 * day,
      lastSeen: (name) => (name === "a" ? 15 * day : undefined),
      onKey: options.onKey ?? (() => {}),
    },
    options.method ?? "GET",
    target,
    headers,
  )
}
const text = (status: number, line: string): ScraperApi.ScraperAnswer => ({
  _tag: "Text",
  status,
  text: `${line}\n`,
})

describe("the scraper API answers as the original does", () => {
  it("to a valid key", () => {
    for (const start of ["/scraper/v1/", "/scraper/api/"]) {
      assert.deepStrictEqual(ask(`${start}test`), text(200, "You're valid!"))
      assert.deepStrictEqual(
        ask(`${start}server_list`),
        text(
          200,
          '{"servers":[{"name":"a","display_name":"The A","last_seen":"1970-01-16T00:00:00.000Z"},{"name":"b","display_name":"b","last_seen":null}]}',
        ),
      )
      assert.deepStrictEqual(ask(`${start}server/a/files/x?y`), {
        _tag: "Server",
        name: "a",
        target: "/files/x?y",
        prefix: `${start}server/a`,
      } as never)
    }
  })

  it("to paths that it does not know", () => {
    assert.deepStrictEqual(ask("/scraper/v2/test"), text(404, "Unknown scraper API version"))
    assert.deepStrictEqual(ask("/scraper/"), text(404, "Unknown scraper API version"))
    assert.deepStrictEqual(
      ask("/scraper/v2/test", { key: [] }),
      text(404, "Unknown scraper API version"),
    )
    assert.deepStrictEqual(ask("/scraper/v1/nope"), text(404, "Unknown scraper API endpoint"))
    assert.deepStrictEqual(ask("/scraper/v1/server/c/x"), text(404, "Unknown server"))
  })

  it("to keys that are missing, wrong, early, late or shown twice", () => {
    const forbidden = text(403, "403 Forbidden")
    assert.deepStrictEqual(
      ask("/scraper/v1/test", { key: [] }),
      text(403, "Can't auth as scraper without API key"),
    )
    assert.deepStrictEqual(ask("/scraper/v1/test", { key: "wrong" }), forbidden)
    assert.deepStrictEqual(ask("/scraper/v1/test", { key: "k" }), forbidden)
    assert.deepStrictEqual(ask("/scraper/v1/test", { now: 9 * day }), forbidden)
    assert.deepStrictEqual(ask("/scraper/v1/test", { now: 21 * day }), forbidden)
    assert.deepStrictEqual(ask("/scraper/v1/test", { key: ["scrape", "wrong"] }), forbidden)
  })

  it("when it is switched off, and to methods that it does not have", () => {
    assert.deepStrictEqual(
      ask("/scraper/v1/test", { config: empty }),
      text(403, "Scraper API disabled"),
    )
    assert.deepStrictEqual(
      ask("/scraper/v1/test", { method: "POST" }),
      text(400, "Can't POST this"),
    )
  })
})

describe("of each scraper key that is shown it is told", () => {
  it.each<readonly [string, Parameters<typeof ask>[1], string | undefined]>([
    ["which one it is", {}, "s"],
    ["that it is unknown", { key: "wrong" }, "unknown key"],
    ["that it is not good yet", { now: 9 * day }, "s is not good yet"],
    ["that it is not good any more", { now: 21 * day }, "s is not good any more"],
    ["that it is not the only one", { key: ["scrape", "scrape"] }, "more than one key"],
    ["that nobody wants it", { config: empty }, "the scraper API is disabled"],
    ["nothing where there is none", { key: [] }, undefined],
  ])("%s", (_what, options, expected) => {
    const told: Array<string> = []
    ask("/scraper/v1/test", {
      ...options,
      onKey: (shown) => told.push(shown._tag === "Used" ? shown.name : shown.reason),
    })
    assert.deepStrictEqual(told, expected === undefined ? [] : [expected])
  })
})
