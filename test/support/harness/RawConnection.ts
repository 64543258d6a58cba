/**
 * A TCP connection to the relay that a test reads and writes byte by byte.
 */
import * as net from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Watch } from "../Watch.ts"
import type { TestRelay } from "./TestRelay.ts"

/** A connection to the relay, byte by byte in the test's hands. */
export interface RawConnection {
  readonly write: (bytes: string | Uint8Array) => void
  /** Ends this side of the connection. */
  readonly end: () => void
  /** Breaks the connection with a reset. */
  readonly reset: () => void
  /** Reads no more, so that the other side's bytes pile up. */
  readonly pause: () => void
  readonly resume: () => void
  /** Everything that has come. */
  readonly received: () => Buffer
  /** Bytes that the other side has not taken yet and that wait in this process. */
  readonly unsent: () => number
  /** Waits until what has come `holds`, or contains a text (as Latin-1). */
  readonly until: (what: string | ((received: Buffer) => boolean)) => Effect.Effect<void>
  /** Waits until the other side ends the connection, and says how. */
  readonly closed: Effect.Effect<"end" | "reset">
  readonly isClosed: () => boolean
}

/** Connects to the relay. */
export const connect = (
  relay: Pick<TestRelay, "host" | "port">,
): Effect.Effect<RawConnection, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<net.Socket>((resolve, reject) => {
          const socket = net.connect({ host: relay.host, port: relay.port, allowHalfOpen: true })
          socket.once("error", reject)
          socket.once("connect", () => {
            socket.off("error", reject)
            resolve(socket)
          })
        }),
    ),
    (socket) => Effect.sync(() => socket.destroy()),
  ).pipe(Effect.map(rawConnection))

const rawConnection = (socket: net.Socket): RawConnection => {
  const chunks: Array<Buffer> = []
  const watch = new Watch()
  let how: "end" | "reset" | undefined
  const received = (): Buffer => Buffer.concat(chunks)
  socket.setNoDelay(true)
  socket.on("data", (chunk: Buffer) => {
    chunks.push(chunk)
    watch.changed()
  })
  const closed = (manner: "end" | "reset"): void => {
    how ??= manner
    watch.changed()
  }
  socket.on("end", () => closed("end"))
  socket.on("error", () => closed("reset"))
  return {
    write: (bytes) => {
      socket.write(bytes)
    },
    end: () => {
      socket.end()
    },
    reset: () => {
      socket.resetAndDestroy()
    },
    pause: () => {
      socket.pause()
    },
    resume: () => {
      socket.resume()
    },
    received,
    unsent: () => socket.writableLength,
    until: (what) =>
      Effect.promise(() =>
        typeof what === "string"
          ? watch.until(JSON.stringify(what), () => received().toString("latin1").includes(what))
          : watch.until("the right bytes come", () => what(received())),
      ),
    closed: Effect.promise(async () => {
      await watch.until("the other side ends the connection", () => how !== undefined)
      return how as "end" | "reset"
    }),
    isClosed: () => how !== undefined,
  }
}

/** Sends exact bytes, which should ask for `Connection: close`, and gives every byte that comes back. */
export const raw = (
  relay: Pick<TestRelay, "host" | "port">,
  bytes: string | Uint8Array,
): Effect.Effect<Buffer> =>
  Effect.scoped(
    Effect.gen(function* () {
      const connection = yield* connect(relay)
      connection.write(bytes)
      yield* connection.closed
      return connection.received()
    }),
  )
