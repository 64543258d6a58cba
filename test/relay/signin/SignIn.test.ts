/**
 * Signing in by OpenID Connect at a real provider: in path mode, at servers' own
 * hosts, and what others try.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as IpNetwork from "effect/net/IpNetwork"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { Engine } from "../../../src/cluster/engine/Engine.ts"
import { tripcodeOfText } from "../../../src/domain/ApiKey.ts"
import { type AuthRules, none } from "../../../src/domain/config/AuthRules.ts"
import type { Oidc } from "../../../src/domain/config/OidcKeys.ts"
import type { RelayConfig } from "../../../src/domain/config/RelayConfig.ts"
import { CookieJar } from "../../support/CookieJar.ts"
import { cheapHash } from "../../support/cheapHash.ts"
import * as Harness from "../../support/Harness.ts"
import { EngineStore, MemoryEngine } from "../../support/MemoryEngine.ts"
import * as OidcProvider from "../../support/OidcProvider.ts"

const sessionCookie = "__Host-ptth-session"

/** Says which fields it saw. */
const told = Harness.handler((call) => ({
  body: [
    call.head.target,
    ...call.head.headers.map(([name, value]) => `${name.toLowerCase()}: ${value}`),
  ].join("\n"),
}))

interface SiteOptions {
  readonly servers?: ReadonlyArray<Exclude<Harness.RegisteredAs, string>>
  readonly domain?: string
  readonly oidc?: Partial<Oidc>
  readonly config?: Partial<RelayConfig>
}

const signIn = (...list: ReadonlyArray<string>): AuthRules => ({ ...none, signIn: list })

/** A relay at `http://relay.localhost`, its provider, and servers that tell what they see. */
const siteOf = Effect.fnUntraced(function* ({ config, domain, oidc, servers }: SiteOptions = {}) {
  const listed = servers ?? [{ name: "attic" }]
  const relay = yield* Harness.relay({ servers: listed })
  const url = `http://relay.localhost:${relay.port}`
  const provider = yield* OidcProvider.start(`${url}/.well-known/ptth/callback`)
  const own: Oidc = { ...provider.oidc, ...oidc }
  const settings = {
    publicUrl: url,
    frontendAuth: signIn("*"),
    domain,
    ...config,
    oidc: own,
  }
  yield* relay.change({ servers: listed, config: settings })
  for (const { name } of listed) yield* Harness.server(relay, name, told, { transport: "stream" })
  return { relay, url, provider, settings, listed, jar: new CookieJar() }
})

