/**
 * `npm run bench:cluster`: what a hop costs. Two relays that serve as one, a
 * server whose links are at the first, and visitors at either: how much
 * processor time both relays use for a small request, and how fast a large body
 * comes. Setups alternate within a run; only ratios of one run mean something.
 *
 *     npm run bench:cluster            unix sockets and TLS
 *     npm run bench:cluster -- 5       five rounds
 */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import * as http from "node:http"
import { startPair } from "./ClusterPair.ts"

const rounds = Number(process.argv[2] ?? 3)
const seconds = 3
const connections = 32

/** Clock ticks of the kernel in a second. */
const ticks = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }))

/** Processor time that a process has used, in milliseconds. */
const cpuOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ")
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticks
}

/** Requests by `connections` kept connections for some seconds; how many were answered. */
const load = async (url: string): Promise<number> => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections })
  const end = performance.now() + seconds * 1000
  let count = 0
  const get = (): Promise<void> =>
    new Promise((resolve, reject) => {
      http
        .get(url, { agent }, (response) => {
          if (response.statusCode !== 200) return reject(new Error(`${response.statusCode}`))
          response.resume()
          response.on("end", () => {
            count += 1
            resolve()
          })
        })
        .on("error", reject)
    })
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < end) await get()
    }),
  )
  agent.destroy()
  return count
}

/** Megabytes a second of one body. */
const bulk = async (url: string): Promise<number> => {
  const start = performance.now()
  let bytes = 0
  await new Promise<void>((resolve, reject) => {
    http
      .get(url, (response) => {
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length
        })
        response.on("end", resolve)
        response.on("error", reject)
      })
      .on("error", reject)
  })
  return bytes / 1000 / (performance.now() - start)
}

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN

interface Figures {
  readonly micros: Array<number>
  readonly rates: Array<number>
}

for (const network of ["unix", "tls"] as const) {
  const pair = await startPair(network)
  const setups: ReadonlyArray<readonly [string, string, Figures]> = [
    ["no hop", pair.near, { micros: [], rates: [] }],
    ["hop", pair.far, { micros: [], rates: [] }],
  ]
  for (const [, base] of setups) await load(`${base}small`)
  for (let round = 0; round < rounds; round++) {
    for (const [, base, { micros, rates }] of setups) {
      const before = pair.pids.map(cpuOf)
      const count = await load(`${base}small`)
      const used = pair.pids.reduce((sum, pid, i) => sum + cpuOf(pid) - (before[i] ?? 0), 0)
      micros.push((used * 1000) / count)
      rates.push(await bulk(`${base}large`))
    }
  }
  const [none, hop] = setups.map(([, , figures]) => figures) as [Figures, Figures]
  console.log(
    `${network}: relays' CPU ${median(none.micros).toFixed(0)} us a request, ${median(hop.micros).toFixed(0)} with a hop (x ${(median(hop.micros) / median(none.micros)).toFixed(2)}); ${median(none.rates).toFixed(0)} MB/s, ${median(hop.rates).toFixed(0)} with a hop (x ${(median(hop.rates) / median(none.rates)).toFixed(2)})`,
  )
  await pair.stop()
}
