/**
 * A real browser for tests of pages: pages that complain of nothing, are
 * accessible and fit into their window.
 */
import * as fs from "node:fs"
import { createRequire } from "node:module"
import { afterAll, assert, beforeAll } from "@effect/vitest"
import type axe from "axe-core"
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core"
import { patienceMillis } from "./Watch.ts"

/** Where the browser is looked for; the shell without windows takes half the processor time. */
export const executablePath =
  process.env.CHROMIUM ??
  ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"].find((path) => fs.existsSync(path)) ??
  "/usr/bin/chromium"

/** Without a browser nothing of this can be tried: set CHROMIUM to the path of one. */
export const hasBrowser = fs.existsSync(executablePath)

const switches = [
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
]

/** Has the tests around it run with a browser, which the returned function gives them. */
export const launched = (more: ReadonlyArray<string> = []): (() => Browser) => {
  let browser: Browser | undefined
  if (hasBrowser) {
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath, args: [...switches, ...more] })
    })
    afterAll(() => browser?.close())
  }
  return () => browser as Browser
}

/** Refused and broken uploads, which the file server's page handles; browsers report them all the same. */
const brokenUploads = /status of (?:412|507)|ERR_CONNECTION_RESET/

/**
 * A page that fails the test if anything in it breaks the policy, throws or
 * asks for what `isOwn` does not let through.
 *
 * @param expected what the browser may report, such as the status of a failure
 */
export const withPage = async (
  browser: Browser,
  options: BrowserContextOptions,
  use: (page: Page) => Promise<void>,
  isOwn: (url: string) => boolean = () => true,
  expected = brokenUploads,
): Promise<void> => {
  const context = await browser.newContext(options)
  const complaints: Array<string> = []
  try {
    const page = await context.newPage()
    page.on("console", (message) => {
      if (expected.test(message.text())) return
      if (message.type() === "error" || /Content.Security.Policy/i.test(message.text()))
        complaints.push(message.text())
    })
    page.on("pageerror", (error) => complaints.push(String(error)))
    page.on("request", (request) => {
      if (!isOwn(request.url())) complaints.push(request.url())
    })
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) =>
        console.error(`violation of ${event.violatedDirective}`),
      )
    })
    page.setDefaultTimeout(patienceMillis)
    await use(page)
    assert.deepStrictEqual(complaints, [])
  } finally {
    await context.close()
  }
}

const axeScript = fs.readFileSync(
  createRequire(import.meta.url).resolve("axe-core/axe.min.js"),
  "utf8",
)

declare global {
  interface Window {
    /** What `axeScript` adds to a page. */
    readonly axe: typeof axe
  }
}

const axeOptions: axe.RunOptions = {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  resultTypes: ["violations"],
}

/**
 * The page has no accessibility violations, as far as axe sees, by all rules
 * or by those of `more`. Runs axe in
 * the page itself: `@axe-core/playwright` opens a second page for each
 * examination, which takes five times as long.
 */
export const isClean = async (page: Page, more: axe.RunOptions = {}): Promise<void> => {
  await page.evaluate(axeScript)
  const violations = await page.evaluate(
    async (options) => (await window.axe.run(document, options)).violations,
    { ...axeOptions, ...more },
  )
  assert.deepStrictEqual(
    violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`),
    [],
    page.url(),
  )
}

/** The page does not scroll sideways. */
export const fits = async (page: Page): Promise<void> => {
  const [content, window] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ])
  assert.isAtMost(content as number, window as number, page.url())
}