describe("a visitor who has to sign in", () => {
  it.live("comes back to the same address, and its server learns who it is", () =>
    Effect.gen(function* () {
      const { jar, provider, relay, url } = yield* siteOf()
      provider.accounts.ann = { email: "ann@example.com", email_verified: true, groups: ["a", "b"] }
      const wanted = `${url}/servers/attic/a%20b?x=//evil.test&y=1`
      const page = yield* jar.open(wanted)
      assert.strictEqual(page.status, 200)
      assert.strictEqual(page.url, wanted)
      assert.include(page.text, "/a%20b?x=//evil.test&y=1\n")
      assert.include(page.text, "x-forwarded-user: ann\n")
      assert.include(page.text, "x-forwarded-email: ann@example.com\n")
      assert.include(page.text, "x-forwarded-groups: a,b")
      assert.notInclude(page.text, "ptth-session")
      assert.notInclude(page.text, "cookie:")
      const asked = provider.asked.length
      assert.strictEqual((yield* jar.ask(`${url}/frontend/servers/`)).status, 200)
      assert.strictEqual(provider.asked.length, asked)
      assert.deepInclude(relay.events(), {
        _tag: "VisitorSignedIn",
        by: "ann@example.com",
        address: "127.0.0.1",
      })
    }).pipe(Effect.scoped),
  )

  it.live("gets a cookie of this host alone, which scripts and plain http never see", () =>
    Effect.gen(function* () {
      const { jar, url } = yield* siteOf()
      const back = yield* jar.open(
        `${url}/servers/attic/`,
        {},
        (next) => !next.includes("/callback"),
      )
      const page = yield* jar.ask(back.location ?? "")
      assert.strictEqual(page.status, 303)
      const cookie = page.headers["set-cookie"]?.find((line) => line.startsWith(sessionCookie))
      assert.match(
        `${cookie}`,
        /^__Host-ptth-session=[\w-]+; Path=\/; Max-Age=3[56]\d\d; Secure; HttpOnly; SameSite=Lax$/,
      )
    }).pipe(Effect.scoped),
  )

  it.live("is refused with a code where nothing can be redirected", () =>
    Effect.gen(function* () {
      const { jar, url } = yield* siteOf()
      const at = `${url}/servers/attic/`
      const upgrade = { Connection: "Upgrade", Upgrade: "websocket" }
      for (const options of [
        { headers: { Accept: "*/*" } },
        { headers: { Accept: "application/json" } },
        { method: "POST" },
        { headers: { "Sec-Fetch-Mode": "cors" } },
        { headers: { ...upgrade, "Sec-WebSocket-Key": "AQIDBAUGBwgJCgsMDQ4PEA==" } },
      ]) {
        const page = yield* jar.ask(at, options)
        assert.strictEqual(page.status, 401, JSON.stringify(options))
        assert.include(page.text, "PTTH_SIGN_IN_REQUIRED")
        assert.match(`${page.headers["www-authenticate"]}`, /^OpenIDConnect realm="attic"$/)
      }
      for (const path of ["/healthz", "/readyz"])
        assert.strictEqual((yield* jar.ask(url + path)).status, 200)
    }).pipe(Effect.scoped),
  )

  it.live("comes in with a token too, and can be somebody whom only one server lets in", () =>
    Effect.gen(function* () {
      const tokens = [tripcodeOfText("the-token")]
      const { jar, provider, url } = yield* siteOf({
        servers: [
          { name: "attic", auth: { ...signIn("group:staff"), tokens } },
          { name: "shop", auth: signIn("@example.com") },
          { name: "open", auth: "open" },
          { name: "scripts", auth: { ...none, tokens } },
        ],
      })
      provider.accounts.ann = { email: "ann@example.com", email_verified: true, groups: ["others"] }
      const bearer = { Authorization: "Bearer the-token", Accept: "*/*" }
      const asked = yield* jar.ask(`${url}/servers/attic/`, { headers: bearer })
      assert.strictEqual(asked.status, 200)
      assert.notInclude(asked.text, "x-forwarded-user")
      assert.strictEqual((yield* jar.ask(`${url}/servers/open/`)).status, 200)
      assert.strictEqual((yield* jar.ask(`${url}/servers/scripts/`)).status, 401)
      const refused = yield* jar.open(`${url}/servers/attic/`)
      assert.strictEqual(refused.status, 403)
      assert.include(refused.text, "PTTH_ACCOUNT_REFUSED")
      assert.include(refused.text, 'href="../../.well-known/ptth/sign-out"')
      assert.include(refused.text, "ann@example.com")
      assert.strictEqual((yield* jar.ask(`${url}/servers/shop/`)).status, 200)
      assert.strictEqual((yield* jar.ask(`${url}/servers/scripts/`)).status, 401)
    }).pipe(Effect.scoped),
  )

  it.live("has no address if the provider has not verified it", () =>
    Effect.gen(function* () {
      const { jar, provider, url } = yield* siteOf({
        config: { frontendAuth: signIn("@example.com") },
      })
      provider.accounts.ann = { email: "ann@example.com", email_verified: false }
      const page = yield* jar.open(`${url}/servers/attic/`)
      assert.strictEqual(page.status, 403)
      assert.notInclude(page.text, "ann@example.com")
    }).pipe(Effect.scoped),
  )
})

