import { assert, describe, it } from "@effect/vitest"
import type { Seen } from "../../../src/protocol/http/Forwarded.ts"
import * as PathPrefix from "../../../src/protocol/http/PathPrefix.ts"

const seen: Seen = { host: "relay.example", proto: "https", prefix: "/servers/a" }
const one = (name: string, value: string): string =>
  PathPrefix.rewrite([[name, value]], seen)[0]?.[1] ?? ""

describe("in path mode", () => {
  const moved: ReadonlyArray<[string, string]> = [
    ["/login", "/servers/a/login"],
    ["/", "/servers/a/"],
    ["/servers/abc", "/servers/a/servers/abc"],
    ["https://relay.example/login?x=1#y", "https://relay.example/servers/a/login?x=1#y"],
    ["http://RELAY.example/login", "http://RELAY.example/servers/a/login"],
    ["https://relay.example", "https://relay.example/servers/a/"],
  ]
  for (const [from, to] of moved) {
    it(`a Location of ${from} becomes ${to}, and only once`, () => {
      assert.strictEqual(one("Location", from), to)
      assert.strictEqual(one("Content-Location", from), to)
      assert.strictEqual(one("location", to), to)
    })
  }

  for (const same of [
    "login",
    "../x",
    "?q",
    "#f",
    "",
    "https://other.example/x",
    "//other.example/x",
    "/\\other",
    "mailto:a@b",
    "/servers/a",
    "/servers/a/x",
  ]) {
    it(`a Location of ${JSON.stringify(same)} stays`, () => {
      assert.strictEqual(one("Location", same), same)
    })
  }

  it("a cookie's Path is put below the prefix, and its Domain is dropped", () => {
    assert.strictEqual(
      one("Set-Cookie", "sid=a=b; Path=/; HttpOnly; Domain=relay.example; Secure"),
      "sid=a=b; Path=/servers/a/; HttpOnly; Secure",
    )
    assert.strictEqual(one("set-cookie", "a=1;path=/x"), "a=1; Path=/servers/a/x")
    assert.strictEqual(one("set-cookie", "a=1; Path=/servers/a/x"), "a=1; Path=/servers/a/x")
    assert.strictEqual(one("set-cookie", "a=1; Path=x; Max-Age=5"), "a=1; Path=x; Max-Age=5")
    assert.strictEqual(one("set-cookie", "path=/"), "path=/")
    const host = "__Host-sid=1; Path=/; Secure"
    assert.strictEqual(one("set-cookie", host), host)
  })

  it("every other field, and the order and repetition of all, stay", () => {
    const headers = [
      ["Link", "</x>"],
      ["Set-Cookie", "a"],
      ["X", "/y"],
      ["Set-Cookie", "b"],
    ] as const
    assert.deepStrictEqual(PathPrefix.rewrite(headers, seen), headers)
  })
})

describe("fields that speak for a whole origin", () => {
  const headers = [
    ["Service-Worker-Allowed", "/"],
    ["clear-site-data", '"*"'],
    ["NEL", "{}"],
    ["Report-To", "{}"],
    ["Alt-Svc", 'h3=":443"'],
    ["Strict-Transport-Security", "max-age=0"],
    ["Set-Cookie", "mine=1; Domain=example"],
    ["Set-Cookie", "theirs=1"],
    ["X-Other", "stays"],
  ] as const
  const isPrivate = (value: string): boolean => value.startsWith("theirs")

  it("are left out below a prefix", () => {
    assert.deepStrictEqual(PathPrefix.rewrite(headers, seen, isPrivate), [
      ["Set-Cookie", "mine=1"],
      ["X-Other", "stays"],
    ])
  })

  it("pass where the origin is the server's own, but not cookies of others", () => {
    assert.deepStrictEqual(PathPrefix.rewrite(headers, { ...seen, prefix: "" }, isPrivate), [
      ...headers.slice(0, 6),
      ["Set-Cookie", "mine=1"],
      ["X-Other", "stays"],
    ])
  })
})
