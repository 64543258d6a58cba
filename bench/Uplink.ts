/**
 * A line with a limited rate between a server and its relay, such as a home
 * connection: a TCP proxy whose connections share one queue in each direction,
 * first come first served.
 */
import { once } from "node:events"
import * as net from "node:net"

/** What the line is like. */
export interface UplinkOptions {
  /** Bytes a second from the server to the relay; without it as fast as it goes. */
  readonly up?: number
  /** Bytes a second from the relay to the server. */
  readonly down?: number
  /** The round trip of the empty line, in milliseconds. */
  readonly roundTrip: number
}

/** How many bytes wait at the line before it stops reading: a quarter of a second at 1 MB/s. */
const queueBytes = 256 * 1024

/** How often bytes leave, in milliseconds. */
const tickMillis = 1

/** The largest piece of one connection that leaves at once: a packet. */
const packetBytes = 1500

interface Waiting {
  bytes: Buffer
  readonly to: net.Socket
}

/** One direction of the line. */
class Direction {
  private readonly rate: number
  private readonly delay: number
  private readonly queue: Array<Waiting> = []
  private queued = 0
  private readonly paused = new Set<net.Socket>()
  private timer: NodeJS.Timeout | undefined
  /** Until when the line is busy with what has left, in monotonic milliseconds. */
  private busyUntil = 0

  constructor(rate: number | undefined, delay: number) {
    this.rate = (rate ?? Number.POSITIVE_INFINITY) / 1000
    this.delay = delay
  }

  /** Carries what comes from one connection to the other. */
  carry(from: net.Socket, to: net.Socket): void {
    from.on("data", (bytes: Buffer) => this.take(bytes, from, to))
    from.on("close", () => {
      this.paused.delete(from)
      to.destroy()
    })
    from.on("error", () => {})
  }

  private take(bytes: Buffer, from: net.Socket, to: net.Socket): void {
    if (this.rate === Number.POSITIVE_INFINITY) return this.deliver(bytes, to)
    for (let at = 0; at < bytes.length; at += packetBytes)
      this.queue.push({ bytes: bytes.subarray(at, at + packetBytes), to })
    this.queued += bytes.length
    if (this.queued > queueBytes) {
      from.pause()
      this.paused.add(from)
    }
    this.leave()
  }

  private leave(): void {
    const now = performance.now()
    this.busyUntil = Math.max(this.busyUntil, now - tickMillis)
    while (this.queue.length > 0 && this.busyUntil <= now) {
      const { bytes, to } = this.queue.shift() as Waiting
      this.queued -= bytes.length
      this.busyUntil += bytes.length / this.rate
      this.deliver(bytes, to)
    }
    if (this.queued < queueBytes) {
      for (const socket of this.paused) socket.resume()
      this.paused.clear()
    }
    if (this.queue.length === 0 || this.timer !== undefined) return
    this.timer = setTimeout(() => {
      this.timer = undefined
      this.leave()
    }, tickMillis)
  }

  private deliver(bytes: Buffer, to: net.Socket): void {
    if (this.delay === 0) to.write(bytes)
    else setTimeout(() => to.writable && to.write(bytes), this.delay)
  }
}

/** Starts the line, and gives the address at which the server reaches the relay by it. */
export const startUplink = async (options: UplinkOptions, relayUrl: string): Promise<string> => {
  const { hostname, port } = new URL(relayUrl)
  const up = new Direction(options.up, options.roundTrip / 2)
  const down = new Direction(options.down, options.roundTrip / 2)
  const proxy = net.createServer({ noDelay: true }, (near) => {
    const far = net.connect({ host: hostname, port: Number(port), noDelay: true })
    up.carry(near, far)
    down.carry(far, near)
  })
  proxy.unref()
  proxy.listen(0, "127.0.0.1")
  await once(proxy, "listening")
  return `http://127.0.0.1:${(proxy.address() as net.AddressInfo).port}`
}
