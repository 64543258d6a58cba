import { assert, describe, it } from "@effect/vitest"
import { isOwnHost, isToOwnHost, parsePattern } from "../../src/domain/OwnHost.ts"

describe("a host is one's own", () => {
  it.each([
    "localhost",
    "LOCALHOST:4000",
    "localhost.:4000",
    "app.localhost",
    "127.0.0.1",
    "127.0.0.1:4000",
    "192.0.2.7:80",
    "[::1]:4000",
    "[::ffff:127.0.0.1]",
    "Files.Example.com.:443",
    "a.b.test:1",
    "my-machine:8080",
  ])("if it is an address, localhost, a name without a dot or named: %s", (field) => {
    assert.isTrue(isOwnHost(field, ["files.example.com", "*.test"]))
  })

  it.each([
    "",
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "0x7f.1",
    "files.example.com.evil.example",
    "a.eviltest",
    "localhost@evil.example",
    "evil.example#localhost",
    "[::1].evil.example",
    "[evil.example]",
  ])("and not otherwise: %j", (field) => {
    assert.isFalse(isOwnHost(field, ["files.example.com", "*.test"]))
  })

  it("where everything is allowed", () => {
    assert.isTrue(isOwnHost("evil.example", ["*"]))
  })

  it("of a request without a Host, and of none with two", () => {
    assert.isTrue(isToOwnHost([], []))
    const twice = [
      ["Host", "localhost"],
      ["host", "localhost"],
    ] as const
    assert.isFalse(isToOwnHost(twice, []))
  })
})

it("a pattern of hosts is a name without scheme and port", () => {
  assert.strictEqual(parsePattern("Files.Example.com."), "files.example.com")
  assert.strictEqual(parsePattern("*.Test"), "*.test")
  assert.strictEqual(parsePattern("*.Bücher.Example"), "*.xn--bcher-kva.example")
  for (const text of ["http://a", "a:1", "a*b", "*.", "", "a/b", "ä/b", "*.*.ä", "[::1]"])
    assert.isUndefined(parsePattern(text), text)
})
