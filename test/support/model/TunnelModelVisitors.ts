/**
 * The visitors of the tunnel's model test: real `node:http` clients on the
 * simulated network. They send what the schedule says, read fast or slowly,
 * leave, and compare every byte of the response with what the handler sends.
 */
import * as http from "node:http"
import type { Duplex, Readable } from "node:stream"
import { names, probe, type Request } from "../Schedule.ts"
import { Seeded } from "../Seeded.ts"
import type { Simulation } from "./Simulation.ts"
import { relayPort } from "./TunnelModelTimes.ts"

/** Every body is a slice of these bytes. */
const pool = ((): Buffer => {
  const random = new Seeded(2)
  const bytes = Buffer.alloc(512 * 1024)
  for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32LE(random.int(0, 0xffff_ffff), i)
  return bytes
})()

/** One visitor's request: what both sides will do, and what has happened so far. */
export interface Visit extends Omit<Request, "at" | "up" | "down"> {
  readonly id: number
  readonly up: Buffer
  readonly down: Buffer
  /** It is sent when no fault is left, so it must succeed. */
  readonly isProbe: boolean
  readonly startedAt: number
  request: http.ClientRequest | undefined
  served: number
  status: number | undefined
  failure: string
  answeredAt: number | undefined
  received: number
  isWhole: boolean
  error: string | undefined
  left: boolean
  /** The visitor's own connection was cut or stalled. */
  disturbed: boolean
  overAt: number | undefined
  /** The handler received the whole body. */
  isHeard: boolean
}

/** The method in the request line. */
export const methodOf = ({ method }: Visit): string => (method === "UPGRADE" ? "GET" : method)

/** See the file's header. */
export class Visitors {
  readonly visits: Array<Visit> = []
  private readonly simulation: Simulation

  constructor(simulation: Simulation) {
    this.simulation = simulation
  }

  /** Asks each server for something that it has to answer. */
  probeAll(): void {
    for (const name of names) this.visit(probe(this.simulation.random, name), true)
  }

  /** Starts a request. */
  visit(planned: Request, isProbe = false): void {
    const slice = (length: number): Buffer => {
      const from = this.simulation.random.int(0, pool.length - length)
      return pool.subarray(from, from + length)
    }
    const visit: Visit = {
      ...planned,
      id: this.visits.length,
      up: slice(planned.up),
      down: slice(planned.down),
      isProbe,
      startedAt: this.simulation.network.time.now,
      request: undefined,
      served: 0,
      status: undefined,
      failure: "",
      answeredAt: undefined,
      received: 0,
      isWhole: false,
      error: undefined,
      left: false,
      disturbed: false,
      overAt: undefined,
      isHeard: false,
    }
    this.visits.push(visit)
    this.begin(visit)
  }

