/**
 * The administrator's side in a real browser: a server is approved, and
 * another origin cannot do so.
 */
import * as fs from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { BrowserContextOptions, Page } from "playwright-core"
import { tripcodeOfText } from "../../src/domain/ApiKey.ts"
import * as TripcodeWords from "../../src/domain/TripcodeWords.ts"
import { type AdminRelay, adminRelay } from "../support/AdminHarness.ts"
import { fits, hasBrowser, isClean, launched, withPage } from "../support/Browser.ts"
import * as Harness from "../support/Harness.ts"
import { patienceMillis } from "../support/Watch.ts"

/** Tripcode and words of the harness's key of a server, as its owner sees them. */
const shownOf = (name: string) => {
  const tripcode = tripcodeOfText(Harness.keyOf(name))
  return { tripcode, words: TripcodeWords.toWords(tripcode) }
}

const registered = (name: string, key = Harness.keyOf(name)): string =>
  `[[servers]]\nname = "${name}"\ntripcode = "${tripcodeOfText(key)}"\n`

const hello = Harness.handler(() => ({
  headers: [["Content-Type", "text/plain"]],
  body: "hello from the attic",
}))

describe.skipIf(!hasBrowser)("in a browser, the administrator's side", () => {
  const browser = launched()

  /** Opens a page, which fails the test on a violation of the policy, an exception or a request to another origin. */
  const browse = (
    options: BrowserContextOptions,
    use: (page: Page) => Promise<void>,
  ): Effect.Effect<void> =>
    Effect.promise(() => withPage(browser(), options, use, () => true, /status of 404/))

  const logIn = async (page: Page, { admin }: AdminRelay, link: string): Promise<void> => {
    await page.goto(link)
    await page.getByRole("button", { name: "Log in" }).click()
    await page.waitForURL(`${admin.url}/`)
  }

  it.live(
    "approves a server that appears on the page, after which visitors reach it without a restart",
    () =>
      Effect.gen(function* () {
        const on = yield* adminRelay()
        const link = yield* on.newLink
        const { tripcode, words } = shownOf("attic")
        const knock = Scope.provide(
          Harness.serverAt(on.relay.url, "attic", hello),
          yield* Effect.scope,
        )
        yield* browse({}, async (page) => {
          await logIn(page, on, link)
          await page.getByRole("link", { name: "Unregistered" }).click()
          await page.getByText("No server is waiting").waitFor()
          await page.getByText("Live: this page updates itself.").waitFor()
          await Effect.runPromise(knock)
          const row = page.getByRole("row", { name: "attic" })
          await row.getByText(words, { exact: true }).waitFor()
          await row.getByText(tripcode, { exact: true }).first().waitFor()
          await page.getByRole("link", { name: "Unregistered 1" }).waitFor()
          await row.getByText("As TOML").click()
          assert.include(await row.locator("pre").innerText(), `tripcode = "${tripcode}"`)
          await row.getByLabel("The owner sees the same six words").check()
          await row.getByRole("button", { name: "Approve" }).click()
          await page.waitForURL(`${on.admin.url}/servers/attic?approved`)
          await page.getByText("connected", { exact: true }).waitFor()
          const visitor = await fetch(`${on.relay.url}/servers/attic/`)
          assert.strictEqual(await visitor.text(), "hello from the attic")
          await page.getByRole("row", { name: "GET /" }).getByText("200", { exact: true }).waitFor()
        })
      }),
  )

  it.live(
    "keeps the focus when something else changes, and can be used with the keyboard alone",
    () =>
      Effect.gen(function* () {
        const on = yield* adminRelay()
        const link = yield* on.newLink
        const scope = yield* Effect.scope
        const knock = (name: string) =>
          Effect.runPromise(
            Scope.provide(
              Harness.serverAt(on.relay.url, name, hello, { transport: "stream" }),
              scope,
            ),
          )
        const tabTo = async (page: Page, name: RegExp): Promise<void> => {
          for (let presses = 0; presses < 60; presses++) {
            await page.keyboard.press("Tab")
            const text = await page.evaluate(() => document.activeElement?.textContent ?? "")
            if (name.test(text)) return
          }
          assert.fail(`there is no way to ${name}`)
        }
        yield* browse({}, async (page) => {
          await page.goto(link)
          await tabTo(page, /^Log in$/)
          await page.keyboard.press("Enter")
          await page.waitForURL(`${on.admin.url}/`)
          await tabTo(page, /^Unregistered/)
          await page.keyboard.press("Enter")
          await page.waitForURL("**/unregistered")
          await knock("attic")
          await page.getByRole("row", { name: "attic" }).waitFor()
          await tabTo(page, /^Approve attic/)
          await page.keyboard.press("Shift+Tab")
          await page.keyboard.press("Space")
          await page.keyboard.press("Tab")
          await knock("cellar")
          await page.getByRole("row", { name: "cellar" }).waitFor()
          const focused = await page.evaluate(() => document.activeElement?.textContent ?? "")
          assert.match(focused, /^Approve attic/)
          const outline = await page.evaluate(
            () => getComputedStyle(document.activeElement ?? document.body).outlineStyle,
          )
          assert.strictEqual(outline, "solid")
          await page.keyboard.press("Enter")
          await page.waitForURL("**/servers/attic?approved")
          await page.getByText("connected", { exact: true }).waitFor()
          await tabTo(page, /^Log out$/)
          await page.keyboard.press("Enter")
          await page.waitForURL("**/login")
        })
      }),
  )

  it.live("works without JavaScript", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      const link = yield* on.newLink
      yield* Harness.serverAt(on.relay.url, "attic", hello)
      yield* Harness.serverAt(on.relay.url, "cellar", hello)
      yield* browse({ javaScriptEnabled: false }, async (page) => {
        await logIn(page, on, link)
        const row = (name: string) => page.getByRole("row", { name })
        for (let loads = 0; loads < 100; loads++) {
          await page.goto(`${on.admin.url}/unregistered`)
          if ((await row("attic").count()) > 0 && (await row("cellar").count()) > 0) break
        }
        await row("cellar").getByRole("button", { name: "Ignore" }).click()
        await page.getByText("Ignored until the relay restarts: 1").waitFor()
        await row("attic").getByLabel("The owner sees the same six words").check()
        await row("attic").getByRole("button", { name: "Approve" }).click()
        await page.waitForURL("**/servers/attic?approved")
        await page.getByRole("link", { name: "Audit log", exact: true }).click()
        await page.getByLabel("Kind").selectOption({ label: "server approved" })
        await page.getByRole("button", { name: "Filter" }).click()
        await page.getByText("1 of 1 events").waitFor()
        await page.getByRole("button", { name: "Log out" }).click()
        await page.getByText("You are not logged in.").waitFor()
      })
    }),
  )

  it.live.each([
    ["light", 320],
    ["dark", 1280],
  ] as const)(
    "fits the window and has no accessibility violations: %s, %i pixels",
    ([colorScheme, width]) =>
      Effect.gen(function* () {
        const long = "a-name-of-a-server-that-is-as-long-as-names-can-be-0123456789-ab"
        const on = yield* adminRelay(
          `${registered("attic")}inspect = true\ndisplay_name = "My <b>attic</b> & more"\n${registered(long.slice(0, 63))}${registered("cellar", "the old key")}`,
        )
        const link = yield* on.newLink
        const server = yield* Harness.serverAt(on.relay.url, "attic", hello)
        yield* Harness.serverAt(on.relay.url, "cellar", hello)
        yield* Harness.serverAt(on.relay.url, "stranger", hello)
        yield* Harness.until(
          "all have tried to connect",
          () =>
            server.lines.some((line) => line.startsWith("connected")) &&
            on.events().filter(({ _tag }) => _tag === "ServerRefused").length === 2,
        )
        yield* Harness.get(on.relay, `/servers/attic/${"long/".repeat(40)}`)
        yield* browse({ colorScheme, viewport: { width, height: 800 } }, async (page) => {
          await page.goto(link)
          await isClean(page)
          await logIn(page, on, link)
          for (const path of [
            "/",
            "/servers/attic",
            "/servers/attic/requests",
            "/servers/attic/inspect",
            "/servers/attic/settings",
            "/requests",
            "/requests/-/attic/1",
            "/requests/-/attic/1/edit",
            "/unregistered",
            "/audit",
            "/config",
            "/api",
            "/debug",
            "/no-such-page",
          ]) {
            await page.goto(`${on.admin.url}${path}`)
            if (path === "/unregistered") await page.getByText("As TOML").first().click()
            if (path === "/debug") {
              await page.getByRole("button", { name: "Make a key" }).click()
              await page.getByRole("button", { name: "Make another key" }).waitFor()
            }
            if (path === "/requests/-/attic/1") {
              await page.getByText("hello from the attic").waitFor()
              await page.getByText("curl -g --path-as-is").waitFor()
            }
            await isClean(page)
            for (const other of [320, 768, 1280]) {
              await page.setViewportSize({ width: other, height: 800 })
              await fits(page)
            }
            await page.setViewportSize({ width, height: 800 })
          }
          await page.goto(`${on.relay.url}/frontend/servers/`)
          await page.getByText("My <b>attic</b> & more").waitFor()
          await isClean(page)
          await fits(page)
          await page.goto(`${on.admin.url}/login`)
          await page.getByText("login link").first().waitFor()
        })
      }),
  )

  it.live("sends a request again once a click, edited or not, and copies it as a command", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay(`${registered("shop")}inspect = true\n`)
      const link = yield* on.newLink
      const calls: Array<string> = []
      const shop = Harness.handler(({ head }) => {
        calls.push(head.target)
        return { body: `${calls.length}` }
      })
      const server = yield* Harness.serverAt(on.relay.url, "shop", shop)
      yield* Harness.until("it is connected", () =>
        server.lines.some((line) => line.startsWith("connected")),
      )
      yield* Harness.get(on.relay, "/servers/shop/pay?token=hush")
      yield* browse({ permissions: ["clipboard-read", "clipboard-write"] }, async (page) => {
        await logIn(page, on, link)
        await page.goto(`${on.admin.url}/servers/shop`)
        await page.getByRole("link", { name: "GET /pay?token=***" }).click()
        await page.getByRole("button", { name: "Copy as curl" }).click()
        await page.getByRole("button", { name: "Copied" }).waitFor()
        const command = await page.evaluate(() => navigator.clipboard.readText())
        assert.include(command, `'${on.relay.url}/servers/shop/pay?token=***'`)
        await page.getByRole("button", { name: "Replay" }).click()
        await page.waitForURL("**/requests/-/shop/2")
        await page.getByText("complete").waitFor()
        assert.deepStrictEqual(calls, ["/pay?token=hush", "/pay?token=hush"])
        await page.getByRole("link", { name: "Edit and send" }).click()
        await page.getByLabel("Path and query").fill("/pay?token=***&again")
        await page.getByRole("button", { name: "Send" }).click()
        await page.waitForURL("**/requests/-/shop/3")
        await page.getByText("complete").waitFor()
        assert.deepStrictEqual(calls.slice(2), ["/pay?token=hush&again"])
      })
    }),
  )

  it.live("shows visitors servers as they connect and disconnect", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay(registered("attic"))
      const scope = yield* Effect.scope
      yield* browse({}, async (page) => {
        await page.goto(`${on.relay.url}/frontend/servers/`)
        const row = page.getByRole("row", { name: "attic" })
        await row.getByText("not connected yet").waitFor()
        await page.getByText("Live: this page updates itself.").waitFor()
        const server = await Effect.runPromise(
          Scope.provide(Harness.serverAt(on.relay.url, "attic", hello), scope),
        )
        await row.getByText("connected", { exact: true }).waitFor()
        await row.getByRole("link").click()
        await page.getByText("hello from the attic").waitFor()
        await page.goBack()
        await Effect.runPromise(server.stop)
        await row.getByText("not connected", { exact: true }).waitFor()
      })
    }),
  )

  it.live("cannot be used by a page of a server, even if a logged-in administrator opens it", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay(registered("evil"))
      const link = yield* on.newLink
      const { tripcode } = shownOf("attic")
      const attack = `<!doctype html><title>evil</title>
<iframe id="frame" src="${on.admin.url}/unregistered"></iframe>
<form id="form" method="post" target="frame2" action="${on.admin.url}/unregistered/approve">
<input name="name" value="attic"><input name="tripcode" value="${tripcode}"></form>
<iframe name="frame2"></iframe>
<script>
const outcome = (promise) => promise.then((r) => r.type + r.status, () => "refused");
const form = { name: "attic", tripcode: "${tripcode}" };
Promise.all([
  outcome(fetch("${on.admin.url}/api/v1/servers", { credentials: "include" })),
  outcome(fetch("${on.admin.url}/api/v1/unregistered/approve", { method: "POST", credentials: "include",
    headers: { "content-type": "application/json" }, body: JSON.stringify(form) })),
  outcome(fetch("${on.admin.url}/unregistered/approve", { method: "POST", credentials: "include", mode: "no-cors",
    body: new URLSearchParams(form) })),
]).then((outcomes) => {
  document.getElementsByName("frame2")[0].onload = () => {
    document.title = outcomes.join(" ") + " " + document.cookie;
  };
  document.getElementById("form").submit();
});
</script>`
      const seen: Array<string> = []
      yield* Harness.serverAt(
        on.relay.url,
        "evil",
        Harness.handler(({ head }) => {
          seen.push(JSON.stringify(head.headers))
          return { headers: [["Content-Type", "text/html"]], body: attack }
        }),
      )
      yield* Harness.serverAt(on.relay.url, "attic", hello)
      yield* Harness.until("the attic has tried to connect", () =>
        on.events().some(({ _tag }) => _tag === "ServerRefused"),
      )
      yield* Effect.promise(async () => {
        const context = await browser().newContext()
        const page = await context.newPage()
        page.setDefaultTimeout(patienceMillis)
        await logIn(page, on, link)
        await page.goto(`${on.relay.url}/servers/evil/`)
        await page.waitForFunction(() => document.title.includes("refused"))
        // Posting blindly gets an opaque answer, which was a refusal: nothing has changed.
        assert.strictEqual((await page.title()).trim(), "refused refused opaque0")
        for (const frame of page.frames().slice(1)) {
          assert.notInclude(await frame.content(), "stranger-attic")
        }
        await page.goto(`${on.admin.url}/unregistered`)
        await page
          .getByRole("row", { name: "attic" })
          .getByRole("button", { name: "Approve" })
          .waitFor()
        await context.close()
      })
      assert.isFalse(fs.existsSync(`${on.folder}/servers.d`))
      assert.isFalse(seen.join().includes("ptth-admin"))
      assert.isTrue(
        on.events().some((event) => event._tag === "AdminRefused" && event.reason === "cross-site"),
      )
    }),
  )
})
