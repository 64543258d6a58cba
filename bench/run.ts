/**
 * `npm run bench`: what the tunnel costs. A file is asked for directly from
 * nginx, and from our file server through our relay and server, each a process
 * of its own on this machine. Prints a table in Markdown.
 *
 * BENCH_SECONDS (5) is the length of each load, BENCH_MIB (1024) the size of
 * the large file, BENCH_LOAD=node keeps to the built-in load generator.
 */
import { type ChildProcess, execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import * as http from "node:http"
import { availableParallelism, cpus, tmpdir } from "node:os"
import { join } from "node:path"
import { bySockets, byWrk, isInstalled } from "./Load.ts"
import { startNginx } from "./Nginx.ts"
import { answers, freePort, memory, stop } from "./Processes.ts"
import { heading, row } from "./Table.ts"
import { startTunnel } from "./Tunnel.ts"

const seconds = Number(process.env.BENCH_SECONDS ?? 5)
const mebibytes = Number(process.env.BENCH_MIB ?? 1024)
const useWrk = process.env.BENCH_LOAD !== "node" && isInstalled("wrk", "--version")
const useCurl = isInstalled("curl", "--version")
const useNginx = isInstalled("nginx", "-v")

const folder = mkdtempSync(join(tmpdir(), "ptth-bench-"))
const children: Array<ChildProcess> = []

interface Row {
  readonly what: string
  readonly cells: ReadonlyArray<string>
}

const download = async (url: string): Promise<number> => {
  if (useCurl) {
    const speed = execFileSync("curl", ["-sSf", "-o", "/dev/null", "-w", "%{speed_download}", url])
    return Number(speed) / 1e6
  }
  const begin = process.hrtime.bigint()
  const bytes = await new Promise<number>((resolve, reject) => {
    http
      .get(url, (response) => {
        let count = 0
        response.on("data", (chunk: Buffer) => {
          count += chunk.length
        })
        response.on("end", () => resolve(count))
        response.on("error", reject)
      })
      .on("error", reject)
  })
  if (bytes !== mebibytes * 1024 * 1024) throw new Error(`${url} gave ${bytes} bytes`)
  return bytes / (Number(process.hrtime.bigint() - begin) / 1e9) / 1e6
}

const above = (child: ChildProcess, idle: number | undefined): string => {
  const peak = memory(child, "peak")
  return idle === undefined || peak === undefined ? "?" : `${Math.max(0, Math.round(peak - idle))}`
}

const measure = async (
  what: string,
  base: string,
  watched: ReadonlyArray<ChildProcess>,
): Promise<Row> => {
  const load = useWrk ? byWrk : bySockets
  const small = `${base}small.bin`
  process.stderr.write(`${what}: warming up\n`)
  await load(small, 8, Math.min(2, seconds))
  const idle = watched.map((child) => memory(child, "now"))
  const peaks = (): string =>
    watched.length === 0 ? "" : watched.map((child, i) => above(child, idle[i])).join(" + ")
  process.stderr.write(`${what}: ${mebibytes} MiB\n`)
  const speed = await download(`${base}large.bin`)
  const afterLarge = peaks()
  const results = []
  for (const connections of [1, 32, 256]) {
    process.stderr.write(`${what}: ${connections} connections\n`)
    results.push(await load(small, connections, seconds))
  }
  const [one, some, many] = results
  const rate = (result: typeof one): string =>
    `${Math.round(result?.requestsPerSecond ?? 0)}${result?.failures ? ` (${result.failures} failed)` : ""}`
  return {
    what,
    cells: [
      `${Math.round(one?.medianMicros ?? Number.NaN)} us`,
      rate(some),
      rate(many),
      `${Math.round(speed)} MB/s`,
      afterLarge,
      peaks(),
    ],
  }
}

const nginx = async (): Promise<Row> => {
  const port = await freePort()
  const child = startNginx({ folder, files: join(folder, "files"), port, workers: 2 })
  children.push(child)
  const base = `http://127.0.0.1:${port}/`
  await answers(`${base}small.bin`)
  const row = await measure("nginx, direct", base, [])
  await stop(child)
  return row
}

const ptth = async (transport: "stream" | "classic"): Promise<Row> => {
  const tunnel = await startTunnel({ folder, transport }, "files/small.bin")
  children.push(tunnel.relay, tunnel.server)
  const watched = [tunnel.relay, tunnel.server]
  const row = await measure(`ptth, ${transport}`, `${tunnel.base}files/`, watched)
  await tunnel.stop()
  return row
}

const table = (rows: ReadonlyArray<Row>): string => {
  const heads = [
    "1 connection, median",
    "32 connections, requests/s",
    "256 connections, requests/s",
    `${mebibytes} MiB`,
    `MiB above idle after ${mebibytes} MiB`,
    "MiB above idle after all",
  ]
  const rowOf = ({ cells, what }: Row): string => row([what, ...cells])
  return [heading(["1 KiB file", ...heads]), ...rows.map(rowOf)].join("").trimEnd()
}

try {
  const files = join(folder, "files")
  mkdirSync(files)
  chmodSync(folder, 0o755)
  writeFileSync(join(files, "small.bin"), Buffer.alloc(1024, "x"))
  writeFileSync(join(files, "large.bin"), "")
  truncateSync(join(files, "large.bin"), mebibytes * 1024 * 1024)
  const rows: Array<Row> = []
  if (useNginx) rows.push(await nginx())
  rows.push(await ptth("stream"))
  rows.push(await ptth("classic"))
  const notes = [
    `Node ${process.versions.node}, ${availableParallelism()} cores (${cpus()[0]?.model ?? "?"}), shared with the load generator.`,
    useWrk ? "" : "`wrk` is not used: the built-in load generator takes part of the speed.",
    useCurl ? "" : "`curl` is not installed: the large file is read by Node.",
    useNginx ? "" : "`nginx` is not installed: there is nothing to compare with.",
    "Memory is the peak of the relay + the peak of the server.",
  ].filter((note) => note !== "")
  process.stdout.write(`${table(rows)}\n\n${notes.join(" ")}\n`)
} finally {
  for (const child of children) await stop(child)
  rmSync(folder, { recursive: true, force: true })
}