describe("a session", () => {
  it.effect("ends, and counts no more for a list without the visitor, or with another secret", () =>
    Effect.gen(function* () {
      const { jar, listed, relay, settings, url } = yield* siteOf({
        oidc: { session: Duration.minutes(1) },
      })
      const at = `${url}/servers/attic/`
      const statusOf = Effect.map(
        jar.ask(at, { headers: { Accept: "*/*" } }),
        ({ status }) => status,
      )
      const change = (config: Partial<RelayConfig>) =>
        relay.change({ servers: listed, config: { ...settings, ...config } })
      assert.strictEqual((yield* jar.open(at)).status, 200)
      yield* change({ frontendAuth: signIn("x@y.z") })
      assert.strictEqual(yield* statusOf, 403)
      const clientSecret = Redacted.make("another-secret-of-the-relay")
      yield* change({ oidc: { ...settings.oidc, clientSecret } })
      assert.strictEqual(yield* statusOf, 401)
      yield* change({})
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(yield* statusOf, 200)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* statusOf, 401)
    }).pipe(Effect.scoped),
  )

  it.live("of another host, a stranger or another relay is none", () =>
    Effect.gen(function* () {
      const { jar, relay, url } = yield* siteOf()
      yield* jar.open(`${url}/servers/attic/`)
      const cookie = `${sessionCookie}=${jar.at("relay.localhost").get(sessionCookie)}`
      const ask = (headers: Record<string, string>) =>
        new CookieJar().ask(`${url}/servers/attic/`, { headers: { Accept: "*/*", ...headers } })
      assert.strictEqual((yield* ask({ Cookie: cookie })).status, 200)
      assert.strictEqual(
        (yield* ask({ Cookie: cookie, Host: `other.localhost:${relay.port}` })).status,
        401,
      )
      assert.strictEqual((yield* ask({ Cookie: `${cookie}; ${cookie}` })).status, 401)
      assert.strictEqual((yield* ask({ Cookie: `${cookie}A` })).status, 401)
      assert.strictEqual((yield* ask({ Cookie: `${sessionCookie}=x` })).status, 401)
    }).pipe(Effect.scoped),
  )

  it.live("counts for what a page of the same origin changes, and for no other page", () =>
    Effect.gen(function* () {
      const { jar, url } = yield* siteOf()
      const at = `${url}/servers/attic/`
      yield* jar.open(at)
      const post = (headers: Record<string, string>) =>
        Effect.map(jar.ask(at, { method: "POST", headers }), ({ status }) => status)
      assert.strictEqual(yield* post({}), 200)
      assert.strictEqual(yield* post({ Origin: url }), 200)
      assert.strictEqual(yield* post({ Origin: "null", "Sec-Fetch-Site": "same-origin" }), 200)
      assert.strictEqual(yield* post({ Origin: "http://hostile.relay.localhost" }), 401)
      assert.strictEqual(yield* post({ "Sec-Fetch-Site": "same-site" }), 401)
      assert.strictEqual(yield* post({ Origin: url, "Sec-Fetch-Site": "cross-site" }), 401)
    }).pipe(Effect.scoped),
  )

  it.live("is ended by signing out, also where its cookie was copied", () =>
    Effect.gen(function* () {
      const { jar, url } = yield* siteOf()
      const at = `${url}/servers/attic/`
      const out = `${url}/.well-known/ptth/sign-out`
      yield* jar.open(at)
      const cookie = `${sessionCookie}=${jar.at("relay.localhost").get(sessionCookie)}`
      assert.include((yield* jar.ask(out)).text, "You are signed in as ann.")
      const forged = yield* jar.ask(out, {
        method: "POST",
        headers: { Origin: "http://evil.test" },
      })
      assert.strictEqual(forged.status, 400)
      assert.strictEqual((yield* jar.ask(at)).status, 200)
      const page = yield* jar.ask(out, { method: "POST", headers: { Origin: url } })
      assert.match(`${page.location}`, /\/session\/end\?client_id=ptth$/)
      assert.isFalse(jar.at("relay.localhost").has(sessionCookie))
      const copied = yield* new CookieJar().ask(at, { headers: { Cookie: cookie, Accept: "*/*" } })
      assert.strictEqual(copied.status, 401)
      assert.include((yield* jar.ask(out)).text, "You are signed out")
    }).pipe(Effect.scoped),
  )
})

