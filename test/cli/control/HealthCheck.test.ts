import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { callCommand } from "../callCommand.ts"

/** The address of a server that answers each path with the status in it. */
const answering = async (use: (url: string) => Promise<void>): Promise<void> => {
  const server = createServer((request, response) => {
    response.writeHead(Number(request.url?.slice(1))).end()
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

describe("ptth healthcheck", () => {
  it("exits with 0 if the answer is 200, by argument or HEALTH_URL", () =>
    answering(async (url) => {
      const byArgument = await callCommand(["healthcheck", `${url}/200`])
      assert.deepStrictEqual(byArgument, { code: 0, stdout: "", stderr: "" })
      const byVariable = await callCommand(["healthcheck"], { env: { HEALTH_URL: `${url}/200` } })
      assert.strictEqual(byVariable.code, 0)
    }))

  it("exits with 1 and says what was answered if it is anything else", () =>
    answering(async (url) => {
      for (const status of [302, 404, 503]) {
        const { code, stderr } = await callCommand(["healthcheck", `${url}/${status}`])
        assert.strictEqual(code, 1)
        assert.include(stderr, `PTTH_NOT_HEALTHY: ${url}/${status}: the status is ${status}.`)
      }
    }))

  it("tells no password or token of the address", async () => {
    for (const address of ["http://ann:hush@127.0.0.1:9/", "http://127.0.0.1:9/?token=hush"]) {
      const { code, stderr } = await callCommand(["healthcheck", address])
      assert.strictEqual(code, 1)
      assert.include(stderr, "PTTH_NOT_HEALTHY: http://127.0.0.1:9/")
      assert.notInclude(stderr, "hush")
    }
  })

  it("exits with 1 if nobody answers", async () => {
    let closed = ""
    await answering(async (url) => {
      closed = url
    })
    const { code, stderr } = await callCommand(["healthcheck", `${closed}/200`])
    assert.strictEqual(code, 1)
    assert.match(stderr, /PTTH_NOT_HEALTHY: .*ECONNREFUSED/)
  })
})
