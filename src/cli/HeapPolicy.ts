/**
 * V8 settings for heap size and garbage collection. A tunnel allocates much and
 * retains little. With V8's defaults the heap grows to several times the live
 * size, and unused buffers of a large body reach 64 MiB and more before they are
 * collected (figures in docs/performance.md).
 */
import { availableParallelism } from "node:os"
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { onNextTraffic, onPressure } from "../transport/runtime/BufferPressure.ts"

/** Maximum size of the new space in bytes; with much less, collections cost too much. */
const newSpace = 16 * 1024 * 1024

/**
 * Growth of the old space between two full collections, in percent. Buffers
 * count here, and tens of mebibytes of them come and go: with 15 there were ten
 * full collections a second during a large body; with 100 the relay used 20 MiB
 * more under load and was no faster.
 */
const growthPercent = 50

/** Bytes of buffers allocated beyond the live ones before a collection frees the dead ones. */
const maxDeadBuffers = 32 * 1024 * 1024

/**
 * With this few processors, V8's helper threads only take time from the event
 * loop, which waits for them, or from the other end of the tunnel.
 */
const fewProcessors = 2

/**
 * During the start no machine has helpers: what they could help with is small, and V8 takes
 * compiled code only with the flags that it was compiled with.
 */
const withoutHelpers = ["--no-parallel-scavenge", "--no-concurrent-array-buffer-sweeping"]
const fewHelpers = ["--concurrent-marking-max-worker-num=1"]
const withHelpers = ["--parallel-scavenge", "--concurrent-array-buffer-sweeping"]

/** How often memory is checked, in milliseconds. */
const watchMillis = 200

/** The same while the process is idle; traffic ends that at once. */
const idleMillis = 15_000

/** The process is idle if its memory changes by less than this between two checks, in bytes. */
const idleChange = 1024 * 1024

/**
 * The start is over after an interval in which the process has used little processor time, since a
 * busy machine may take seconds for it, or at the latest after this long; traffic ends it at once.
 * In milliseconds.
 */
const startInterval = 500
const startIdle = 20
const maxStart = 10_000

/** Bytes of a hundred short requests. */
const firstTraffic = 16 * 1024

type Collect = (options: { readonly type: "minor" }) => void

let collector: Collect | undefined

/** Frees dead buffers. The context that has V8's function for it takes memory, so it is made by the first call. */
const collect = (): void => {
  if (collector === undefined) {
    setFlagsFromString("--expose-gc")
    collector = runInNewContext("gc") as Collect
  }
  collector({ type: "minor" })
}

/** Processor time of this process, in milliseconds. */
const processorMillis = (): number => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1000
}

/**
 * Applies the policy to this process, which `bin.ts` has set up for its start.
 *
 * @param onStarted is called once the start is over, before V8's flags change
 */
export const apply = (onStarted: () => void = () => {}): void => {
  setFlagsFromString(`--heap-growing-percent=${growthPercent}`)
  // A hundred long requests make V8 pretenure: it then allocates all requests in the old space,
  // where each retains its references until the next full collection.
  setFlagsFromString("--no-allocation-site-pretenuring")
  for (const flag of withoutHelpers) setFlagsFromString(flag)
  onPressure(collect)
  let isStarting = true
  let grows = true
  let live = 0
  let used = 0
  let timer: NodeJS.Timeout | undefined
  const watchAfter = (millis: number): void => {
    clearTimeout(timer)
    timer = setTimeout(watch, millis).unref()
  }
  const endStart = (): void => {
    if (!isStarting) return
    isStarting = false
    onStarted()
    setFlagsFromString("--semi-space-growth-factor=2")
    const helpers = availableParallelism() <= fewProcessors ? fewHelpers : withHelpers
    for (const flag of helpers) setFlagsFromString(flag)
  }
  const onTraffic = (): void => {
    endStart()
    watchAfter(watchMillis)
  }
  const watch = (): void => {
    const { external_memory: external, used_heap_size } = getHeapStatistics()
    const isIdle = Math.abs(used_heap_size + external - used) < idleChange
    used = used_heap_size + external
    watchAfter(isIdle ? idleMillis : watchMillis)
    if (isIdle && !isStarting) onNextTraffic(onTraffic)
    live = Math.min(live, external)
    if (external > live + maxDeadBuffers) {
      collect()
      live = getHeapStatistics().external_memory
    }
    const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")
    // V8 shrinks the new space when idle; then it must be allowed to grow again.
    const isSmall = space !== undefined && space.space_size < newSpace
    if (isStarting || isSmall === grows) return
    grows = isSmall
    setFlagsFromString(`--semi-space-growth-factor=${grows ? 2 : 1}`)
  }
  const endStartOnceIdle = (before: number): void => {
    const used = processorMillis()
    if (used - before < startIdle || performance.now() > maxStart) endStart()
    else if (isStarting) setTimeout(endStartOnceIdle, startInterval, used).unref()
  }
  setTimeout(endStartOnceIdle, startInterval, 0).unref()
  onNextTraffic(onTraffic, firstTraffic)
  watchAfter(watchMillis)
}
