/**
 * How far V8 lets memory grow, and who collects it. A tunnel makes much garbage and keeps little;
 * by V8's own rules the heap would become several times as large as what is
 * in use, and the buffers of a large body would pile up to 64 MiB and more
 * before they are looked at (docs/performance.md has the figures).
 */
import { availableParallelism } from "node:os"
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { onPressure } from "../transport/runtime/BufferPressure.ts"

/** How large the space of new objects may become, in bytes; far below it collecting costs too much. */
const newSpace = 16 * 1024 * 1024

/**
 * By how much the rest may grow between two collections, in percent. Buffers
 * count here, which come and go by tens of mebibytes: at 15 all of the heap
 * was collected ten times a second while a large body passed; at 100 the relay
 * took 20 MiB more under load, and was no faster.
 */
const growthPercent = 50

/** How many bytes of buffers may come on top of the living ones before the dead ones are freed. */
const buffers = 32 * 1024 * 1024

/**
 * On so few processors V8's helpers only take time from the loop, which waits
 * for them, or from the other end of the tunnel: these heaps are small enough
 * for the loop itself.
 */
const fewProcessors = 2
const withoutHelpers = [
  "--no-parallel-scavenge",
  "--no-concurrent-array-buffer-sweeping",
  "--concurrent-marking-max-worker-num=1",
]

const watchMillis = 200

type Collect = (options: { readonly type: "minor" }) => void

/** Applies the policy to this process. */
export const apply = (): void => {
  setFlagsFromString(`--heap-growing-percent=${growthPercent}`)
  // A hundred requests that last teach V8 that requests last: it makes the next ones in the old
  // space, where each keeps what it refers to until all of the heap is collected.
  setFlagsFromString("--no-allocation-site-pretenuring")
  if (availableParallelism() <= fewProcessors)
    for (const flag of withoutHelpers) setFlagsFromString(flag)
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as Collect
  onPressure(() => collect({ type: "minor" }))
  let grows = true
  let living = 0
  const watch = (): void => {
    const now = getHeapStatistics().external_memory
    living = Math.min(living, now)
    if (now > living + buffers) {
      collect({ type: "minor" })
      living = getHeapStatistics().external_memory
    }
    const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")
    // V8 makes it small when nothing happens for a while; then it is to grow again.
    const isSmall = space !== undefined && space.space_size < newSpace
    if (isSmall === grows) return
    grows = isSmall
    setFlagsFromString(`--semi-space-growth-factor=${grows ? 2 : 1}`)
  }
  setInterval(watch, watchMillis).unref()
}