describe("relays of a cluster", () => {
  it.live("tell each other who makes up codes", () =>
    Effect.gen(function* () {
      const store = new EngineStore(() => Date.now())
      const [first, second] = yield* Effect.forEach(["a", "b"], (id) =>
        Harness.relay().pipe(Effect.provideService(Engine, new MemoryEngine(store, id).shape)),
      )
      assert.isTrue(first !== undefined && second !== undefined)
      if (first === undefined || second === undefined) return
      const url = `http://relay.localhost:${first.port}`
      const provider = yield* OidcProvider.start(`${url}/.well-known/ptth/callback`)
      const frontendAuth = {
        ...signIn("*"),
        users: [{ user: "ann", password: cheapHash("right") }],
      }
      const config = { oidc: provider.oidc, publicUrl: url, frontendAuth }
      for (const relay of [first, second]) yield* relay.change({ config })
      const jar = new CookieJar()
      const page = yield* jar.open(
        `${url}/frontend/servers/`,
        {},
        (next) => !next.includes("code="),
      )
      const address = new URL(`${page.location}`)
      address.searchParams.set("code", "made-up")
      const cookies = jar.fieldOf("relay.localhost")
      yield* Effect.repeat(jar.ask(address.href), { until: ({ status }) => status === 429 })
      let refused = 0
      const atSecond = new CookieJar().ask(
        `http://127.0.0.1:${second.port}${address.pathname}${address.search}`,
        { headers: { Cookie: cookies, Host: `relay.localhost:${first.port}` } },
      )
      while ((yield* atSecond).status !== 429) refused += 1
      // By itself it would have refused ten.
      assert.isBelow(refused, 10)
      // A password is limited on its own, as at a single relay.
      for (const relay of [first, second]) {
        const at = `http://127.0.0.1:${relay.port}/frontend/servers/`
        const headers = { Authorization: `Basic ${btoa("ann:right")}`, Accept: "*/*" }
        assert.strictEqual((yield* new CookieJar().ask(at, { headers })).status, 200)
      }
    }).pipe(Effect.scoped),
  )

  it.live("accept each other's sessions until the visitor signs out of any", () =>
    Effect.gen(function* () {
      const { relays } = yield* Harness.cluster(["a.0", "b.0"], { servers: ["attic"] })
      const [first, second] = relays as [Harness.ClusterRelay, Harness.ClusterRelay]
      const url = `http://relay.localhost:${first.port}`
      const provider = yield* OidcProvider.start(`${url}/.well-known/ptth/callback`)
      const config = { oidc: provider.oidc, publicUrl: url, frontendAuth: signIn("*") }
      for (const relay of relays) yield* relay.change({ config })
      const jar = new CookieJar()
      yield* jar.open(`${url}/frontend/servers/`)
      const cookie = `${sessionCookie}=${jar.at("relay.localhost").get(sessionCookie)}`
      // A balancer sends the same host to either.
      const atSecond = Effect.map(
        new CookieJar().ask(`http://127.0.0.1:${second.port}/frontend/servers/`, {
          headers: { Accept: "*/*", Cookie: cookie, Host: `relay.localhost:${first.port}` },
        }),
        ({ status }) => status,
      )
      assert.strictEqual(yield* atSecond, 200)
      yield* jar.ask(`${url}/.well-known/ptth/sign-out`, {
        method: "POST",
        headers: { Origin: url },
      })
      yield* Effect.repeat(atSecond, { until: (status) => status === 401 })
    }).pipe(Effect.scoped),
  )
})

describe("servers", () => {
  it.live(
    "never get from strangers what only the relay may say, whether visitors sign in or not",
    () =>
      Effect.gen(function* () {
        const { jar, provider, url } = yield* siteOf({
          servers: [{ name: "attic" }, { name: "open", auth: "open" }],
        })
        provider.accounts.ann = {
          email: "e\u00fc@example.com",
          email_verified: true,
          groups: ["a,root", "b"],
        }
        yield* jar.open(`${url}/servers/attic/`)
        const forged = {
          "X-Forwarded-User": "root",
          "x-forwarded-email": "root@example.com",
          X_Forwarded_Groups: "root",
          "X-Forwarded-Preferred-Username": "root",
        }
        for (const name of ["attic", "open"]) {
          const { text } = yield* jar.ask(`${url}/servers/${name}/`, { headers: forged })
          assert.notInclude(text, "root", name)
        }
        const { text } = yield* jar.ask(`${url}/servers/attic/`)
        assert.include(text, "x-forwarded-groups: b")
        assert.include(
          text,
          `x-forwarded-email: ${Buffer.from("e\u00fc@example.com").toString("latin1")}`,
        )
      }).pipe(Effect.scoped),
  )
})

