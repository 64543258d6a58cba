/**
 * What a server says of its certificate, where visitors' TLS ends there.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as PassedTls from "../../../src/cli/passthrough/PassedTls.ts"
import * as ServerConfig from "../../../src/domain/config/ServerConfig.ts"
import * as X509 from "../../../src/transport/acme/X509.ts"
import { capture } from "../../support/harness/LogLines.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

it.live("a certificate for another host is named once for each host", () => {
  const lines: Array<string> = []
  return Effect.gen(function* () {
    const folder = temporaryFolder()
    const { chain, key } = X509.selfSigned({
      names: ["attic.relay.example"],
      title: "test",
      from: Date.now() - 60_000,
      until: Date.now() + 3_600_000,
    })
    const files = { chain: join(folder, "c.pem"), key: join(folder, "k.pem") }
    writeFileSync(files.chain, chain)
    writeFileSync(files.key, Redacted.value(key))
    const config = Result.getOrThrow(
      ServerConfig.decodeSettings(`tls_cert = "${files.chain}"\ntls_key = "${files.key}"\n`),
    )
    const tls = yield* PassedTls.make(config, "s.toml")
    for (const url of [
      "https://attic.relay.example/",
      "https://relay.example/servers/attic/",
      "https://files.example:8443/",
      "https://files.example:8443/",
    ])
      yield* tls?.onConnected(url) ?? Effect.die("no TLS")
    assert.lengthOf(lines, 1)
    assert.include(
      lines[0],
      `PTTH_NO_CERTIFICATE: the certificate in ${files.chain} is not for files.example, so that`,
    )
  }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer), Effect.provide(capture(lines)))
})
