/**
 * Starts a worker: this command again, with the same arguments, the listening
 * socket and an IPC channel. It is the leader of a process group of its own, so
 * that Ctrl+C in a terminal reaches the supervisor only.
 */
import { type ChildProcess, spawn } from "node:child_process"
import type { Socket } from "node:net"
import { isSea } from "node:sea"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { WorkerEnd, WorkerProcess } from "./Supervisor.ts"
import * as WorkerMessage from "./WorkerMessage.ts"

/** What all workers of a supervisor have in common. */
export interface SpawnOptions {
  readonly start: Omit<WorkerMessage.WorkerStart, "number">
  /** The descriptor of the listening socket. */
  readonly socket: number
  /** Called with each message, and the socket that came with it. */
  readonly onMessage: (message: WorkerMessage.FromWorker, socket: Socket | undefined) => void
}

/** A worker's process with its channel. */
export interface ChildWorker extends WorkerProcess {
  readonly send: (message: WorkerMessage.ToWorker, socket?: Socket) => void
  /** Sends SIGHUP, on which it opens its log files again. */
  readonly hangUp: () => void
}

/** Workers that still run; they do not survive a supervisor that exits at once. */
const running = new Set<ChildProcess>()
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})

const [, program = "", ...args] = process.argv

/** The arguments with which Node, or the single executable, runs this command again. */
const ownArguments = (): Array<string> => (isSea() ? args : [...process.execArgv, program, ...args])

/** Starts the worker with this number. */
export const spawnWorker = (
  { onMessage, socket, start }: SpawnOptions,
  number: number,
): ChildWorker => {
  const ready = Deferred.makeUnsafe<void>()
  const ended = Deferred.makeUnsafe<WorkerEnd>()
  const child = spawn(process.execPath, ownArguments(), {
    // By which the single executable knows the command that it implies.
    ...(isSea() ? { argv0: program } : {}),
    detached: true,
    stdio: ["ignore", "inherit", "inherit", "ipc", socket],
    env: {
      ...process.env,
      [WorkerMessage.startVariable]: WorkerMessage.formatStart({ ...start, number }),
    },
  })
  running.add(child)
  const end = (value: WorkerEnd): void => {
    running.delete(child)
    Deferred.doneUnsafe(ended, Effect.succeed(value))
  }
  child.once("exit", (code, signal) =>
    end({ code: code ?? undefined, signal: signal ?? undefined }),
  )
  // It could not be started, or a message could not be sent to one that is ending.
  child.on("error", () => {
    if (child.pid === undefined) end({ code: 1, signal: undefined })
  })
  child.on("message", (sent, handle) => {
    const message = WorkerMessage.fromWorker(sent)
    const socket = handle as Socket | undefined
    if (message === undefined) socket?.destroy()
    else onMessage(message, socket)
    if (message?.kind === "ready") Deferred.doneUnsafe(ready, Effect.void)
  })
  const send: ChildWorker["send"] = (message, socket) => {
    if (child.connected) child.send(message, socket, undefined, () => socket?.destroy())
    else socket?.destroy()
  }
  return {
    pid: child.pid ?? 0,
    ready: Deferred.await(ready),
    ended: Deferred.await(ended),
    stop: (reason) => send({ kind: "stop", replaced: reason === "replaced" }),
    kill: () => void child.kill("SIGKILL"),
    hangUp: () => void child.kill("SIGHUP"),
    send,
  }
}