describe("at servers' own hosts", () => {
  const hosts = { domain: "relay.localhost", servers: [{ name: "attic" }, { name: "shop" }] }

  it.live("one sign-in is enough, and each host has a session of its own", () =>
    Effect.gen(function* () {
      const { jar, provider, relay } = yield* siteOf(hosts)
      const at = (name: string) => `http://${name}.relay.localhost:${relay.port}/x?y=1`
      const page = yield* jar.open(at("attic"))
      assert.strictEqual(page.url, at("attic"))
      assert.include(page.text, "x-forwarded-user: ann")
      const asked = provider.asked.length
      assert.include((yield* jar.open(at("shop"))).text, "x-forwarded-user: ann")
      assert.strictEqual(provider.asked.length, asked)
      const sessions = ["relay", "attic.relay", "shop.relay"].map((host) =>
        jar.at(`${host}.localhost`).get(sessionCookie),
      )
      assert.strictEqual(new Set(sessions).size, 3)
      const moved = yield* new CookieJar().ask(at("shop"), {
        headers: { Accept: "*/*", Cookie: `${sessionCookie}=${sessions[1]}` },
      })
      assert.strictEqual(moved.status, 401)
    }).pipe(Effect.scoped),
  )

  it.live("signing out of one signs out of all, and of the provider", () =>
    Effect.gen(function* () {
      const { jar, relay } = yield* siteOf(hosts)
      const origin = (name: string) => `http://${name}.relay.localhost:${relay.port}`
      yield* jar.open(origin("attic"))
      yield* jar.open(origin("shop"))
      const page = yield* jar.open(`${origin("attic")}/.well-known/ptth/sign-out`, {
        method: "POST",
        headers: { Origin: origin("attic") },
      })
      assert.include(page.url, "/session/end?client_id=ptth")
      assert.isFalse(jar.at("relay.localhost").has(sessionCookie))
      const ask = jar.ask(origin("shop"), { headers: { Accept: "*/*" } })
      assert.strictEqual((yield* ask).status, 401)
    }).pipe(Effect.scoped),
  )

  it.live("nobody is signed in as somebody else by an address that was sent to him", () =>
    Effect.gen(function* () {
      const { jar, relay } = yield* siteOf(hosts)
      const at = `http://attic.relay.localhost:${relay.port}/`
      // The attacker signs in, but stops before the last steps.
      const [first, last] = [
        yield* jar.open(at, {}, (url) => !url.includes("ask=")),
        new CookieJar(),
      ]
      const attacker = new CookieJar()
      const ticket = yield* attacker.open(at, {}, (url) => !url.includes("/enter?"))
      const victim = new CookieJar()
      yield* victim.ask(at)
      const entered = yield* victim.ask(`${ticket.location}`)
      assert.strictEqual(entered.status, 400)
      assert.include(entered.text, "PTTH_SIGN_IN_FAILED")
      assert.isFalse(victim.at("attic.relay.localhost").has(sessionCookie))
      // Nor by one with which somebody else has begun.
      const page = yield* last.open(`${first.location}`)
      assert.strictEqual(page.status, 400)
      assert.isFalse(last.at("attic.relay.localhost").has(sessionCookie))
    }).pipe(Effect.scoped),
  )
})

