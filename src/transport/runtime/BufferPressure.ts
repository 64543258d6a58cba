/**
 * Counts the memory of what sockets deliver. Each read allocates a buffer that
 * is soon garbage, but V8 sees only its small handle and lets the buffers
 * accumulate until a full collection. The process may register a callback that
 * frees them earlier.
 */

/** How many bytes are received between two calls of the callback. */
export const reliefBytes = 16 * 1024 * 1024

let onReached: (() => void) | undefined
let bytes = 0

/** Calls `collect`, from the event loop, after each {@link reliefBytes} received bytes. */
export const onPressure = (collect: () => void): void => {
  onReached = collect
}

/** Records that a socket has delivered so many bytes. */
export const count = (length: number): void => {
  bytes += length
  if (bytes < reliefBytes) return
  bytes = 0
  if (onReached !== undefined) setImmediate(onReached)
}
