/**
 * `npm run bench:peers`: the tunnel beside others, in alternating turns: every
 * round measures each of them once, so that what else the machine does falls on
 * all. Prints medians with ranges, then ratios of the medians, in Markdown.
 *
 * PTTH_BENCH_PEERS names the folder with the programs of chisel, rathole, bore
 * and wstunnel; those that are absent are left out. Arguments name the rows to
 * measure; none: all. BENCH_ROUNDS (5), BENCH_SECONDS (3) for each load, BENCH_MIB
 * (1024) for the large body. Needs `wrk`, `nginx` and `curl`.
 */
import { execFile } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { availableParallelism, loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { byWrk, isInstalled } from "./Load.ts"
import { startNginx } from "./Nginx.ts"
import { quantile } from "./Probe.ts"
import { answers, freePort, memory, said, start, stop } from "./Processes.ts"
import { heading, printRow } from "./Table.ts"
import { candidates, type Way } from "./Tunnels.ts"

const rounds = Number(process.env.BENCH_ROUNDS ?? 5)
const seconds = Number(process.env.BENCH_SECONDS ?? 3)
const mebibytes = Number(process.env.BENCH_MIB ?? 1024)
const asked = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), "ptth-peers-"))
const files = join(folder, "files")

for (const [program, flag] of [
  ["wrk", "--version"],
  ["nginx", "-v"],
  ["curl", "--version"],
] as const)
  if (!isInstalled(program, flag)) {
    process.stderr.write(`bench:peers needs ${program}.\n`)
    process.exit(2)
  }

/** What is measured of each, with its unit; of times less is better. */
const measures = [
  "first second, us",
  "1 connection, us",
  "32, requests/s",
  "256, requests/s",
  "down, MB/s",
  "up, MB/s",
  "MiB above idle",
] as const
type Measure = (typeof measures)[number]
type Values = Record<Measure, Array<number>>

/** @param sink what reads uploads to their end, which nginx itself does not */
const nginxWith = async (port: number, sink: string) => {
  const nginx = startNginx({
    folder,
    files,
    port,
    http: "client_max_body_size 0; proxy_request_buffering off; proxy_http_version 1.1;",
    server: `location = /up { proxy_pass ${sink}; }`,
  })
  await answers(`http://127.0.0.1:${port}/small.bin`)
  return nginx
}

/** Megabytes a second; nothing if the tunnel breaks the connection. */
const curl = async (url: string, what: "download" | "upload"): Promise<ReadonlyArray<number>> => {
  const file = join(files, "large.bin")
  const upload = what === "upload" ? ["-X", "POST", "-H", "expect:", "-T", file] : []
  const args = ["-sSfk", "-o", "/dev/null", "-w", `%{speed_${what}}`, ...upload, url]
  try {
    const { stdout } = await promisify(execFile)("curl", args)
    return [Number(stdout) / 1e6]
  } catch (error) {
    process.stderr.write(`${what}: ${(error as { readonly stderr?: string }).stderr ?? error}\n`)
    return []
  }
}

const measure = async (way: Way, takesUploads: boolean, values: Values): Promise<void> => {
  const small = `${way.base}small.bin`
  const first = await byWrk(small, 1, 1)
  await byWrk(small, 8, 1)
  const idle = way.programs.map((child) => memory(child, "now") ?? Number.NaN)
  const one = await byWrk(small, 1, seconds)
  const some = await byWrk(small, 32, seconds)
  const many = await byWrk(small, 256, seconds)
  values["first second, us"].push(first.medianMicros)
  values["1 connection, us"].push(one.medianMicros)
  values["32, requests/s"].push(some.requestsPerSecond)
  values["256, requests/s"].push(many.requestsPerSecond)
  values["down, MB/s"].push(...(await curl(`${way.base}large.bin`, "download")))
  if (takesUploads) values["up, MB/s"].push(...(await curl(`${way.base}up`, "upload")))
  const above = way.programs.map(
    (child, i) => (memory(child, "peak") ?? Number.NaN) - (idle[i] ?? 0),
  )
  if (above.length > 0) values["MiB above idle"].push(Math.max(...above))
  const failures = one.failures + some.failures + many.failures
  if (failures > 0) process.stderr.write(`${way.base}: ${failures} requests failed\n`)
}

