/**
 * What machines and networks do to relays that serve as one: a relay that is
 * killed, one that is frozen, a path that swallows everything, and an engine that
 * is frozen, killed and empty. No GET fails, and of the other requests at most
 * those that the lost relay had.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Harness from "../../support/Harness.ts"
import { RedisServer, program as redis, skipNote } from "../../support/RedisServer.ts"
import type { Visitors } from "../../support/Visitors.ts"
import { FaultyProxy } from "../FaultyProxy.ts"
import {
  deploy,
  load,
  type Machines,
  type MachinesOptions,
  machines,
  roll,
  visitServer,
} from "./Machines.ts"

/**
 * Three relays of which `a` and `b` have a server's links, and visitors at `c`,
 * whose requests all hop; the balancer of the machines is not used.
 */
const hops = Effect.fnUntraced(function* (more: Partial<MachinesOptions> = {}) {
  const cluster = yield* machines({ ids: ["a", "b", "c"], servers: ["app"], ...more })
  for (const id of ["a", "b"]) {
    const server = yield* Harness.serverAt(cluster.machine(id).url, "app", Harness.echo, {
      transport: "stream",
    })
    yield* Harness.until(`a server is connected to ${id}`, () =>
      server.lines.some((line) => line.startsWith("connected")),
    )
  }
  const visitors = visitServer(cluster.machine("c").url)
  yield* Harness.promised(() => visitors.more(20))
  return { cluster, visitors }
})

/** No GET has failed, and of the others at most one on each connection, each time. */
const failedOnlyInFlight = (visitors: Visitors, times: number): void => {
  const [gets, posts] = [
    visitors.failed.filter(({ kind }) => kind !== "kept POST"),
    visitors.failed.filter(({ kind }) => kind === "kept POST"),
  ]
  assert.deepStrictEqual(gets, [])
  assert.isAtMost(posts.length, times * load["kept POST"])
}

const again = async (cluster: Machines, id: string): Promise<void> => cluster.machine(id).start()

describe.skipIf(process.platform === "win32")("relays that serve as one", () => {
  it.live("fail no GET when one that has a server's links is killed", () =>
    Effect.gen(function* () {
      const { cluster, visitors } = yield* hops()
      yield* Harness.promised(async () => {
        for (const id of ["a", "b", "a"]) {
          await cluster.machine(id).kill()
          await visitors.more(20)
          await again(cluster, id)
          await visitors.more(20)
        }
        await visitors.stop()
      })
      failedOnlyInFlight(visitors, 3)
    }),
  )

  it.live("fail no GET when one that has a server's links is frozen", () =>
    Effect.gen(function* () {
      const { cluster, visitors } = yield* hops()
      yield* Harness.promised(async () => {
        cluster.machine("a").signal("SIGSTOP")
        await visitors.more(20)
        cluster.machine("a").signal("SIGCONT")
        await visitors.more(20)
        await visitors.stop()
      })
      failedOnlyInFlight(visitors, 1)
    }),
  )

  it.live("fail no GET when the path to one swallows everything, and when it is cut", () =>
    Effect.gen(function* () {
      const proxies = new Map<string, FaultyProxy>()
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          for (const proxy of proxies.values()) proxy.close()
        }),
      )
      const { visitors } = yield* hops({
        reach: async (id, port) => {
          const proxy = await FaultyProxy.before(port)
          proxies.set(id, proxy)
          return proxy.port
        },
      })
      const path = proxies.get("a")
      yield* Harness.promised(async () => {
        for (const weather of ["stalled", "half-open"] as const) {
          path?.set(weather)
          await visitors.more(20)
          path?.set("clear")
          await visitors.more(20)
        }
        for (const resets of [true, false]) {
          path?.cut(resets)
          await visitors.more(20)
        }
        await visitors.stop()
      })
      failedOnlyInFlight(visitors, 4)
    }).pipe(Effect.scoped),
  )

  it.live("lose no request while their key is changed, in three deploys", () =>
    Effect.gen(function* () {
      const cluster = yield* machines({ ids: ["a", "b", "c"], servers: ["app"] })
      const { changeKey, front, key } = cluster
      // At one machine, so that requests at the others hop.
      yield* Harness.serverAt(front.url, "app", Harness.echo, {
        transport: "stream",
        connections: 1,
      })
      const visitors = visitServer(front.url)
      const other = "another-key-of-the-cluster-that-is-long-enough"
      yield* Harness.promised(async () => {
        await visitors.more(20)
        for (const lines of [[key, other], [other, key], [other]]) {
          changeKey(...lines)
          await roll(cluster, visitors, 20)
        }
        await visitors.stop()
      })
      assert.deepStrictEqual(visitors.failed, [])
    }),
  )
})

describe.skipIf(redis === undefined)(`relays that find each other in Redis${skipNote}`, () => {
  it.live("lose no request in a deploy", () =>
    Effect.gen(function* () {
      const engine = yield* RedisServer.start()
      yield* deploy(Redacted.value(engine.url))
    }),
  )

  it.live("fail no request while it is frozen, killed, away in a deploy, and back and empty", () =>
    Effect.gen(function* () {
      const engine = yield* RedisServer.start()
      const cluster = yield* machines({
        ids: ["a", "b", "c"],
        servers: ["app"],
        engine: Redacted.value(engine.url),
      })
      yield* Harness.serverAt(cluster.front.url, "app", Harness.echo, { transport: "stream" })
      const visitors = visitServer(cluster.front.url)
      const more = Harness.promised(() => visitors.more(20))
      yield* more
      yield* engine.freeze
      yield* more
      yield* Harness.promised(() => roll(cluster, visitors, 20))
      yield* engine.thaw
      yield* more
      yield* engine.kill
      yield* more
      yield* Harness.promised(() => roll(cluster, visitors, 20))
      yield* engine.restart
      yield* more
      yield* Harness.promised(() => roll(cluster, visitors, 20))
      yield* Harness.promised(() => visitors.stop())
      assert.deepStrictEqual(visitors.failed, [])
    }),
  )
})
