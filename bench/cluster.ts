/**
 * `npm run bench:cluster`: what several relays that serve as one cost and bring.
 * The processor time of a request that hops to another relay, and how fast a
 * large file does; what two and four workers carry, each held to a part of a
 * processor; a relay by itself beside another version of the program; the memory
 * of a worker; and, computed from the measured times, what many relays carry.
 * Prints tables in Markdown.
 *
 * `npm run bench:cluster hop` (or `workers`, `alone`, `memory`) measures that
 * alone. BENCH_SECONDS (2) is the length of each load, BENCH_ROUNDS (9) how
 * often each setup has its turn, BENCH_MIB (256) the size of the large file,
 * BENCH_BIN the entry (`src/bin.ts`) of the version that `alone` compares with.
 * Linux only.
 */
import type { ChildProcess } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { get } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { cage, removeCages } from "./Cage.ts"
import { type HopCost, printModel } from "./ClusterModel.ts"
import { bySockets, byWrk, isInstalled } from "./Load.ts"
import { wantedOf } from "./Parts.ts"
import { quantile } from "./Probe.ts"
import { answers, childrenOf, freePort, processorMillis, said, start, stop } from "./Processes.ts"
import { printHeading, printRow } from "./Table.ts"
import { serverKey, startServer, startTunnel, type Tunnel } from "./Tunnel.ts"

const seconds = Number(process.env.BENCH_SECONDS ?? 2)
const rounds = Number(process.env.BENCH_ROUNDS ?? 9)
const mebibytes = Number(process.env.BENCH_MIB ?? 256)
const wanted = wantedOf(["hop", "workers", "alone", "memory"])

const load = isInstalled("wrk", "--version") ? byWrk : bySockets
const folder = mkdtempSync(join(tmpdir(), "ptth-cluster-"))
const clusterRelay = fileURLToPath(new URL("./ClusterRelay.ts", import.meta.url))
const stops: Array<() => Promise<void>> = []
const small = "files/small.bin"
/** What each worker may use of a processor. */
const share = 0.08
/** Visitors of each worker. */
const perWorker = 32

const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)
const ratios = (values: ReadonlyArray<number>, bases: ReadonlyArray<number>): string =>
  median(values.map((value, i) => value / (bases[i] as number))).toFixed(2)

/** What is measured in turns with others. */
interface Setup {
  readonly name: string
  readonly base: string
  readonly connections: number
  /** The processes whose time counts. */
  readonly pids: ReadonlyArray<number>
}

/** One turn of a setup. */
interface Turn {
  readonly rate: number
  /** Processor time of a request in each process, in microseconds. */
  readonly each: ReadonlyArray<number>
}

const take = async ({ base, connections, name, pids }: Setup): Promise<Turn> => {
  const before = pids.map(processorMillis)
  const { failures, requestsPerSecond } = await load(`${base}${small}`, connections, seconds)
  if (failures > 0) throw new Error(`${name}: ${failures} requests failed`)
  const each = pids.map(
    (pid, i) =>
      ((processorMillis(pid) - (before[i] as number)) * 1000) / (requestsPerSecond * seconds),
  )
  return { rate: requestsPerSecond, each }
}

/** Takes the setups in turns, forwards and backwards; for each its turns. */
const alternate = async <A>(
  setups: ReadonlyArray<Setup>,
  measure: (setup: Setup) => Promise<A>,
): Promise<ReadonlyArray<ReadonlyArray<A>>> => {
  const turns = setups.map((): Array<A> => [])
  for (let round = 0; round < rounds; round++) {
    const order = [...setups.entries()]
    for (const [i, setup] of round % 2 === 0 ? order : order.toReversed()) {
      process.stderr.write(`${setup.name}, turn ${round + 1} of ${rounds}\n`)
      turns[i]?.push(await measure(setup))
    }
  }
  return turns
}

const sum = (values: ReadonlyArray<number>): number => values.reduce((a, b) => a + b, 0)