const rangeOf = (values: ReadonlyArray<number>): string => {
  if (values.length === 0) return ""
  const [least, median, most] = [0, 0.5, 1].map((part) =>
    Math.round(part === 1 ? Math.max(...values) : quantile(values, part)),
  )
  return `${median} (${least} to ${most})`
}

const ratio = (ours: Values, theirs: Values | undefined, name: Measure): string => {
  const value = quantile(ours[name], 0.5) / quantile(theirs?.[name] ?? [], 0.5)
  return Number.isFinite(value) ? value.toFixed(2) : ""
}

const children: Array<ReturnType<typeof start>> = []
try {
  mkdirSync(files)
  chmodSync(folder, 0o755)
  writeFileSync(join(files, "small.bin"), Buffer.alloc(1024, "x"))
  writeFileSync(join(files, "large.bin"), "")
  truncateSync(join(files, "large.bin"), mebibytes * 1024 * 1024)
  const port = await freePort()
  const program = fileURLToPath(new URL("./Origin.ts", import.meta.url))
  const origin = start(process.execPath, [program], { cwd: folder })
  children.push(origin)
  children.push(await nginxWith(port, `http://127.0.0.1:${await said(origin, /port (\d+)/)}`))
  const all = candidates(folder, port)
  const chosen = all.filter(
    ({ name }) => asked.length === 0 || asked.some((one) => name.includes(one)),
  )
  const results = new Map<string, Values>(
    chosen.map(({ name }) => [
      name,
      Object.fromEntries(measures.map((one) => [one, []])) as unknown as Values,
    ]),
  )
  for (let round = 0; round < rounds; round++)
    for (const { name, start: begin, takesUploads } of round % 2 === 0
      ? chosen
      : chosen.toReversed()) {
      process.stderr.write(`round ${round + 1} of ${rounds}: ${name}\n`)
      const way = await begin()
      try {
        await measure(way, takesUploads, results.get(name) as Values)
      } finally {
        await way.stop()
      }
    }
  const load = loadavg()[0]?.toFixed(1)
  process.stdout.write(`${availableParallelism()} cores, load ${load}, ${rounds} rounds\n\n`)
  process.stdout.write(heading(["medians and ranges", ...measures]))
  for (const [name, values] of results)
    printRow([name, ...measures.map((one) => rangeOf(values[one]))])
  const ours = [...results.keys()].filter((name) => name.startsWith("ptth"))
  const others = [...results.keys()].filter((name) => !name.startsWith("ptth"))
  const plain = results.get("ptth, own files")
  process.stdout.write(`\n${heading(["ours as a part of theirs", ...measures])}`)
  for (const mine of ours)
    for (const theirs of others) {
      const cells = measures.map((one) =>
        ratio(results.get(mine) as Values, results.get(theirs), one),
      )
      printRow([`${mine} / ${theirs}`, ...cells])
    }
  const first = ours.map((name) => {
    const { "1 connection, us": warm, "first second, us": cold } = results.get(name) as Values
    return `${name} ${(quantile(cold, 0.5) / quantile(warm, 0.5)).toFixed(2)}`
  })
  for (const tls of ours.filter((name) => name.includes("TLS"))) {
    const cells = measures.map((one) => ratio(results.get(tls) as Values, plain, one))
    printRow([`${tls} / plain`, ...cells])
  }
  process.stdout.write(`\nThe first second, of the warm median: ${first.join(", ")}\n`)
} finally {
  for (const child of children) await stop(child)
  rmSync(folder, { recursive: true, force: true })
}
process.exit(0)
