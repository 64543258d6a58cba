/**
 * A process of its own under the heap's policy: says as JSON how large the
 * space of new objects was after work, after it was collected as in a long
 * rest, and after work again; in MiB.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { apply } from "../../src/cli/HeapPolicy.ts"

apply()
setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as (options: object) => void

const size = (): number =>
  (getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.space_size ?? 0) /
  2 ** 20

/** Makes garbage, and keeps some of it for a while, until the space is large and the policy has had the time to see it, or it has been tried for long enough. */
const work = (): Promise<number> =>
  new Promise((resolve) => {
    const kept: Array<unknown> = []
    const seen = performance.now() + 1_000
    let made = 0
    const turn = (): void => {
      for (let i = 0; i < 500; i++) kept[made++ % 20_000] = new Array(20).fill(made)
      const isDone = size() >= 16 && performance.now() > seen
      if (!isDone && made < 20_000_000) setImmediate(turn)
      else resolve(size())
    }
    turn()
  })

const first = await work()
collect({ type: "major", flavor: "last-resort" })
const rested = size()
const second = await work()
console.log(JSON.stringify({ first, rested, second }))