/** Downloads the large file: bytes per second, and processor time in milliseconds. */
const download = async ({ base, pids }: Setup): Promise<readonly [number, number]> => {
  const before = sum(pids.map(processorMillis))
  const begin = performance.now()
  const bytes = await new Promise<number>((resolve, reject) => {
    get(`${base}files/large.bin`, (response) => {
      let count = 0
      response.on("data", (chunk: Buffer) => {
        count += chunk.length
      })
      response.on("end", () => resolve(count))
      response.on("error", reject)
    }).on("error", reject)
  })
  if (bytes !== mebibytes * 1024 * 1024) throw new Error(`${base} gave ${bytes} bytes`)
  return [(bytes * 1000) / (performance.now() - begin), sum(pids.map(processorMillis)) - before]
}

/** Two relays that are each other's peer; the server's links are all at the second. */
const startPair = async (name: string, addresses: readonly [string, string]) => {
  const { key, tripcode } = serverKey()
  const env = { ...process.env, CLUSTER_KEY: randomBytes(32).toString("hex") }
  const [first, second] = addresses
  const relays: Array<ChildProcess> = []
  const urls: Array<string> = []
  for (const [own, other] of [
    [first, second],
    [second, first],
  ] as const) {
    const relay = start(
      process.execPath,
      [clusterRelay, `relay${relays.length}`, own, other, tripcode],
      { cwd: folder, env },
    )
    relays.push(relay)
    stops.push(() => stop(relay))
    urls.push(await said(relay, /Listening (\S+)/))
  }
  const server = startServer(urls[1] as string, key, { folder, transport: "stream" })
  stops.push(() => stop(server))
  const bases = urls.map((url) => `${url}/servers/bench/`)
  for (const base of bases) await answers(base + small)
  const pids = relays.map(({ pid }) => pid as number)
  const setup = (what: string, base: string | undefined): Setup => ({
    name: what,
    base: base as string,
    connections: 32,
    pids,
  })
  return [setup(`no hop, beside ${name}`, bases[1]), setup(name, bases[0])] as const
}

const measureHop = async (): Promise<HopCost> => {
  const ports = [await freePort(), await freePort()]
  const unix = await startPair("unix socket", [
    `unix:${join(folder, "a.sock")}`,
    `unix:${join(folder, "b.sock")}`,
  ])
  const tls = await startPair("TLS", [`tcp:127.0.0.1:${ports[0]}`, `tcp:127.0.0.1:${ports[1]}`])
  const setups = [...unix, ...tls]
  for (const setup of setups) await take(setup)
  const turns = await alternate(setups, take)
  const bulks = await alternate(setups, download)
  printHeading([
    "32 connections",
    "relays, us/request",
    "of these the visitor's and the holder's",
    "of no hop",
    "requests/s of no hop",
    `${mebibytes} MiB, MB/s`,
    "of no hop",
    "relays, ms",
  ])
  for (const [i, { name }] of setups.entries()) {
    const [mine, bulk] = [turns[i] ?? [], bulks[i] ?? []]
    const base = i - (i % 2)
    const [direct, directBulk] = [turns[base] ?? [], bulks[base] ?? []]
    const costs = mine.map(({ each }) => sum(each))
    printRow([
      name,
      Math.round(median(costs)),
      [0, 1]
        .map((at) => Math.round(median(mine.map(({ each }) => each[at] as number))))
        .join(" + "),
      ratios(
        costs,
        direct.map(({ each }) => sum(each)),
      ),
      ratios(
        mine.map(({ rate }) => rate),
        direct.map(({ rate }) => rate),
      ),
      Math.round(median(bulk.map(([rate]) => rate)) / 1e6),
      ratios(
        bulk.map(([rate]) => rate),
        directBulk.map(([rate]) => rate),
      ),
      Math.round(median(bulk.map(([, millis]) => millis))),
    ])
  }
  const part = (setup: number, at: 0 | 1): number =>
    median((turns[setup] ?? []).map(({ each }) => each[at] as number))
  return { direct: part(0, 1), visitors: part(1, 0), holders: part(1, 1) }
}

/** The processes that serve in a relay: its workers, or itself. */
const workersOf = ({ relay }: Tunnel, count: number): ReadonlyArray<number> =>
  count === 1 ? [relay.pid as number] : childrenOf(relay.pid as number)

