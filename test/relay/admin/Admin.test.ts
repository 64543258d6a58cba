/**
 * The administrator's side over real sockets: authentication, cross-site
 * requests, approvals and the API.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { tripcodeOfText } from "../../../src/domain/ApiKey.ts"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import * as TripcodeWords from "../../../src/domain/TripcodeWords.ts"
import { cookieName, linkMillis } from "../../../src/relay/admin/core/AdminLogin.ts"
import { Certificates, none } from "../../../src/relay/certificates/Certificates.ts"
import * as Approval from "../../../src/relay/registry/Approval.ts"
import type { CertificateStatus } from "../../../src/transport/acme/CertificateKeeper.ts"
import * as X509 from "../../../src/transport/acme/X509.ts"
import { type AdminRelay, adminRelay, post } from "../../support/AdminHarness.ts"
import { fixedPort } from "../../support/FixedPort.ts"
import * as Harness from "../../support/Harness.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const token = "ATokenThatScriptsShow"
const withToken = `admin_token = "${tripcodeOfText(token)}"\n`
const bearer: HeaderList = [["Authorization", `Bearer ${token}`]]
const html = ["Accept", "text/html"] as const

const secretOf = (link: string): string => link.split("/").at(-1) ?? ""

const codeOf = ({ text }: Harness.Visited): string => /PTTH_[A-Z_]+/.exec(text)?.[0] ?? ""

const ask = (
  { admin }: AdminRelay,
  target: string,
  headers: HeaderList = [],
  method = "GET",
): Effect.Effect<Harness.Visited, Harness.VisitError> =>
  Harness.visit(admin, target, { method, headers })

/** Lets a server try to connect once with this key. */
const knock = (on: AdminRelay, name: string, key: string) =>
  Effect.gen(function* () {
    const { host, port } = on.relay
    yield* Harness.visit({ host, port }, `/7ZSFUKGV/http_listen/${name}`, {
      headers: [["X-ApiKey", key]],
    })
  })

describe("logging in", () => {
  it.effect("is done with the button of a link, which works once", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      const link = yield* on.newLink
      assert.isTrue(link.startsWith(`${on.admin.url}/login/`))
      for (const _ of [1, 2]) {
        const page = yield* ask(on, `/login/${secretOf(link)}`, [html])
        assert.strictEqual(page.status, 200)
        assert.include(page.text, `value="${secretOf(link)}"`)
      }
      const entered = yield* post(on.admin, "/login", { secret: secretOf(link) })
      assert.strictEqual(entered.status, 303)
      assert.strictEqual(entered.header("location"), "/")
      const cookie = entered.header("set-cookie") ?? ""
      assert.match(
        cookie,
        /^__Host-ptth-admin=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict; Max-Age=\d+$/,
      )
      const session = cookie.split(";")[0] as string
      assert.strictEqual((yield* ask(on, "/", [html, ["Cookie", session]])).status, 200)

      const again = yield* post(on.admin, "/login", { secret: secretOf(link) })
      assert.strictEqual(again.status, 401)
      assert.isUndefined(again.header("set-cookie"))
      assert.deepStrictEqual(
        on
          .events()
          .filter(({ _tag }) => _tag.startsWith("Admin"))
          .map(({ _tag }) => _tag),
        ["AdminLoggedIn", "AdminRefused"],
      )
    }),
  )

  it.effect("fails with an expired link", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      const link = yield* on.newLink
      yield* TestClock.adjust(linkMillis)
      const late = yield* post(on.admin, "/login", { secret: secretOf(link) })
      assert.strictEqual(late.status, 401)
    }),
  )

  it.effect("ends with logging out", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      const session = yield* on.logIn
      const out = yield* post(on.admin, "/logout", {}, session)
      assert.strictEqual(out.status, 303)
      assert.match(out.header("set-cookie") ?? "", /Max-Age=0/)
      assert.strictEqual((yield* ask(on, "/", [["Cookie", session]])).status, 401)
    }),
  )

  it.effect("can be requested again with a printed link, but not too often", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      yield* TestClock.adjust("1 minutes")
      const printed = yield* post(on.admin, "/login/new", {})
      assert.strictEqual(printed.status, 200)
      assert.strictEqual(on.printed.length, 1)
      assert.notInclude(printed.text, secretOf(on.printed[0] ?? ""))
      assert.strictEqual((yield* post(on.admin, "/login/new", {})).status, 429)
      assert.strictEqual(on.printed.length, 1)
      const entered = yield* post(on.admin, "/login", { secret: secretOf(on.printed[0] ?? "") })
      assert.strictEqual(entered.status, 303)
    }),
  )
})

