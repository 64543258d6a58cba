/**
 * Requests to a provider of OpenID Connect through the proxy of the environment.
 */
import { once } from "node:events"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { afterEach, assert, describe, it } from "@effect/vitest"
import * as ProxiedFetch from "../../../src/relay/signin/ProxiedFetch.ts"

const provider = new URL("http://provider.invalid/realm")

/** A proxy that answers itself, and what it was asked. */
const proxy = async () => {
  const asked: Array<string> = []
  const server = http.createServer(async (request, response) => {
    let body = ""
    for await (const chunk of request) body += chunk
    const { authorization } = request.headers
    asked.push(`${request.method} ${request.url} ${authorization ?? "-"} ${body}`)
    if (request.url?.endsWith("/cut") === true) {
      response.writeHead(200, { "Content-Length": "10" }).write("cut")
      response.socket?.end()
    } else if (request.url?.endsWith("/silent") !== true) {
      response.writeHead(302, { Location: "/next", "Content-Type": "application/json" })
      response.end('{"a":1}')
    }
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  process.env.HTTP_PROXY = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { asked, close }
}

const fetchFor = (): ProxiedFetch.Fetch => {
  const fetch = ProxiedFetch.forOrigin(process.env, provider)
  assert.isDefined(fetch)
  return fetch as ProxiedFetch.Fetch
}

const failure = (promise: Promise<Response>): Promise<Error> =>
  promise.then(
    () => assert.fail("it succeeded"),
    (error: Error) => error,
  )

describe("a request to the provider", () => {
  afterEach(() => {
    delete process.env.HTTP_PROXY
  })

  it("goes through the proxy, with its fields and body, and follows no redirect", async () => {
    const { asked, close } = await proxy()
    const response = await fetchFor()("http://provider.invalid/token?a=b", {
      method: "POST",
      headers: { authorization: "Basic x" },
      body: new URLSearchParams({ code: "y z" }),
    })
    assert.deepStrictEqual(asked, ["POST http://provider.invalid/token?a=b Basic x code=y+z"])
    assert.strictEqual(response.status, 302)
    assert.strictEqual(response.headers.get("location"), "/next")
    assert.deepStrictEqual(await response.json(), { a: 1 })
    close()
  })

  it("fails as that of fetch if the response is cut, and if it is given up", async () => {
    const { close } = await proxy()
    const options = { method: "GET", headers: {} }
    const cut = await failure(fetchFor()("http://provider.invalid/cut", options))
    assert.instanceOf(cut, TypeError)
    const signal = AbortSignal.abort(new Error("given up"))
    const waiting = new AbortController()
    const silent = fetchFor()("http://provider.invalid/silent", {
      ...options,
      signal: waiting.signal,
    })
    waiting.abort(signal.reason)
    assert.strictEqual((await failure(silent)).message, "given up")
    close()
  })

  it("fails with a proxy that cannot be used, instead of going past it", async () => {
    const fetch = ProxiedFetch.forOrigin({ HTTP_PROXY: "socks5://proxy:1" }, provider)
    const error = await failure((fetch as ProxiedFetch.Fetch)("", { method: "GET", headers: {} }))
    assert.match(error.message, /^PTTH_PROXY_UNUSABLE/)
  })

  it("is that of Node without a proxy", () => {
    const except = { HTTP_PROXY: "http://proxy:1", NO_PROXY: "provider.invalid" }
    assert.isUndefined(ProxiedFetch.forOrigin({}, provider))
    assert.isUndefined(ProxiedFetch.forOrigin(except, provider))
  })
})