const measureWorkers = async (): Promise<void> => {
  const counts = [1, 2, 4]
  const setups: Array<Setup> = []
  let isCaged = true
  for (const count of counts) {
    const tunnel = await startTunnel(
      { folder, transport: "stream", relayArguments: ["--workers", `${count}`] },
      small,
    )
    stops.push(tunnel.stop)
    const pids = workersOf(tunnel, count)
    if (pids.length !== count) throw new Error(`${pids.length} workers instead of ${count}`)
    for (const pid of pids) isCaged &&= cage(pid, share)
    setups.push({ name: `${count}`, base: tunnel.base, connections: count * perWorker, pids })
  }
  if (!isCaged) process.stdout.write("\nWorkers are not held to a part of a processor here.\n")
  for (const setup of setups) await take(setup)
  const turns = await alternate(setups, take)
  const [one = []] = turns
  printHeading(["workers", "requests/s", "of one", "us/request", "% of a processor, each"])
  for (const [i, { name }] of setups.entries()) {
    const mine = turns[i] ?? []
    const rates = mine.map(({ rate }) => rate)
    printRow([
      name,
      Math.round(median(rates)),
      ratios(
        rates,
        one.map(({ rate }) => rate),
      ),
      Math.round(median(mine.map(({ each }) => sum(each)))),
      (mine[0]?.each ?? [])
        .map((_, at) =>
          Math.round(median(mine.map(({ each, rate }) => (each[at] as number) * rate)) / 1e4),
        )
        .join(" + "),
    ])
  }
}

const measureAlone = async (other: string): Promise<void> => {
  const setups: Array<Setup> = []
  for (const [name, bin] of [
    ["before", other],
    ["now", undefined],
  ] as const) {
    const tunnel = await startTunnel(
      { folder, transport: "stream", ...(bin === undefined ? {} : { bin }) },
      small,
    )
    stops.push(tunnel.stop)
    setups.push({ name, base: tunnel.base, connections: 32, pids: [tunnel.relay.pid as number] })
  }
  for (const setup of setups) await take(setup)
  const turns = await alternate(setups, take)
  const [before = []] = turns
  printHeading(["a relay by itself", "requests/s", "of before", "relay, us/request", "of before"])
  for (const [i, { name }] of setups.entries()) {
    const mine = turns[i] ?? []
    const pick = (at: "rate" | "cost", all: ReadonlyArray<Turn>): ReadonlyArray<number> =>
      all.map(({ each, rate }) => (at === "rate" ? rate : sum(each)))
    printRow([
      name,
      Math.round(median(pick("rate", mine))),
      ratios(pick("rate", mine), pick("rate", before)),
      median(pick("cost", mine)).toFixed(1),
      ratios(pick("cost", mine), pick("cost", before)),
    ])
  }
}

/** Memory in MiB: what is resident, and with what is shared counted in parts. */
const memoryOf = (pid: number): readonly [number, number] => {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1]) / 1024
  return [field("Rss"), field("Pss")]
}

/** How long a relay idles before its memory is read, in milliseconds. */
const idleMillis = 10_000

const measureMemory = async (): Promise<void> => {
  printHeading(["idle, MiB", "resident", "shared parts divided"])
  for (const count of [1, 4]) {
    const tunnel = await startTunnel(
      { folder, transport: "stream", relayArguments: ["--workers", `${count}`] },
      small,
    )
    await new Promise((resolve) => setTimeout(resolve, idleMillis))
    const all = workersOf(tunnel, count).map(memoryOf)
    const cells = [0, 1].map((at) => Math.round(median(all.map((pair) => pair[at] as number))))
    printRow([count === 1 ? "a relay of one process" : "a worker of four", ...cells])
    if (count > 1) {
      const [rss, pss] = memoryOf(tunnel.relay.pid as number)
      printRow(["their supervisor", Math.round(rss), Math.round(pss)])
    }
    await tunnel.stop()
  }
}

try {
  mkdirSync(join(folder, "files"))
  writeFileSync(join(folder, "files", "small.bin"), Buffer.alloc(1024, "x"))
  writeFileSync(join(folder, "files", "large.bin"), "")
  truncateSync(join(folder, "files", "large.bin"), mebibytes * 1024 * 1024)
  if (wanted("hop")) printModel(await measureHop())
  if (wanted("workers")) await measureWorkers()
  const other = process.env.BENCH_BIN
  if (wanted("alone") && other !== undefined) await measureAlone(other)
  if (wanted("memory")) await measureMemory()
} finally {
  for (const end of stops) await end()
  removeCages()
  rmSync(folder, { recursive: true, force: true })
}
