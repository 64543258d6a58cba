/**
 * The rules of the server's configuration.
 */
import { inspect } from "node:util"
import { assert, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as ApiKey from "../../../src/domain/ApiKey.ts"
import * as ServerConfig from "../../../src/domain/config/ServerConfig.ts"

const key = "PlaypenCausalPlatformCommodeImproveCatalyze"
const hash = `$scrypt$ln=15,r=8,p=1$${"s".repeat(22)}$${"h".repeat(43)}`
const base = `name = "attic"\napi_key = "${key}"\n`

const settings = (text: string): ServerConfig.ServerSettings =>
  Result.getOrThrow(ServerConfig.decodeSettings(text, { file: "s.toml" }))

const complaint = (text: string): string => {
  const decoded = ServerConfig.decode(text, { file: "s.toml" })
  return Result.isFailure(decoded) ? decoded.failure.message : ""
}

it("a configuration of PTTH 2.x is accepted, and its key is not printed", () => {
  const config = Result.getOrThrow(
    ServerConfig.decode(
      `${base}relay_url = "http://127.0.0.1:4000/7ZSFUKGV"\nfile_server_root = "/srv"\n`,
    ),
  )
  assert.strictEqual(config.name, "attic")
  assert.strictEqual(config.relayUrl, "http://127.0.0.1:4000")
  assert.strictEqual(config.fileServerRoot, "/srv")
  assert.strictEqual(
    ApiKey.tripcode(config.apiKey),
    "A9rPwZyY89Ag4TJjMoyYA2NeGOm99Je6rq1s0rg8PfY=" as ReturnType<typeof ApiKey.tripcode>,
  )
  assert.notInclude(inspect(config, { depth: 9 }) + JSON.stringify(config), key)
})

it.each([
  ["https://r.example", "https://r.example"],
  ["https://r.example/", "https://r.example"],
  ["https://r.example/7ZSFUKGV", "https://r.example"],
  ["https://r.example/7ZSFUKGV/", "https://r.example"],
  ["https://R.example:443/ptth/7ZSFUKGV", "https://r.example/ptth"],
  ["http://[::1]:4000/", "http://[::1]:4000"],
])("the relay at %s has the base address %s", (url, expected) => {
  assert.strictEqual(settings(`relay_url = "${url}"`).relayUrl, expected)
})

it.each(["r.example", "ws://r.example", "https://u@r.example", "https://r.example/?x", ""])(
  "%j is no relay's address",
  (url) => {
    assert.include(
      complaint(`\nrelay_url = "${url}"`),
      "s.toml:2: `relay_url`: expected an address",
    )
  },
)

it.each([
  ["3000", "http://localhost:3000"],
  ['"3000"', "http://localhost:3000"],
  ['"http://10.0.0.1:8080"', "http://10.0.0.1:8080"],
  ['"http://10.0.0.1:8080/"', "http://10.0.0.1:8080"],
  ['"http://[::1]:1"', "http://[::1]:1"],
  ['":3000"', "http://localhost:3000"],
  ['"localhost:3000"', "http://localhost:3000"],
  ['"127.0.0.1:3000"', "http://127.0.0.1:3000"],
  ['"[::1]:3000"', "http://[::1]:3000"],
  ['"App.internal:80/a/"', "http://app.internal/a"],
  ['"3000/a"', "http://localhost:3000/a"],
  ['"https://h/servers/app/"', "https://h/servers/app"],
])("to = %s is the address %s", (to, origin) => {
  assert.strictEqual(settings(`to = ${to}`).to, origin)
})

it.each([
  ...["0", "70000", '"x"', '"http://u:p@h"', '"file:///etc"', "true", '":0"', '"localhost:99999"'],
  ...['"::1:3000"', '"http:3000"', '"h:3000?q"', '"http://h/#f"', '"u@h:3000"', '"localhost"'],
])("to = %s is no address", (to) => {
  assert.include(complaint(`to = ${to}`), "s.toml:1: `to`: expected a port")
})

it("all missing keys are reported at once, with their remedies", () => {
  assert.deepStrictEqual(complaint("").split("\n"), [
    'PTTH_CONFIG_INCOMPLETE: s.toml: `name` is missing. Add `name = "NAME"`, or use --name.',
    'PTTH_CONFIG_INCOMPLETE: s.toml: `api_key` is missing. Add `api_key = "KEY"` with a key that `ptth keygen` makes, or use --auto-gen-key.',
    'PTTH_CONFIG_INCOMPLETE: s.toml: `relay_url` is missing. Add `relay_url = "https://relay.example.com"`, or use --relay-url.',
  ])
})

it("a misspelt key is reported with its line and the nearest name, without its value", () => {
  const text = complaint(`name = "a"\napikey = "${key}"\n`)
  assert.include(text, "s.toml:2: there is no key `apikey`. Did you mean `api_key`?")
  assert.notInclude(text, key)
})

it.each([
  ['""', ", but this one is empty"],
  ['"line\\nbreak"', ", but this one has a line break in it"],
  ['"two words"', ", but this one has a space in it"],
  ["\"'quoted'\"", ", but this one is in quotes, which are not part of a key"],
  [
    '"schlüssel"',
    ", but this one has a character that is not visible or not ASCII, as typographic quotes and dashes are",
  ],
  ["42", ""],
])("the key %s cannot be sent, and is rejected without being repeated", (text, why) => {
  const said = complaint(`name = "a"\nrelay_url = "https://r.example"\napi_key = ${text}`)
  assert.strictEqual(
    said,
    `PTTH_CONFIG_INVALID: s.toml:3: \`api_key\`: expected a key such as \`ptth keygen\` prints${why}. Correct the value that is named.`,
  )
})

it.each([`${key}\n`, `${key}\r\n`, ` ${key}\t`, `\ufeff${key}`])(
  "white space around a key is not part of it: %j",
  (text) => {
    const overrides = ServerConfig.fromEnvironment({ PTTH_SERVER_API_KEY: text })
    const { apiKey } = Result.getOrThrow(ServerConfig.decodeSettings("", { overrides }))
    assert.strictEqual(apiKey && ApiKey.tripcode(apiKey), ApiKey.tripcodeOfText(key))
  },
)

it.each([
  "/servers/attic/",
  "/servers/attic",
  "/servers/attic/files/a.txt",
  "/frontend/servers/attic/",
])("the address %s of this server for visitors is not taken for the relay's", (path) => {
  assert.strictEqual(
    complaint(`${base}relay_url = "https://r.example${path}"`),
    `PTTH_CONFIG_INVALID: s.toml:3: \`relay_url\`: it is the address at which visitors reach this server, with ${path.replace(/(?<!files.*)\/$/, "")}. Use the relay's own address, such as https://r.example.`,
  )
})

it("a user without a password, or a password without a user, is rejected", () => {
  assert.include(complaint('auth_user = "me"'), "s.toml:1: `auth_user` has no `auth_password`")
  assert.include(
    complaint(`\nauth_password = "${hash}"`),
    "s.toml:2: `auth_password` has no `auth_user`",
  )
  assert.strictEqual(settings(`auth_user = "me"\nauth_password = "${hash}"`).authUser, "me")
})

it("environment variables can set all keys, secret ones as well", () => {
  const overrides = ServerConfig.fromEnvironment({
    PTTH_SERVER_NAME: "cellar",
    PTTH_SERVER_API_KEY: key,
    PTTH_SERVER_RELAY_URL: "https://r.example/7ZSFUKGV",
    PTTH_SERVER_THROTTLE_UPLOAD: "yes",
    PTTH_SERVER_TO: "8080",
    PTTH_SERVER_TRANSPORT: "classic",
    PTTH_SERVER_CONNECTIONS: "4",
  })
  const config = Result.getOrThrow(ServerConfig.decode('name = "attic"', { overrides }))
  assert.strictEqual(config.name, "cellar")
  assert.isTrue(config.throttleUpload)
  assert.strictEqual(config.to, "http://localhost:8080")
  assert.strictEqual(config.transport, "classic")
  assert.strictEqual(config.connections, 4)
  assert.strictEqual(ApiKey.tripcode(config.apiKey), ApiKey.tripcodeOfText(key))
})

it("uploads_folders and uploads_max limit the folders and sizes of uploads", () => {
  const none = settings("uploads = true")
  assert.deepStrictEqual([none.uploadsFolders, none.uploadsMax], [undefined, undefined])
  const some = settings('uploads_folders = ["inbox", "photos/**"]\nuploads_max = 1000')
  assert.deepStrictEqual([some.uploadsFolders, some.uploadsMax], [["inbox", "photos/**"], 1000])
  assert.include(complaint("uploads_folders = true"), "`uploads_folders`: expected a list of patt")
})

it("the file server's settings have safe defaults, and each can be changed", () => {
  const careful = settings("")
  assert.deepStrictEqual(
    [
      careful.symlinks,
      careful.hidden,
      careful.dotfiles,
      careful.trustedContent,
      careful.precompressed,
    ],
    ["inside", [], false, false, false],
  )
  const bold = settings(
    'symlinks = "follow"\nhidden = ["*.bak", "private/**"]\ndotfiles = true\ntrusted_content = true\nprecompressed = true',
  )
  assert.deepStrictEqual(
    [bold.symlinks, bold.hidden, bold.dotfiles, bold.trustedContent, bold.precompressed],
    ["follow", ["*.bak", "private/**"], true, true, true],
  )
  const overrides = ServerConfig.fromEnvironment({
    PTTH_SERVER_SYMLINKS: "never",
    PTTH_SERVER_HIDDEN: "*.{bak,tmp}, private/**",
    PTTH_SERVER_DOTFILES: "on",
    PTTH_SERVER_TRUSTED_CONTENT: "no",
  })
  const said = Result.getOrThrow(ServerConfig.decodeSettings("", { overrides }))
  assert.deepStrictEqual(
    [said.symlinks, said.hidden, said.dotfiles, said.trustedContent],
    ["never", ["*.{bak,tmp}", "private/**"], true, false],
  )
  assert.include(complaint('symlinks = "all"'), 's.toml:1: `symlinks`: expected "inside"')
  assert.include(complaint("hidden = [1]"), "s.toml:1: `hidden`: expected a list of patterns")
  assert.include(complaint('hidden = "*.bak"'), "s.toml:1: `hidden`: expected a list of patterns")
})

it("every key that is not a table can be set by an environment variable", () => {
  const tables = new Set(["routes", "services", "users", "tokens", "visitors"])
  for (const name of ServerConfig.keys.filter((key) => !tables.has(key))) {
    const variable = `PTTH_SERVER_${name.toUpperCase()}`
    assert.lengthOf(ServerConfig.fromEnvironment({ [variable]: "1" }), 1, variable)
  }
})

it("a text that may hold a secret is recognized even if it is invalid or commented out", () => {
  assert.isTrue(ServerConfig.holdsSecret('# api_key = "x"'))
  assert.isTrue(ServerConfig.holdsSecret("apikey ="))
  assert.isTrue(ServerConfig.holdsSecret("auth_password = 1"))
  assert.isFalse(ServerConfig.holdsSecret('name = "attic"\nrelay_url = "https://r.example"'))
})

const relay = 'relay_url = "https://r.example"\n'

it("services take from above what they do not say, and nothing else", () => {
  const other = key.toLowerCase().concat("Mountain")
  const config = settings(
    `${relay}api_key = "${key}"\nauth_user = "me"\nauth_password = "${hash}"\ndotfiles = true\nthrottle_upload = true
[[services]]
name = "attic"
file_server_root = "/srv"
[[services]]
name = "app"
api_key = "${other}"
to = 3000
auth_user = "you"
auth_password = "${hash}"
throttle_upload = false
[[services.routes]]
path = "/api/"
to = ":3001"
`,
  )
  const [attic, app, ...rest] = Result.getOrThrow(ServerConfig.completeServices(config, "s.toml"))
  assert.deepStrictEqual(rest, [])
  assert.deepInclude(attic, {
    name: "attic" as never,
    fileServerRoot: "/srv",
    authUser: "me",
    dotfiles: false,
    throttleUpload: true,
    to: undefined,
  })
  assert.deepInclude(app, {
    name: "app" as never,
    to: "http://localhost:3000",
    authUser: "you",
    throttleUpload: false,
  })
  assert.deepStrictEqual(
    app?.routes?.map(({ path, to }) => [path, to]),
    [["/api", "http://localhost:3001"]],
  )
  assert.notStrictEqual(attic && ApiKey.tripcode(attic.apiKey), app && ApiKey.tripcode(app.apiKey))
})

it("a name above the services is one of them", () => {
  const names = (text: string) => ServerConfig.servicesOf(settings(text)).map(({ name }) => name)
  const service = '[[services]]\nname = "app"\nto = 3000\n'
  assert.deepStrictEqual(names(base + service), ["attic", "app"] as never)
  assert.deepStrictEqual(names(relay + service), ["app"] as never)
  assert.deepStrictEqual(names(base), ["attic"] as never)
})

it.each([
  [
    "s.toml:6",
    "is there twice",
    '[[services]]\nname = "app"\nto = 1\n[[services]]\nname = "app"\nto = 2\n',
  ],
  [
    "s.toml:9",
    "/api is there twice",
    '[[services]]\nname = "app"\nto = 1\n[[services.routes]]\npath = "/api"\nto = 2\n[[services.routes]]\npath = "/api/"\nto = 3\n',
  ],
  ["s.toml:3", "has neither `to` nor `file_server_root`", '[[services]]\nname = "app"\n'],
  [
    "s.toml:5",
    "`auth_user` has no `auth_password`",
    '[[services]]\nname = "app"\nto = 1\nauth_user = "me"\n',
  ],
  [
    "s.toml:4",
    "`to_ca`: only an application at an https",
    '[[services]]\nname = "app"\nto_ca = "c"\nto = 1\n',
  ],
  ["s.toml:3", "`routes.path`: expected a path", '[[routes]]\npath = "/a?b"\nto = 1\n'],
  ["s.toml:3", "`routes.path`: expected a path", '[[routes]]\npath = "/"\nto = 1\n'],
  [
    "s.toml:5",
    "`to_insecure`: only an application",
    '[[routes]]\npath = "/a"\nto = 1\nto_insecure = true\n',
  ],
])("%s: a problem of services and routes: %s", (where, detail, text) => {
  const message = complaint(`\n${text}`)
  assert.include(message, where)
  assert.include(message, detail)
})

it.each([
  ["unix:/run/app.sock", "unix:/run/app.sock"],
  ["unix:app.sock", "unix:app.sock"],
])("to = %j is the application at %s", (to, expected) => {
  assert.strictEqual(settings(`to = ${JSON.stringify(to)}`).to, expected)
})

it("what an https application is trusted by needs an https address, and is one of two", () => {
  const https = 'to = "https://app.example"\n'
  assert.strictEqual(settings(`${https}to_ca = "ca.pem"`).toCa, "ca.pem")
  assert.strictEqual(settings(`${https}to_insecure = true`).toInsecure, true)
  assert.include(complaint("\nto = 3000\nto_insecure = true"), "s.toml:3: `to_insecure`: only")
  assert.include(complaint(`\n${https}to_ca = "c"\nto_insecure = true`), "accepts any certificate")
  assert.include(complaint('\nto = "unix:"'), "s.toml:2: `to`: expected a port")
})

it("host_header is a host, perhaps with a port, and no address", () => {
  const hostHeader = (text: string) => settings(`to = 1\nhost_header = "${text}"`).hostHeader
  for (const host of ["App.example", "app_1.example:8080", "localhost:3000", "[::1]:3000"])
    assert.strictEqual(hostHeader(host), host)
  assert.strictEqual(hostHeader("bücher.example:8080"), "xn--bcher-kva.example:8080")
  for (const text of ["https://app.example", "app.example/x", "a b", "", "a.example:x", "ä/b"])
    assert.include(complaint(`\nto = 1\nhost_header = "${text}"`), "s.toml:3: `host_header`: expec")
})
