import { assert, it } from "@effect/vitest"
import { isConfidential, urlOf } from "../../src/domain/ListenAddress.ts"

it.each([
  ["http://127.0.0.1:4000", false],
  ["http://127.8.9.1", false],
  ["http://localhost:4000", false],
  ["http://[::1]:4000", false],
  ["https://r.example", false],
  ["http://r.example", true],
  ["http://192.168.1.2", true],
  ["http://127.0.0.1.evil.example", true],
  ["http://localhost.evil.example", true],
])("what is sent to %s can be read on the way: %s", (url, shows) => {
  assert.strictEqual(isConfidential(url), !shows)
})

it.each([
  ["0.0.0.0", "http", "http://127.0.0.1:4000"],
  ["::", "https", "https://[::1]:4000"],
  ["::1", "http", "http://[::1]:4000"],
  ["relay.example", "https", "https://relay.example:4000"],
] as const)("a listener at %s is reached by %s at %s", (host, scheme, url) => {
  assert.strictEqual(urlOf({ host, port: 4000 }, scheme), url)
})
