/**
 * Hosts that a server has besides the one below `domain`, and hosts that nobody has.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as RelayConfig from "../../../src/domain/config/RelayConfig.ts"
import { parseHost } from "../../../src/domain/ServerHost.ts"
import * as CertificateHosts from "../../../src/relay/certificates/CertificateHosts.ts"
import { derive } from "../../../src/relay/settings/DerivedConfig.ts"
import * as Subdomains from "../../../src/relay/settings/Subdomains.ts"
import * as Harness from "../../support/Harness.ts"

const tripcode = "LEYxkRNoNdLycao+Q8we/Ik6ShNNys6YXNVPFRxhR8w="

const decoded = (text: string) => RelayConfig.decode(text, { file: "r.toml" })

const server = (name: string, hosts: string): string =>
  `\n[[servers]]\nname = "${name}"\ntripcode = "${tripcode}"\nhosts = ${hosts}\n`

const at = (host: string) => [["Host", host]] as const

describe("the hosts of a server", () => {
  it.live("serve it whole, in any case and with any port, with domain and without", () =>
    Effect.gen(function* () {
      for (const domain of [undefined, "relay.example"]) {
        const relay = yield* Harness.relay({
          servers: [{ name: "attic", hosts: ["files.example.org"] }],
          config: { domain },
        })
        yield* Harness.server(
          relay,
          "attic",
          Harness.handler(({ head }) => ({ body: `${head.target}` })),
        )
        for (const host of ["files.example.org", "FILES.example.ORG:8443", "files.example.org."]) {
          const answer = yield* Harness.get(relay, "/healthz?x", at(host))
          assert.strictEqual(answer.text, "/healthz?x", host)
        }
        const own = yield* Harness.get(relay, "/healthz", at("other.example.org"))
        assert.strictEqual(own.text, "ok\n")
      }
    }).pipe(Effect.scoped),
  )

  it("are names as the DNS has them", () => {
    assert.strictEqual(parseHost("Bücher.Example"), "xn--bcher-kva.example")
    assert.strictEqual(parseHost("files.example.org."), "files.example.org")
    for (const text of ["", "a b", "a/b", "a:1", "10.0.0.1", "[::1]", "a..b", "-a.b", "a@b", "%41"])
      assert.isUndefined(parseHost(text), text)
  })

  it("are named if they are none", () => {
    const text = server("attic", '["files.example.org", "https://b.example"]')
    const { message } = Result.getOrThrow(Result.flip(decoded(text)))
    assert.include(
      message,
      '`servers.hosts`: expected a list of hosts, such as ["files.example.org"]',
    )
    assert.include(message, '"https://b.example" is no name of a host')
  })

  it("are given to one server each, and not the relay's", () => {
    const text = `domain = "relay.example"\npublic_url = "https://relay.example"\n${server("one", '["files.example.org"]')}${server("two", '["FILES.example.org", "relay.example", "one.relay.example"]')}`
    const problems = Result.getOrThrow(Result.flip(decoded(text))).problems
    assert.deepStrictEqual(
      problems.map(({ detail, where }) => `${where}: ${detail}`),
      [
        "r.toml:12: files.example.org is the host of one already",
        "r.toml:12: relay.example is the host of the relay already",
        "r.toml:12: one.relay.example is the host of one already",
      ],
    )
  })

  it("get certificates, and are where the server's link leads if there is no domain", () => {
    const config = Result.getOrThrow(
      decoded(
        `public_url = "https://relay.example"\nacme = "me@example.com"\n${server("attic", '["files.example.org"]')}`,
      ),
    )
    const plan = (host: string) => CertificateHosts.planOf(derive(config), host)?.names
    assert.deepStrictEqual(plan("files.example.org"), ["files.example.org"])
    assert.deepStrictEqual(plan("relay.example"), ["relay.example"])
    assert.isUndefined(plan("stranger.example.org"))
    assert.strictEqual(
      Subdomains.linkOf(config, config.servers[0]!.name),
      "https://files.example.org/",
    )
  })
})

describe("unknown hosts", () => {
  it.live(
    "are refused with 421 if they are to be; the relay's, addresses and servers' are not",
    () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({
          servers: ["attic"],
          config: {
            domain: "relay.example",
            publicUrl: "https://www.relay.example",
            unknownHosts: "refuse",
          },
        })
        const status = (host: string) =>
          Effect.map(Harness.get(relay, "/healthz", at(host)), (answer) => answer.status)
        for (const host of ["relay.example", "www.relay.example:444", "127.0.0.1", "[::1]:1"])
          assert.strictEqual(yield* status(host), 200, host)
        for (const host of ["other.example", "nobody.relay.example"])
          assert.strictEqual(yield* status(host), 421, host)
        assert.strictEqual(yield* status("attic.relay.example"), 503)
      }).pipe(Effect.scoped),
  )
})
