import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it, onTestFinished } from "@effect/vitest"
import * as WholeResponse from "../../../src/transport/client/WholeResponse.ts"

/** Reads at most eight bytes of what a server sends. */
const readFrom = async (send: (response: http.ServerResponse) => void) => {
  const server = http.createServer((_request, response) => send(response))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return new Promise<string | undefined>((resolve) => {
    http.get({ host: "127.0.0.1", port, agent: false }, (message) =>
      WholeResponse.read(message, 8, (body) => resolve(body?.toString())),
    )
  })
}

describe("a response", () => {
  it.each(["", "a", "12345678"])("of %j is read whole", async (text) => {
    assert.strictEqual(await readFrom((response) => response.end(text)), text)
  })

  it("that is too large is not read to its end", async () => {
    assert.isUndefined(await readFrom((response) => response.end("123456789")))
  })

  it("that breaks off is none", async () => {
    const send = (response: http.ServerResponse): void => {
      response.writeHead(200, { "Content-Length": "8" })
      response.write("1234", () => response.destroy())
    }
    assert.isUndefined(await readFrom(send))
  })
})
