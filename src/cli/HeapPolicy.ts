/**
 * How far V8 lets the heap grow. A tunnel makes much garbage and keeps little;
 * by V8's own rules the heap would become several times as large as what is
 * in use (docs/performance.md has the figures).
 */
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8"

/** How large the space of new objects may become, in bytes; below it collecting costs too much. */
const newSpace = 24 * 1024 * 1024

/** By how much the rest may grow between two collections, in percent. */
const growthPercent = 15

const watchMillis = 250

/** Applies the policy to this process. */
export const apply = (): void => {
  setFlagsFromString(`--heap-growing-percent=${growthPercent}`)
  const timer = setInterval(() => {
    const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")
    if (space !== undefined && space.space_size < newSpace) return
    setFlagsFromString("--semi-space-growth-factor=1")
    clearInterval(timer)
  }, watchMillis)
  timer.unref()
}
