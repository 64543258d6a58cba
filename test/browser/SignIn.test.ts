/**
 * Signing in by OpenID Connect with a real browser, in path mode and at servers'
 * own hosts: redirects, cookies, forms and signing out.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { none } from "../../src/domain/config/AuthRules.ts"
import type { HeaderList } from "../../src/domain/HeaderList.ts"
import { fits, hasBrowser, isClean, launched, withPage } from "../support/Browser.ts"
import * as Harness from "../support/Harness.ts"
import * as OidcProvider from "../support/OidcProvider.ts"

/** Browsers resolve everything below `localhost` to this machine, and take it for safe. */
const domain = "relay.localhost"

const html: HeaderList = [["Content-Type", "text/html"]]

/** Shows who the relay says the visitor is, and has a form. */
const application = Harness.handler(({ head }) => {
  const user = head.headers.find(([name]) => name.toLowerCase() === "x-forwarded-user")?.[1]
  const cookies = head.headers.find(([name]) => name.toLowerCase() === "cookie")?.[1]
  return {
    headers: html,
    body: `<!doctype html><html lang="en"><title>attic</title><main><h1>${head.method} ${user}</h1><p>${cookies}</p><form method="post"><button>Save</button></form></main>`,
  }
})

const reason = hasBrowser ? "" : " (skipped: there is no Chromium, set CHROMIUM)"

describe.skipIf(!hasBrowser)(`a visitor with a browser${reason}`, () => {
  const browser = launched()

  for (const mode of ["path", "host"] as const) {
    it.live(`signs in, is known to the server, and signs out, in ${mode} mode`, () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers: ["attic", "shop"] })
        const url = `http://${domain}:${relay.port}`
        const provider = yield* OidcProvider.start(`${url}/.well-known/ptth/callback`)
        yield* relay.change({
          config: {
            oidc: provider.oidc,
            publicUrl: url,
            frontendAuth: { ...none, signIn: ["*"] },
            domain: mode === "path" ? undefined : domain,
          },
        })
        for (const name of ["attic", "shop"])
          yield* Harness.server(relay, name, application, { transport: "stream" })
        const at = (name: string): string =>
          mode === "path" ? `${url}/servers/${name}` : `http://${name}.${domain}:${relay.port}`
        yield* Effect.promise(() =>
          withPage(browser(), {}, async (page) => {
            const heading = (): Promise<string | null> => page.textContent("h1")
            await page.goto(`${at("attic")}/a?b=c`)
            assert.strictEqual(page.url(), `${at("attic")}/a?b=c`)
            assert.strictEqual(await heading(), "GET ann")
            assert.strictEqual(await page.textContent("p"), "undefined")
            await page.click("button")
            assert.strictEqual(await heading(), "POST ann")
            const asked = provider.asked.length
            await page.goto(`${at("shop")}/`)
            assert.strictEqual(await heading(), "GET ann")
            assert.strictEqual(provider.asked.length, asked)
            assert.strictEqual(await page.evaluate(() => document.cookie), "")
            const origin = mode === "path" ? url : at("shop")
            await page.goto(`${origin}/.well-known/ptth/sign-out`)
            await isClean(page)
            await fits(page)
            await page.click("button")
            assert.include(page.url(), `${provider.issuer}/session/end`)
            provider.account = "bob"
            await page.context().clearCookies({ domain: "127.0.0.1" })
            await page.goto(`${at("attic")}/`)
            assert.strictEqual(await heading(), "GET bob")
          }),
        )
      }).pipe(Effect.scoped),
    )
  }
})