describe("who comes back from the provider", () => {
  /** A visitor who has an answer of the provider, and has not brought it to the relay. */
  const answered = Effect.fnUntraced(function* (jar: CookieJar, url: string) {
    const page = yield* jar.open(`${url}/servers/attic/`, {}, (next) => !next.includes("/callback"))
    return new URL(`${page.location}`)
  })

  const isRefused = (page: { readonly status: number; readonly text: string }): void => {
    assert.strictEqual(page.status, 400)
    assert.include(page.text, "PTTH_SIGN_IN_FAILED")
  }

  it.live("must have begun in the same browser, and comes back once", () =>
    Effect.gen(function* () {
      const { jar, relay, url } = yield* siteOf()
      const address = yield* answered(jar, url)
      isRefused(yield* new CookieJar().ask(address.href))
      assert.strictEqual((yield* jar.ask(address.href)).status, 303)
      isRefused(yield* jar.ask(address.href))
      assert.strictEqual(relay.events().filter(({ _tag }) => _tag === "SignInRefused").length, 2)
    }).pipe(Effect.scoped),
  )

  it.live("must bring the state, the issuer and the code of this attempt", () =>
    Effect.gen(function* () {
      const { jar, url } = yield* siteOf()
      for (const [name, value] of [
        ["state", "x".repeat(43)],
        ["iss", "http://evil.test"],
        ["code", "another"],
      ] as const) {
        const address = yield* answered(jar, url)
        address.searchParams.set(name, value)
        isRefused(yield* jar.ask(address.href))
      }
      const address = yield* answered(jar, url)
      address.searchParams.delete("iss")
      isRefused(yield* jar.ask(address.href))
      // A code of somebody else's attempt: neither its verifier nor its nonce is here.
      const other = yield* answered(new CookieJar(), url)
      const own = yield* answered(jar, url)
      own.searchParams.set("code", `${other.searchParams.get("code")}`)
      isRefused(yield* jar.ask(own.href))
    }).pipe(Effect.scoped),
  )

  it.live("costs the provider no more than some requests, however often codes are made up", () =>
    Effect.gen(function* () {
      const { jar, url } = yield* siteOf()
      const address = yield* answered(jar, url)
      address.searchParams.set("code", "made-up")
      for (let i = 0; i < 10; i++) isRefused(yield* jar.ask(address.href))
      // On a slow machine some more are allowed again meanwhile.
      const further = yield* Effect.repeat(jar.ask(address.href), {
        until: ({ status }) => status !== 400,
      })
      assert.strictEqual(further.status, 429)
      assert.include(further.text, "PTTH_TOO_MANY_REQUESTS")
      assert.isAbove(Number(further.headers["retry-after"]), 0)
    }).pipe(Effect.scoped),
  )

  it.live("is not counted as wrong while too many of the same network wait", () =>
    Effect.gen(function* () {
      const trustedProxies = [IpNetwork.fromStringUnsafe("127.0.0.1/32")]
      const { jar, provider, url } = yield* siteOf({ config: { trustedProxies } })
      const address = yield* answered(jar, url)
      const cookies = jar.fieldOf("relay.localhost")
      const from = (visitor: string) => ({
        headers: { Cookie: cookies, "X-Forwarded-For": visitor },
      })
      const held: Array<() => void> = []
      provider.intercept = ({ url: path }, response) => {
        if (path !== "/token") return false
        held.push(() => response.writeHead(503).end())
        return true
      }
      const waiting = yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 16 }, (_, i) => `192.0.2.${i % 2}`),
          (visitor) => new CookieJar().ask(address.href, from(visitor)),
          { concurrency: "unbounded" },
        ),
      )
      yield* Harness.until("as many as may wait do", () => held.length === 16)
      for (let i = 0; i < 10; i++) {
        const { status } = yield* new CookieJar().ask(address.href, from("192.0.2.9"))
        assert.strictEqual(status, 503)
      }
      provider.intercept = undefined
      for (const answer of held) answer()
      for (const { status } of yield* Fiber.join(waiting)) assert.strictEqual(status, 503)
      const page = yield* new CookieJar().ask(address.href, from("192.0.2.9"))
      assert.strictEqual(page.status, 303)
    }).pipe(Effect.scoped),
  )

  it.live("is told what the provider answers in place of a code", () =>
    Effect.gen(function* () {
      const { jar, provider, url } = yield* siteOf()
      provider.account = undefined
      const page = yield* jar.open(`${url}/servers/attic/`)
      isRefused(page)
      assert.include(page.text, "The provider answered access_denied")
    }).pipe(Effect.scoped),
  )

  it.live("can have several tabs, of which all come back", () =>
    Effect.gen(function* () {
      const { jar, url } = yield* siteOf()
      const first = yield* answered(jar, url)
      const second = yield* answered(jar, url)
      assert.strictEqual((yield* jar.ask(first.href)).status, 303)
      assert.strictEqual((yield* jar.ask(second.href)).status, 303)
      for (let i = 0; i < 12; i++) yield* jar.ask(`${url}/.well-known/ptth/sign-in`)
      assert.isAtMost(jar.at("relay.localhost").size, 6)
    }).pipe(Effect.scoped),
  )

  it.live("is told so if the provider is away, at the start and later", () =>
    Effect.gen(function* () {
      const { jar, provider, url } = yield* siteOf()
      provider.intercept = (_request, response) => {
        response.writeHead(503).end()
        return true
      }
      const at = `${url}/servers/attic/`
      const away = yield* jar.ask(at)
      assert.strictEqual(away.status, 503)
      assert.include(away.text, "PTTH_SIGN_IN_UNAVAILABLE")
      assert.isDefined(away.headers["retry-after"])
      provider.intercept = undefined
      const page = yield* Effect.repeat(jar.open(at), { until: ({ status }) => status === 200 })
      assert.include(page.text, "x-forwarded-user: ann")
      const address = yield* answered(new CookieJar(), url)
      yield* provider.stop
      assert.strictEqual((yield* jar.ask(at)).status, 200)
      const other = new CookieJar()
      other.at("relay.localhost")
      assert.strictEqual((yield* other.ask(address.href)).status, 400)
    }).pipe(Effect.scoped),
  )

  it.live("cannot be faked by a provider's answer that is not signed, or for somebody else", () =>
    Effect.gen(function* () {
      const { jar, provider, url } = yield* siteOf()
      const part = (value: object): string =>
        Buffer.from(JSON.stringify(value)).toString("base64url")
      const address = yield* answered(jar, url)
      const now = Math.floor(Date.now() / 1000)
      const claims = { iss: provider.issuer, aud: "ptth", sub: "root", iat: now, exp: now + 60 }
      provider.intercept = (request, response) => {
        if (request.url !== "/token") return false
        const id_token = `${part({ alg: "none" })}.${part(claims)}.`
        response.writeHead(200, { "Content-Type": "application/json" })
        response.end(JSON.stringify({ access_token: "x", token_type: "Bearer", id_token }))
        return true
      }
      isRefused(yield* jar.ask(address.href))
    }).pipe(Effect.scoped),
  )
})