describe("without a session or a token", () => {
  it.effect("a browser is redirected to the login page, and everything else gets 401", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay(withToken)
      for (const target of ["/", "/unregistered", "/audit", "/config", "/api", "/servers/a"]) {
        const page = yield* ask(on, target, [html])
        assert.strictEqual(page.status, 303, target)
        assert.strictEqual(page.header("location"), "/login")
        assert.strictEqual((yield* ask(on, target)).status, 401, target)
      }
      for (const target of [
        "/api/v1/servers",
        "/api/v1/openapi.json",
        "/metrics",
        "/events",
        "/x",
      ]) {
        const answer = yield* ask(on, target)
        assert.strictEqual(answer.status, 401, target)
        assert.strictEqual(codeOf(answer), "PTTH_LOGIN_REQUIRED")
        assert.match(answer.header("www-authenticate") ?? "", /^Bearer/)
      }
    }),
  )

  it.effect.each([
    [["Authorization", "Bearer wrong"]],
    [["Authorization", `Basic ${token}`]],
    [
      ["Authorization", "Bearer x"],
      ["Authorization", `Bearer ${token}`],
    ],
    [["Cookie", `${cookieName}=x`]],
    [["Cookie", `${cookieName}=`]],
    [["X-PTTH-Admin", "me"]],
    [["X-PTTH-Admin-Session", "me"]],
  ] as ReadonlyArray<HeaderList>)("%j does not authenticate a caller", (headers) =>
    Effect.gen(function* () {
      const on = yield* adminRelay(withToken)
      assert.strictEqual((yield* ask(on, "/api/v1/servers", headers)).status, 401)
    }),
  )

  it.effect("refusals do not evict everything else from the audit log", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      for (let i = 0; i < 30; i++) {
        yield* ask(on, "/api/v1/servers")
        yield* post(on.admin, "/login", { secret: "wrong" })
      }
      assert.strictEqual(on.events().filter(({ _tag }) => _tag === "AdminRefused").length, 10)
    }),
  )
})

describe("header fields that claim who the caller is", () => {
  const claims: HeaderList = [
    ["X-PTTH-Admin", "mallory"],
    ["X-PTTH-Admin-Session", "a session"],
    ["X-PTTH-Admin-Address", "192.0.2.66"],
  ]

  it.effect("do not change who approves a server, nor the address of a login", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay(withToken)
      const decide = (target: string, body: string, type: string) =>
        Harness.visit(on.admin, target, {
          method: "POST",
          headers: [...bearer, ...claims, ["Content-Type", type]],
          body,
        })
      const form = "application/x-www-form-urlencoded"
      const [attic, cellar] = ["attic", "cellar"].map((name) => ({
        name,
        tripcode: tripcodeOfText(name),
        compared: "yes" as const,
      }))
      yield* decide("/unregistered/approve", new URLSearchParams(attic).toString(), form)
      yield* decide(
        "/api/v1/unregistered/approve",
        JSON.stringify({ ...cellar, compared: undefined }),
        "application/json",
      )
      const secret = secretOf(yield* on.newLink)
      yield* decide("/login", new URLSearchParams({ secret }).toString(), form)
      assert.deepStrictEqual(
        on
          .events()
          .flatMap((event) =>
            event._tag === "ServerApproved"
              ? [event.by]
              : event._tag === "AdminLoggedIn"
                ? [event.by, event.address]
                : [],
          ),
        ["token", "token", "login link", "127.0.0.1"],
      )
      const page = yield* ask(on, "/", [html, ...bearer, ...claims])
      assert.notInclude(page.text, "Log out")
      assert.include((yield* ask(on, "/", [html, ["Cookie", yield* on.logIn]])).text, "Log out")
    }),
  )

  it.effect("do not authenticate a caller", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay(withToken)
      assert.strictEqual((yield* ask(on, "/api/v1/servers", claims)).status, 401)
      assert.strictEqual((yield* ask(on, "/", [html, ...claims])).status, 303)
    }),
  )
})

