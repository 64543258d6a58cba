/**
 * A server whose address is limited says so, and leaves the relay alone for as
 * long as it is asked to.
 */
import * as http from "node:http"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as IpInterface from "effect/net/IpInterface"
import * as IpNetwork from "effect/net/IpNetwork"
import * as Result from "effect/Result"
import { TestClock } from "effect/testing"
import { limited } from "../../../src/server/uplink/ListenError.ts"
import * as Harness from "../../support/Harness.ts"
import { listeningUrl } from "../../support/LocalServer.ts"

const loopback = IpNetwork.fromInterface(Result.getOrThrow(IpInterface.fromString("127.0.0.0/8")))

/** Something that answers 429 to everything. */
const refuser = Effect.gen(function* () {
  let asked = 0
  const server = http.createServer((_request, response) => {
    asked += 1
    response.writeHead(429, { "Retry-After": "50" }).end("slow down\n")
  })
  return { url: yield* listeningUrl(server), asked: () => asked }
})

describe("a server that is told 429", () => {
  for (const transport of ["classic", "stream"] as const) {
    it.effect(`logs the reason and waits as long as the relay asks for, by ${transport}`, () =>
      Effect.gen(function* () {
        const { asked, url } = yield* refuser
        const server = yield* Harness.serverAt(url, "demo", Harness.echo, { transport })
        yield* Harness.until("it is said", () => server.lines.length > 0)
        assert.match(
          server.lines[0] ?? "",
          /takes nothing more from this address for now \(429: .*\); trying again in 50 s$/,
        )
        const before = asked()
        yield* TestClock.adjust("49900 millis")
        yield* Harness.turns(50)
        assert.strictEqual(asked(), before)
        yield* Harness.advanceUntil("it tries again", () => asked() > before, "1 second")
        assert.strictEqual(server.lines.length, 1)
      }),
    )
  }

  it("understands both forms of Retry-After, and waits no longer than five minutes", () => {
    const now = Date.parse("2026-01-31T12:00:00Z")
    const wait = (field: string) => limited({ "retry-after": field }, "", now).retryMillis
    assert.strictEqual(wait("7"), 7_000)
    assert.strictEqual(wait("Sat, 31 Jan 2026 12:00:09 GMT"), 9_000)
    assert.strictEqual(wait("86400"), 300_000)
    for (const field of ["", "0", "soon", "Sat, 31 Jan 2026 11:59:59 GMT"])
      assert.isUndefined(wait(field))
  })
})

describe("a relay", () => {
  it.effect("tells when it will check keys of the address again", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ config: { trustedProxies: [loopback] } })
      const knock = (i: number) =>
        Harness.get(relay, `/7ZSFUKGV/http_listen/name-${i}`, [
          ["X-ApiKey", "guess"],
          ["X-Forwarded-For", "198.51.100.7"],
        ])
      for (let i = 0; i < 12; i++) yield* knock(i)
      yield* TestClock.adjust("18 seconds")
      const answer = yield* knock(12)
      assert.deepStrictEqual([answer.status, answer.header("retry-after")], [429, "42"])
    }),
  )
})
