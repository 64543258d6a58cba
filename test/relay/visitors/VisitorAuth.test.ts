/**
 * The relay's own check of its visitors, and what servers see of it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as IpNetwork from "effect/net/IpNetwork"
import { tripcodeOfText } from "../../../src/domain/ApiKey.ts"
import type { AuthRules } from "../../../src/domain/config/AuthRules.ts"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import { cheapHash } from "../../support/cheapHash.ts"
import * as Harness from "../../support/Harness.ts"

const loopback = [IpNetwork.fromStringUnsafe("127.0.0.0/8")]

const basic = (text: string): HeaderList => [
  ["Authorization", `Basic ${Buffer.from(text, "utf8").toString("base64")}`],
]
const bearer = (token: string): HeaderList => [["Authorization", `Bearer ${token}`]]

const nobody: AuthRules = { users: [], tokens: [], userHeader: undefined, allow: undefined }

/** Says which fields it saw. */
const told = Harness.handler((call) => ({
  body: call.head.headers.map(([name, value]) => `${name.toLowerCase()}: ${value}\n`).join(""),
}))

const connect = Effect.fnUntraced(function* (
  relay: Harness.TestRelay,
  ...names: ReadonlyArray<string>
) {
  for (const name of names) yield* Harness.server(relay, name, told)
})

const rules: AuthRules = {
  ...nobody,
  users: [{ user: "ünal", password: cheapHash("pass:wört") }],
  tokens: [tripcodeOfText("the-token")],
}

describe("a server with rules of its own", () => {
  it.live("is there for who shows a user and password or a token, and sees neither", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: [{ name: "a", auth: rules }, "b"] })
      yield* connect(relay, "a", "b")
      for (const headers of [basic("ünal:pass:wört"), bearer("the-token")]) {
        for (const _again of [1, 2]) {
          const answer = yield* Harness.get(relay, "/servers/a/", [...headers, ["X-Own", "1"]])
          assert.strictEqual(answer.status, 200)
          assert.notInclude(answer.text, "authorization")
          assert.include(answer.text, "x-own: 1")
        }
      }
      assert.strictEqual((yield* Harness.get(relay, "/servers/b/")).status, 200)
      assert.strictEqual((yield* Harness.get(relay, "/frontend/servers/")).status, 200)
    }).pipe(Effect.scoped),
  )

  it.live("is refused to everybody else, with the schemes that it takes", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: [{ name: "a", auth: rules }] })
      yield* connect(relay, "a")
      for (const headers of [
        [],
        basic("ünal:wrong"),
        basic("other:pass:wört"),
        basic("ünal"),
        bearer("other"),
        bearer(rules.tokens[0] as string),
        [...bearer("the-token"), ...bearer("the-token")],
        [["Authorization", "Digest x"]] as const,
      ]) {
        const answer = yield* Harness.get(relay, "/servers/a/", headers)
        assert.strictEqual(answer.status, 401)
        assert.include(answer.text, "PTTH_AUTH_REQUIRED")
        assert.deepStrictEqual(answer.all("www-authenticate"), [
          'Basic realm="a", charset="UTF-8"',
          'Bearer realm="a"',
        ])
      }
    }).pipe(Effect.scoped),
  )

  it.live("is asked for before an upgrade, too", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: [{ name: "a", auth: rules }] })
      yield* connect(relay, "a")
      const asked = (more: string) =>
        Harness.raw(
          relay,
          `GET /servers/a/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${more}\r\n`,
        )
      assert.match(`${yield* asked("")}`, /^HTTP\/1\.1 401 /)
      assert.match(`${yield* asked("Authorization: Bearer the-token\r\n")}`, /^HTTP\/1\.1 (?!401)/)
    }).pipe(Effect.scoped),
  )
})

describe("rules for the whole frontend", () => {
  it.live("hold for its pages and for servers that say nothing else, known or not", () =>
    Effect.gen(function* () {
      const own = { ...nobody, tokens: [tripcodeOfText("another")] }
      const relay = yield* Harness.relay({
        servers: ["a", { name: "open", auth: "open" }, { name: "own", auth: own }],
        config: { frontendAuth: rules },
      })
      yield* connect(relay, "a", "open", "own")
      const statusOf = (path: string, headers: HeaderList = []) =>
        Effect.map(Harness.get(relay, path, headers), ({ status }) => status)
      for (const path of [
        "/",
        "/frontend/servers/",
        "/frontend/events",
        "/servers/a/",
        "/servers/nobody/",
        "/x",
      ])
        assert.strictEqual(yield* statusOf(path), 401, path)
      for (const path of ["/healthz", "/readyz", "/frontend/relay_up_check", "/servers/open/"])
        assert.strictEqual(yield* statusOf(path), 200, path)
      const signed = bearer("the-token")
      assert.strictEqual(yield* statusOf("/frontend/servers/", signed), 200)
      assert.strictEqual(yield* statusOf("/servers/a/", signed), 200)
      assert.strictEqual(yield* statusOf("/servers/nobody/", signed), 404)
      assert.strictEqual(yield* statusOf("/servers/own/", signed), 401)
      assert.strictEqual(yield* statusOf("/servers/own/", bearer("another")), 200)
      assert.strictEqual(yield* statusOf("/scraper/v1/test"), 403)
    }).pipe(Effect.scoped),
  )

  it.live("hold at the servers' own hosts, whether there is such a server or not", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({
        servers: ["a", { name: "open", auth: "open" }],
        config: { frontendAuth: rules, domain: "relay.example" },
      })
      yield* connect(relay, "a", "open")
      const statusOf = (host: string, headers: HeaderList = []) =>
        Effect.map(
          Harness.get(relay, "/healthz", [["Host", `${host}.relay.example`], ...headers]),
          ({ status }) => status,
        )
      assert.strictEqual(yield* statusOf("a"), 401)
      assert.strictEqual(yield* statusOf("nobody"), 401)
      assert.strictEqual(yield* statusOf("open"), 200)
      assert.strictEqual(yield* statusOf("a", bearer("the-token")), 200)
      assert.strictEqual(yield* statusOf("nobody", bearer("the-token")), 404)
    }).pipe(Effect.scoped),
  )

  it.live("do not give a server the passwords of its neighbours", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({
        servers: [{ name: "a", auth: rules }, "hostile"],
      })
      yield* connect(relay, "hostile")
      const seen = (headers: HeaderList) =>
        Effect.map(Harness.get(relay, "/servers/hostile/", headers), ({ text }) => text)
      for (const theirs of [basic("ünal:pass:wört"), basic("ünal:other"), bearer("the-token")])
        assert.notInclude(yield* seen(theirs), "authorization")
      for (const own of [basic("me:mine"), bearer("mine"), [["Authorization", "X y"]] as const])
        assert.include(yield* seen(own), `authorization: ${own[0]?.[1]}`)
    }).pipe(Effect.scoped),
  )
})

