/**
 * Collects small writes to several connections and makes them together at the
 * end of the event that caused them. Waking a receiver that sleeps is most of
 * the cost of a write; if writes follow each other closely, only the first has
 * to wake it (docs/performance.md has the figures).
 */
let depth = 0
let writes: Array<() => void> = []

/** Calls `write` at the end of the current batch; at once if there is none. */
export const add = (write: () => void): void => {
  if (depth === 0) write()
  else writes.push(write)
}

/** Runs `run` as a batch, or as part of the current one; its result. */
export const during = <A>(run: () => A): A => {
  depth++
  try {
    return run()
  } finally {
    depth--
    if (depth === 0) flush()
  }
}

const flush = (): void => {
  const batch = writes
  writes = []
  for (const write of batch) write()
}
