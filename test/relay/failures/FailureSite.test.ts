/**
 * What the page of a failure says of the server that the request was for.
 */
import { assert, describe, it } from "@effect/vitest"
import { tripcodeOfText } from "../../../src/domain/ApiKey.ts"
import * as RelayConfig from "../../../src/domain/config/RelayConfig.ts"
import type { VisitorErrorCode } from "../../../src/domain/ErrorRegistry.ts"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import * as FailureSite from "../../../src/relay/failures/FailureSite.ts"
import { derive } from "../../../src/relay/settings/DerivedConfig.ts"

const server = (name: string, displayName?: string): RelayConfig.RegisteredServer => ({
  ...RelayConfig.plainServer,
  name: name as ServerName,
  tripcodes: [tripcodeOfText(name)],
  displayName,
})

const derived = derive({
  ...RelayConfig.empty,
  domain: "relay.example",
  servers: [server("attic", "My attic"), server("plain")],
})

const contextOf = (
  target: string,
  {
    code = "PTTH_NO_ANSWER",
    host = "example.com",
  }: { code?: VisitorErrorCode; host?: string } = {},
) =>
  FailureSite.contextOf(
    derived,
    () => 1_000,
    { code, status: 500, detail: "" },
    { method: "GET", target, headers: [["Host", host]] },
  )

describe("the page of a failure", () => {
  it("names the server, and leads to its start page, below a path", () => {
    assert.deepInclude(contextOf("/servers/attic/files/a/b?c=/"), {
      site: "My attic",
      home: "../../",
      lastSeen: undefined,
    })
    assert.deepInclude(contextOf("/servers/plain/"), { site: "plain", home: "./" })
  })

  it("does so at a host of the server's own", () => {
    const context = contextOf("/servers/plain/a", { host: "attic.relay.example:8080" })
    assert.deepInclude(context, { site: "My attic", home: "../../" })
  })

  it("says when an offline server was last there", () => {
    const context = contextOf("/servers/attic/", { code: "PTTH_SERVER_OFFLINE" })
    assert.strictEqual(context.lastSeen, 1_000)
  })

  it("tells nothing to those who have to sign in, and nothing of servers that are not registered", () => {
    for (const code of ["PTTH_AUTH_REQUIRED", "PTTH_NOT_ADMITTED"] as const)
      assert.notProperty(contextOf("/servers/attic/", { code }), "site")
    assert.notProperty(contextOf("/servers/nope/"), "site")
    assert.notProperty(contextOf("/nope"), "site")
    assert.notProperty(contextOf("/", { host: "nope.relay.example" }), "site")
  })
})
