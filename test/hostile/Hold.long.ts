/**
 * What is held by real processes: one of two servers is restarted under load
 * without a request that fails, a relay on a socket that it was given without a
 * connection that is refused, and a GiB goes to a slow reader without piling up.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as http from "node:http"
import * as net from "node:net"
import type { Readable } from "node:stream"
import { assert, describe, it, onTestFinished } from "@effect/vitest"
import { bin } from "../cli/Command.ts"
import { pause } from "./Crowd.ts"
import { unseen } from "./Process.ts"
import * as Site from "./Site.ts"

const perSecond = 200
/** How many requests may run at once: a machine that is too busy for the rate sends less. */
const mostRunning = 256

/** Sends requests at a constant rate, however long the answers take; what they came to, and how often. */
const load = (url: string, agent: http.Agent | false) => {
  const outcomes = new Map<string, number>()
  let running = 0
  let slowest = 0
  const ask = (): void => {
    running += 1
    const begin = performance.now()
    const over = (outcome: string): void => {
      running -= 1
      slowest = Math.max(slowest, performance.now() - begin)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    }
    http
      .get(
        url,
        agent === false ? { agent, headers: { Connection: "close" } } : { agent },
        (response) => {
          response.resume()
          response.once("close", () =>
            over(response.complete ? `${response.statusCode}` : "broken"),
          )
        },
      )
      .on("error", (error: NodeJS.ErrnoException) => over(error.code ?? error.message))
  }
  const begin = performance.now()
  let asked = 0
  const timer = setInterval(() => {
    for (; asked < ((performance.now() - begin) / 1_000) * perSecond; asked++)
      if (running < mostRunning) ask()
  }, 5)
  return {
    outcomes,
    slowest: () => Math.round(slowest),
    end: async () => {
      clearInterval(timer)
      while (running > 0) await pause(10)
    },
  }
}

describe.skipIf(unseen !== undefined)("real processes", () => {
  it("lose no request when one of two servers is restarted under load", async () => {
    const site = await Site.start()
    onTestFinished(site.close)
    await pause(2_000)
    const agent = new http.Agent({ keepAlive: true })
    const visitors = load(`${site.base}/bytes?n=1&size=1000&as=length`, agent)
    for (let i = 0; i < 6; i++) {
      await pause(1_000)
      const server = site.servers[i % 2] as Site.Service
      await server.end("SIGTERM")
      await server.begin()
    }
    await visitors.end()
    agent.destroy()
    process.stdout.write(
      `${JSON.stringify([...visitors.outcomes])}, slowest ${visitors.slowest()} ms\n`,
    )
    assert.deepStrictEqual([...visitors.outcomes.keys()], ["200"])
  })

  it("refuse no connection when a relay is restarted on a socket that it was given", async () => {
    const keeper = net.createServer().listen({ host: "127.0.0.1", port: 0, backlog: 2048 })
    await once(keeper, "listening")
    const { port } = keeper.address() as net.AddressInfo
    const { fd } = (keeper as unknown as { readonly _handle: { readonly fd: number } })._handle
    const loop = `while :; do "$0" "$1" relay --listen fd:3 --admin-listen false 2>/dev/null & echo "process $!"; wait $!; done`
    const shell = spawn("sh", ["-c", loop, process.execPath, bin], {
      stdio: ["ignore", "pipe", "inherit", fd],
      detached: true,
    })
    onTestFinished(() => {
      process.kill(-(shell.pid as number), "SIGKILL")
    })
    keeper.close()
    const processes: Array<number> = []
    const stdout = shell.stdout as Readable
    stdout.setEncoding("utf8").on("data", (text: string) => {
      for (const [, pid] of text.matchAll(/process (\d+)/g)) processes.push(Number(pid))
    })
    const url = `http://127.0.0.1:${port}/healthz`
    const isUp = () =>
      fetch(url).then(
        (response) => response.ok,
        () => false,
      )
    while (!(await isUp())) await pause(50)
    const visitors = load(url, false)
    for (let i = 0; i < 5; i++) {
      await pause(2_000)
      const count = processes.length
      process.kill(processes.at(-1) as number, "SIGTERM")
      while (processes.length === count) await pause(10)
    }
    await pause(2_000)
    await visitors.end()
    process.stdout.write(
      `${JSON.stringify([...visitors.outcomes])}, slowest ${visitors.slowest()} ms\n`,
    )
    assert.deepStrictEqual([...visitors.outcomes.keys()], ["200"])
  })

  it("hold less than 32 MiB of a GiB that is read at 10 KiB/s", async () => {
    const site = await Site.start()
    onTestFinished(site.close)
    const programs = [site.relay, ...site.servers].map(({ now }) => now)
    const visitor = net.connect(Number(new URL(site.base).port), "127.0.0.1")
    visitor.on("error", () => {})
    onTestFinished(() => {
      visitor.destroy()
    })
    await pause(2_000)
    const before = programs.map((one) => one.memory())
    visitor.write(`GET /servers/app/endless?n=1 HTTP/1.1\r\nHost: x\r\n\r\n`)
    visitor.pause()
    let most = programs.map(() => 0)
    let read = 0
    for (let i = 0; i < 600; i++) {
      read += ((visitor.read(1024) ?? visitor.read()) as Buffer | null)?.length ?? 0
      await pause(100)
      most = programs.map((one, at) => Math.max(most[at] ?? 0, one.memory() - (before[at] ?? 0)))
    }
    process.stdout.write(
      `${read} bytes read; growth ${most.map((n) => n.toFixed(1)).join(", ")} MiB\n`,
    )
    assert.isFalse(visitor.destroyed)
    assert.isAbove(read, 300_000)
    for (const growth of most) assert.isBelow(growth, 32)
  })
})
