/**
 * The long half of visitors who mean harm: many at once, for longer.
 */
import { spawnSync } from "node:child_process"
import * as net from "node:net"
import { assert, describe, it, onTestFinished } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Harness from "../support/Harness.ts"
import { RawHttp } from "../support/RawHttp.ts"
import { type RelayProgram, relayProgram, relayToml, unseen } from "./Process.ts"

const serves = async (relay: RelayProgram): Promise<void> => {
  const visitor = await RawHttp.connect(relay)
  await visitor.send("GET /servers/app/fine HTTP/1.1", [["Host", "app.test"]])
  assert.strictEqual((await visitor.readResponse()).status, 200)
  visitor.socket.destroy()
}

interface Crowd {
  readonly sockets: ReadonlyArray<net.Socket>
  readonly open: () => number
  /** Resolves once all of them are closed. */
  readonly gone: Promise<void>
}

/** So many connections, a few hundred at a time. */
const crowd = async (relay: RelayProgram, count: number): Promise<Crowd> => {
  const sockets: Array<net.Socket> = []
  const gone = Promise.withResolvers<void>()
  let closed = 0
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(500, count - sockets.length) }, () => {
      const socket = net.connect(relay.port, relay.host).resume()
      socket.on("error", () => {})
      socket.on("close", () => {
        closed += 1
        if (closed === count) gone.resolve()
      })
      return socket
    })
    await Promise.all(
      some.map((socket) => new Promise((resolve) => socket.once("connect", resolve))),
    )
    sockets.push(...some)
  }
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  return { sockets, open: () => sockets.length - closed, gone: gone.promise }
}

const handles = Number(spawnSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).stdout)
const reason =
  unseen ?? (handles < 12_000 ? `no more than ${handles} handles are allowed` : undefined)

describe.skipIf(reason !== undefined)(
  `many visitors who mean harm${reason === undefined ? "" : ` (skipped: ${reason})`}`,
  () => {
    it.live("10,000 idle connections: others are served, and every handle comes back", () =>
      Effect.gen(function* () {
        const relay = yield* Harness.promised(() => relayProgram(relayToml(["app"])))
        yield* Harness.serverAt(relay.url, "app", Harness.echo, { transport: "stream" })
        yield* Harness.promised(() => serves(relay))
        const before = { memory: relay.memory(), handles: relay.handles() }
        const { open, sockets } = yield* Harness.promised(() => crowd(relay, 8_000))
        for (const socket of sockets.slice(0, 4_000))
          socket.write("GET /servers/app/once HTTP/1.1\r\nHost: a\r\n\r\n")
        const more = yield* Harness.promised(() => crowd(relay, 2_000))
        yield* Harness.promised(() => serves(relay))
        assert.isAbove(relay.handles() - before.handles, 9_900)
        assert.isBelow(relay.memory() - before.memory, 96)
        for (const socket of [...sockets, ...more.sockets]) socket.destroy()
        yield* Harness.until("they are gone here", () => open() + more.open() === 0)
        yield* Harness.until("they are gone there", () => relay.handles() < before.handles + 10)
        yield* Harness.promised(() => serves(relay))
      }),
    )

    it.live(
      "2,000 heads that come drop by drop are given up, and others are served meanwhile",
      () =>
        Effect.gen(function* () {
          const relay = yield* Harness.promised(() => relayProgram(relayToml(["app"])))
          yield* Harness.serverAt(relay.url, "app", Harness.echo, { transport: "stream" })
          yield* Harness.promised(async () => {
            await serves(relay)
            const before = relay.memory()
            const { gone, sockets } = await crowd(relay, 2_000)
            for (const [n, socket] of sockets.entries())
              if (n % 2 === 0) socket.write("GET /servers/app/slow HTTP/1.1\r\nHost: a\r\nX: ")
            const visits: Array<Promise<void>> = []
            const drops = setInterval(() => {
              for (const [n, socket] of sockets.entries()) if (n % 2 === 0) socket.write("x")
              visits.push(serves(relay))
            }, 1_000)
            onTestFinished(() => clearInterval(drops))
            await gone
            clearInterval(drops)
            assert.isNotEmpty(visits)
            await Promise.all(visits)
            assert.isBelow(relay.memory() - before, 128)
          })
        }),
    )
  },
)
