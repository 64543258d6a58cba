/**
 * Refuses connections before the process runs out of file handles, and says so
 * in the log. Without this limit, Node accepts and closes them without telling
 * anybody, and nothing else can open a file either.
 */
import { readdirSync, readFileSync } from "node:fs"
import type { Server } from "node:net"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { entry } from "../../domain/ErrorRegistry.ts"

/** The most handles that are left for files, logs and the administrator. */
const maxReserve = 64

/** Which part of all handles is left for them, if that is less. */
const reservePart = 1 / 8

/** How often it is logged how many connections were refused, in milliseconds. */
export const reminderMillis = 60_000

/** How many files and sockets a process may have open, and has. */
export interface FileHandles {
  readonly limit: number
  readonly open: number
}

/** The soft limit in a text as of /proc/self/limits (proc(5)); `undefined` if there is none. */
export const limitIn = (text: string): number | undefined => {
  const limit = /^Max open files +(\d+) /m.exec(text)?.[1]
  return limit === undefined ? undefined : Number(limit)
}

/** The handles of this process; `undefined` where the system does not tell, as outside of Linux. */
const ownHandles = (): FileHandles | undefined => {
  try {
    const limit = limitIn(readFileSync("/proc/self/limits", "utf8"))
    return limit === undefined ? undefined : { limit, open: readdirSync("/proc/self/fd").length }
  } catch {
    return undefined
  }
}

/** How many connections a listener may have at once. */
export const mostConnections = ({ limit, open }: FileHandles): number =>
  Math.max(1, limit - open - Math.min(maxReserve, Math.ceil(limit * reservePart)))

/** Logs the first refusal, then once a minute how many there were, until there are no more. */
const logRefusals = Effect.fnUntraced(function* (
  limit: number,
  maxConnections: number,
  takeCount: () => number,
) {
  let total = takeCount()
  yield* Effect.logError(
    `PTTH_NO_FILE_HANDLES: connections are refused: ${maxConnections} are open, and this process may open ${limit} files and sockets in all. ${entry("PTTH_NO_FILE_HANDLES").remedy}`,
  )
  for (;;) {
    yield* Effect.sleep(reminderMillis)
    const count = takeCount()
    total += count
    if (count === 0) break
    yield* Effect.logError(`PTTH_NO_FILE_HANDLES: ${count} connections were refused in a minute`)
  }
  yield* Effect.logInfo(`connections are accepted again; refused in all: ${total}`)
})

/**
 * Limits the connections of a listener while the Scope is open.
 *
 * @param handles those of this process by default
 */
export const install = Effect.fn("ConnectionLimit.install")(function* (
  server: Server,
  handles: FileHandles | undefined = ownHandles(),
): Effect.fn.Return<void, never, Scope.Scope> {
  if (handles === undefined) return
  const maxConnections = mostConnections(handles)
  server.maxConnections = maxConnections
  const run = Effect.runForkWith(yield* Effect.context<never>())
  let count = 0
  let logging: Fiber.Fiber<void> | undefined
  const takeCount = (): number => {
    const total = count
    count = 0
    return total
  }
  const onDrop = (): void => {
    count += 1
    if (logging !== undefined) return
    logging = run(logRefusals(handles.limit, maxConnections, takeCount))
    logging.addObserver(() => {
      logging = undefined
    })
  }
  server.on("drop", onDrop)
  yield* Effect.addFinalizer(() => {
    server.off("drop", onDrop)
    return logging === undefined ? Effect.void : Fiber.interrupt(logging)
  })
})
