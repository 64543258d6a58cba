/**
 * What path mode changes in a response: addresses, cookies, orders to proxies and fields that
 * affect a whole origin.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as UriReference from "../../../src/protocol/address/UriReference.ts"
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
    ["//relay.example/login", "//relay.example/servers/a/login"],
    ["http://relay.example:80/login", "http://relay.example:80/servers/a/login"],
    ["https://relay.example:/login", "https://relay.example:/servers/a/login"],
    ["https://me@relay.example/login", "https://me@relay.example/servers/a/login"],
    ["https:/login", "/servers/a/login"],
    ["http:/servers/a/login", "/servers/a/login"],
    ["\\login", "/servers/a/login"],
    ["https://relay.example./login", "https://relay.example./servers/a/login"],
    ["/../servers/b/x", "/servers/a/servers/b/x"],
    ["/servers/a/%2e%2E/b/x", "/servers/a/servers/b/x"],
    ["https://relay.example/servers/a/../b/x", "https://relay.example/servers/a/servers/b/x"],
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
    "https://relay.example:8443/x",
    "https://relay.example@other.example/x",
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

  it("the prefix is added to the references of every field that carries some", () => {
    for (const [name, from, to] of [
      ["Refresh", "0; url=/x", "0; url=/servers/a/x"],
      ["Link", "</x>; rel=next, <y>", "</servers/a/x>; rel=next, <y>"],
      ["SourceMap", "/x.map", "/servers/a/x.map"],
      ["X-SourceMap", "/x.map", "/servers/a/x.map"],
      ["HX-Redirect", "https://relay.example/x", "https://relay.example/servers/a/x"],
      ["HX-Location", '{"path":"/x"}', '{"path":"/servers/a/x"}'],
      ["HX-Push-Url", "/x", "/servers/a/x"],
      ["HX-Push-Url", "false", "false"],
      ["HX-Replace-Url", "/x", "/servers/a/x"],
      ["X-Inertia-Location", "/x", "/servers/a/x"],
      ["X-Nextjs-Redirect", "/x", "/servers/a/x"],
      ["X-Up-Expire-Cache", "/x/* -/x/y *", "/servers/a/x/* -/x/y *"],
      ["Upload-Concat", "final;/x /y", "final;/servers/a/x /servers/a/y"],
      ["Use-As-Dictionary", 'match="/x/*"', 'match="/servers/a/x/*"'],
      ["Speculation-Rules", '"/x.json"', '"/servers/a/x.json"'],
      ["Reporting-Endpoints", 'x="/x", y="//z/x"', 'x="/servers/a/x", y="//z/x"'],
      ["Content-Security-Policy", "report-uri /x", "report-uri /servers/a/x"],
      ["WWW-Authenticate", 'Digest domain="/x"', 'Digest domain="/servers/a/x"'],
      [
        "WWW-Authenticate",
        'Bearer resource_metadata="https://relay.example/x"',
        'Bearer resource_metadata="https://relay.example/servers/a/x"',
      ],
    ] as const)
      assert.strictEqual(rewritten(name, from), to)
  })

  it("the prefix is removed from the addresses of requests, as from their targets", () => {
    for (const [name, from, to] of [
      ["Destination", "https://relay.example/servers/a/b%20c?d", "https://relay.example/b%20c?d"],
      ["Destination", "http://relay.example:80/servers/a/b", "http://relay.example:80/b"],
      ["Destination", "/servers/a/b", "/b"],
      ["Destination", "/servers/a", "/"],
      ["Destination", "/servers/a//other.example/b", "https://relay.example//other.example/b"],
      ["Destination", "/servers/a/../b/c", "/servers/a/../b/c"],
      ["Destination", "/servers/ab/c", "/servers/ab/c"],
      ["Destination", "https://other.example/servers/a/b", "https://other.example/servers/a/b"],
      ["If", '</servers/a/b> (<urn:x>) </c> (["d"])', '</b> (<urn:x>) </c> (["d"])'],
      ["Destination", "https:/servers/a/b", "/b"],
      ["Destination", "https://relay.example/%73ervers/%61/b%61", "https://relay.example/b%61"],
      ["Destination", "/servers%2Fa/b", "/servers%2Fa/b"],
      [
        "Upload-Concat",
        "final;/servers/a/b https://relay.example/servers/a/c",
        "final;/b https://relay.example/c",
      ],
      ["Link", '</servers/a/b>; rel="type"', '</b>; rel="type"'],
      ["Referer", "https://relay.example/servers/a/b", "https://relay.example/servers/a/b"],
    ] as const)
      assert.deepStrictEqual(PathPrefix.remove([[name, from]], address), [[name, to]])
  })

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
      ["X-Link", "</x>"],
      ["Set-Cookie", "a"],
      ["X", "/y"],
      ["Set-Cookie", "b"],
    ] as const
    assert.deepStrictEqual(PathPrefix.rewrite(headers, address), headers)
  })
})

describe("a path or an own address that has been moved", () => {
  const start = Schema.Literals([
    "",
    "//relay.example",
    "https://relay.example",
    "HTTPS://RELAY.example:443",
    "https:",
    "HTTP:",
    "\\",
  ])
  const parts = [
    "a",
    "servers",
    "a",
    "b",
    "..",
    ".",
    "%2e%2E",
    ".%2e",
    "",
    "%2f",
    ";",
    "\\",
    "\t",
    "?",
    "#",
    " ",
  ]
  const rest = Schema.Array(Schema.Literals(parts))

  it.prop(
    "leads a browser to nothing outside the server's path",
    [start, rest, Schema.Literals(["/", "\\"])],
    ([start, rest, separator]) => {
      const value = `${start}/${rest.join(separator)}`
      const reference = UriReference.parse(value)
      if (reference === undefined || !UriReference.isOn(reference, address)) return
      const { origin, pathname } = new URL(
        rewritten("Location", value),
        "https://relay.example/servers/a/x",
      )
      assert.strictEqual(origin, "https://relay.example", value)
      assert.match(pathname, /^\/servers\/a(?:\/|$)/, value)
    },
    { arbitrary: { runs: 2_000 } },
  )
})

describe("orders to proxies in front of an application", () => {
  it.each(["X-Accel-Redirect", "x-sendfile", "X-Reproxy-URL", "X-Sendfile-Temporary"])(
    "such as %s do not reach the relay's proxies, in either mode",
    (name) => {
      for (const prefix of ["", "/servers/a"])
        assert.deepStrictEqual(
          PathPrefix.rewrite(
            [
              ["X-Accel-Buffering", "no"],
              [name, "/internal/secret"],
            ],
            { ...address, prefix },
          ),
          [["X-Accel-Buffering", "no"]],
        )
    },
  )
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
