/**
 * A model test with real processes: a crowd that knows what it has to get, while
 * a seeded nemesis kills, stops, restarts, cuts, stalls, slows and reloads. No
 * answer is wrong, mixed, or short and yet whole; no POST reaches the application
 * twice; nothing hangs; afterwards requests are served within two seconds,
 * WebSockets once a server tries stream again, and nothing is held.
 *
 * PTTH_STORM_SECONDS (60) is its length, PTTH_SEED (1) its seed.
 */
import { assert, describe, it } from "@effect/vitest"
import { Seeded } from "../support/Seeded.ts"
import { Crowd, pause } from "./Crowd.ts"
import { unseen } from "./Process.ts"
import * as Site from "./Site.ts"

const seconds = Number(process.env.PTTH_STORM_SECONDS ?? 60)
const seed = Number(process.env.PTTH_SEED ?? 1)
const visitors = 30
const calmMillis = 2_000
/** Within so long a server that has fallen back to classic tries stream again: its waits double from 5 s, and the last one began in the storm. */
const streamMillis = 2_000 * Math.max(10, seconds)
/** Bytes that stay with a process that has worked, in MiB. */
const mostGrowth = 64

describe.skipIf(unseen !== undefined)("real processes under a nemesis", () => {
  it(
    `answer rightly or say so for ${seconds} s, seed ${seed}`,
    async () => {
      const random = new Seeded(seed)
      const site = await Site.start('idle_timeout = "8 s"')
      const crowd = new Crowd(site.base, random, 1_000)
      const done: Array<string> = []

      const nemesis = async (): Promise<void> => {
        const which = random.int(0, 1)
        const server = site.servers[which] as Site.Service
        const proxy = site.proxies[which] as Site.Site["proxies"][0]
        const what = random.pick([
          "kill",
          "stop",
          "restart",
          "cut",
          "reset",
          "stalled",
          "half-open",
          "slow",
          "relay killed",
          "relay restarted",
          "relay stopped",
          "reload",
        ])
        done.push(what)
        const millis = random.int(200, 3_000)
        switch (what) {
          case "kill":
            await server.end("SIGKILL")
            await pause(millis)
            return server.begin()
          case "restart":
            await server.end("SIGTERM")
            return server.begin()
          case "stop":
          case "relay stopped": {
            const { child } = (what === "stop" ? server : site.relay).now.running
            child.kill("SIGSTOP")
            await pause(millis)
            child.kill("SIGCONT")
            return
          }
          case "cut":
          case "reset":
            return proxy.cut(what === "reset")
          case "stalled":
          case "half-open":
          case "slow":
            proxy.set(what)
            await pause(2 * millis)
            return proxy.set("clear")
          case "relay killed":
            await site.relay.end("SIGKILL")
            return site.relay.begin()
          case "relay restarted":
            await site.relay.end("SIGTERM")
            return site.relay.begin()
          default:
            return site.configure(`max_queue = ${random.int(200, 300)}`)
        }
      }

      crowd.start(visitors)
      const end = performance.now() + seconds * 1_000
      while (performance.now() < end) {
        await pause(random.int(50, 800))
        await nemesis()
      }
      const again = await Site.served(site.base, 10_000)
      const open = await Site.carriesWebSockets(site.base, streamMillis)
      await crowd.stop()
      const programs = [site.relay, ...site.servers].map(({ now }) => now)
      const look = () => programs.map((one) => ({ handles: one.handles(), memory: one.memory() }))

      // From here on nothing goes wrong: what is held must be what was held before.
      await pause(calmMillis)
      const before = look()
      const calm = new Crowd(site.base, random, 10_000_000)
      calm.start(visitors)
      await pause(3 * calmMillis)
      await calm.stop()
      await pause(2 * calmMillis)
      const after = look()
      for (const one of programs) assert.isFalse(one.hasEnded(), one.said())

      process.stdout.write(
        `${JSON.stringify([...crowd.outcomes])} ${done.length} faults: ${[...new Set(done)].join(", ")}\n` +
          `served again after ${Math.round(again)} ms, WebSockets after ${Math.round(again + open)} ms; then ${JSON.stringify([...calm.outcomes])}\n` +
          `${JSON.stringify(before)}\n${JSON.stringify(after)}\n`,
      )
      assert.deepStrictEqual([...crowd.complaints, ...calm.complaints], [])
      for (const [n, count] of site.origin.posts) assert.isAtMost(count, 1, `POST ${n}`)
      assert.isBelow(again, 2_000)
      assert.deepStrictEqual([...calm.outcomes.keys()], ["right"])
      for (const [i, { handles, memory }] of after.entries()) {
        assert.isAtMost(handles, (before[i]?.handles ?? 0) + 10)
        assert.isBelow(memory - (before[i]?.memory ?? 0), mostGrowth)
      }
      site.close()
    },
    (seconds + 1_200) * 1_000,
  )
})