describe("a form with a missing field", () => {
  it.effect.each(["/unregistered/approve", "/unregistered/ignore"])("to %s is refused", (target) =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      const answer = yield* post(on.admin, target, { name: "attic" }, yield* on.logIn)
      assert.strictEqual(answer.status, 400)
      assert.strictEqual(codeOf(answer), "PTTH_BAD_REQUEST")
    }),
  )
})

describe("a proxy that names the user", () => {
  const config = (proxies: string) =>
    `admin_trusted_header = "X-Forwarded-Email"\nadmin_trusted_proxies = ["${proxies}"]\n`
  const email: HeaderList = [["X-Forwarded-Email", "me@example.com"]]

  it.effect("is trusted, and the audit log has the name", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay(`${config("127.0.0.1")}admin_url = "https://admin.example"\n`)
      const headers: HeaderList = [["Host", "admin.example"], ...email]
      assert.strictEqual((yield* ask(on, "/api/v1/servers", headers)).status, 200)
      yield* knock(on, "attic", "a key")
      const approved = yield* Harness.visit(on.admin, "/unregistered/approve", {
        method: "POST",
        headers: [
          ...headers,
          ["Origin", "https://admin.example"],
          ["Content-Type", "application/x-www-form-urlencoded"],
        ],
        body: new URLSearchParams({
          name: "attic",
          tripcode: tripcodeOfText("a key"),
          compared: "yes",
        }).toString(),
      })
      assert.strictEqual(approved.status, 303)
      const event = on.events().find(({ _tag }) => _tag === "ServerApproved")
      assert.strictEqual(event !== undefined && "by" in event ? event.by : "", "me@example.com")
    }),
  )

  it.effect("is not trusted from another address, nor when it names two users", () =>
    Effect.gen(function* () {
      const elsewhere = yield* adminRelay(config("192.0.2.1"))
      assert.strictEqual((yield* ask(elsewhere, "/api/v1/servers", email)).status, 401)
      const on = yield* adminRelay(config("127.0.0.1"))
      assert.strictEqual((yield* ask(on, "/api/v1/servers", [...email, ...email])).status, 401)
      assert.strictEqual(
        (yield* ask(on, "/api/v1/servers", [["X_Forwarded_Email", "me"]])).status,
        401,
      )
    }),
  )
})

it.effect("the commands on the pages name the address at which they are shown", () =>
  Effect.gen(function* () {
    const on = yield* adminRelay(`${withToken}admin_url = "https://admin.example"\n`)
    const fields = [...bearer, ["Accept", "text/html"]] as const
    for (const path of ["/api", "/debug"]) {
      const own = (yield* ask(on, path, fields)).text
      assert.include(own, `${on.admin.url}/`)
      assert.notInclude(own, "127.0.0.1:4001")
      const behind = (yield* ask(on, path, [["Host", "admin.example"], ...fields])).text
      assert.include(behind, "https://admin.example/")
    }
  }),
)

it.effect(
  "the page of a server names its address: the configured one, or where the relay listens",
  () =>
    Effect.gen(function* () {
      const attic = `${withToken}[[servers]]\nname = "attic"\ntripcode = "${tripcodeOfText("a")}"\n`
      const addressOn = (more: string) =>
        Effect.gen(function* () {
          const on = yield* adminRelay(`${more}${attic}`)
          const { text } = yield* ask(on, "/servers/attic", [html, ...bearer])
          return /<dt>Address<\/dt><dd><a href="([^"]*)"/.exec(text)?.[1]
        })
      const port = yield* Effect.promise(() => fixedPort())
      assert.strictEqual(
        yield* addressOn(`listen = "127.0.0.1:${port}"\nadmin_listen = "127.0.0.1:0"\n`),
        `http://127.0.0.1:${port}/servers/attic/`,
      )
      assert.strictEqual(
        yield* addressOn('public_url = "https://relay.example"\n'),
        "https://relay.example/servers/attic/",
      )
      assert.isUndefined(yield* addressOn(""))
    }),
)

