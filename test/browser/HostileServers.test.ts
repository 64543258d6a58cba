/**
 * Two servers that do not trust each other, in a real browser: what a script
 * of one can do to the other and to the relay, in path mode and in subdomain
 * mode. `docs/operating.md` says the same.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Page } from "playwright-core"
import { first, type HeaderList } from "../../src/domain/HeaderList.ts"
import { hasBrowser, launched } from "../support/Browser.ts"
import * as Harness from "../support/Harness.ts"

/** Browsers resolve everything below `localhost` to this machine. */
const domain = "relay.localhost"

const html: HeaderList = [["Content-Type", "text/html"]]

interface Site {
  /** Where the relay's own pages are, without a slash at the end. */
  readonly relay: string
  /** Where the server that has something to lose is, in one mode. */
  readonly attic: string
  readonly hostile: string
  /** What the former was asked for, with the cookies that came along. */
  readonly asked: ReadonlyArray<{ readonly target: string; readonly cookies: string }>
}

const siteOf = Effect.fnUntraced(function* (mode: "path" | "subdomain") {
  const relay = yield* Harness.relay({ servers: ["attic", "hostile"], config: { domain } })
  const asked: Array<{ readonly target: string; readonly cookies: string }> = []
  yield* Harness.server(
    relay,
    "attic",
    Harness.handler(({ head }) => {
      asked.push({ target: head.target, cookies: first(head.headers, "cookie") ?? "" })
      return {
        headers: [
          ...html,
          ["Set-Cookie", "session=of-attic; SameSite=Lax"],
          ["Set-Cookie", "__Host-session=of-attic; Secure; Path=/; SameSite=Strict"],
        ],
        body: "<title>attic</title><p id=secret>secret of attic</p>",
      }
    }),
  )
  yield* Harness.server(
    relay,
    "hostile",
    Harness.handler(({ head }) => {
      if (head.target === "/worker.js")
        return {
          headers: [
            ["Content-Type", "text/javascript"],
            ["Service-Worker-Allowed", "/"],
          ],
          body: 'addEventListener("fetch", (e) => e.respondWith(new Response("hijacked")))',
        }
      const more: HeaderList =
        head.target === "/clear"
          ? [["Clear-Site-Data", '"storage"']]
          : head.target === "/cookies"
            ? [
                ["Set-Cookie", "tossed=by-head; Domain=relay.localhost"],
                ["Set-Cookie", "__Host-ptth-admin=by-head; Secure; Path=/"],
              ]
            : []
      return { headers: [...html, ...more], body: "<title>hostile</title>" }
    }),
  )
  const at = (host: string) => `http://${host}:${relay.port}`
  const site: Site = {
    relay: at(domain),
    attic: mode === "path" ? `${at(domain)}/servers/attic` : at(`attic.${domain}`),
    hostile: mode === "path" ? `${at(domain)}/servers/hostile` : at(`hostile.${domain}`),
    asked,
  }
  return site
})

const browser = launched(["--host-resolver-rules=MAP *.localhost 127.0.0.1"])

