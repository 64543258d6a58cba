/**
 * The long run, on demand: `npm run soak`, or with PTTH_SOAK_MINUTES (30). A small
 * crowd and a link that is cut now and then; memory and handles must not grow
 * from the second quarter to the last.
 */
import { assert, describe, it, onTestFinished } from "@effect/vitest"
import { Seeded } from "../support/Seeded.ts"
import { Crowd, pause } from "./Crowd.ts"
import { unseen } from "./Process.ts"
import * as Site from "./Site.ts"

const minutes = Number(process.env.PTTH_SOAK_MINUTES ?? 0)
const reason = unseen ?? (minutes > 0 ? undefined : "only when PTTH_SOAK_MINUTES says how long")
const visitors = 8
const restMillis = 40
const lookMillis = 5_000
const cutEvery = 4
/** What a quarter's peak may be above that of an earlier one. */
const most = { memory: 24, handles: 12 }

describe.skipIf(reason !== undefined)(
  `the long run${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    it(
      `of ${minutes} minutes leaves memory and handles flat`,
      async () => {
        const random = new Seeded(1)
        const site = await Site.start('idle_timeout = "8 s"')
        onTestFinished(site.close)
        const crowd = new Crowd(site.base, random, 1_000)
        crowd.start(visitors, restMillis)
        const programs = [site.relay, ...site.servers].map(({ now }) => now)
        const looks = programs.map(() => [] as Array<{ memory: number; handles: number }>)
        const end = performance.now() + minutes * 60_000
        for (let i = 1; performance.now() < end; i++) {
          await pause(lookMillis)
          for (const [at, one] of programs.entries())
            looks[at]?.push({ memory: one.memory(), handles: one.handles() })
          if (i % cutEvery === 0) site.proxies[random.int(0, 1)]?.cut(random.chance(0.5))
        }
        await crowd.stop()
        assert.deepStrictEqual(crowd.complaints, [])
        process.stdout.write(`${JSON.stringify([...crowd.outcomes])}\n`)
        for (const [at, all] of looks.entries()) {
          const peak = (quarter: number, what: "memory" | "handles"): number => {
            const size = Math.floor(all.length / 4)
            return Math.max(
              ...all.slice(quarter * size, (quarter + 1) * size).map((one) => one[what]),
            )
          }
          for (const what of ["memory", "handles"] as const) {
            const quarters = [0, 1, 2, 3].map((quarter) => Math.round(peak(quarter, what)))
            process.stdout.write(
              `${["relay", "server", "server"][at]} ${what}: ${quarters.join(", ")}\n`,
            )
            assert.isAtMost(peak(3, what), peak(1, what) + most[what])
          }
        }
      },
      (minutes + 3) * 60_000,
    )
  },
)