it.effect("the page of a server names no address at which it is not reached", () =>
  Effect.gen(function* () {
    const folder = temporaryFolder()
    const { chain, key } = X509.selfSigned({
      names: ["attic.example"],
      title: "test",
      from: 0,
      until: 1,
    })
    const [keyFile, certFile] = [path.join(folder, "key.pem"), path.join(folder, "cert.pem")]
    fs.writeFileSync(keyFile, Redacted.value(key))
    fs.writeFileSync(certFile, chain)
    const port = yield* Effect.promise(() => fixedPort())
    const on = yield* adminRelay(`${withToken}listen = "127.0.0.1:${port}"
admin_listen = "127.0.0.1:0"
admin_url = "https://admin.example"
tls_cert = "${certFile}"
tls_key = "${keyFile}"
[[servers]]
name = "attic"
tripcode = "${tripcodeOfText("a")}"
[[servers]]
name = "vault"
tripcode = "${tripcodeOfText("v")}"
hosts = ["vault.example"]
tls = "passthrough"
`)
    const page = (target: string, fields: HeaderList = []) =>
      Effect.map(ask(on, target, [html, ...bearer, ...fields]), ({ text }) => text)
    const behind = [["Host", "admin.example"]] as const
    assert.include(yield* page("/servers/attic"), `https://127.0.0.1:${port}/servers/attic/`)
    assert.notInclude(yield* page("/servers/attic", behind), "<dt>Address</dt>")
    assert.include(yield* page("/unregistered", behind), "--relay https://relay.example.com ")
    assert.notInclude(yield* page("/servers/vault"), "<dt>Address</dt>")
  }),
)

describe("another site", () => {
  it.effect.each([
    ["evil.example", 421],
    ["127.0.0.1.evil.example", 421],
    ["admin.example.evil.example:4001", 421],
    ["", 421],
    ["localhost:4001", 200],
    ["[::1]:4001", 200],
    ["192.0.2.7", 200],
    ["admin.example", 200],
  ] as const)("whose name %j resolves to this address gets %i", ([host, status]) =>
    Effect.gen(function* () {
      const on = yield* adminRelay(`${withToken}admin_url = "https://admin.example"\n`)
      const answer = yield* ask(on, "/api/v1/servers", [["Host", host], ...bearer])
      assert.strictEqual(answer.status, status)
      if (status === 421) assert.strictEqual(codeOf(answer), "PTTH_WRONG_HOST")
    }),
  )

  it.effect("cannot change anything with the session of a browser", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      const session = yield* on.logIn
      yield* knock(on, "attic", "a key")
      const form = { name: "attic", tripcode: tripcodeOfText("a key") }
      const attempts: ReadonlyArray<HeaderList> = [
        [["Origin", "https://evil.example"]],
        [["Origin", on.relay.url]],
        [["Origin", "null"]],
        [["Origin", on.admin.url.replace("http:", "https:")]],
        [
          ["Origin", on.admin.url],
          ["Sec-Fetch-Site", "cross-site"],
        ],
        [
          ["Origin", on.admin.url],
          ["Origin", "https://evil.example"],
        ],
        [["Sec-Fetch-Site", "same-site"]],
        [],
      ]
      for (const target of [
        "/unregistered/approve",
        "/unregistered/ignore",
        "/logout",
        "/api/v1/unregistered/approve",
        "/servers/attic/plan",
        "/servers/attic/apply",
        "/servers/attic/disconnect",
        "/invite",
        "/servers/attic/inspect",
        "/requests/-/attic/1/replay",
        "/requests/-/attic/1/send",
      ]) {
        for (const headers of attempts) {
          const answer = yield* Harness.visit(on.admin, target, {
            method: "POST",
            headers: [
              ...headers,
              ["Cookie", session],
              ["Content-Type", "application/x-www-form-urlencoded"],
            ],
            body: new URLSearchParams(form).toString(),
          })
          assert.strictEqual(answer.status, 403, JSON.stringify([target, headers]))
          assert.strictEqual(codeOf(answer), "PTTH_CROSS_SITE")
        }
      }
      assert.isFalse(fs.existsSync(path.join(on.folder, "servers.d")))
      assert.strictEqual((yield* ask(on, "/", [html, ["Cookie", session]])).status, 200)
    }),
  )

  it.effect("cannot change anything with GET", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      const session = yield* on.logIn
      yield* knock(on, "attic", "a key")
      const query = new URLSearchParams({ name: "attic", tripcode: tripcodeOfText("a key") })
      for (const target of [
        "/unregistered/approve",
        "/unregistered/ignore",
        "/logout",
        "/login/new",
      ]) {
        yield* ask(on, `${target}?${query}`, [["Cookie", session]])
      }
      assert.isFalse(fs.existsSync(path.join(on.folder, "servers.d")))
      assert.strictEqual(on.printed.length, 0)
      const list = yield* ask(on, "/api/v1/unregistered", [["Cookie", session]])
      assert.strictEqual(JSON.parse(list.text)[0].ignored, false)
    }),
  )

  it.effect("may neither frame nor read any response", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      const session = yield* on.logIn
      for (const target of ["/", "/login", "/unregistered", "/audit", "/config", "/api", "/nope"]) {
        const { header } = yield* ask(on, target, [html, ["Cookie", session]])
        assert.match(
          header("content-security-policy") ?? "",
          /default-src 'none'.*frame-ancestors 'none'/,
        )
        assert.notMatch(header("content-security-policy") ?? "", /unsafe|\*|data:/)
        assert.strictEqual(header("x-frame-options"), "DENY")
        assert.strictEqual(header("cross-origin-resource-policy"), "same-origin")
        assert.strictEqual(header("cache-control"), "no-store")
        assert.isUndefined(header("access-control-allow-origin"))
      }
    }),
  )
})

