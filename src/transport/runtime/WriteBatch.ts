/**
 * Small writes to many connections, made one after the other at the end of
 * what brought them about. A receiver that hears of one message at a time
 * goes to sleep in between, and to wake it is most of what a write costs; of
 * those that follow each other closely only the first has to
 * (docs/performance.md has the figures).
 */
let depth = 0
let waiting: Array<() => void> = []

/** Has `write` made at the end of the batch; at once where there is none. */
export const add = (write: () => void): void => {
  if (depth === 0) write()
  else waiting.push(write)
}

/** Runs what may bring about many writes, then makes those; its result. */
export const during = <A>(run: () => A): A => {
  depth++
  try {
    return run()
  } finally {
    depth--
    if (depth === 0) makeAll()
  }
}

const makeAll = (): void => {
  const writes = waiting
  waiting = []
  for (const write of writes) write()
}
