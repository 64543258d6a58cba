/**
 * What the client says of a directory that is none.
 */
import * as http from "node:http"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { AcmeClient } from "../../../src/transport/acme/AcmeClient.ts"
import { listening } from "../../support/LocalServer.ts"

describe("an address that is no directory", () => {
  it.live("is named with what is there", () =>
    Effect.gen(function* () {
      const server = http.createServer(({ url }, response) => {
        if (url === "/moved") response.writeHead(301, { Location: "/elsewhere" }).end()
        else if (url === "/page") response.end("<html></html>")
        else response.end('{"newNonce": "http://127.0.0.1/nonce"}')
      })
      const port = yield* listening(server)
      for (const [path, what] of [
        ["/moved", "answers 301"],
        ["/page", "no newNonce"],
        ["/part", "no newAccount"],
      ] as const) {
        const directory = `http://127.0.0.1:${port}${path}`
        const client = new AcmeClient({
          directory,
          ca: undefined,
          contact: undefined,
          external: undefined,
        })
        yield* Effect.addFinalizer(() => Effect.sync(() => client.close()))
        const { code, detail } = yield* Effect.flip(client.renewalWindow(""))
        assert.strictEqual(code, "PTTH_ACME_REFUSED")
        assert.include(detail, `\`acme_directory\` ${directory} is no directory`)
        assert.include(detail, what)
      }
    }).pipe(Effect.scoped),
  )
})
