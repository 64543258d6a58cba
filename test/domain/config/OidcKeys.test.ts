/**
 * The table `[oidc]`, and what it means for the rules of servers.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as RelayConfig from "../../../src/domain/config/RelayConfig.ts"

const tripcode = "A9rPwZyY89Ag4TJjMoyYA2NeGOm99Je6rq1s0rg8PfY="

const table = `
public_url = "https://relay.example.com"
[oidc]
issuer = "https://login.example.com/realms/home/"
client_id = "ptth"
client_secret_file = "secret"
allow = ["me@example.com", "@example.org", "group:family"]
`

const server = (auth: string): string =>
  `[[servers]]\nname = "attic"\ntripcode = "${tripcode}"\nauth = ${auth}\n`

const decoded = (text: string): RelayConfig.Decoded =>
  Result.getOrThrow(RelayConfig.decodeNaming(text, { file: "r.toml" }))

const problem = (text: string): string => {
  const result = RelayConfig.decodeNaming(text, { file: "r.toml" })
  return Result.isFailure(result) ? result.failure.message : ""
}

const rulesOf = (auth: string) => decoded(table + server(auth)).config.servers[0]?.auth

describe("[oidc]", () => {
  it("is for everybody who has nothing else to show", () => {
    const { config, oidc } = decoded(table)
    assert.strictEqual(oidc?.table.issuer, "https://login.example.com/realms/home/")
    assert.strictEqual(oidc?.secret.path, "secret")
    assert.match(`${oidc?.secret.where}`, /^r\.toml:6/)
    assert.strictEqual(Duration.toHours(oidc?.table.session ?? 0), 12)
    assert.deepStrictEqual(config.frontendAuth?.signIn, [
      "me@example.com",
      "@example.org",
      "group:family",
    ])
  })

  it("stands beside [frontend_auth]", () => {
    const { config } = decoded(`${table}[frontend_auth]\ntokens = ["${tripcode}"]\n`)
    assert.strictEqual(config.frontendAuth?.tokens.join(), tripcode)
    assert.strictEqual(config.frontendAuth?.signIn?.length, 3)
  })

  it("is for a server with rules of its own only if it says whom it lets in", () => {
    const own = rulesOf('{ allow = ["group:staff"] }')
    assert.deepStrictEqual(own === "open" ? undefined : own?.signIn, ["group:staff"])
    const scripts = rulesOf(`{ tokens = ["${tripcode}"] }`)
    assert.isUndefined(scripts === "open" ? scripts : scripts?.signIn)
    assert.strictEqual(rulesOf("{ open = true }"), "open")
    assert.isUndefined(decoded(table).config.servers[0])
  })

  it("needs to know who may come in, in the forms that there are", () => {
    assert.include(problem(table.replace(/allow = .*/, "")), "`oidc.allow` is missing")
    for (const list of [
      "[]",
      '["ann"]',
      '["group:"]',
      '["*", ""]',
      '["*@example.org"]',
      '["@*.example.org"]',
    ])
      assert.include(problem(table.replace(/allow = .*/, `allow = ${list}`)), "`oidc.allow`")
    assert.include(problem(table + server('{ allow = ["ann"] }')), 'has "ann", which is no address')
    assert.include(problem(server('{ allow = ["@example.com"] }')), "`allow` needs [oidc] or")
  })

  it("asks for the scope without which nobody can sign in", () => {
    assert.strictEqual(problem(`${table}scopes = ["openid", "groups"]\n`), "")
    for (const list of ["[]", '["email"]', '["openid", "a b"]'])
      assert.include(problem(`${table}scopes = ${list}\n`), "`oidc.scopes`: expected")
  })

  it("says how long a session may be", () => {
    assert.strictEqual(problem(`${table}session = "168 h"\n`), "")
    assert.include(problem(`${table}session = "169 h"\n`), "up to 7 days")
    for (const session of ["0", '"30 days"', '"-1 s"'])
      assert.include(problem(`${table}session = ${session}\n`), "expected seconds as a number")
  })

  it("needs https for visitors and for the provider, except on this machine", () => {
    const at = (publicUrl: string, issuer: string): string =>
      problem(
        table
          .replace("https://relay.example.com", publicUrl)
          .replace(/issuer = .*/, `issuer = "${issuer}"`),
      )
    assert.strictEqual(at("http://relay.localhost:4000", "http://127.0.0.1:9000"), "")
    assert.include(
      at("http://relay.example.com", "https://login.example.com"),
      "`public_url` with https",
    )
    assert.include(at("https://relay.example.com", "http://login.example.com"), "`oidc.issuer`")
    assert.include(problem(table.replace(/public_url = .*/, "")), "needs `public_url`")
  })
})

describe('tls = "passthrough"', () => {
  const relay = 'domain = "relay.example.com"\ntls_cert = "c"\ntls_key = "k"\n'
  const attic = (more: string): string =>
    `[[servers]]\nname = "attic"\ntripcode = "${tripcode}"\ntls = "passthrough"\n${more}`

  it("needs a host of its own and a relay that speaks TLS", () => {
    assert.strictEqual(problem(relay + attic("")), "")
    assert.include(problem(relay.replace(/domain.*\n/, "") + attic("")), "needs a host of its own")
    assert.include(problem(relay.replace(/tls_.*\n/g, "") + attic("")), "speaks TLS itself")
  })

  it("is refused with what the relay could do only if it read requests", () => {
    const auth = `[frontend_auth]\ntokens = ["${tripcode}"]\n`
    assert.include(
      problem(`${relay}${attic("")}${auth}`),
      "cannot ask visitors of attic to sign in",
    )
    assert.strictEqual(problem(`${relay}${attic("auth = { open = true }\n")}${auth}`), "")
    const own = attic(`auth = { tokens = ["${tripcode}"] }\n`)
    assert.include(problem(relay + own), "cannot ask visitors of attic to sign in")
    assert.include(problem(relay + attic("inspect = true\n")), "cannot inspect")
  })
})
