/**
 * What `--print-config` says.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { stringify } from "smol-toml"
import type { ConfigRows } from "../../../src/domain/config/ConfigKey.ts"
import * as RelayConfig from "../../../src/domain/config/RelayConfig.ts"
import { relayKeys } from "../../../src/domain/config/RelayKeys.ts"
import * as ServerConfig from "../../../src/domain/config/ServerConfig.ts"
import { serverKeys } from "../../../src/domain/config/ServerKeys.ts"

const tripcode = "A9rPwZyY89Ag4TJjMoyYA2NeGOm99Je6rq1s0rg8PfY="
const hash = `$scrypt$ln=15,r=8,p=1$${"A".repeat(22)}$${"B".repeat(43)}`

const text = `# a comment
public_url = "https://relay.example.com"
max_queue = 10
[frontend_auth]
users = { me = "${hash}" }
[[servers]]
name = "attic"
tripcode = "${tripcode}"
[servers.auth]
users = { ann = "${hash}" }
[[scraper_keys]]
name = "s"
not_before = 2026-01-01T00:00:00Z
not_after = 2026-01-20T00:00:00Z
hash = "${tripcode}"
`

const options: RelayConfig.RelayDecodeOptions = {
  file: "r.toml",
  overrides: [
    ...RelayConfig.fromEnvironment({ PTTH_RELAY_HEARTBEAT: "5 s" }),
    { key: "listen", value: "[::1]:1", from: "--listen", by: "flag" },
  ],
  parts: [
    {
      file: "servers.d/b.toml",
      text: `[[servers]]\nname = "b"\ntripcode = "${tripcode}"\nauth.users.x = "${hash}"\n`,
    },
  ],
}

const printed = (): string => Result.getOrThrow(RelayConfig.explain(text, options))

describe("a printed configuration", () => {
  it("names the source of each value", () => {
    const lines = printed().split("\n")
    const line = (key: string) => lines.find((one) => one.startsWith(`${key} =`)) ?? ""
    assert.match(line("public_url"), /^public_url = "https:\/\/relay\.example\.com" +# r\.toml:2$/)
    assert.match(line("max_queue"), /^max_queue = 10 +# r\.toml:3$/)
    assert.match(line("heartbeat"), /"5 s" +# environment variable PTTH_RELAY_HEARTBEAT$/)
    assert.match(line("listen"), /^listen = "\[::1\]:1" +# flag --listen$/)
    assert.match(line("max_fields"), /# default$/)
    for (const place of ["# r.toml:4", "# r.toml:6", "# r.toml:11", "# servers.d/b.toml"])
      assert.include(lines, place)
    assert.match(printed(), /^# not set: domain,[^=]*max_body/m)
  })

  it("shows no hash of a password, and no key", () => {
    assert.notInclude(printed(), "$scrypt$")
    assert.strictEqual(printed().split('"<redacted>"').length, 4)
    const server = Result.getOrThrow(
      ServerConfig.explain(
        `api_key = "a-secret-key"\nauth_user = "me"\nauth_password = "${hash}"\nto = 3000\n`,
        { file: "s.toml" },
      ),
    )
    assert.notInclude(server, "a-secret-key")
    assert.notInclude(server, "$scrypt$")
    assert.match(server, /^api_key = "<redacted>" +# s\.toml:1$/m)
    assert.match(server, /^to = 3000 +# s\.toml:4$/m)
  })

  it("begins with a note about secrets, if there are any", () => {
    assert.match(printed(), /^# Secrets are not shown\. Put them where <redacted> stands/)
    const open = Result.getOrThrow(RelayConfig.explain("max_queue = 10", { file: "r.toml" }))
    assert.notInclude(open, "Secrets")
    assert.isTrue(Result.isFailure(RelayConfig.decode(printed())))
  })

  it("decodes to the same configuration once secrets are filled in", () => {
    const again = printed().replaceAll("<redacted>", hash)
    assert.deepStrictEqual(
      Result.getOrThrow(RelayConfig.decode(again)),
      Result.getOrThrow(RelayConfig.decode(text, options)),
    )
  })

  it("reports the same problems as the program", () => {
    const wrong = RelayConfig.explain("port = -1", { file: "r.toml" })
    assert.deepStrictEqual(
      Result.getOrThrow(Result.flip(wrong)).message,
      Result.getOrThrow(Result.flip(RelayConfig.decode("port = -1", { file: "r.toml" }))).message,
    )
  })
})

const rowsWithDefault = (rows: ConfigRows) =>
  Object.values(rows).filter((row) => row.default !== undefined)

describe("the defaults that are printed", () => {
  for (const { default: value, name: key } of rowsWithDefault(relayKeys)) {
    it(`of a relay are in force: ${key}`, () => {
      const config = Result.getOrThrow(RelayConfig.decode(stringify({ [key]: value })))
      assert.deepStrictEqual(config, RelayConfig.empty)
    })
  }

  for (const { default: value, name: key } of rowsWithDefault(serverKeys)) {
    it(`of a server are in force: ${key}`, () => {
      const config = Result.getOrThrow(ServerConfig.decodeSettings(stringify({ [key]: value })))
      assert.deepStrictEqual(config, Result.getOrThrow(ServerConfig.decodeSettings("")))
    })
  }
})
