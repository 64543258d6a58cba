/**
 * Counts the memory of what sockets deliver. Each read is a buffer of its own
 * that is dead a moment later, but V8 sees only its small handle and lets them
 * pile up until it collects everything there is. Whoever runs the process may
 * have something done about it in time.
 */

/** How many bytes come between two calls of the relief. */
export const reliefBytes = 16 * 1024 * 1024

let relieve: (() => void) | undefined
let bytes = 0

/** Has `relief` called again and again while large bodies pass, from the event loop itself. */
export const onPressure = (relief: () => void): void => {
  relieve = relief
}

/** A socket has delivered so many bytes. */
export const count = (length: number): void => {
  bytes += length
  if (bytes < reliefBytes) return
  bytes = 0
  if (relieve !== undefined) setImmediate(relieve)
}
