/** Taking URI references and paths apart without changing a byte (RFC 3986). */
import { assert, describe, it } from "@effect/vitest"
import * as UriReference from "../../../src/protocol/address/UriReference.ts"

const parsed = (text: string) => {
  const reference = UriReference.parse(text)
  return reference && [reference.start, reference.host, reference.path]
}

describe("a reference", () => {
  it("to a path or a host is taken apart as it is written", () => {
    assert.deepStrictEqual(parsed("/a?b=/c#d"), ["", undefined, "/a?b=/c#d"])
    assert.deepStrictEqual(parsed("HTTP://Ann:pw@Host:80/a"), [
      "HTTP://Ann:pw@Host:80",
      "Host:80",
      "/a",
    ])
    assert.deepStrictEqual(parsed("HTTP:/a/b"), ["", undefined, "/a/b"])
    assert.deepStrictEqual(parsed("\\a"), ["", undefined, "/a"])
    assert.deepStrictEqual(parsed("//host?q"), ["//host", "host", "/?q"])
    assert.deepStrictEqual(parsed("https://[::1]:3000"), ["https://[::1]:3000", "[::1]:3000", "/"])
  })

  it.each([
    "",
    "a",
    "../a",
    "?q",
    "#f",
    "mailto:a@b",
    "/\\host",
    "https:a",
    "http:/\\host",
    "\\\\host",
    "//",
    "http://a\\b",
  ])("like %j has no path that could be moved", (text) => {
    assert.isUndefined(UriReference.parse(text))
  })

  it.each([
    ["/a/../../b?c=/../d", "/b?c=/../d"],
    ["/%2e%2E/b", "/b"],
    ["/..", "/"],
    ["/a/./b", "/a/b"],
    ["/a/b/..", "/a/"],
    ["/../\xc3\xbc/%41", "/\xc3\xbc/%41"],
    ["/a\\..\\..\\b", "/b"],
    ["/.\t./b", "/b"],
    ["http://h/../b", "/b"],
    ["/a..b/..c/.d", "/a..b/..c/.d"],
    ["/a?..", "/a?.."],
  ])("%j has the path %j: dot segments do not lead out of a prefix", (text, path) => {
    assert.strictEqual(UriReference.parse(text)?.path, path)
  })

  const isOn = (text: string, proto: "http" | "https", host: string): boolean => {
    const reference = UriReference.parse(text)
    return reference !== undefined && UriReference.isOn(reference, { proto, host })
  }

  it.each([
    ["http://host/x", "http", "host"],
    ["http://host:80/x", "http", "host"],
    ["http://host:/x", "http", "host"],
    ["http://host/x", "http", "host:80"],
    ["https://HOST:443/x", "https", "Host"],
    ["http://host./x", "http", "host"],
    ["http://host.:80/x", "http", "host"],
    ["http:/x", "https", "host"],
    ["http://host/x", "https", "host"],
    ["//host/x", "https", "host:443"],
    ["http://me@host/x", "http", "host"],
    ["http://[0:0:0:0:0:0:0:1]:80/x", "http", "[::1]"],
    ["/x", "http", "host"],
  ] as const)("%s is on %s://%s", (text, proto, host) => {
    assert.isTrue(isOn(text, proto, host))
  })

  it.each([
    ["http://host:8080/x", "http", "host"],
    ["http://host/x", "http", "host:8080"],
    ["//other/x", "http", "host"],
    ["http://host@other/x", "http", "host"],
    ["http://host.other/x", "http", "host"],
    ["http://host:99999/x", "http", "host:99998"],
    ["http://host/x", "http", ""],
  ] as const)("%s is not on %s://%s", (text, proto, host) => {
    assert.isFalse(isOn(text, proto, host))
  })
})

describe("a path", () => {
  it("gets a prefix once", () => {
    for (const [path, to] of [
      ["/", "/s/a/"],
      ["/s/ab", "/s/a/s/ab"],
      ["/s/a", "/s/a"],
      ["/s/a?q", "/s/a?q"],
      ["/s/a#f", "/s/a#f"],
      ["/s/a/x", "/s/a/x"],
    ] as const)
      assert.strictEqual(UriReference.below(path, "/s/a"), to)
  })

  it("gets one prefix in the place of another, and keeps its slash", () => {
    assert.strictEqual(UriReference.rebase("/base/x", "/base", "/s/a"), "/s/a/x")
    assert.strictEqual(UriReference.rebase("/base", "/base", "/s/a"), "/s/a")
    assert.strictEqual(UriReference.rebase("/base?q", "/base", ""), "/?q")
    assert.strictEqual(UriReference.rebase("/base", "/base", ""), "/")
  })

  it("with two slashes is not read as a host", () => {
    const host = { proto: "https", host: "relay.example" } as const
    assert.strictEqual(
      UriReference.join("", "//evil.example/x", host),
      "https://relay.example//evil.example/x",
    )
    assert.strictEqual(UriReference.join("http://h", "//x", host), "http://h//x")
    assert.strictEqual(UriReference.join("", "/x", host), "/x")
  })
})
