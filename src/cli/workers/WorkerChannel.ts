/**
 * A worker's end of the IPC channel to its supervisor.
 */
import type { Socket } from "node:net"
import * as WorkerMessage from "./WorkerMessage.ts"

type Listener = (message: WorkerMessage.ToWorker, socket: Socket | undefined) => void

/** See the file's header. */
export interface WorkerChannel {
  readonly send: (message: WorkerMessage.FromWorker, socket?: Socket) => void
  /** Calls the listener for each message; with a socket if it came with one. */
  readonly listen: (listener: Listener) => void
  /** Calls the listener when the supervisor is gone. */
  readonly onGone: (listener: () => void) => void
}

/** How often a worker that has sent sockets checks whether the supervisor is gone, in milliseconds. */
const checkMillis = 1_000

/**
 * Has Node not count the connection for the server that accepted it once it is
 * passed on: the server would not close before the other process does.
 */
const detach = (socket: Socket & { server?: unknown }): void => {
  socket.server = undefined
}

/** The channel of this process; `undefined` if no supervisor started it. */
export const ofProcess = (): WorkerChannel | undefined => {
  if (process.send === undefined) return undefined
  const send = process.send.bind(process)
  const listeners: Array<Listener> = []
  let onGone = (): void => {}
  let check: NodeJS.Timeout | undefined
  const gone = (): void => {
    clearInterval(check)
    onGone()
  }
  const onMessage = (sent: unknown, handle: unknown): void => {
    const message = WorkerMessage.toWorker(sent)
    const socket = handle as Socket | undefined
    if (message === undefined) socket?.destroy()
    else for (const listener of listeners) listener(message, socket)
  }
  return {
    send: (message, socket) => {
      // The supervisor may be gone; `onGone` ends this process then.
      if (!process.connected) return void socket?.destroy()
      if (socket !== undefined) {
        detach(socket)
        // Until the supervisor acknowledges a socket, Node emits no `disconnect` if it dies.
        check ??= setInterval(() => process.connected || gone(), checkMillis).unref()
      }
      send(message, socket, undefined, () => socket?.destroy())
    },
    listen: (listener) => {
      listeners.push(listener)
      // Not before: Node keeps messages until then.
      if (listeners.length === 1) process.on("message", onMessage)
    },
    onGone: (listener) => {
      onGone = listener
      process.once("disconnect", gone)
    },
  }
}
