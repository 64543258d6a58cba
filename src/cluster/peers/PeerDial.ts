/**
 * Keeps a connection to one address: connects, and connects again after it was
 * lost, at growing intervals.
 */
import type { Duplex } from "node:stream"
import type { Deadline, Deadlines } from "../../transport/runtime/Deadlines.ts"
import type { PeerConnection } from "./PeerConnection.ts"
import type { PeerNetwork } from "./PeerNetwork.ts"

/** The first and the longest pause between two attempts, in milliseconds. */
const firstPause = 200
const longestPause = 2_000

/** How long a connection must have lasted for the next pause to be the first again, in milliseconds. */
const steadyMillis = 10_000

/** What a dial needs. */
export interface PeerDialOptions {
  readonly at: string
  readonly network: PeerNetwork
  readonly deadlines: Deadlines
  /** Runs a connection that was made; `onClosed` is to be called when it is lost. */
  readonly open: (socket: Duplex, dial: PeerDial) => PeerConnection
  /** An attempt failed. */
  readonly onFailed: (detail: string) => void
}

/** See the file's header. */
export class PeerDial {
  readonly at: string
  /** The connection, or `undefined` between two. */
  connection: PeerConnection | undefined
  /** The id of who answered last. */
  id: string | undefined
  /** Whether the membership has this address; others were learnt from those who connected. */
  isMember = false
  /** Why the last attempt failed, since it was last connected. */
  failure: string | undefined
  /** Whether it has been logged that it does not answer. */
  isReported = false
  /** Since when it does not answer, in monotonic milliseconds. */
  failingSince: number | undefined
  private readonly options: PeerDialOptions
  private pause = firstPause
  private timer: Deadline | undefined
  private cancelConnect: (() => void) | undefined
  /** When the other end has last said who it is, in monotonic milliseconds. */
  private greetedAt = Number.POSITIVE_INFINITY
  private isStopped = false
  private isResting = false

  constructor(options: PeerDialOptions) {
    this.options = options
    this.at = options.at
  }

  /** Connects, unless that was done. */
  start(): void {
    if (this.isStopped || this.connection !== undefined || this.cancelConnect !== undefined) return
    this.timer?.clear()
    this.timer = undefined
    const { at, network } = this.options
    this.cancelConnect = network.connect(at, (socket) => {
      this.cancelConnect = undefined
      if ("detail" in socket) return this.failed(socket.detail)
      if (this.isStopped) {
        socket.destroy()
        return
      }
      this.connection = this.options.open(socket, this)
    })
  }

  /** The other end has said who it is. */
  greeted(id: string): void {
    this.id = id
    this.greetedAt = this.options.deadlines.elapsed()
    this.failingSince = undefined
    this.failure = undefined
    this.isReported = false
  }

  /** The connection is lost. */
  lost(detail: string): void {
    this.connection = undefined
    if (this.options.deadlines.elapsed() - this.greetedAt >= steadyMillis) this.pause = firstPause
    this.failed(detail)
  }

  /** Ends the connection, since there is another one to the same relay, until {@link wake}. */
  rest(reason: string): void {
    const { connection } = this
    this.connection = undefined
    this.isResting = true
    connection?.close(reason)
  }

  /** Connects again if it rests. */
  wake(): void {
    if (!this.isResting) return
    this.isResting = false
    this.start()
  }

  /** Connects no more, and ends the connection. */
  stop(reason: string): void {
    this.isStopped = true
    this.timer?.clear()
    this.cancelConnect?.()
    const { connection } = this
    this.connection = undefined
    connection?.close(reason)
  }

  private failed(detail: string): void {
    if (this.isStopped) return
    this.failingSince ??= this.options.deadlines.elapsed()
    this.options.onFailed(detail)
    if (this.isStopped || this.timer !== undefined) return
    this.timer = this.options.deadlines.set(this.pause, () => {
      this.timer = undefined
      this.start()
    })
    this.pause = Math.min(longestPause, this.pause * 2)
  }
}
