/**
 * A TCP proxy between a server and its relay that does to connections what
 * networks do: cuts and resets them, lets nothing pass, lets one direction pass,
 * or ten KiB a second.
 */
import { once } from "node:events"
import * as net from "node:net"

/** What becomes of the bytes. */
export type Weather = "clear" | "stalled" | "half-open" | "slow"

const slowBytes = 10 * 1024
const slowMillis = 100

/** See the file's header. */
export class FaultyProxy {
  readonly port: number
  private readonly server: net.Server
  private readonly open = new Set<net.Socket>()
  private readonly timer: NodeJS.Timeout
  private weather: Weather = "clear"
  private budget = 0

  private constructor(server: net.Server, port: number, to: number) {
    this.server = server
    this.port = port
    server.on("connection", (client: net.Socket) => this.join(client, to))
    this.timer = setInterval(() => {
      this.budget = (slowBytes * slowMillis) / 1000
      for (const socket of this.open) socket.emit("weather")
    }, slowMillis)
  }

  /** Starts one before a port of this machine. */
  static async before(to: number): Promise<FaultyProxy> {
    const server = net.createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1")
    await once(server, "listening")
    return new FaultyProxy(server, (server.address() as net.AddressInfo).port, to)
  }

  /** The weather from now on. */
  set(weather: Weather): void {
    this.weather = weather
    for (const socket of this.open) socket.emit("weather")
  }

  /** Ends every connection. */
  cut(resets: boolean): void {
    for (const socket of this.open) {
      if (resets) socket.resetAndDestroy()
      else socket.destroy()
    }
  }

  close(): void {
    clearInterval(this.timer)
    this.server.close()
    this.cut(false)
  }

  private join(client: net.Socket, to: number): void {
    const relay = net.connect({ port: to, host: "127.0.0.1", allowHalfOpen: true })
    this.carry(client, relay, true)
    this.carry(relay, client, false)
  }

  private carry(from: net.Socket, to: net.Socket, isUp: boolean): void {
    this.open.add(from)
    from.setNoDelay()
    const passes = (): boolean => {
      if (this.weather === "stalled") return false
      if (this.weather === "half-open") return isUp
      return this.weather === "clear" || this.budget > 0
    }
    const move = (): void => {
      while (passes() && !to.writableNeedDrain) {
        const most =
          this.weather === "slow" ? Math.min(this.budget, from.readableLength) : undefined
        const chunk = (
          most === undefined || most === 0 ? from.read() : from.read(most)
        ) as Buffer | null
        if (chunk === null) break
        this.budget -= chunk.length
        to.write(chunk)
      }
    }
    from.on("readable", move)
    from.on("weather", move)
    to.on("drain", move)
    from.on("end", () => to.end())
    from.on("error", () => {})
    from.on("close", () => {
      this.open.delete(from)
      to.destroy()
    })
  }
}
