/**
 * `npm run bench:fair`: what a visitor with small requests notices of others.
 * Each row is measured in turns, alone and beside the others, so that what else
 * the machine does falls on both. The rate of the line between server and relay
 * decides the result, not the processor.
 *
 * Where a server is flooded, it, its origin and those who flood it share one
 * processor, if `taskset` is installed, and all others have another one:
 * otherwise who runs when decides the result. If nginx is installed, it is flooded
 * in the same way in place of the tunnel: what it cannot do, the processors do not allow.
 *
 * `npm run bench:fair downloads` (or `uploads`, `visitors`, `flood`) prints that
 * table alone. BENCH_ROUNDS (3) is the number of turns, BENCH_SECONDS (6) the
 * length of each, BENCH_RATE (1000000) the line's bytes a second.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import * as http from "node:http"
import { availableParallelism, loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { isInstalled } from "./Load.ts"
import { startNginx } from "./Nginx.ts"
import { wantedOf } from "./Parts.ts"
import { probe, quantile } from "./Probe.ts"
import { answers, childrenOf, freePort, pin, said, start, stop } from "./Processes.ts"
import { heading, printRow } from "./Table.ts"
import { serverKey, startServer, startTunnel } from "./Tunnel.ts"
import { startUplink, type UplinkOptions } from "./Uplink.ts"

const rounds = Number(process.env.BENCH_ROUNDS ?? 3)
const seconds = Number(process.env.BENCH_SECONDS ?? 6)
const rate = Number(process.env.BENCH_RATE ?? 1_000_000)
const wanted = wantedOf(["downloads", "uploads", "visitors", "flood"])
/** How long load runs before it is measured, in milliseconds: first windows are past by then. */
const settleMillis = 3_000
/** How many requests flood a server at once. */
const flooding = 2_000

const folder = mkdtempSync(join(tmpdir(), "ptth-fair-"))
const children: Array<ChildProcess> = []

/** What others do meanwhile. */
interface Others {
  /** The bytes that each has had, or has given to its socket. */
  readonly counts: ReadonlyArray<number>
  readonly stop: () => Promise<void> | void
}

/** Visitors who read large bodies, or send them, without an end. */
const large = (url: string, count: number, method: "GET" | "POST"): Others => {
  const counts = Array.from({ length: count }, () => 0)
  const piece = Buffer.alloc(16 * 1024, "x")
  const requests = counts.map((_, i) => {
    const request = http.request(url, { method, agent: false })
    request.on("error", () => {})
    const add = (bytes: number): void => {
      counts[i] = (counts[i] ?? 0) + bytes
    }
    request.on("response", (response) => {
      response.on("data", (chunk: Buffer) => add(chunk.length))
      response.on("error", () => {})
    })
    if (method === "GET") request.end()
    else {
      const more = (): void => {
        do add(piece.length)
        while (request.write(piece))
      }
      request.on("drain", more)
      more()
    }
    return request
  })
  return {
    counts,
    stop: () => {
      for (const request of requests) request.destroy()
    },
  }
}

/** Visitors who read a body of 100 KB again and again. */
const middle = (url: string, count: number): Others => {
  const counts = Array.from({ length: count }, () => 0)
  const stopping = new AbortController()
  const visitor = async (i: number): Promise<void> => {
    while (!stopping.signal.aborted) {
      const body = await fetch(url, { signal: stopping.signal }).then((answer) => answer.bytes())
      counts[i] = (counts[i] ?? 0) + body.length
    }
  }
  const visitors = counts.map((_, i) => visitor(i).catch(() => {}))
  return {
    counts,
    stop: async () => {
      stopping.abort()
      await Promise.all(visitors)
    },
  }
}

/** On which processor the flood is, and on which all others are, while a server is flooded. */
const floodProcessor = 1
const otherProcessor = 0
const canPin = availableParallelism() > 1 && isInstalled("taskset", "--version")

/** Requests at once, each sent again when it is answered. */
const flood = (url: string): Others => {
  const load = spawn("wrk", ["-t1", `-c${flooding}`, "-d600s", "--timeout", "60s", url], {
    stdio: "ignore",
  })
  if (canPin) pin(load.pid ?? 0, floodProcessor)
  const exited = once(load, "exit")
  return {
    counts: [],
    stop: async () => {
      load.kill("SIGTERM")
      await exited
    },
  }
}

/** Measures the small requests in turns, alone and beside others. */
const inTurns = async (
  what: string,
  url: string,
  begin: () => Others,
  isUp = false,
): Promise<void> => {
  const alone: Array<number> = []
  const beside: Array<number> = []
  const rates: Array<number> = []
  const shares: Array<number> = []
  await probe(url, 2)
  for (let round = 0; round < rounds; round++) {
    alone.push(...(await probe(url, seconds)))
    const others = begin()
    await new Promise((resolve) => setTimeout(resolve, settleMillis))
    const before = [...others.counts]
    const began = performance.now()
    beside.push(...(await probe(url, seconds)))
    const bytes = others.counts.map((count, i) => count - (before[i] ?? 0))
    rates.push(bytes.reduce((sum, one) => sum + one, 0) / (performance.now() - began) / 1000)
    shares.push(Math.min(...bytes) / Math.max(...bytes))
    await others.stop()
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  }
  const millis = (values: ReadonlyArray<number>, part: number): string =>
    quantile(values, part).toFixed(1)
  const hasBytes = Number.isFinite(shares[0])
  printRow([
    what,
    millis(alone, 0.5),
    millis(alone, 0.99),
    millis(beside, 0.5),
    millis(beside, 0.99),
    (quantile(beside, 0.99) / quantile(alone, 0.99)).toFixed(1),
    hasBytes ? `${quantile(rates, 0.5).toFixed(2)} MB/s` : "",
    // What an upload has given to its socket may wait in a buffer.
    hasBytes && !isUp ? quantile(shares, 0.5).toFixed(2) : "",
  ])
}

