/**
 * The rules of the relay's configuration.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as IpNetwork from "effect/net/IpNetwork"
import * as Result from "effect/Result"
import type { Override } from "../../../src/domain/config/ConfigDecode.ts"
import * as RelayConfig from "../../../src/domain/config/RelayConfig.ts"

const tripcode = "A9rPwZyY89Ag4TJjMoyYA2NeGOm99Je6rq1s0rg8PfY="

const read = (text: string, overrides: ReadonlyArray<Override> = []): RelayConfig.RelayConfig =>
  Result.getOrThrow(RelayConfig.decode(text, { file: "r.toml", overrides }))

const lines = (text: string, overrides: ReadonlyArray<Override> = []): ReadonlyArray<string> => {
  const decoded = RelayConfig.decode(text, { file: "r.toml", overrides })
  return Result.isFailure(decoded) ? decoded.failure.message.split("\n") : []
}

const flag = (key: string, value: unknown): Override => ({
  key,
  value,
  from: `--${key}`,
  by: "flag",
})

it("an empty configuration listens on loopback and has no servers", () => {
  const config = read("")
  assert.deepStrictEqual(config, RelayConfig.empty)
  assert.deepStrictEqual(config.listen, { host: "127.0.0.1", port: 4000 })
  assert.deepStrictEqual(config.servers, [])
  assert.isFalse(config.enableScraperApi)
  assert.strictEqual(Duration.toSeconds(config.waitForServer), 10)
  assert.strictEqual(Duration.toSeconds(config.responseTimeout), 30)
  assert.strictEqual(Duration.toSeconds(config.idleTimeout), 300)
  assert.strictEqual(Duration.toSeconds(config.shutdownGrace), 30)
  assert.strictEqual(config.maxQueue, 256)
  assert.strictEqual(config.maxLinks, 64)
  assert.isUndefined(config.maxBody)
})

it("a configuration of PTTH 2.x is accepted unchanged", () => {
  const config = read(`
port = 4001
enable_scraper_api = true
[[servers]]
name = "alpha"
tripcode = "${tripcode}"
display_name = "The first"
[[servers]]
name = "beta"
tripcode = "${tripcode}"
response_timeout = "5 min"
[[scraper_keys]]
name = "friend"
not_before = "2026-01-01T00:00:00+00:00"
not_after = 2026-01-31T00:00:00Z
hash = "${tripcode}"
[dev_mode]
anything = { at = "all" }
`)
  assert.deepStrictEqual(config.listen, { host: "127.0.0.1", port: 4001 })
  assert.isTrue(config.enableScraperApi)
  assert.deepStrictEqual(
    config.servers.map((one) => [one.name, one.tripcodes[0], one.displayName]),
    [
      ["alpha", tripcode, "The first"],
      ["beta", tripcode, undefined],
    ],
  )
  assert.deepStrictEqual(config.servers[1]?.responseTimeout, Duration.minutes(5))
  assert.deepStrictEqual(config.scraperKeys, [
    {
      name: "friend",
      notBefore: Date.UTC(2026, 0, 1),
      notAfter: Date.UTC(2026, 0, 31),
      hash: tripcode as RelayConfig.ScraperKey["hash"],
    },
  ])
  assert.isDefined(config.devMode)
})

it("the invalid table header in the README of PTTH 2.x gets an explanation", () => {
  assert.deepStrictEqual(lines('port = 4000\n[[servers]\nname = "a"\n'), [
    "PTTH_CONFIG_SYNTAX: r.toml:2:11: the header [[servers] lacks its second closing bracket. Write [[servers]].",
  ])
})

it.each([
  ["0.0.0.0:80", "0.0.0.0", 80],
  ["[::1]:0", "::1", 0],
  ["[::]:4000", "::", 4000],
  ["localhost:65535", "localhost", 65535],
])("listens on %s", (listen, host, port) => {
  assert.deepStrictEqual(read(`listen = "${listen}"`).listen, { host, port })
})

it.each(["4000", ":4000", "::1:4000", "[::1]", "h:65536", "http://h:1", "h:1/", "h: 1", ""])(
  "rejects %j as an address to listen on",
  (listen) => {
    const [line] = lines(`\nlisten = "${listen}"`)
    assert.include(line, 'PTTH_CONFIG_INVALID: r.toml:2: `listen`: expected "HOST:PORT"')
  },
)

it("listen takes precedence over port, unless port comes from a source of higher precedence", () => {
  assert.strictEqual(read('port = 1\nlisten = "10.0.0.1:2"').listen.port, 2)
  assert.deepStrictEqual(read('listen = "10.0.0.1:2"', [flag("port", 3)]).listen, {
    host: "10.0.0.1",
    port: 3,
  })
  assert.deepStrictEqual(read("port = 1", [flag("port", 3), flag("listen", "10.0.0.1:2")]).listen, {
    host: "10.0.0.1",
    port: 2,
  })
})

it("flags take precedence over the environment, and that over the file", () => {
  const env = RelayConfig.fromEnvironment({
    PTTH_RELAY_PORT: "2",
    PTTH_RELAY_IDLE_TIMEOUT: "7 s",
    PTTH_RELAY_ENABLE_SCRAPER_API: "true",
    PTTH_RELAY_TRUSTED_PROXIES: "10.0.0.0/8, ::1",
    PTTH_RELAY_MAX_QUEUE: "",
    OTHER: "1",
  })
  const file = 'port = 1\nidle_timeout = 1\nmax_queue = 5\npublic_url = "https://file.example"'
  const config = read(file, [...env, flag("port", 3)])
  assert.strictEqual(config.listen.port, 3)
  assert.deepStrictEqual(config.idleTimeout, Duration.seconds(7))
  assert.isTrue(config.enableScraperApi)
  assert.deepStrictEqual(config.trustedProxies.map(IpNetwork.format), ["10.0.0.0/8", "::1/128"])
  assert.strictEqual(config.maxQueue, 5)
  assert.strictEqual(config.publicUrl, "https://file.example")
})

it("the PORT variable that Kubernetes sets for a service is ignored", () => {
  const env = RelayConfig.fromEnvironment({ PTTH_RELAY_PORT: "tcp://10.43.0.7:80" })
  assert.deepStrictEqual(env, [])
})

it("an invalid flag or variable is named instead of a line", () => {
  const env = RelayConfig.fromEnvironment({ PTTH_RELAY_MAX_QUEUE: "many" })
  assert.deepStrictEqual(lines("max_queue = 1", [...env, flag("listen", "x")]), [
    'PTTH_USAGE: --listen: expected "HOST:PORT", such as "127.0.0.1:4000" or "[::1]:4000", or "fd:3" for a socket that is open already. See `ptth --help`.',
    "PTTH_CONFIG_INVALID: PTTH_RELAY_MAX_QUEUE: expected a number from 0 to 1000000. Correct the value that is named.",
  ])
})

it("all unknown keys are reported at once, each with its line and the nearest key", () => {
  const found = lines(`
prot = 4000
idletimeout = 3
zzz = 1
[[servers]]
nmae = "a"
tripcode = "short"
[[servers]]
name = "a b"
tripcode = "${tripcode}"
`)
  const starts = [
    "PTTH_CONFIG_UNKNOWN_KEY: r.toml:2: there is no key `prot`. Did you mean `port`?",
    "PTTH_CONFIG_UNKNOWN_KEY: r.toml:3: there is no key `idletimeout`. Did you mean `idle_timeout`?",
    "PTTH_CONFIG_UNKNOWN_KEY: r.toml:4: there is no key `zzz`. Possible here: port, listen,",
    "PTTH_CONFIG_UNKNOWN_KEY: r.toml:6: there is no key `servers.nmae`. Did you mean `name`?",
    "PTTH_CONFIG_INCOMPLETE: r.toml:5: `servers.name` is missing",
    "PTTH_CONFIG_INVALID: r.toml:7: `servers.tripcode`: expected the 44 characters",
    "PTTH_CONFIG_INVALID: r.toml:9: `servers.name`: expected 1 to 63 of the characters",
  ]
  assert.strictEqual(found.length, starts.length)
  for (const start of starts)
    assert.isTrue(
      found.some((line) => line.startsWith(start)),
      start,
    )
})

it("an unknown key that continues another one names that, and an authority is asked over https", () => {
  const directory = (url: string) =>
    lines(`domain = "relay.example"\nacme = "me@example.com"\nacme_directory = "${url}"\n`)
  assert.deepStrictEqual(lines('acme_email = "me@example.com"\n'), [
    "PTTH_CONFIG_UNKNOWN_KEY: r.toml:1: there is no key `acme_email`. Did you mean `acme`?",
  ])
  assert.include(
    directory("http://acme.example/directory")[0],
    "`acme_directory`: expected an https",
  )
  assert.isEmpty(directory("https://acme.example/directory"))
  assert.isEmpty(directory("http://127.0.0.1:14000/dir"))
})

it("two servers of one name are an error at the second one", () => {
  const server = `[[servers]]\nname = "a"\ntripcode = "${tripcode}"\n`
  assert.deepStrictEqual(lines(server + server), [
    "PTTH_CONFIG_INVALID: r.toml:5: a second server is called a; the first is at r.toml:2. Give each server its own name.",
  ])
})

it("a table in place of a list of tables gets an explanation", () => {
  const [line] = lines('[servers]\nname = "a"')
  assert.include(line, "r.toml:1: `servers`: expected a table for each server, headed [[servers]]")
})

it.each([
  ["30", Duration.seconds(30)],
  ["1.5", Duration.millis(1500)],
  ['"30"', Duration.seconds(30)],
  ['"30 s"', Duration.seconds(30)],
  ['"250ms"', Duration.millis(250)],
  ['"5 min"', Duration.minutes(5)],
  ['"2 hours"', Duration.hours(2)],
])("the duration %s is accepted", (text, duration) => {
  assert.deepStrictEqual(read(`response_timeout = ${text}`).responseTimeout, duration)
})

it.each(["0", "-1", '"soon"', '"5 fortnights"', "true", '"8000 hours"', "inf", "nan"])(
  "the duration %s is rejected",
  (text) => {
    assert.include(lines(`response_timeout = ${text}`)[0], "`response_timeout`: expected seconds")
  },
)

it("wait_for_server and shutdown_grace may be zero", () => {
  const config = read("wait_for_server = 0\nshutdown_grace = 0")
  assert.isTrue(Duration.isZero(config.waitForServer))
  assert.isTrue(Duration.isZero(config.shutdownGrace))
})

it("trusted proxies are networks or single addresses", () => {
  const config = read('trusted_proxies = ["10.1.2.3/8", "192.0.2.1", "2001:db8::/32", "::1"]')
  assert.deepStrictEqual(config.trustedProxies.map(IpNetwork.format), [
    "10.0.0.0/8",
    "192.0.2.1/32",
    "2001:db8::/32",
    "::1/128",
  ])
  for (const bad of ["10.0.0.0/33", "proxy.example", "", "1.2.3"]) {
    assert.include(lines(`trusted_proxies = ["${bad}"]`)[0], "`trusted_proxies`: expected a list")
  }
})

it("the public address loses its last slash, and must be http without user, query and fragment", () => {
  assert.strictEqual(read('public_url = "https://R.example/a/"').publicUrl, "https://r.example/a")
  for (const bad of [
    "r.example",
    "ftp://r.example",
    "https://u:p@r.example",
    "https://r.example/?a",
  ]) {
    assert.include(lines(`public_url = "${bad}"`)[0], "`public_url`: expected an address")
  }
})

const scraperKey = (before: string, after: string): string =>
  `[[scraper_keys]]\nname = "x"\nnot_before = ${before}\nnot_after = ${after}\nhash = "${tripcode}"`

it("a scraper key is valid for 30 days at most", () => {
  assert.lengthOf(read(scraperKey("2026-01-01T00:00:00Z", "2026-01-31T00:00:00Z")).scraperKeys, 1)
  assert.deepStrictEqual(lines(scraperKey("2026-01-01T00:00:00Z", "2026-01-31T00:00:01Z")), [
    "PTTH_CONFIG_INVALID: r.toml:4: the scraper key is valid for more than 30 days. Let `not_after` be at most 30 days after `not_before`.",
  ])
  assert.include(
    lines(scraperKey("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"))[0],
    "ends before it begins",
  )
})

it.each(["2026-01-01T00:00:00", "2026-01-01", "12:00:00", '"2026-01-01"', '"tomorrow"', "3"])(
  "the time %s is rejected, since it is invalid or has no zone",
  (time) => {
    const [line] = lines(scraperKey(time, "2026-01-31T00:00:00Z"))
    assert.include(line, "r.toml:3: `scraper_keys.not_before`: expected a time with its zone")
  },
)

it("a key in the place of a tripcode is not repeated", () => {
  const found = lines('[[servers]]\nname = "a"\ntripcode = "PlaypenCausalPlatform"')
  assert.lengthOf(found, 1)
  assert.notInclude(found.join("\n"), "Playpen")
})

const named = (...names: ReadonlyArray<string>): string =>
  names.map((name) => `[[servers]]\nname = "${name}"\ntripcode = "${tripcode}"\n`).join("")

it("names that would share a host are errors only with a domain", () => {
  const servers = named("my_attic", "cellar", "My-Attic", "_x", "www")
  assert.deepStrictEqual(lines(servers), [])
  const problems = lines(
    `domain = "Relay.Example"\npublic_url = "https://www.relay.example"\n${servers}`,
  )
  assert.strictEqual(problems.length, 3)
  assert.include(problems[0], "r.toml:10")
  assert.include(problems[0], "My-Attic and my_attic would both be at my-attic.relay.example")
  assert.include(problems[1], "_x cannot be the beginning of a host")
  assert.include(problems[2], "www.relay.example is the relay's own host")
})

it("a domain is a host name, and redirects need one", () => {
  assert.strictEqual(read('domain = "Relay.Example"').domain, "relay.example")
  assert.include(lines('domain = "relay.example:443"')[0], "r.toml:1")
  assert.include(lines('path_mode = "redirect"')[0], "there is no `domain`")
  assert.strictEqual(read('domain = "relay.example"\npath_mode = "redirect"').pathMode, "redirect")
})

describe("servers of further files", () => {
  const server = (name: string) => `[[servers]]\nname = "${name}"\ntripcode = "${tripcode}"\n`

  it("are registered after those of the file itself", () => {
    const parts = [
      { file: "servers.d/a.toml", text: server("a") },
      { file: "servers.d/b.toml", text: "" },
    ]
    const config = Result.getOrThrow(RelayConfig.decode(server("z"), { parts }))
    assert.deepStrictEqual(
      config.servers.map(({ name }) => `${name}`),
      ["z", "a"],
    )
  })

  it("with a repeated name are an error that names both places", () => {
    const parts = [{ file: "servers.d/z.toml", text: `\n${server("z")}` }]
    const result = RelayConfig.decode(server("z"), { file: "r.toml", parts })
    assert.strictEqual(
      Result.getOrThrow(Result.flip(result)).message,
      "PTTH_CONFIG_INVALID: servers.d/z.toml:3: a second server is called z; the first is at r.toml:2. Give each server its own name.",
    )
  })

  it("that would share a host with an earlier one are an error there", () => {
    const parts = [{ file: "servers.d/My-Attic.toml", text: server("My-Attic") }]
    const text = `domain = "relay.example"\n${server("my_attic")}`
    const error = Result.getOrThrow(Result.flip(RelayConfig.decode(text, { parts })))
    assert.include(error.message, "servers.d/My-Attic.toml:2: My-Attic and my_attic would both")
  })

  it("allow no other keys, and the problems of all files are reported at once", () => {
    const parts = [
      { file: "servers.d/a.toml", text: "port = 1\n" },
      { file: "servers.d/b.toml", text: "[[servers]\n" },
    ]
    const result = RelayConfig.decode("port = -1", { file: "r.toml", parts })
    assert.deepStrictEqual(
      Result.getOrThrow(Result.flip(result)).problems.map(({ code, where }) => [code, where]),
      [
        ["PTTH_CONFIG_INVALID", "r.toml:1"],
        ["PTTH_CONFIG_UNKNOWN_KEY", "servers.d/a.toml:1"],
        ["PTTH_CONFIG_SYNTAX", "servers.d/b.toml:1:11"],
      ],
    )
  })
})

it("a server may have several tripcodes, for the time of changing its key", () => {
  const other = `${"B".repeat(43)}=`
  const config = read(`[[servers]]\nname = "a"\ntripcode = ["${tripcode}", "${other}"]\n`)
  assert.deepStrictEqual(config.servers[0]?.tripcodes.map(String), [tripcode, other])
  for (const bad of ["[]", `["${tripcode}", "x"]`, "[1]", "3"]) {
    const result = RelayConfig.decode(`[[servers]]\nname = "a"\ntripcode = ${bad}\n`)
    assert.include(Result.getOrThrow(Result.flip(result)).message, "or a list of them")
  }
})

describe("the administrator's side", () => {
  it.each([
    ["", { host: "127.0.0.1", port: 4001 }],
    ["port = 4001", { host: "127.0.0.1", port: 4002 }],
    ["port = 0", { host: "127.0.0.1", port: 0 }],
    ['listen = "fd:3"', { host: "127.0.0.1", port: 4001 }],
    ['admin_listen = "[::1]:5000"', { host: "::1", port: 5000 }],
    ["admin_listen = false", false as const],
  ])("of %j listens on %j", (text, expected) => {
    assert.deepStrictEqual(read(text).adminListen, expected)
  })

  it("can be switched off by an environment variable", () => {
    const overrides = RelayConfig.fromEnvironment({ PTTH_RELAY_ADMIN_LISTEN: "false" })
    assert.isFalse(Result.getOrThrow(RelayConfig.decode("", { overrides })).adminListen)
  })

  it("needs trusted proxies for its trusted header", () => {
    for (const half of ['admin_trusted_header = "X-User"', 'admin_trusted_proxies = ["::1"]']) {
      const error = Result.getOrThrow(Result.flip(RelayConfig.decode(half)))
      assert.strictEqual(error.code, "PTTH_CONFIG_INCOMPLETE")
    }
    const config = read('admin_trusted_header = "X-User"\nadmin_trusted_proxies = ["::1"]')
    assert.strictEqual(config.adminTrustedHeader, "x-user")
    assert.strictEqual(config.adminTrustedProxies.length, 1)
  })

  it.each([
    "admin_listen = true",
    'admin_listen = "4001"',
    'admin_url = "https://a.example/b"',
    'admin_url = "ftp://a.example"',
    'admin_url = "https://me@a.example"',
    'admin_token = "secret"',
    'admin_trusted_header = "X User"',
  ])("rejects %s", (text) => {
    const error = Result.getOrThrow(Result.flip(RelayConfig.decode(text)))
    assert.strictEqual(error.code, "PTTH_CONFIG_INVALID")
    assert.notInclude(error.message, "secret")
  })
})
const hash = `$scrypt$ln=15,r=8,p=1$${"A".repeat(22)}$${"A".repeat(43)}`

it("sign-in rules are decoded for the frontend and for servers", () => {
  const config = read(`
trusted_proxies = ["127.0.0.1"]
[frontend_auth]
users = { me = "${hash}" }
tokens = ["${tripcode}"]
[[servers]]
name = "a"
tripcode = "${tripcode}"
auth = { open = true }
[[servers]]
name = "b"
tripcode = "${tripcode}"
[servers.auth]
user_header = "X-Forwarded-User"
allow = ["ann"]
`)
  assert.deepStrictEqual(config.frontendAuth?.users, [{ user: "me", password: hash as never }])
  assert.deepStrictEqual(config.frontendAuth?.tokens, [tripcode as never])
  assert.strictEqual(config.servers[0]?.auth, "open")
  assert.deepStrictEqual(config.servers[1]?.auth, {
    users: [],
    tokens: [],
    userHeader: "x-forwarded-user",
    allow: ["ann"],
  })
})

it("sign-in rules that let in nobody, or contradict each other, are errors without hashes", () => {
  const wrong: ReadonlyArray<readonly [string, RegExp]> = [
    ["[frontend_auth]", /r\.toml:1.*nobody could come in/],
    ['[frontend_auth]\nuser_header = "X-User"', /r\.toml:1.*trusted_proxies/],
    [`[frontend_auth]\nallow = ["a"]\ntokens = ["${tripcode}"]`, /`allow`/],
    ["[frontend_auth]\nopen = true", /no key `frontend_auth.open`/],
    ['[frontend_auth]\nusers = { me = "secret" }', /r\.toml:2.*hash-password/],
    [`[frontend_auth]\nusers = { "a:b" = "${hash}" }`, /r\.toml:2/],
    ['trusted_proxies = ["::1"]\n[frontend_auth]\nuser_header = "Cookie"', /r\.toml:3/],
    [
      `[[servers]]\nname = "a"\ntripcode = "${tripcode}"\n[servers.auth]\nopen = true\nallow = []`,
      /r\.toml:4.*`open`/,
    ],
  ]
  for (const [text, problem] of wrong) {
    const said = lines(text)
    assert.match(said[0] ?? "", problem, text)
    assert.notInclude(said.join(), "secret")
    assert.notInclude(said.join(), hash)
  }
})

it("limits apply to all servers, or to the one whose table has them", () => {
  const config = read(
    `max_requests_per_address = 0\nrequests_per_second = 0.5\nmax_head = 2048\n${named("a")}max_queue = 3\nmax_body = 0\n`,
  )
  assert.isUndefined(config.maxRequestsPerAddress)
  assert.strictEqual(config.requestsPerSecondPerAddress, 200)
  assert.strictEqual(config.requestsPerSecond, 0.5)
  assert.strictEqual(config.maxHead, 2048)
  assert.deepStrictEqual(config.servers[0]?.limits, {
    maxLinks: undefined,
    maxQueue: 3,
    maxBody: 0,
    maxRequests: undefined,
    requestsPerSecond: undefined,
  })
  for (const bad of [
    "requests_per_second = 0",
    "max_requests = 0",
    "max_links = 0",
    "max_head = 10",
    "max_fields = 0",
  ])
    assert.include(lines(bad)[0], "r.toml:1")
})

it("a certificate needs its key, and both are returned with their places", () => {
  assert.include(lines('tls_cert = "a.pem"')[0], "r.toml:1: `tls_cert` needs `tls_key`")
  assert.include(lines('tls_key = "a.pem"')[0], "r.toml:1: `tls_key` needs `tls_cert`")
  const { certificate, config } = Result.getOrThrow(
    RelayConfig.decodeNaming('tls_cert = "a.pem"\ntls_key = "b.pem"', { file: "r.toml" }),
  )
  assert.deepStrictEqual(certificate, {
    certificate: { path: "a.pem", where: "r.toml:1" },
    key: { path: "b.pem", where: "r.toml:2" },
  })
  assert.isUndefined(config.tls)
})

it.each([
  ["1", 1],
  ["256", 256],
  ['"auto"', "auto"],
  ['"4"', 4],
] as const)("workers may be %s", (text, workers) => {
  assert.strictEqual(read(`workers = ${text}`).workers, workers)
})

it.each(["0", "257", "1.5", '"many"', '"0x4"'])("workers may not be %s", (text) => {
  assert.deepStrictEqual(lines(`workers = ${text}`).length, 1)
})

it("plain HTTP has another port than TLS", () => {
  const text = `tls_cert = "c"\ntls_key = "k"\nlisten = "0.0.0.0:443"\n`
  assert.deepStrictEqual(lines(`${text}http_listen = "0.0.0.0:80"\n`), [])
  assert.include(
    lines(`${text}http_listen = "0.0.0.0:443"\n`)[0],
    "r.toml:4: `http_listen` is 0.0.0.0:443, as `listen` is",
  )
})

it("a cluster has an address, a key and other machines", () => {
  const { cluster } = read(`
[cluster]
id = "m1"
listen = "0.0.0.0:4002"
advertise = "10.0.0.1:4002"
key_file = "cluster.key"
peers = ["10.0.0.2:4002", "[fd00::2]:4002"]
`)
  assert.deepStrictEqual(cluster, {
    id: "m1",
    listen: { host: "0.0.0.0", port: 4002 },
    advertise: { host: "10.0.0.1", port: 4002 },
    keyFile: "cluster.key",
    engine: undefined,
    peers: [
      { host: "10.0.0.2", port: 4002 },
      { host: "fd00::2", port: 4002 },
    ],
    name: "ptth",
    spread: 4,
  })
  assert.isUndefined(read("").cluster)
})

it("a cluster with other machines needs an address and a key", () => {
  assert.deepStrictEqual(lines('[cluster]\nengine = "redis://127.0.0.1:6379"'), [
    "PTTH_CONFIG_INCOMPLETE: r.toml:2: `engine` needs `listen`, which is missing. Add `listen` to [cluster].",
    "PTTH_CONFIG_INCOMPLETE: r.toml:2: `engine` needs `key_file`, which is missing. Add `key_file` to [cluster].",
  ])
})

it("a key or an address for other machines means nothing without the rest", () => {
  assert.deepStrictEqual(lines('[cluster]\nkey_file = "cluster.key"'), [
    "PTTH_CONFIG_INCOMPLETE: r.toml:2: `key_file` needs `listen`, which is missing. Add `listen` to [cluster].",
  ])
  assert.deepStrictEqual(
    lines('[cluster]\nadvertise = "10.0.0.1:4002"\nkey_file = "cluster.key"'),
    [
      "PTTH_CONFIG_INCOMPLETE: r.toml:2: `advertise` needs `listen`, which is missing. Add `listen` to [cluster].",
    ],
  )
})

const clusterWith = (line: string): ReadonlyArray<string> =>
  lines(`[cluster]\nlisten = "127.0.0.1:4002"\nkey_file = "cluster.key"\n${line}`)

it.each([
  '"redis://10.0.0.5"',
  '"redis://10.0.0.5:6379/"',
  '"redis://ptth:p%40ss@10.0.0.5:6379/15"',
  '"rediss://:p@[fd00::5]:6380"',
  '"dns:relays.internal:4002"',
])("an engine may be %s", (text) => {
  assert.deepStrictEqual(clusterWith(`engine = ${text}`), [])
})

it.each([
  '"redis:10.0.0.5"',
  '"redis://"',
  '"redis://10.0.0.5:65536"',
  '"redis://10.0.0.5:0"',
  '"redis://10.0.0.5/first"',
  '"redis://10.0.0.5/0/1"',
  '"redis://10.0.0.5?db=1"',
  '"redis://:p%zz@10.0.0.5"',
  '"dns:relays.internal"',
  '"dns:relays.internal:0"',
  '"dns:relays.internal:99999"',
  '"dns:relays,internal:4002"',
  '"nats://10.0.0.5"',
  "6379",
])("an engine may not be %s", (text) => {
  const [line = "", ...more] = clusterWith(`engine = ${text}`)
  assert.match(line, /^PTTH_CONFIG_INVALID: r.toml:4: .*`cluster.engine`.*an address such as/)
  assert.deepStrictEqual(more, [])
})

it.each(["10.0.0.2", "10.0.0.2:0", "0.0.0.0:4002", "[::]:4002", "fd:3", "10.0.0.2:65536"])(
  "others cannot be reached at %s",
  (address) => {
    for (const line of [`peers = ["${address}"]`, `advertise = "${address}"`])
      assert.match(clusterWith(line)[0] ?? "", /^PTTH_CONFIG_INVALID: r.toml:4: .*"HOST:PORT"/)
  },
)

it("either an engine or a list says who the other machines are", () => {
  assert.deepStrictEqual(
    lines(`[cluster]
listen = "0.0.0.0:4002"
key_file = "cluster.key"
engine = "dns:relays.internal:4002"
peers = ["10.0.0.2:4002"]`),
    [
      "PTTH_CONFIG_INVALID: r.toml:5: `engine` says already who the other machines are. Remove `peers` or `engine`.",
    ],
  )
})
