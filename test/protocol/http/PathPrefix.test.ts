import { assert, describe, it } from "@effect/vitest"
import type { PublicAddress } from "../../../src/protocol/http/Forwarded.ts"
import * as PathPrefix from "../../../src/protocol/http/PathPrefix.ts"

const address: PublicAddress = { host: "relay.example", proto: "https", prefix: "/servers/a" }
const rewritten = (name: string, value: string): string =>
  PathPrefix.rewrite([[name, value]], address)[0]?.[1] ?? ""

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
    it(`a Location of ${from} becomes ${to} and is not rewritten again`, () => {
      assert.strictEqual(rewritten("Location", from), to)
      assert.strictEqual(rewritten("Content-Location", from), to)
      assert.strictEqual(rewritten("location", to), to)
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
    it(`a Location of ${JSON.stringify(same)} is unchanged`, () => {
      assert.strictEqual(rewritten("Location", same), same)
    })
  }

  it("the prefix is added to a cookie's Path, and its Domain is removed", () => {
    assert.strictEqual(
      rewritten("Set-Cookie", "sid=a=b; Path=/; HttpOnly; Domain=relay.example; Secure"),
      "sid=a=b; Path=/servers/a/; HttpOnly; Secure",
    )
    assert.strictEqual(rewritten("set-cookie", "a=1;path=/x"), "a=1; Path=/servers/a/x")
    assert.strictEqual(rewritten("set-cookie", "a=1; Path=/servers/a/x"), "a=1; Path=/servers/a/x")
    assert.strictEqual(rewritten("set-cookie", "a=1; Path=x; Max-Age=5"), "a=1; Path=x; Max-Age=5")
    assert.strictEqual(rewritten("set-cookie", "path=/"), "path=/")
    const host = "__Host-sid=1; Path=/; Secure"
    assert.strictEqual(rewritten("set-cookie", host), host)
  })

  it("other fields are unchanged, and so are order and repetition", () => {
    const headers = [
      ["Link", "</x>"],
      ["Set-Cookie", "a"],
      ["X", "/y"],
      ["Set-Cookie", "b"],
    ] as const
    assert.deepStrictEqual(PathPrefix.rewrite(headers, address), headers)
  })
})

describe("fields that affect a whole origin", () => {
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

  it("are removed below a prefix", () => {
    assert.deepStrictEqual(PathPrefix.rewrite(headers, address, isPrivate), [
      ["Set-Cookie", "mine=1"],
      ["X-Other", "stays"],
    ])
  })

  it("are kept if the server has an origin of its own, but not private cookies", () => {
    assert.deepStrictEqual(PathPrefix.rewrite(headers, { ...address, prefix: "" }, isPrivate), [
      ...headers.slice(0, 6),
      ["Set-Cookie", "mine=1"],
      ["X-Other", "stays"],
    ])
  })
})
