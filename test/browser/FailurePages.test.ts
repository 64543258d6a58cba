/**
 * The pages of failures in a real browser: they come back by themselves, lead
 * on, and can be read and used by everybody.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { BrowserContextOptions, Page } from "playwright-core"
import * as FileServer from "../../src/fileserver/FileServer.ts"
import { fits, hasBrowser, isClean, launched, withPage } from "../support/Browser.ts"
import * as Harness from "../support/Harness.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const hello = Harness.handler(() => ({
  headers: [["Content-Type", "text/html"]],
  body: "<!doctype html><title>Attic</title><p>hello from the attic",
}))

const isOwn = (url: string): boolean => url.startsWith("http://127.0.0.1:")

/** A relay on which the attic, called "My <attic>", has never connected. */
const withoutAttic = Effect.gen(function* () {
  const relay = yield* Harness.relay({
    servers: [{ name: "attic", displayName: "My <attic>" }],
    waitForServer: 0,
  })
  const scope = yield* Effect.scope
  const connect = () =>
    Effect.runPromise(Scope.provide(Harness.server(relay, "attic", hello), scope))
  return { connect, relay, url: `${relay.url}/servers/attic/a/b?c` }
})

describe.skipIf(!hasBrowser)("in a browser, the page of a failure", () => {
  const browser = launched()

  const browse = (
    options: BrowserContextOptions,
    use: (page: Page) => Promise<void>,
  ): Effect.Effect<void> =>
    Effect.promise(() => withPage(browser(), options, use, isOwn, /status of (?:404|503)/))

  it.live("counts down, tries again ever more seldom, and comes back with the server", () =>
    Effect.gen(function* () {
      const { connect, url } = yield* withoutAttic
      yield* browse({}, async (page) => {
        await page.clock.install()
        await page.goto(url)
        await page.getByRole("heading", { name: "My <attic> is offline" }).waitFor()
        assert.strictEqual(await page.title(), "My <attic> is offline")
        await page.getByText("Trying again in 10 s.").waitFor()
        await page.clock.runFor(3_000)
        await page.getByText("Trying again in 7 s.").waitFor()
        await page.clock.runFor(7_000)
        await page.getByText("Trying again in 15 s.").waitFor()
        await connect()
        await page.clock.runFor(15_000)
        await page.getByText("hello from the attic").waitFor()
        assert.strictEqual(page.url(), url)
      })
    }),
  )

  it.live("tries at once when asked to, and copies its code and id", () =>
    Effect.gen(function* () {
      const { connect, url } = yield* withoutAttic
      yield* browse({ permissions: ["clipboard-read", "clipboard-write"] }, async (page) => {
        const response = await page.goto(url)
        const id = await response?.headerValue("x-request-id")
        await page.getByRole("button", { name: "Copy" }).click()
        await page.getByText("Copied").waitFor()
        const copied = await page.evaluate(() => navigator.clipboard.readText())
        assert.strictEqual(copied, `503 PTTH_SERVER_OFFLINE ${id}`)
        await connect()
        await page.getByRole("link", { name: "Try again now" }).click()
        await page.getByText("hello from the attic").waitFor()
      })
    }),
  )

  it.live("can be read without script, and then loads itself again less often", () =>
    Effect.gen(function* () {
      const { url } = yield* withoutAttic
      yield* browse({ javaScriptEnabled: false }, async (page) => {
        await page.goto(url)
        await page.getByText("This page tries again by itself.").waitFor()
        await page.getByText("503 PTTH_SERVER_OFFLINE").waitFor()
        assert.isFalse(await page.getByRole("button", { name: "Copy" }).isVisible())
        const refresh = page.locator("meta[http-equiv=refresh]")
        assert.strictEqual(await refresh.getAttribute("content"), "20")
        await page.getByText("For the owner").click()
        await page.getByText("The server is not connected to the relay.").waitFor()
      })
    }),
  )

  it.live("leads from a path that does not exist to the nearest folder that does", () =>
    Effect.gen(function* () {
      const root = temporaryFolder()
      fs.mkdirSync(path.join(root, "Photos", "2026"), { recursive: true })
      const relay = yield* Harness.relay({ servers: ["attic"] })
      const files = yield* FileServer.make({ root, title: "Attic" })
      yield* Harness.server(relay, "attic", files)
      const site = `${relay.url}/servers/attic/files/`
      yield* browse({}, async (page) => {
        await page.goto(`${site}Photos/2026/gone/a.jpg`)
        await page.getByRole("link", { name: "Photos/2026" }).click()
        await page.waitForURL(`${site}Photos/2026/`)
        assert.strictEqual(await page.title(), "2026 · Attic")
      })
    }),
  )

  it.live.each([
    ["light", 320],
    ["dark", 1280],
  ] as const)(
    "has no accessibility violations and fits the window: %s, %i pixels",
    ([colorScheme, width]) =>
      Effect.gen(function* () {
        const { relay, url } = yield* withoutAttic
        yield* browse({ colorScheme, viewport: { width, height: 800 } }, async (page) => {
          for (const address of [
            url,
            `${relay.url}/servers/attic/${"x".repeat(300)}`,
            `${relay.url}/servers/nobody/`,
            `${relay.url}/nothing/here`,
          ]) {
            await page.goto(address)
            await page.getByText("PTTH_").last().waitFor()
            for (const details of await page.locator("summary").all()) await details.click()
            await isClean(page)
            for (const other of [320, 768, 1280]) {
              await page.setViewportSize({ width: other, height: 800 })
              await fits(page)
            }
            await page.setViewportSize({ width, height: 800 })
          }
        })
      }),
  )
})