/** The visitor has been at attic's, which has left things in the browser; now a page of hostile's is open. */
const withVictim = async (
  mode: "path" | "subdomain",
  use: (page: Page, site: Site) => Promise<void>,
): Promise<void> => {
  const scope = Scope.makeUnsafe()
  const context = await browser().newContext()
  try {
    const site = await Effect.runPromise(Scope.provide(siteOf(mode), scope))
    const page = await context.newPage()
    await page.goto(`${site.attic}/home`)
    await page.evaluate(() => localStorage.setItem("note", "of attic"))
    await page.goto(`${site.hostile}/evil`)
    await use(page, site)
  } finally {
    await context.close()
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

/** What hostile's script gets when it fetches a page with the visitor's cookies. */
const fetched = (page: Page, url: string): Promise<string> =>
  page.evaluate(
    (address) =>
      fetch(address, { credentials: "include" }).then(
        (response) => response.text(),
        () => "refused",
      ),
    url,
  )

/** What hostile's script sees of a page in a frame. */
const framed = (page: Page, url: string): Promise<string> =>
  page.evaluate(
    (address) =>
      new Promise<string>((resolve) => {
        const frame = document.createElement("iframe")
        frame.src = address
        frame.onload = () => {
          const inside = frame.contentDocument
          resolve(inside === null ? "refused" : `${inside.title}, ${inside.cookie}`)
        }
        document.body.append(frame)
      }),
    url,
  )

/** Whether hostile's script can become what answers for a whole origin. */
const hijacked = (page: Page, worker: string): Promise<string> =>
  page.evaluate(
    (address) =>
      navigator.serviceWorker.register(address, { scope: "/" }).then(
        () => "registered",
        (error: Error) => error.name,
      ),
    worker,
  )

const noteOf = (page: Page): Promise<string | null> =>
  page.evaluate(() => localStorage.getItem("note"))

const cookiesAt = async (page: Page, url: string): Promise<ReadonlyArray<string>> =>
  (await page.context().cookies(url)).map(({ name, value }) => `${name}=${value}`).sort()

const skipped = hasBrowser ? "" : " (skipped: no browser)"

describe.skipIf(!hasBrowser)(`in path mode a hostile server's script${skipped}`, () => {
  it("reads what the visitor may see of another server, and what that keeps in the browser", () =>
    withVictim("path", async (page, { attic, asked }) => {
      assert.include(await fetched(page, `${attic}/private`), "secret of attic")
      assert.include(asked.at(-1)?.cookies, "session=of-attic")
      assert.include(await framed(page, `${attic}/private`), "attic, session=of-attic")
      assert.strictEqual(await noteOf(page), "of attic")
    }))

  it("reads the relay's list of servers, but cannot frame it", () =>
    withVictim("path", async (page, { relay }) => {
      assert.include(await fetched(page, `${relay}/frontend/servers/`), "attic")
      assert.notInclude(await framed(page, `${relay}/frontend/servers/`), "Servers")
    }))

  it("cannot answer for the others by a service worker", () =>
    withVictim("path", async (page, { attic, hostile }) => {
      assert.strictEqual(await hijacked(page, `${hostile}/worker.js`), "SecurityError")
      assert.include(await fetched(page, `${attic}/private`), "secret of attic")
    }))

  it("cannot clear their data, nor set cookies beyond its prefix by its answers", () =>
    withVictim("path", async (page, { attic, hostile, relay }) => {
      await page.goto(`${hostile}/clear`)
      assert.strictEqual(await noteOf(page), "of attic")
      await page.goto(`${hostile}/cookies`)
      for (const url of [`${attic}/`, `${relay}/`, `${relay.replace(domain, `x.${domain}`)}/`])
        assert.notInclude((await cookiesAt(page, url)).join(), "by-head")
    }))
})

describe.skipIf(!hasBrowser)(`in subdomain mode a hostile server's script${skipped}`, () => {
  it("reads nothing of another server, nor of the relay", () =>
    withVictim("subdomain", async (page, { attic, relay }) => {
      assert.strictEqual(await fetched(page, `${attic}/private`), "refused")
      assert.strictEqual(await framed(page, `${attic}/private`), "refused")
      assert.strictEqual(await fetched(page, `${relay}/frontend/servers/`), "refused")
      assert.strictEqual(await noteOf(page), null)
      assert.strictEqual(await page.evaluate(() => document.cookie), "")
    }))

  it("finds no page of the relay on its own host, and its worker is its own affair", () =>
    withVictim("subdomain", async (page, { attic, hostile }) => {
      for (const path of ["/frontend/servers/", "/servers/attic/", "/healthz", "/scraper/v1/test"])
        assert.include(await fetched(page, hostile + path), "<title>hostile</title>")
      assert.strictEqual(await hijacked(page, `${hostile}/worker.js`), "registered")
      await page.goto(`${attic}/private`)
      assert.strictEqual(await page.title(), "attic")
    }))

  it("clears its own data, and not another's", () =>
    withVictim("subdomain", async (page, { attic, hostile }) => {
      await page.evaluate(() => localStorage.setItem("note", "of hostile"))
      await page.goto(`${hostile}/clear`)
      assert.strictEqual(await noteOf(page), null)
      await page.goto(`${attic}/home`)
      assert.strictEqual(await noteOf(page), "of attic")
    }))

  it("sets no cookies beyond its host by its answers", () =>
    withVictim("subdomain", async (page, { attic, hostile, relay }) => {
      await page.goto(`${hostile}/cookies`)
      assert.deepStrictEqual(await cookiesAt(page, `${hostile}/`), ["tossed=by-head"])
      for (const url of [`${attic}/`, `${relay}/`])
        assert.notInclude((await cookiesAt(page, url)).join(), "by-head")
    }))

  it("can have another asked with its SameSite cookies, and set cookies for all, which `__Host-` ones withstand", () =>
    withVictim("subdomain", async (page, { attic, asked }) => {
      await fetched(page, `${attic}/unseen`)
      const last = asked.at(-1)
      assert.strictEqual(last?.target, "/unseen")
      assert.include(last?.cookies, "__Host-session=of-attic")
      await page.evaluate(() => {
        // biome-ignore lint/suspicious/noDocumentCookie: it is what a hostile script does
        document.cookie = "session=tossed; domain=relay.localhost"
        // biome-ignore lint/suspicious/noDocumentCookie: it is what a hostile script does
        document.cookie = "__Host-session=tossed; domain=relay.localhost; secure; path=/"
        // biome-ignore lint/suspicious/noDocumentCookie: it is what a hostile script does
        document.cookie = "direct=tossed; domain=attic.relay.localhost"
      })
      assert.deepStrictEqual(await cookiesAt(page, `${attic}/`), [
        "__Host-session=of-attic",
        "session=of-attic",
        "session=tossed",
      ])
    }))
})
