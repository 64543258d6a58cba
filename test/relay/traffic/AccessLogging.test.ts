/**
 * The relay's access log in a file, while the relay runs.
 */
import { existsSync, readFileSync, renameSync } from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as IpInterface from "effect/net/IpInterface"
import * as IpNetwork from "effect/net/IpNetwork"
import * as Result from "effect/Result"
import * as Harness from "../../support/Harness.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const linesOf = (file: string): ReadonlyArray<string> =>
  existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : []

const loopback = IpNetwork.fromInterface(Result.getOrThrow(IpInterface.fromString("127.0.0.0/8")))

const untilOver = (relay: Harness.TestRelay) =>
  Harness.until("all requests are over", () =>
    [...relay.traffic.counters.values()].every(({ inFlight }) => inFlight === 0),
  )

describe("the relay's access log", () => {
  it.effect("has a line for each request, with the visitor that a trusted proxy names", () =>
    Effect.gen(function* () {
      const file = path.join(temporaryFolder(), "access.log")
      const relay = yield* Harness.relay({
        servers: ["demo"],
        config: { accessLog: "json", accessLogFile: file, trustedProxies: [loopback] },
      })
      yield* Harness.server(relay, "demo", Harness.echo)
      yield* Harness.get(relay, "/servers/demo/a?password=hush", [
        ["X-Forwarded-For", "192.0.2.1, 198.51.100.7"],
        ["Cookie", "hush"],
        ["Authorization", "hush"],
      ])
      yield* Harness.get(relay, "/nowhere")
      yield* untilOver(relay)
      yield* relay.stop
      const lines = linesOf(file)
      assert.deepStrictEqual(
        lines
          .map((line): Record<string, unknown> => JSON.parse(line))
          .map(({ address, code, server, status, target }) => ({
            address,
            code,
            server,
            status,
            target,
          })),
        [
          {
            address: "198.51.100.7",
            code: undefined,
            server: "demo",
            status: 200,
            target: "/servers/demo/a?password=***",
          },
          {
            address: "127.0.0.1",
            code: "PTTH_NOT_FOUND",
            server: undefined,
            status: 404,
            target: "/nowhere",
          },
        ],
      )
      assert.notInclude(lines.join(), "hush")
      assert.notInclude(lines.join(), Harness.keyOf("demo"))
    }),
  )

  it.effect("begins, moves and ends with the configuration, and a new file with SIGHUP", () =>
    Effect.gen(function* () {
      const folder = temporaryFolder()
      const [one, two, moved] = ["one", "two", "moved"].map((name) => path.join(folder, name))
      const relay = yield* Harness.relay()
      const ask = (target: string) => Effect.andThen(Harness.get(relay, target), untilOver(relay))
      const into = (accessLogFile: string | undefined) =>
        Effect.andThen(
          relay.change({
            config: { accessLog: accessLogFile === undefined ? "off" : "common", accessLogFile },
          }),
          Harness.turns(20),
        )
      yield* ask("/unlogged")
      yield* into(one)
      yield* ask("/first")
      yield* into(two)
      yield* ask("/second")
      process.emit("SIGHUP")
      yield* Harness.until("it is written", () => linesOf(`${two}`).length === 1)
      renameSync(`${two}`, `${moved}`)
      process.emit("SIGHUP")
      yield* ask("/third")
      yield* Harness.until(
        "the new file is written",
        () => existsSync(`${two}`) && linesOf(`${two}`).length === 1,
      )
      yield* into(undefined)
      yield* ask("/unlogged")
      yield* relay.stop
      const targets = [one, moved, two].map((file) =>
        linesOf(`${file}`).map((line) => line.split(" ")[6]),
      )
      assert.deepStrictEqual(targets, [["/first"], ["/second"], ["/third"]])
    }),
  )
})