describe("approving", () => {
  it.effect("lets a waiting server connect, and visitors reach it, without a restart", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      const session = yield* on.logIn
      yield* knock(on, "attic", Harness.keyOf("attic"))
      const tripcode = tripcodeOfText(Harness.keyOf("attic"))
      const page = yield* ask(on, "/unregistered", [html, ["Cookie", session]])
      assert.include(page.text, tripcode.replaceAll("+", "+"))
      assert.include(page.text, TripcodeWords.toWords(tripcode))
      assert.include(page.text, "the same words, all six")
      const approved = yield* post(
        on.admin,
        "/unregistered/approve",
        { name: "attic", tripcode, compared: "yes" },
        session,
      )
      assert.strictEqual(approved.status, 303)
      assert.strictEqual(approved.header("location"), "/servers/attic?approved")
      const server = yield* Harness.serverAt(on.relay.url, "attic", Harness.echo)
      yield* Harness.until("it is connected", () =>
        server.lines.some((line) => line.startsWith("connected")),
      )
      const answer = yield* Harness.get(on.relay, "/servers/attic/x")
      assert.strictEqual(answer.header("x-target"), "/x")
      assert.deepStrictEqual(
        JSON.parse((yield* ask(on, "/api/v1/unregistered", [["Cookie", session]])).text),
        [],
      )
    }),
  )

  it.effect("shows a changed key, and replaces nothing", () =>
    Effect.gen(function* () {
      const old = tripcodeOfText("the old key")
      const on = yield* adminRelay(`${withToken}[[servers]]\nname = "attic"\ntripcode = "${old}"\n`)
      yield* knock(on, "attic", "a new key")
      const [stranger] = JSON.parse((yield* ask(on, "/api/v1/unregistered", bearer)).text)
      assert.isTrue(stranger.keyChanged)
      const page = yield* ask(on, "/unregistered", [html, ...bearer])
      assert.include(page.text, "key changed")
      assert.notInclude(page.text, "/unregistered/approve")
      const answer = yield* Harness.visit(on.admin, "/api/v1/unregistered/approve", {
        method: "POST",
        headers: [...bearer, ["Content-Type", "application/json"]],
        body: JSON.stringify({ name: "attic", tripcode: tripcodeOfText("a new key") }),
      })
      assert.strictEqual(answer.status, 409)
      assert.strictEqual(answer.header("content-type"), "application/problem+json")
      assert.strictEqual(JSON.parse(answer.text).code, "PTTH_ALREADY_REGISTERED")
      const [server] = JSON.parse((yield* ask(on, "/api/v1/servers", bearer)).text)
      assert.deepStrictEqual(server.tripcodes, [old])
    }),
  )

  it.effect("is recorded once, whether by the API or by a file", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay(withToken)
      const tripcode = tripcodeOfText("a key")
      const approvals = () =>
        on
          .events()
          .flatMap((event) =>
            event._tag === "ServerApproved" ? [[event.name, event.tripcode, event.by]] : [],
          )
      const approve = (name: string) =>
        Harness.visit(on.admin, "/api/v1/unregistered/approve", {
          method: "POST",
          headers: [...bearer, ["Content-Type", "application/json"]],
          body: JSON.stringify({ name, tripcode }),
        })
      yield* knock(on, "attic", "a key")
      yield* knock(on, "cellar", "a key")
      for (const _ of [1, 2]) assert.strictEqual((yield* approve("attic")).status, 200)
      assert.deepStrictEqual(approvals(), [["attic", tripcode, "token"]])

      const file = path.join(on.folder, "servers.d", "cellar.toml")
      fs.writeFileSync(file, Approval.toToml("cellar", tripcode))
      yield* on.settings.reload
      for (const _ of [1, 2]) assert.strictEqual((yield* approve("cellar")).status, 200)
      assert.deepStrictEqual(approvals().slice(1), [["cellar", tripcode, "configuration"]])
    }),
  )

  it.effect("fails with the reason while the configuration has an error", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay(withToken)
      fs.appendFileSync(path.join(on.folder, "ptth_relay.toml"), "nonsense = 1\n")
      const answer = yield* Harness.visit(on.admin, "/api/v1/unregistered/approve", {
        method: "POST",
        headers: [...bearer, ["Content-Type", "application/json"]],
        body: JSON.stringify({ name: "attic", tripcode: tripcodeOfText("a key") }),
      })
      assert.strictEqual(answer.status, 500)
      assert.include(JSON.parse(answer.text).detail, "there is no key `nonsense`")
      const config = JSON.parse((yield* ask(on, "/api/v1/config", bearer)).text)
      assert.include(config.problem.message, "nonsense")
      const page = yield* ask(on, "/config", [html, ...bearer])
      assert.include(page.text, "there is no key `nonsense`")
      assert.isTrue(on.events().some(({ _tag }) => _tag === "ConfigRefused"))
    }),
  )

  it.effect("can be declined: ignored servers are listed separately", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      const session = yield* on.logIn
      yield* knock(on, "attic", "a key")
      const form = { name: "attic", tripcode: tripcodeOfText("a key") }
      const ignored = yield* post(on.admin, "/unregistered/ignore", form, session)
      assert.strictEqual(ignored.status, 303)
      const page = yield* ask(on, "/unregistered", [html, ["Cookie", session]])
      assert.include(page.text, "No server is waiting")
      assert.match(page.text, /ptth share --relay \S+ \.\/Pictures</)
      assert.include(page.text, "Ignored until the relay restarts: 1")
      const nobody = yield* post(on.admin, "/unregistered/ignore", { ...form, name: "b" }, session)
      assert.strictEqual(nobody.status, 404)
    }),
  )

  it.effect("never lists an invalid name", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay(withToken)
      for (const name of ["%3Cscript%3E", "a%2Fb", "..", "a".repeat(64), "%00"]) {
        yield* knock(on, name, "a key")
      }
      assert.deepStrictEqual(JSON.parse((yield* ask(on, "/api/v1/unregistered", bearer)).text), [])
    }),
  )
})