describe("a proxy that says who has signed in", () => {
  const rules: AuthRules = { ...nobody, userHeader: "x-forwarded-user" }

  it.live("is believed if it is trusted, and its field goes no further", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({
        servers: ["a", { name: "few", auth: { ...rules, allow: ["ann"] } }],
        config: { frontendAuth: rules, trustedProxies: loopback },
      })
      yield* connect(relay, "a", "few")
      const visit = (path: string, headers: HeaderList) => Harness.get(relay, path, headers)
      const ann = [["X-Forwarded-User", "ann"]] as const
      const answer = yield* visit("/servers/a/", [...ann, ["X_Forwarded_User", "x"]])
      assert.strictEqual(answer.status, 200)
      assert.notMatch(answer.text, /forwarded.user/)
      assert.strictEqual((yield* visit("/servers/few/", ann)).status, 200)
      const bob = yield* visit("/servers/few/", [["X-Forwarded-User", "bob"]])
      assert.strictEqual(bob.status, 403)
      assert.include(bob.text, "PTTH_NOT_ADMITTED")
      for (const bad of [
        [],
        [["X-Forwarded-User", ""]],
        [["X_Forwarded_User", "ann"]],
        [...ann, ...ann],
      ] as ReadonlyArray<HeaderList>)
        assert.strictEqual((yield* visit("/servers/a/", bad)).status, 403)
    }).pipe(Effect.scoped),
  )

  it.live("may name the visitor in a field with an underscore, which goes no further either", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({
        servers: [{ name: "a", auth: { ...nobody, userHeader: "remote_user" } }, "b"],
        config: { trustedProxies: loopback },
      })
      yield* connect(relay, "a", "b")
      for (const name of ["a", "b"]) {
        const answer = yield* Harness.get(relay, `/servers/${name}/`, [["Remote_User", "ann"]])
        assert.strictEqual(answer.status, 200)
        assert.notMatch(answer.text, /remote.user/)
      }
    }).pipe(Effect.scoped),
  )

  it.live("is not believed if it is not, and what it says goes no further either", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({
        servers: ["a", { name: "open", auth: "open" }],
        config: {
          frontendAuth: rules,
          trustedProxies: [IpNetwork.fromStringUnsafe("192.0.2.1/32")],
        },
      })
      yield* connect(relay, "a", "open")
      const ann = [["X-Forwarded-User", "ann"]] as const
      assert.strictEqual((yield* Harness.get(relay, "/servers/a/", ann)).status, 403)
      const open = yield* Harness.get(relay, "/servers/open/", ann)
      assert.notMatch(open.text, /forwarded-user/)
    }).pipe(Effect.scoped),
  )
})

describe("guessing passwords", () => {
  it.effect("is stopped for the guesser's address, and for nobody else", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({
        servers: [{ name: "a", auth: rules }],
        config: { trustedProxies: loopback },
      })
      yield* connect(relay, "a")
      const from = (address: string, text: string) =>
        Harness.get(relay, "/servers/a/", [...basic(text), ["X-Forwarded-For", address]])
      assert.strictEqual((yield* from("192.0.2.7", "ünal:pass:wört")).status, 200)
      for (let i = 0; i < 10; i++)
        assert.strictEqual((yield* from(`2001:db8::${i}`, `ünal:${i}`)).status, 401)
      const stopped = yield* from("2001:db8::f", "ünal:right?")
      assert.strictEqual(stopped.status, 429)
      assert.include(stopped.text, "PTTH_TOO_MANY_REQUESTS")
      assert.match(stopped.header("retry-after") ?? "", /^[1-6]$/)
      assert.strictEqual((yield* from("2001:db8:0:1::f", "ünal:wrong")).status, 401)
      assert.strictEqual((yield* from("2001:db8::f", "ünal:pass:wört")).status, 200)
    }).pipe(Effect.scoped),
  )
})