describe("addresses", () => {
  it.live("at which no session can be kept lead to where one can", () =>
    Effect.gen(function* () {
      const { jar, relay, url } = yield* siteOf()
      const page = yield* jar.ask(`http://127.0.0.1:${relay.port}/servers/attic/x?y`)
      assert.strictEqual(page.status, 303)
      assert.strictEqual(page.location, `${url}/servers/attic/x?y`)
    }).pipe(Effect.scoped),
  )

  it.live("that only differ by a proxy which is not trusted are said to", () =>
    Effect.gen(function* () {
      const { jar, url } = yield* siteOf({ config: { publicUrl: "https://relay.localhost" } })
      const page = yield* jar.ask(`${url}/servers/attic/`)
      assert.strictEqual(page.status, 503)
      assert.include(page.text, "trusted_proxies")
    }).pipe(Effect.scoped),
  )

  it.live("to which a visitor comes back are never those of others", () =>
    Effect.gen(function* () {
      const { jar, url } = yield* siteOf()
      const page = yield* jar.open(`${url}//evil.test/%2f..`)
      assert.strictEqual(new URL(page.url).origin, url)
      assert.strictEqual(page.status, 404)
      for (const path of ["sign-in?ask=https://evil.test", "enter?ticket=x", "nothing"]) {
        const other = yield* jar.ask(`${url}/.well-known/ptth/${path}`)
        assert.isUndefined(other.location)
        assert.isAtLeast(other.status, 400)
      }
      const out = yield* jar.ask(`${url}/.well-known/ptth/sign-out?leave=https://evil.test`)
      assert.isUndefined(out.location)
    }).pipe(Effect.scoped),
  )
})
