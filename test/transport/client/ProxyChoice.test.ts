/**
 * Which proxy of the environment is used for an origin.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as ProxyChoice from "../../../src/transport/client/ProxyChoice.ts"

const proxyOf = (env: ProxyChoice.Environment, origin = "http://relay.example.com"): string => {
  const proxy = ProxyChoice.of(env, new URL(origin))
  return Result.isFailure(proxy) ? proxy.failure.message : (proxy.success?.href ?? "none")
}

/** Whether a list of exceptions has an origin in it. */
const isExcepted = (list: string, origin: string): boolean =>
  proxyOf({ HTTP_PROXY: "proxy:1", HTTPS_PROXY: "proxy:1", NO_PROXY: list }, origin) === "none"

describe("the proxy of the environment", () => {
  it("is that for the scheme of the relay, in lower case first", () => {
    const env = { http_proxy: "http://a:1", HTTP_PROXY: "http://b:1", HTTPS_PROXY: "http://c:1" }
    assert.strictEqual(proxyOf(env), "http://a:1/")
    assert.strictEqual(proxyOf(env, "https://relay.example.com"), "http://c:1/")
    assert.strictEqual(proxyOf({ http_proxy: "", HTTP_PROXY: "http://b:1" }), "http://b:1/")
    assert.strictEqual(proxyOf({}), "none")
  })

  it("is that for all schemes where there is none for the scheme of the relay", () => {
    const env = { ALL_PROXY: "http://a:1", HTTP_PROXY: "http://b:1" }
    assert.strictEqual(proxyOf(env), "http://b:1/")
    assert.strictEqual(proxyOf(env, "https://relay.example.com"), "http://a:1/")
    assert.strictEqual(proxyOf({ ...env, NO_PROXY: "*" }, "https://relay.example.com"), "none")
    const socks = { all_proxy: "socks5h://proxy:1", ALL_PROXY: "http://a:1" }
    assert.match(proxyOf(socks), /^PTTH_PROXY_UNUSABLE: all_proxy names .* socks5h/)
  })

  it("needs no scheme", () => {
    assert.strictEqual(proxyOf({ HTTP_PROXY: "127.0.0.1:3128" }), "http://127.0.0.1:3128/")
    assert.strictEqual(proxyOf({ HTTP_PROXY: " proxy.lan " }), "http://proxy.lan/")
    assert.strictEqual(proxyOf({ HTTP_PROXY: "u:p@[::1]:3128" }), "http://u:p@[::1]:3128/")
  })

  for (const value of [
    "socks5://u:secret@proxy:1",
    "ftp://proxy",
    "http://",
    "http://%zz:x@proxy:1",
    "http://me:1234#secret@proxy:1",
    "http://me:1234/secret@proxy:1",
    "http://me:1234?secret@proxy:1",
    "http://DOMAIN\\me:secret@proxy:1",
    "http://me:a@secret#1@proxy:1",
  ])
    it(`is refused if it cannot be used: ${value}`, () => {
      const message = proxyOf({ HTTP_PROXY: value })
      assert.match(message, /^PTTH_PROXY_UNUSABLE: HTTP_PROXY /)
      assert.notInclude(message, "secret")
      assert.notInclude(message, "1234")
    })

  it("gets its credentials decoded", () => {
    const header = ProxyChoice.authorization(new URL("http://us%40er:p%3Aw%25d@proxy:1"))
    assert.strictEqual(header, `Basic ${Buffer.from("us@er:p:w%d").toString("base64")}`)
    assert.isUndefined(ProxyChoice.authorization(new URL("http://proxy:1")))
  })
})

describe("NO_PROXY", () => {
  for (const [list, origin] of [
    ["*", "http://relay.example.com"],
    ["a.test, relay.example.com", "http://relay.example.com"],
    ["example.com", "https://relay.example.com"],
    [".example.com", "https://relay.example.com"],
    ["*.EXAMPLE.com", "https://relay.example.com"],
    ["b\u00fccher.example,", "https://relay.b\u00fccher.example"],
    ["localhost.", "http://localhost:4000"],
    ["127.0.0.1/8", "http://127.8.9.10"],
    ["fe80::/10", "http://[fe80::1]"],
    ["a.test relay.example.com:443", "https://relay.example.com"],
    ["10.0.0.0/8,127.0.0.0/8", "http://127.0.0.1:4000"],
    ["192.168.1.5", "http://192.168.1.5"],
    ["192.168.1.5:4000", "http://192.168.1.5:4000"],
    ["192.168.1.1-192.168.1.9", "http://192.168.1.5"],
    ["fd00::/8", "http://[fd12::1]:4000"],
    ["[fd00::]/8", "http://[fd12::1]:4000"],
    ["::1", "http://[::1]:4000"],
    ["[::1]:4000", "http://[::1]:4000"],
  ] as const)
    it(`${list} excepts ${origin}`, () => assert.isTrue(isExcepted(list, origin)))

  for (const [list, origin] of [
    ["", "http://relay.example.com"],
    ["ample.com", "http://example.com"],
    ["relay.example.com:80", "https://relay.example.com"],
    ["10.0.0.0/8,192.168.0.0/16", "http://127.0.0.1:4000"],
    ["127.0.0.0/99, 127.0.0.0/x, /8", "http://127.0.0.1"],
    ["192.168.1.9-192.168.1.1", "http://192.168.1.5"],
    ["0.0.0.0/0", "http://relay.example.com"],
    ["fd00::/8", "http://[fe80::1]"],
    ["[::1]:4001", "http://[::1]:4000"],
  ] as const)
    it(`${list || "nothing"} does not except ${origin}`, () =>
      assert.isFalse(isExcepted(list, origin)))
})