const origin = async (processor?: number): Promise<string> => {
  const program = fileURLToPath(new URL("./Origin.ts", import.meta.url))
  const child = start(process.execPath, [program], { cwd: folder })
  children.push(child)
  if (processor !== undefined && canPin) pin(child.pid ?? 0, processor)
  return `http://127.0.0.1:${await said(child, /port (\d+)/)}`
}

const tunnelBy = async (uplink: UplinkOptions) => {
  const tunnel = await startTunnel(
    {
      folder,
      transport: "stream",
      serverArguments: ["--to", await origin()],
      via: (relayUrl) => startUplink(uplink, relayUrl),
    },
    "small",
  )
  children.push(tunnel.server, tunnel.relay)
  return tunnel
}

const besideBodies = async (): Promise<void> => {
  for (const roundTrip of [0, 30]) {
    const tunnel = await tunnelBy({ up: rate, down: rate, roundTrip })
    const small = `${tunnel.base}small`
    for (const count of [2, 6]) {
      const what = `round trip ${roundTrip} ms, ${count}`
      if (wanted("downloads"))
        await inTurns(`${what} downloads`, small, () => large(`${tunnel.base}large`, count, "GET"))
      if (wanted("uploads"))
        await inTurns(
          `${what} uploads`,
          small,
          () => large(`${tunnel.base}up`, count, "POST"),
          true,
        )
    }
    if (wanted("visitors"))
      await inTurns(`round trip ${roundTrip} ms, 32 visitors of 100 KB`, small, () =>
        middle(`${tunnel.base}middle`, 32),
      )
    await tunnel.stop()
  }
}

/** Two servers of one relay, of which one is flooded. */
const besideFlood = async (): Promise<void> => {
  if (!isInstalled("wrk", "--version"))
    return void process.stderr.write("`wrk` is not installed: no server is flooded.\n")
  const { key, tripcode } = serverKey()
  const relayConfig = `[[servers]]\nname = "flooded"\ntripcode = "${tripcode}"\n`
  const optionsTo = (to: string) =>
    ({ folder, transport: "stream", serverArguments: ["--to", to], relayConfig }) as const
  const tunnel = await startTunnel(optionsTo(await origin(otherProcessor)), "small")
  const to = await origin(floodProcessor)
  const flooded = startServer(tunnel.relayUrl, key, optionsTo(to), "flooded")
  if (canPin) {
    for (const child of [tunnel.server, tunnel.relay]) pin(child.pid ?? 0, otherProcessor)
    pin(process.pid, otherProcessor)
    pin(flooded.pid ?? 0, floodProcessor)
  }
  children.push(tunnel.server, tunnel.relay, flooded)
  const base = `${tunnel.relayUrl}/servers/flooded/`
  await answers(`${base}small`)
  const small = `${tunnel.base}small`
  await inTurns(`another server, ${flooding} of 2 s each`, small, () => flood(`${base}slow`))
  await inTurns(`another server, ${flooding} at full speed`, small, () => flood(`${base}small`))
  await tunnel.stop()
}

/** The same through nginx, without a tunnel. */
const besideFloodOfNginx = async (): Promise<void> => {
  if (!isInstalled("wrk", "--version") || !isInstalled("nginx", "-v")) return
  const upstream = (name: string, url: string, idle: number): string =>
    `upstream ${name} { server ${new URL(url).host}; keepalive ${idle}; keepalive_requests 100000000; }`
  const others = upstream("other", await origin(otherProcessor), 64)
  const flooded = upstream("flooded", await origin(floodProcessor), flooding)
  const location = (name: string): string =>
    `location /${name}/ { proxy_pass http://${name}/; proxy_http_version 1.1; proxy_set_header Connection ""; }`
  const home = mkdtempSync(join(folder, "nginx-"))
  const port = await freePort()
  const nginx = startNginx({
    folder: home,
    files: home,
    port,
    http: `${others} ${flooded}`,
    server: `${location("other")} ${location("flooded")}`,
  })
  children.push(nginx)
  const base = `http://127.0.0.1:${port}`
  await answers(`${base}/other/small`)
  const pid = nginx.pid ?? 0
  if (canPin) for (const one of [pid, ...childrenOf(pid)]) pin(one, otherProcessor)
  await inTurns(`nginx, ${flooding} at full speed`, `${base}/other/small`, () =>
    flood(`${base}/flooded/small`),
  )
}

try {
  mkdirSync(join(folder, "files"))
  process.stdout.write(`load ${loadavg()[0]?.toFixed(1)}, line ${rate / 1e6} MB/s, ms\n\n`)
  const heads = ["p50 alone", "p99", "p50 beside", "p99", "p99 ratio", "theirs", "least of most"]
  process.stdout.write(heading(["1 KiB beside", ...heads]))
  if (wanted("downloads") || wanted("uploads") || wanted("visitors")) await besideBodies()
  if (wanted("flood")) {
    await besideFlood()
    await besideFloodOfNginx()
  }
} finally {
  for (const child of children) await stop(child)
  rmSync(folder, { recursive: true, force: true })
}
process.exit(0)
