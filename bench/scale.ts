/**
 * `npm run bench:scale`: what grows with what. Latency of one small file by
 * the number of servers of the relay and by the number of requests at once; a
 * fast visitor beside a hundred who do not read; ten thousand servers that do
 * nothing. Prints tables in Markdown.
 *
 * `npm run bench:scale stalled` (or `requests`, `servers`) prints that table
 * alone. BENCH_SECONDS (3) is the length of each load, BENCH_ROUNDS (40) how
 * often the fast visitor has a second beside the others, BENCH_SERVERS (10000)
 * the largest number of servers, which needs that many file descriptors.
 */
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { registered } from "./IdleNames.ts"
import { bySockets, byWrk, isInstalled, type LoadResult } from "./Load.ts"
import { quantile } from "./Probe.ts"
import { memory, said, start, stop } from "./Processes.ts"
import { printHeading, printRow } from "./Table.ts"
import { startTunnel, type Tunnel } from "./Tunnel.ts"

const seconds = Number(process.env.BENCH_SECONDS ?? 3)
const most = Number(process.env.BENCH_SERVERS ?? 10_000)
const rounds = Number(process.env.BENCH_ROUNDS ?? 40)
const parts = ["requests", "stalled", "servers"] as const
const asked = process.argv.slice(2)
const wanted = (part: (typeof parts)[number]): boolean => asked.length === 0 || asked.includes(part)
const unknown = asked.find((part) => !parts.some((known) => known === part))
if (unknown !== undefined) {
  process.stderr.write(`No part "${unknown}": name some of ${parts.join(", ")}, or none for all.\n`)
  process.exit(2)
}
const stalled = 100
const settleMillis = 10_000
const load = isInstalled("wrk", "--version") ? byWrk : bySockets
const folder = mkdtempSync(join(tmpdir(), "ptth-scale-"))
const idleServers = fileURLToPath(new URL("./IdleServers.ts", import.meta.url))

const micros = (n: number): string => `${Math.round(n)} us`
const rate = ({ failures, requestsPerSecond }: LoadResult): string =>
  `${Math.round(requestsPerSecond)}${failures > 0 ? ` (${failures} failed)` : ""}`

const byServers = async (): Promise<void> => {
  printHeading([
    "servers connected",
    "connect",
    "relay, MiB",
    "1 connection, median",
    "p99",
    "32 connections, requests/s",
  ])
  for (const count of [0, 100, most]) {
    const tunnel = await startTunnel(
      { folder, transport: "stream", relayConfig: registered(count) },
      "files/small.bin",
    )
    const begin = performance.now()
    const idle = start(process.execPath, [idleServers, tunnel.relayUrl, `${count}`], {
      cwd: folder,
    })
    await said(idle, /alive (\d+)/)
    const took = (performance.now() - begin) / 1000
    const url = `${tunnel.base}files/small.bin`
    await load(url, 8, 1)
    const one = await load(url, 1, seconds)
    const some = await load(url, 32, seconds)
    const held = Math.round(memory(tunnel.relay, "now") ?? 0)
    printRow([
      count + 1,
      `${took.toFixed(1)} s`,
      held,
      micros(one.medianMicros),
      micros(one.p99Micros),
      rate(some),
    ])
    await stop(idle)
    await tunnel.stop()
  }
}

const byRequests = async (tunnel: Tunnel): Promise<void> => {
  printHeading(["requests at once", "median", "median x requests/s", "p99", "requests/s"])
  const url = `${tunnel.base}files/small.bin`
  await load(url, 8, 1)
  for (const connections of [1, 2, 8, 32, 128, 512, 2000]) {
    const result = await load(url, connections, seconds)
    printRow([
      connections,
      micros(result.medianMicros),
      ((result.medianMicros * result.requestsPerSecond) / 1e6).toFixed(1),
      micros(result.p99Micros),
      rate(result),
    ])
  }
}

/** A visitor who asks for a large file and never reads. */
const stall = (url: URL): Promise<net.Socket> =>
  new Promise((resolve, reject) => {
    const socket = net.connect({ host: url.hostname, port: Number(url.port) })
    socket.once("error", reject)
    socket.once("connect", () => {
      socket.pause()
      socket.write(`GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`)
      resolve(socket)
    })
  })

/**
 * Two tunnels at once, of which one has the visitors who do not read, asked
 * in turns: the p99 of a second varies tenfold on a machine that others use
 * too, so that only many rounds of both tell the one from the other.
 */
const besideStalled = async (free: Tunnel, crowded: Tunnel): Promise<void> => {
  printHeading([
    "visitors who do not read",
    "median of a fast one",
    `p99, median of ${rounds} rounds`,
    "a quarter of the rounds below",
    "and above",
    "relay, MiB",
    "server, MiB",
  ])
  const sockets: Array<net.Socket> = []
  while (sockets.length < stalled)
    sockets.push(await stall(new URL(`${crowded.base}files/large.bin`)))
  // Until then the kernel's buffers of those who do not read are being filled.
  await new Promise((resolve) => setTimeout(resolve, settleMillis))
  const both = [
    { tunnel: free, unread: 0, results: [] as LoadResult[] },
    { tunnel: crowded, unread: stalled, results: [] as LoadResult[] },
  ]
  const url = ({ base }: Tunnel): string => `${base}files/small.bin`
  for (const { tunnel } of both) await load(url(tunnel), 1, seconds)
  for (let round = 0; round < rounds; round++) {
    for (const { results, tunnel } of round % 2 === 0 ? both : both.toReversed())
      results.push(await load(url(tunnel), 1, 1))
  }
  for (const { results, tunnel, unread } of both) {
    const medians = results.map(({ medianMicros }) => medianMicros)
    const p99 = results.map(({ p99Micros }) => p99Micros)
    printRow([
      unread,
      micros(quantile(medians, 0.5)),
      micros(quantile(p99, 0.5)),
      micros(quantile(p99, 0.25)),
      micros(quantile(p99, 0.75)),
      Math.round(memory(tunnel.relay, "now") ?? 0),
      Math.round(memory(tunnel.server, "now") ?? 0),
    ])
  }
  for (const socket of sockets) socket.destroy()
}

try {
  mkdirSync(join(folder, "files"))
  writeFileSync(join(folder, "files", "small.bin"), Buffer.alloc(1024, "x"))
  writeFileSync(join(folder, "files", "large.bin"), "")
  truncateSync(join(folder, "files", "large.bin"), 1024 ** 3)
  const tunnel = await startTunnel({ folder, transport: "stream" }, "files/small.bin")
  if (wanted("requests")) await byRequests(tunnel)
  if (wanted("stalled")) {
    const crowded = await startTunnel({ folder, transport: "stream" }, "files/small.bin")
    await besideStalled(tunnel, crowded)
    await crowded.stop()
  }
  await tunnel.stop()
  if (wanted("servers")) await byServers()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