describe("an unsupported method", () => {
  it.effect.each([
    ["DELETE", "/api/v1/servers/attic", "GET, HEAD"],
    ["GET", "/api/v1/unregistered/approve", "POST"],
    ["PUT", "/audit?kind=x", "GET, HEAD"],
    ["POST", "/api/v1/openapi.json", "GET, HEAD"],
    ["GET", "/logout", "POST"],
    ["PUT", "/login", "GET, HEAD, POST"],
  ] as const)("%s %s gets 405 with the supported ones", ([method, target, allow]) =>
    Effect.gen(function* () {
      const on = yield* adminRelay(withToken)
      const answer = yield* ask(on, target, bearer, method)
      assert.strictEqual(answer.status, 405)
      assert.strictEqual(answer.header("allow"), allow)
      assert.strictEqual((yield* ask(on, "/api/v1/nothing", bearer, method)).status, 404)
    }),
  )
})

describe("the API", () => {
  it.effect("has servers, their requests, the audit log and the configuration", () =>
    Effect.gen(function* () {
      const key = Harness.keyOf("attic")
      const on = yield* adminRelay(
        `${withToken}[[servers]]\nname = "attic"\ntripcode = "${tripcodeOfText(key)}"\ndisplay_name = "My <attic>"\n`,
      )
      const server = yield* Harness.serverAt(on.relay.url, "attic", Harness.echo)
      yield* Harness.until("it is connected", () =>
        server.lines.some((line) => line.startsWith("connected")),
      )
      yield* Harness.get(on.relay, "/servers/attic/a?secret=1")
      const get = (target: string) =>
        Effect.map(ask(on, `/api/v1${target}`, bearer), ({ text }) => JSON.parse(text))
      const [listed] = yield* get("/servers")
      assert.strictEqual(listed.displayName, "My <attic>")
      assert.strictEqual(listed.state, "connected")
      assert.strictEqual(listed.requests, 1)
      const detail = yield* get("/servers/attic")
      assert.strictEqual(detail.recent[0].path, "/a")
      assert.strictEqual(detail.recent[0].status, 200)
      assert.strictEqual((yield* get("/servers/nobody")).code, "PTTH_NOT_FOUND")
      const kinds = (yield* get("/audit")).map((entry: { readonly kind: string }) => entry.kind)
      assert.deepStrictEqual(kinds, ["ServerConnected", "RelayStarted"])
      assert.strictEqual((yield* get("/audit?kind=ServerConnected&name=attic")).length, 1)
      assert.deepStrictEqual(yield* get("/audit?kind=Nonsense"), [])
      assert.deepStrictEqual(yield* get("/audit?name=nobody"), [])
      // The clock of the test stands at the beginning of 1970.
      assert.strictEqual((yield* get("/audit?to=1970-01-01&visits=no")).length, 2)
      assert.deepStrictEqual(yield* get("/audit?from=1970-01-02"), [])
      assert.deepStrictEqual(yield* get("/certificates"), [])
      assert.strictEqual((yield* get("/config")).problem, null)

      const page = yield* ask(on, "/servers/attic", [html, ...bearer])
      assert.include(page.text, "My &lt;attic&gt;")
      assert.notInclude(page.text, "secret=1")
      const lines = (yield* ask(on, "/audit.ndjson?kind=ServerConnected", bearer)).text
      assert.strictEqual(JSON.parse(lines).name, "attic")
      assert.include((yield* ask(on, "/metrics", bearer)).text, "ptth_relay_info")
    }),
  )

  it.effect("has the certificates by ACME, and why the last attempt failed", () =>
    Effect.gen(function* () {
      const certificates: ReadonlyArray<CertificateStatus> = [
        {
          id: "relay.example.com",
          names: ["relay.example.com"],
          validity: { from: 0, until: 90 * 86_400_000 },
          renewAt: 60 * 86_400_000,
          failure: undefined,
        },
        {
          id: "_.relay.example.com",
          names: ["relay.example.com", "*.relay.example.com"],
          validity: undefined,
          renewAt: undefined,
          failure: {
            code: "PTTH_ACME_CHALLENGE",
            detail: "the TXT record is missing",
            at: 1_000,
            attempts: 2,
            retryAt: 61_000,
          },
        },
      ]
      const on = yield* Effect.provideService(adminRelay(withToken), Certificates, {
        ...none,
        statuses: () => certificates,
      })
      const listed = JSON.parse((yield* ask(on, "/api/v1/certificates", bearer)).text)
      assert.deepStrictEqual(listed, [
        {
          id: "relay.example.com",
          hosts: ["relay.example.com"],
          validFrom: "1970-01-01T00:00:00.000Z",
          validUntil: "1970-04-01T00:00:00.000Z",
          renewAt: "1970-03-02T00:00:00.000Z",
          failure: null,
        },
        {
          id: "_.relay.example.com",
          hosts: ["relay.example.com", "*.relay.example.com"],
          validFrom: null,
          validUntil: null,
          renewAt: null,
          failure: {
            at: "1970-01-01T00:00:01.000Z",
            code: "PTTH_ACME_CHALLENGE",
            detail: "the TXT record is missing",
            attempts: 2,
            retryAt: "1970-01-01T00:01:01.000Z",
          },
        },
      ])
      const page = (yield* ask(on, "/certificates", [html, ...bearer])).text
      assert.include(page, "the TXT record is missing")
    }),
  )

  it.effect("describes itself, with both security schemes", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay(withToken)
      const spec = JSON.parse((yield* ask(on, "/api/v1/openapi.json", bearer)).text)
      assert.match(spec.openapi, /^3\.1/)
      assert.deepStrictEqual(Object.keys(spec.paths), [
        "/api/v1/servers",
        "/api/v1/servers/{name}",
        "/api/v1/unregistered",
        "/api/v1/unregistered/approve",
        "/api/v1/unregistered/ignore",
        "/api/v1/audit",
        "/api/v1/requests",
        "/api/v1/traffic",
        "/api/v1/relays",
        "/api/v1/certificates",
        "/api/v1/config/reload",
        "/api/v1/config",
      ])
      assert.sameMembers(Object.keys(spec.components.securitySchemes), ["session", "token"])
      const page = yield* ask(on, "/api", [html, ...bearer])
      for (const place of Object.keys(spec.paths)) assert.include(page.text, place)
    }),
  )

  it.effect.each([
    ['{"name": 1, "tripcode": "x"}', 400, "PTTH_BAD_REQUEST"],
    ["{", 400, "PTTH_BAD_REQUEST"],
    ['{"name": "../x", "tripcode": "x"}', 422, "PTTH_BAD_APPROVAL"],
    ["large", 413, "PTTH_BODY_TOO_LARGE"],
  ] as const)("refuses %s", ([body, status, code]) =>
    Effect.gen(function* () {
      const on = yield* adminRelay(withToken)
      const answer = yield* Harness.visit(on.admin, "/api/v1/unregistered/approve", {
        method: "POST",
        headers: [...bearer, ["Content-Type", "application/json"], ["Accept", "application/json"]],
        body: body === "large" ? `"${"x".repeat(70_000)}"` : body,
      })
      assert.strictEqual(answer.status, status)
      assert.strictEqual(codeOf(answer), code)
    }),
  )

  it.effect("answers HEAD like GET, without the body", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay(withToken)
      const answer = yield* ask(on, "/api/v1/servers", bearer, "HEAD")
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.text, "")
    }),
  )
})