  private begin(visit: Visit): void {
    this.simulation.note(`${visit.id} asks ${visit.name}: ${visit.method}, ${visit.up.length} up`)
    const request = http.request({
      host: `visitor-${visit.id}`,
      port: relayPort,
      path: `/servers/${visit.name}/${visit.id}`,
      method: methodOf(visit),
      agent: false,
      headers: {
        ...(visit.method === "UPGRADE"
          ? { Connection: "Upgrade", Upgrade: "tempest" }
          : visit.up.length === 0
            ? {}
            : visit.chunkedUp
              ? { "Transfer-Encoding": "chunked" }
              : { "Content-Length": `${visit.up.length}` }),
      },
    })
    visit.request = request
    const over = (error?: string): void => {
      if (visit.overAt !== undefined) return
      visit.overAt = this.simulation.network.time.now
      visit.error = error
      this.simulation.note(
        `${visit.id} ${error ?? "is done"}: ${visit.status ?? "no answer"} ${visit.failure}, ` +
          `${visit.received} of ${visit.down.length}`,
      )
      if (socket === undefined) request.destroy()
      else socket.destroy(error === undefined ? undefined : new Error(error))
    }
    let socket: Duplex | undefined
    request.on("upgrade", (response, changed: Duplex, head: Buffer) => {
      socket = changed
      visit.status = response.statusCode
      visit.answeredAt = this.simulation.network.time.now
      if (response.headers["x-id"] !== `${visit.id}`)
        this.simulation.complain(`${visit.id}: gets the answer of ${response.headers["x-id"]}`)
      if (head.length > 0) changed.unshift(head)
      this.converse(visit, changed, over)
    })
    request.on("error", (error: NodeJS.ErrnoException) => over(error.code ?? error.message))
    request.on("response", (response) => {
      let said = ""
      visit.status = response.statusCode
      visit.answeredAt = this.simulation.network.time.now
      visit.failure = ""
      if (visit.status === 200 && response.headers["x-id"] !== `${visit.id}`)
        this.simulation.complain(`${visit.id}: gets the answer of ${response.headers["x-id"]}`)
      response.on("error", (error: NodeJS.ErrnoException) => over(error.code ?? error.message))
      response.on("close", () => over(visit.isWhole ? undefined : "closed"))
      response.on("end", () => {
        // A destroyed request drops what was not read, and ends.
        if (visit.overAt !== undefined) return
        visit.isWhole = response.complete
        over(visit.isWhole ? undefined : "incomplete")
      })
      response.on("data", (chunk: Buffer) => {
        if (visit.status !== 200) {
          said += chunk.toString("latin1")
          visit.failure = /PTTH_[A-Z_]+/.exec(said)?.[0] ?? ""
          return
        }
        this.receive(visit, chunk, response)
      })
    })
    let at = 0
    const send = (): void => {
      if (visit.overAt !== undefined || request.destroyed) return
      if (at === visit.up.length) return void request.end()
      const size = Math.min(visit.up.length - at, this.simulation.random.int(1, 80_000))
      at += size
      const more = request.write(visit.up.subarray(at - size, at))
      if (more) this.simulation.later(this.simulation.random.int(0, 60), send)
      else request.once("drain", send)
    }
    if (visit.method === "UPGRADE") request.end()
    else send()
    if (visit.leavesAfter === undefined) return
    this.simulation.later(visit.leavesAfter, () => {
      if (visit.overAt !== undefined) return
      visit.left = true
      over("left")
    })
  }

  private receive(visit: Visit, chunk: Buffer, from: Readable): void {
    if (visit.down.subarray(visit.received, visit.received + chunk.length).compare(chunk) !== 0)
      this.simulation.complain(`${visit.id}: its answer is wrong at ${visit.received}`)
    visit.received += chunk.length
    if (!visit.slow) return
    from.pause()
    // A visitor who reads so little that nothing moves for `idleMillis` loses the connection.
    const most = this.simulation.schedule.buffer < 10_000 ? 40 : 400
    this.simulation.later(this.simulation.random.int(0, most), () => from.resume())
  }

  /** Sends and receives at once after 101; each side ends its own direction. */
  private converse(visit: Visit, socket: Duplex, over: (error?: string) => void): void {
    socket.allowHalfOpen = true
    socket.on("error", (error: NodeJS.ErrnoException) => over(error.code ?? error.message))
    socket.on("close", () => over(visit.isWhole ? undefined : "closed"))
    socket.on("end", () => {
      visit.isWhole = true
    })
    socket.on("data", (chunk: Buffer) => this.receive(visit, chunk, socket))
    let at = 0
    const send = (): void => {
      if (visit.overAt !== undefined || socket.destroyed) return
      if (at === visit.up.length) return void socket.end()
      const size = Math.min(visit.up.length - at, this.simulation.random.int(1, 40_000))
      at += size
      if (socket.write(visit.up.subarray(at - size, at)))
        this.simulation.later(this.simulation.random.int(0, 60), send)
      else socket.once("drain", send)
    }
    this.simulation.later(this.simulation.random.int(0, 60), send)
  }
}
