/**
 * The administrator's side of several relays in a real browser, and what a
 * relay alone shows of it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { BrowserContextOptions, Page } from "playwright-core"
import * as AdminCluster from "../support/AdminCluster.ts"
import { type AdminRelay, adminRelay } from "../support/AdminHarness.ts"
import { fits, hasBrowser, isClean, launched, withPage } from "../support/Browser.ts"
import * as Harness from "../support/Harness.ts"

/** Colours depend on the scheme alone, and what fits on the width alone. */
const looks = [
  { colorScheme: "light", viewport: { width: 360, height: 800 } },
  { colorScheme: "dark", viewport: { width: 1280, height: 800 } },
] as const

/** The page is accessible and fits. */
const isGood = async (page: Page): Promise<void> => {
  await isClean(page)
  await fits(page)
}

const pages = [
  "/",
  "/servers/attic",
  "/servers/attic/requests",
  "/requests",
  "/unregistered",
  "/relays",
  "/audit",
  "/config",
]

describe.skipIf(!hasBrowser)("in a browser, the administrator's side", () => {
  const browser = launched()

  /** Opens a page in which somebody is logged in. */
  const browse = (
    { admin, newLink }: AdminRelay,
    options: BrowserContextOptions,
    use: (page: Page) => Promise<void>,
  ): Effect.Effect<void> =>
    Effect.flatMap(newLink, (link) =>
      Effect.promise(() =>
        withPage(browser(), options, async (page) => {
          await page.goto(link)
          await page.getByRole("button", { name: "Log in" }).click()
          await page.waitForURL(`${admin.url}/`)
          await use(page)
        }),
      ),
    )

  it.live.each(looks)(
    "of a relay alone says so, and has no link to other relays ($colorScheme)",
    (look) =>
      Effect.gen(function* () {
        const on = yield* adminRelay()
        yield* browse(on, look, async (page) => {
          await page.goto(`${on.admin.url}/relays`)
          await page.getByText("This relay is the only one.").waitFor()
          assert.strictEqual(await page.getByRole("link", { name: "Relays" }).count(), 0)
          await isGood(page)
        })
      }),
  )

  it.live.each(looks)(
    "of two relays fits and is accessible when one of them is silent ($colorScheme)",
    (look) =>
      Effect.gen(function* () {
        const [near, far] = yield* AdminCluster.start(
          ["near", "a-relay-with-a-rather-long-name.example-1"],
          AdminCluster.attic,
        )
        yield* AdminCluster.visited([near, far])
        yield* Harness.serverAt(near.relay.url, "stranger", Harness.echo)
        yield* browse(near, look, async (page) => {
          await page.goto(`${near.admin.url}/servers/attic`)
          const forwarded = page.getByRole("row", { name: `POST /at-${far.id}` })
          await forwarded.getByText("link at near").waitFor()
          await isGood(page)
          await Effect.runPromise(far.fallSilent)
          for (const path of pages) {
            await page.goto(`${near.admin.url}${path}`)
            await page.getByText("This page lacks the data of these relays:").waitFor()
            await page.getByText(`${far.id}: no answer in 1000 ms`).waitFor()
            if (path === "/relays") {
              const row = (name: string) => page.getByRole("row", { name })
              await row("near").getByText("this one").waitFor()
              await row(far.id).getByText("not answering").waitFor()
            }
            await isGood(page)
          }
        })
      }),
  )

  it.live("shows with the keyboard alone that a relay is lost, and what was not done there", () =>
    Effect.gen(function* () {
      const [near, far] = yield* AdminCluster.start(["near", "far"], AdminCluster.attic)
      yield* browse(near, {}, async (page) => {
        const follow = async (name: string): Promise<void> => {
          for (let presses = 0; presses < 60; presses++) {
            await page.keyboard.press("Tab")
            const text = await page.evaluate(() => document.activeElement?.textContent ?? "")
            if (text === name) return page.keyboard.press("Enter")
          }
          assert.fail(`the keyboard does not reach ${name}`)
        }
        await follow("Relays")
        await page.waitForURL("**/relays")
        const row = page.getByRole("row", { name: "far" })
        await row.getByText("connected", { exact: true }).waitFor()
        await page.getByText("Live: this page updates itself.").waitFor()
        await Effect.runPromise(far.kill)
        await row.getByText("unreachable", { exact: true }).waitFor()
        await isClean(page)
        await follow("Configuration")
        await page.waitForURL("**/config")
        await follow("Reload now")
        await page.getByRole("heading", { name: "Partly done" }).waitFor()
        await page.getByRole("main").getByText("far: there is no connection to it").last().waitFor()
        await isGood(page)
        await follow("Continue")
        await page.waitForURL("**/config")
      })
    }),
  )
})