it.effect("each link of the menu leads to a page that marks it as current", () =>
  Effect.gen(function* () {
    const on = yield* adminRelay(withToken)
    const menu = (yield* ask(on, "/", [html, ...bearer])).text.match(/<nav.*?<\/nav>/s)?.[0] ?? ""
    const paths = [...menu.matchAll(/href="([^"]*)"/g)].map(([, path]) => path as string)
    assert.deepStrictEqual(paths, [
      "/",
      "/requests",
      "/unregistered",
      "/audit",
      "/config",
      "/api",
      "/debug",
    ])
    for (const path of paths) {
      const page = yield* ask(on, path, [html, ...bearer])
      assert.strictEqual(page.status, 200)
      assert.include(page.text, `href="${path}" aria-current="page"`)
    }
  }),
)

describe("open pages", () => {
  it.effect("are told of a change within a second, and end with the relay", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const on = yield* Scope.provide(adminRelay(withToken), scope)
      const events = yield* Harness.connect(on.admin)
      events.write(
        `GET /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`,
      )
      yield* events.until("text/event-stream")
      yield* TestClock.adjust("5 seconds")
      assert.notInclude(events.received().toString(), "event: change")
      yield* knock(on, "attic", "a key")
      yield* Harness.advanceUntil("the change is said", () =>
        events.received().includes("event: change"),
      )
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* events.until((received) => received.includes("0\r\n\r\n"))
      events.end()
      yield* Fiber.join(closing)
    }),
  )
})

it.effect("an address that is in use is an error with the configuration key", () =>
  Effect.gen(function* () {
    const first = yield* adminRelay()
    const exit = yield* Effect.exit(adminRelay(`admin_listen = "127.0.0.1:${first.admin.port}"\n`))
    assert.isTrue(Exit.isFailure(exit))
    assert.match(String(exit), /PTTH_PORT_IN_USE.*admin_listen/s)
  }),
)
