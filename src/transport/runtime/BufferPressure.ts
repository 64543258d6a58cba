/**
 * Counts the memory of what sockets deliver. Each read allocates a buffer that
 * is soon garbage, but V8 sees only its small handle and lets the buffers
 * accumulate until a full collection. The process may register a callback that
 * frees them earlier, and one that tells it of traffic after a rest.
 */

/**
 * How many bytes are received between two calls of the callback. V8 counts dead
 * buffers as part of its old space: with 16 MiB between two calls it began a full
 * collection for every 30 to 40 MiB of a large body, with 8 MiB hardly ever.
 */
export const reliefBytes = 8 * 1024 * 1024

/** How many bytes count as traffic: more than the heartbeats of many links. */
export const trafficBytes = 64 * 1024

let onReached: (() => void) | undefined
let onTraffic: (() => void) | undefined
let total = 0
let reliefAt = reliefBytes
let trafficAt = Number.POSITIVE_INFINITY
/** The lesser of both. */
let next = reliefAt

/** Calls `collect`, from the event loop, after each {@link reliefBytes} received bytes. */
export const onPressure = (collect: () => void): void => {
  onReached = collect
}

/** Calls `call` once, when so many more bytes have been received. */
export const onNextTraffic = (call: () => void, bytes = trafficBytes): void => {
  onTraffic = call
  trafficAt = total + bytes
  next = Math.min(reliefAt, trafficAt)
}

/** Records that a socket has delivered so many bytes. */
export const count = (length: number): void => {
  total += length
  if (total >= next) reached()
}

const reached = (): void => {
  if (total >= trafficAt) {
    trafficAt = Number.POSITIVE_INFINITY
    onTraffic?.()
  }
  if (total >= reliefAt) {
    reliefAt = total + reliefBytes
    if (onReached !== undefined) setImmediate(onReached)
  }
  next = Math.min(reliefAt, trafficAt)
}
