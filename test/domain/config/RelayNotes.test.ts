/**
 * Which settings are said to have no effect.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as RelayConfig from "../../../src/domain/config/RelayConfig.ts"
import { unusedSettings } from "../../../src/domain/config/RelayNotes.ts"

const notes = (text: string) => unusedSettings(Result.getOrThrow(RelayConfig.decode(text)))

const server = (more: string) => `
domain = "relay.example"
acme = "you@example.com"
[[servers]]
name = "attic"
tripcode = "ttttttttttttttttttttttttttttttttttttttttttY="
auth = { open = true }
${more}
`

describe("a setting without effect", () => {
  it("is the file of an access log that is off", () => {
    const file = 'access_log_file = "/var/log/access.log"'
    assert.deepStrictEqual(notes(file), ["access_log_file does nothing without `access_log`"])
    assert.deepStrictEqual(notes(`access_log = "json"\n${file}`), [])
  })

  it("is the limit of bodies that the relay cannot read", () => {
    assert.deepStrictEqual(notes(server('tls = "passthrough"\nmax_body = 1000')), [
      "max_body of attic does nothing, since the relay passes its visitors' TLS on unread",
    ])
    assert.deepStrictEqual(notes(server('tls = "passthrough"\nmax_links = 3')), [])
    assert.deepStrictEqual(notes(server("max_body = 1000")), [])
  })
})
