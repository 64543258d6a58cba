/**
 * The HTTP/1.1 client for the origin of `--to`, with a pool of connections. A small
 * request leaves in one write, and responses are read from the socket directly,
 * which costs a fraction of Node's client (docs/performance.md). All responses, of
 * downloads and uploads alike, are judged by the same rules (`OriginConnection.ts`).
 */
import { keepAliveSeconds, type OriginResponse } from "../../protocol/http/OriginResponse.ts"
import type { Cancel } from "../../transport/body/Handler.ts"
import { type ConnectionOwner, OriginConnection } from "./OriginConnection.ts"
import { type OriginCall, OriginRequest } from "./OriginRequest.ts"
import type { OriginAddress } from "./OriginSocket.ts"

/** The origin, and how long its connections are kept. */
export interface OriginClientOptions extends OriginAddress {
  /** How many idle connections are kept; 256 by default. */
  readonly maxIdle?: number
  /**
   * How long an idle connection is kept, in milliseconds, unless the origin sends
   * `Keep-Alive: timeout`; 4 s by default, because Node's servers close theirs after 5 s.
   */
  readonly idleMillis?: number
  /** See `ConnectionOwner.stallMillis`; 30 s by default. */
  readonly stallMillis?: number
}

const readSize = 64 * 1024

/** Upper bound for the origin's advertised keep-alive timeout, in milliseconds. */
const longestIdleMillis = 75_000

/** A connection is closed this long before the origin closes it, in milliseconds. */
const marginMillis = 1_000

/** How often idle connections are checked, in milliseconds. */
const sweepMillis = 1_000

/**
 * How long no connection is used again after the origin has sent bytes that no
 * request asked for, in milliseconds: such bytes could be taken for a response.
 */
const distrustMillis = 600_000

/** A client with a pool of connections. See the file's header. */
export class OriginClient implements ConnectionOwner {
  readonly address: OriginAddress
  readonly readBuffer: Buffer = Buffer.allocUnsafeSlow(readSize)
  readonly stallMillis: number
  session: Buffer | undefined
  private readonly options: OriginClientOptions
  private readonly idle: Array<OriginConnection> = []
  private readonly maxIdle: number
  private timer: NodeJS.Timeout | undefined
  private distrustedUntil = 0
  private closed = false

  constructor(options: OriginClientOptions) {
    this.options = options
    this.address = options
    this.stallMillis = options.stallMillis ?? 30_000
    this.maxIdle = options.maxIdle ?? 256
  }

  /** Sends a request. The returned function cancels it. */
  send(call: OriginCall): Cancel {
    const request = new OriginRequest(call, this.connect)
    request.sendOn(this.takeIdle() ?? this.connect())
    return request.cancel
  }

  /** Closes the idle connections, and keeps none any more. */
  close(): void {
    this.closed = true
    clearInterval(this.timer)
    for (const connection of this.idle.splice(0)) connection.destroy()
  }

  /** The idle connection that was used last: it is the least likely to be closed. */
  private takeIdle(): OriginConnection | undefined {
    const now = performance.now()
    for (;;) {
      const connection = this.idle.pop()
      if (connection === undefined || connection.expiresAt > now) return connection
      connection.destroy()
    }
  }

  private readonly connect = (): OriginConnection => new OriginConnection(this)

  release(connection: OriginConnection, { headers }: OriginResponse): void {
    const seconds = keepAliveSeconds(headers)
    const millis =
      seconds === undefined
        ? (this.options.idleMillis ?? 4_000)
        : Math.min(seconds * 1_000 - marginMillis, longestIdleMillis)
    const now = performance.now()
    const isFull = this.closed || this.idle.length >= this.maxIdle
    if (isFull || millis <= 0 || now < this.distrustedUntil) return connection.destroy()
    connection.expiresAt = now + millis
    this.idle.push(connection)
    this.timer ??= setInterval(this.sweep, sweepMillis).unref()
  }

  forget(connection: OriginConnection): void {
    const at = this.idle.indexOf(connection)
    if (at >= 0) this.idle.splice(at, 1)
  }

  distrust(): void {
    this.distrustedUntil = performance.now() + distrustMillis
    for (const connection of this.idle.splice(0)) connection.destroy()
  }

  private readonly sweep = (): void => {
    const now = performance.now()
    for (const connection of this.idle.filter(({ expiresAt }) => expiresAt <= now))
      connection.destroy()
    if (this.idle.length > 0) return
    clearInterval(this.timer)
    this.timer = undefined
  }
}
