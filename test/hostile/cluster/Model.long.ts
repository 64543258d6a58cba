/**
 * The model test of `../Model.long.ts` with three relays that serve as one, each a
 * process, behind a load balancer, and two processes of one server: a crowd that
 * knows what it has to get, while a seeded nemesis kills, freezes, rolls and cuts
 * off relays and servers. No answer is wrong, mixed, or short and yet whole; no
 * POST reaches the application twice; nothing hangs; afterwards everything is
 * served at each relay within a few seconds.
 *
 * PTTH_STORM_SECONDS (60) is its length, PTTH_SEED (1) its seed.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Harness from "../../support/Harness.ts"
import { Seeded } from "../../support/Seeded.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"
import { CountingOrigin } from "../CountingOrigin.ts"
import { Crowd, pause } from "../Crowd.ts"
import { FaultyProxy } from "../FaultyProxy.ts"
import { Service, served } from "../Site.ts"
import { type Machine, machines } from "./Machines.ts"

const seconds = Number(process.env.PTTH_STORM_SECONDS ?? 60)
const seed = Number(process.env.PTTH_SEED ?? 1)
const visitors = 20
/** How long it may take at each relay until it serves when all is well again, in milliseconds. */
const againMillis = 5_000

const key = "PlaypenCausalPlatformCommodeImproveCatalyze"

const serverAt = (url: string, origin: CountingOrigin): Service => {
  const folder = temporaryFolder()
  writeFileSync(
    join(folder, "ptth_server.toml"),
    `name = "app"\napi_key = "${key}"\nrelay_url = "${url}"\n` +
      `to = "http://127.0.0.1:${origin.port}"\n`,
    { mode: 0o600 },
  )
  return new Service(["server"], folder)
}

describe.skipIf(process.platform === "win32")("three relays under a nemesis", () => {
  it.live(
    `answer rightly or say so for ${seconds} s, seed ${seed}`,
    () =>
      Effect.gen(function* () {
        const random = new Seeded(seed)
        const paths = new Map<string, FaultyProxy>()
        const origin = yield* Harness.promised(() => CountingOrigin.start())
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            origin.close()
            for (const path of paths.values()) path.close()
          }),
        )
        const cluster = yield* machines({
          ids: ["a", "b", "c"],
          servers: ["app"],
          keyOf: () => key,
          reach: async (id, port) => {
            const path = await FaultyProxy.before(port)
            paths.set(id, path)
            return path.port
          },
        })
        const { front } = cluster
        const servers = [serverAt(front.url, origin), serverAt(front.url, origin)]
        yield* Harness.promised(() => served(`${front.url}/servers/app`, 20_000))
        const crowd = new Crowd(`${front.url}/servers/app`, random, 1_000)
        const done: Array<string> = []

        const restart = async (machine: Machine, end: () => Promise<void>): Promise<void> => {
          await end()
          front.targets.delete(machine)
          await pause(random.int(0, 2_000))
          await machine.start()
          front.targets.add(machine)
        }

        const nemesis = async (): Promise<void> => {
          const machine = random.pick(["a", "b", "c"] as const)
          const relay = cluster.machine(machine)
          const server = random.pick([servers[0] as Service, servers[1] as Service])
          const path = paths.get(machine)
          const what = random.pick([
            "relay killed",
            "relay rolled",
            "relay frozen",
            "path cut",
            "path stalled",
            "path half-open",
            "server killed",
            "server restarted",
          ])
          done.push(what)
          const millis = random.int(200, 4_000)
          switch (what) {
            case "relay killed":
              return restart(relay, () => relay.kill())
            case "relay rolled":
              return restart(relay, () => relay.drain(front))
            case "relay frozen":
              relay.signal("SIGSTOP")
              await pause(millis)
              return relay.signal("SIGCONT")
            case "path cut":
              return path?.cut(true)
            case "path stalled":
            case "path half-open":
              path?.set(what === "path stalled" ? "stalled" : "half-open")
              await pause(millis)
              return path?.set("clear")
            case "server killed":
              await server.end("SIGKILL")
              await pause(millis / 4)
              return server.begin()
            default:
              await server.end("SIGTERM")
              return server.begin()
          }
        }

        const again: Array<number> = []
        yield* Harness.promised(async () => {
          crowd.start(visitors)
          const end = performance.now() + seconds * 1_000
          while (performance.now() < end) {
            await pause(random.int(50, 800))
            await nemesis()
          }
          for (const { url } of cluster.machines)
            again.push(await served(`${url}/servers/app`, 20_000))
          await crowd.stop()
        })
        process.stdout.write(
          `${JSON.stringify([...crowd.outcomes])} ${done.length} faults: ${[...new Set(done)].join(", ")}\n` +
            `served again after ${again.map(Math.round).join(", ")} ms\n`,
        )
        assert.deepStrictEqual([...crowd.complaints], [])
        for (const [n, count] of origin.posts) assert.isAtMost(count, 1, `POST ${n}`)
        for (const millis of again) assert.isBelow(millis, againMillis)
      }).pipe(Effect.scoped),
    (seconds + 240) * 1_000,
  )
})
