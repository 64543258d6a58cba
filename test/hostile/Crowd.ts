/**
 * Visitors who ask for everything an application can be asked for, and know what
 * the answer has to be. A wrong answer, or one that neither comes nor fails in
 * time, is a complaint; an honest failure is counted.
 */
import * as http from "node:http"
import { WebSocket } from "ws"
import type { Seeded } from "../support/Seeded.ts"
import { bytesOf, eventOf, sumOf } from "./CountingOrigin.ts"

/** How a visit has ended: rightly, or by what it was told. */
type Outcome = "right" | `${number}` | "broken"

/** Without a byte for so long, a visit hangs: four offers, each with its wait and its answer. */
const hangMillis = 60_000

/** See the file's header. */
export class Crowd {
  readonly complaints: Array<string> = []
  /** What those who were refused were told. */
  readonly refusals: Array<string> = []
  readonly outcomes = new Map<Outcome, number>()
  active = 0
  private readonly base: URL
  private readonly random: Seeded
  private readonly agent = new http.Agent({ keepAlive: true, maxFreeSockets: 8 })
  private number: number
  private going = false

  /** @param first the number of its first request; no two crowds may have one in common */
  constructor(base: string, random: Seeded, first: number) {
    this.base = new URL(base)
    this.number = first
    this.random = random
  }

  /** So many visitors, each with one request after the other. */
  start(visitors: number, restMillis = 0): void {
    this.going = true
    for (let i = 0; i < visitors; i++) void this.live(restMillis)
  }

  /** Lets everybody finish. */
  async stop(): Promise<void> {
    this.going = false
    while (this.active > 0) await pause(20)
    this.agent.destroy()
  }

  private async live(restMillis: number): Promise<void> {
    this.active += 1
    while (this.going) {
      const outcome = await this.visit()
      this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
      await pause(outcome === "right" ? restMillis : 50)
    }
    this.active -= 1
  }

  private visit(): Promise<Outcome> {
    this.number += 1
    const n = this.number
    const { random } = this
    const size = random.pick([0, 10, 3_000, 70_000, 400_000])
    switch (random.int(0, 9)) {
      case 0:
      case 1:
        return this.http(n, "POST", `/sum?n=${n}`, { up: bytesOf(n, size) })
      case 2: {
        const count = random.int(1, 15)
        const down = Array.from({ length: count }, (_, i) => eventOf(n, i)).join("")
        return this.http(n, "GET", `/events?n=${n}&count=${count}`, { down: Buffer.from(down) })
      }
      case 3:
        return this.webSocket(n)
      default: {
        const as = random.pick(["length", "chunked"])
        return this.http(n, "GET", `/bytes?n=${n}&size=${size}&as=${as}`, {
          down: bytesOf(n, size),
        })
      }
    }
  }

  private http(
    n: number,
    method: string,
    path: string,
    { down, up }: { readonly up?: Buffer; readonly down?: Buffer },
  ): Promise<Outcome> {
    const expected = down ?? Buffer.from(sumOf(up ?? Buffer.alloc(0)))
    return new Promise((resolve) => {
      const chunks: Array<Buffer> = []
      let done = false
      const over = (outcome: Outcome): void => {
        if (done) return
        done = true
        clearTimeout(timer)
        request.destroy()
        resolve(outcome)
      }
      const timer = setTimeout(() => {
        this.complaints.push(`${method} ${path}: hangs after ${Buffer.concat(chunks).length} bytes`)
        over("broken")
      }, hangMillis)
      const request = http.request({
        host: this.base.hostname,
        port: this.base.port,
        path: this.base.pathname + path,
        method,
        agent: this.agent,
        headers: up === undefined || this.random.chance(0.5) ? {} : { "Content-Length": up.length },
      })
      request.on("error", () => over("broken"))
      request.on("response", (response) => {
        const status = response.statusCode ?? 0
        if (status === 200 && response.headers["x-number"] !== `${n}`)
          this.complaints.push(`${method} ${path}: the answer of ${response.headers["x-number"]}`)
        response.on("error", () => over("broken"))
        response.on("close", () => over("broken"))
        response.on("data", (chunk: Buffer) => {
          chunks.push(chunk)
          timer.refresh()
        })
        response.on("end", () => {
          if (!response.complete) return over("broken")
          const body = Buffer.concat(chunks)
          if (status !== 200) {
            const told = `${method} ${path}: ${status} ${body.subarray(0, 200)}`
            if (![502, 503, 504].includes(status) || !/PTTH_|connect/.test(body.toString("latin1")))
              this.complaints.push(told)
            this.refusals.push(told)
            return over(`${status}`)
          }
          if (!body.equals(expected))
            this.complaints.push(`${method} ${path}: ${body.length} bytes, not ${expected.length}`)
          done = true
          clearTimeout(timer)
          resolve("right")
        })
      })
      request.end(up)
    })
  }

  private webSocket(n: number): Promise<Outcome> {
    return new Promise((resolve) => {
      const { host, pathname } = this.base
      const socket = new WebSocket(`ws://${host}${pathname}/echo?n=${n}`)
      let at = 0
      let status: Outcome = "broken"
      const most = this.random.int(1, 8)
      const payload = (): Buffer => bytesOf(n + at, 1 + ((n * 31 + at) % 20_000))
      const timer = setTimeout(() => {
        this.complaints.push(`WebSocket ${n}: hangs after ${at} messages`)
        socket.terminate()
      }, hangMillis)
      socket.on("unexpected-response", (_request, response) => {
        status = `${response.statusCode ?? 0}`
        response.resume()
        socket.terminate()
      })
      socket.on("error", () => {})
      socket.on("open", () => socket.send(payload()))
      socket.on("message", (data: Buffer) => {
        if (!payload().equals(data)) this.complaints.push(`WebSocket ${n}: message ${at} is wrong`)
        timer.refresh()
        at += 1
        if (at < most) return socket.send(payload())
        status = "right"
        socket.close()
      })
      socket.on("close", () => {
        clearTimeout(timer)
        resolve(status)
      })
    })
  }
}

/** Waits. */
export const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, millis)
  })
