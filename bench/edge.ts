/**
 * `npm run bench:edge`: what it costs that the relay speaks TLS and HTTP/2
 * itself, beside Caddy and nginx in front of a relay of the same version, in
 * alternating turns. All programs run during the whole benchmark, one of them is
 * asked at a time. Prints medians with ranges, and the medians of the ratios to
 * the relay's own turn of the same round, in Markdown.
 *
 * BENCH_ROUNDS (7), BENCH_REQUESTS (20000) of each load, BENCH_MIB (128) for the
 * large body, BENCH_RTT (50) the round trip in milliseconds for the page of 100
 * pictures. Needs `h2load`, `curl` and `openssl`; Caddy and nginx are left out
 * where they are not installed.
 */
import { type ChildProcess, execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import * as http2 from "node:http2"
import * as https from "node:https"
import { availableParallelism, loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { delayTo } from "./Delay.ts"
import { isInstalled } from "./Load.ts"
import { quantile } from "./Probe.ts"
import { answers, childrenOf, processorMillis, stop } from "./Processes.ts"
import { heading, printRow } from "./Table.ts"
import { certificateIn, startCaddy, startTlsNginx } from "./TlsFronts.ts"
import { startTunnel, type Tunnel } from "./Tunnel.ts"

const rounds = Number(process.env.BENCH_ROUNDS ?? 7)
const requests = Number(process.env.BENCH_REQUESTS ?? 20_000)
const mebibytes = Number(process.env.BENCH_MIB ?? 128)
const roundTrip = Number(process.env.BENCH_RTT ?? 50)

/** How many pictures the page has, and the size of each in bytes. */
const pictures = 100
const pictureBytes = 12_000

/** How many connections browsers open to one host by HTTP/1.1. */
const browserConnections = 6

/** How many bytes browsers take ahead, of one response and of all on a connection. */
const browserWindow = 6 * 1024 * 1024

for (const [program, flag] of [
  ["h2load", "--version"],
  ["curl", "--version"],
  ["openssl", "version"],
] as const)
  if (!isInstalled(program, flag)) {
    process.stderr.write(`bench:edge needs ${program}.\n`)
    process.exit(2)
  }

/** Who speaks TLS. */
interface Candidate {
  readonly name: string
  /** What comes before the file's name. */
  readonly base: string
  /** The same over a line with a round trip. */
  readonly far: string
  /** The front and the relay. */
  readonly programs: ReadonlyArray<ChildProcess>
}

const measures = [
  "h1, 32 connections, requests/s",
  "us/request",
  "h2, 1 connection, 32 streams, requests/s",
  "us/request of h2",
  "h2, 32 connections, 1 stream, requests/s",
  "down by h1, MB/s",
  "down by h2, MB/s",
  "page by h1, ms",
  "page by h2, ms",
  "page, h2 of h1",
] as const
type Measure = (typeof measures)[number]
type Turn = Record<Measure, number>

/** Processor time of programs and of those that they have started, in milliseconds. */
const processorOf = (programs: ReadonlyArray<ChildProcess>): number =>
  programs
    .flatMap(({ pid = 0 }) => [pid, ...childrenOf(pid)])
    .reduce((sum, pid) => sum + processorMillis(pid), 0)

/** Requests for a small file by `h2load`, and the processor time of each in microseconds. */
const load = async (
  { base, programs }: Candidate,
  ...args: ReadonlyArray<string>
): Promise<{ readonly rate: number; readonly micros: number }> => {
  const before = processorOf(programs)
  const url = `${base}small.bin`
  // With a duration h2load may never end if its connections are not there by then.
  const { stdout } = await promisify(execFile)("h2load", ["-n", `${requests}`, ...args, url])
  const spent = processorOf(programs) - before
  const rate = Number(/finished in [\d.]+\w+, ([\d.]+) req\/s/.exec(stdout)?.[1])
  const succeeded = Number(/ (\d+) succeeded/.exec(stdout)?.[1])
  const failed = Number(/ (\d+) failed/.exec(stdout)?.[1])
  if (failed > 0) process.stderr.write(`${base}: ${failed} requests failed\n`)
  return { rate, micros: (spent * 1000) / succeeded }
}

/** Megabytes a second of the large file. */
const down = async ({ base }: Candidate, version: "--http1.1" | "--http2"): Promise<number> => {
  const args = ["-sSfk", version, "-o", "/dev/null", "-w", "%{speed_download}"]
  const { stdout } = await promisify(execFile)("curl", [...args, `${base}large.bin`])
  return Number(stdout) / 1e6
}

const pictureUrls = ({ far }: Candidate): ReadonlyArray<string> =>
  Array.from({ length: pictures }, (_, i) => `${far}${i}.jpg`)

/** How long the pictures of a page take by HTTP/1.1, with a browser's connections, handshakes included. */
const pageByHttp1 = async (candidate: Candidate): Promise<number> => {
  const agent = new https.Agent({ keepAlive: true, maxSockets: browserConnections })
  const begin = performance.now()
  const get = (url: string): Promise<void> =>
    new Promise((resolve, reject) => {
      https
        .get(url, { agent, rejectUnauthorized: false }, (response) => {
          response.resume()
          response.on("end", resolve)
        })
        .on("error", reject)
    })
  await Promise.all(pictureUrls(candidate).map(get))
  agent.destroy()
  return performance.now() - begin
}

/** The same by one connection of HTTP/2. */
const pageByHttp2 = async (candidate: Candidate): Promise<number> => {
  const begin = performance.now()
  const session = http2.connect(new URL(candidate.far).origin, {
    rejectUnauthorized: false,
    settings: { initialWindowSize: browserWindow },
  })
  session.once("connect", () => session.setLocalWindowSize(browserWindow))
  const get = (url: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ":path": new URL(url).pathname })
      stream.resume()
      stream.on("end", resolve)
      stream.on("error", reject)
    })
  await Promise.all(pictureUrls(candidate).map(get))
  session.destroy()
  return performance.now() - begin
}

const measure = async (candidate: Candidate): Promise<Turn> => {
  const h1 = await load(candidate, "--h1", "-c32")
  const h2 = await load(candidate, "-c1", "-m32")
  const many = await load(candidate, "-c32", "-m1")
  const byH1 = await pageByHttp1(candidate)
  const byH2 = await pageByHttp2(candidate)
  return {
    "h1, 32 connections, requests/s": h1.rate,
    "us/request": h1.micros,
    "h2, 1 connection, 32 streams, requests/s": h2.rate,
    "us/request of h2": h2.micros,
    "h2, 32 connections, 1 stream, requests/s": many.rate,
    "down by h1, MB/s": await down(candidate, "--http1.1"),
    "down by h2, MB/s": await down(candidate, "--http2"),
    "page by h1, ms": byH1,
    "page by h2, ms": byH2,
    "page, h2 of h1": byH2 / byH1,
  }
}

const digitsOf = (name: Measure): number => (name === "page, h2 of h1" ? 2 : 0)

const rangeOf = (values: ReadonlyArray<number>, digits: number): string => {
  const sorted = values.toSorted((a, b) => a - b)
  const [least = 0, most = 0] = [sorted[0], sorted.at(-1)]
  return `${quantile(values, 0.5).toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`
}

const folder = mkdtempSync(join(tmpdir(), "ptth-edge-"))
const files = join(folder, "files")
const ends: Array<() => Promise<void>> = []

/** A tunnel; the server's files are at the end of `base`. */
const tunnelWith = async (relayArguments: ReadonlyArray<string>): Promise<Tunnel> => {
  const options = { folder, transport: "stream", relayArguments } as const
  const tunnel = await startTunnel(options, "files/small.bin")
  ends.unshift(tunnel.stop)
  return tunnel
}

const candidates = async (): Promise<ReadonlyArray<Candidate>> => {
  const certificate = certificateIn(folder)
  const path = "/servers/bench/files/"
  const of = async (
    name: string,
    url: string,
    programs: ReadonlyArray<ChildProcess>,
  ): Promise<Candidate> => {
    await answers(`${url}${path}small.bin`)
    const far = await delayTo(url, roundTrip)
    return { name, base: url + path, far: far + path, programs }
  }
  const { cert, key } = certificate
  const own = await tunnelWith(["--tls-cert", cert, "--tls-key", key])
  const plain = await tunnelWith([])
  const fronts = [
    ["Caddy", "caddy", "version", startCaddy],
    ["nginx", "nginx", "-v", startTlsNginx],
  ] as const
  const all = [await of("the relay itself", own.relayUrl, [own.relay])]
  for (const [name, program, flag, begin] of fronts) {
    if (!isInstalled(program, flag)) continue
    const front = await begin(folder, plain.relayUrl, certificate)
    ends.unshift(() => stop(front.program))
    all.push(await of(`${name} before a relay`, front.url, [front.program, plain.relay]))
  }
  return all
}

try {
  mkdirSync(files)
  writeFileSync(join(files, "small.bin"), Buffer.alloc(1024, "x"))
  writeFileSync(join(files, "large.bin"), "")
  truncateSync(join(files, "large.bin"), mebibytes * 1024 * 1024)
  for (let i = 0; i < pictures; i++)
    writeFileSync(join(files, `${i}.jpg`), Buffer.alloc(pictureBytes, "p"))
  const all = await candidates()
  const turns = new Map<string, Array<Turn>>(all.map(({ name }) => [name, []]))
  for (let round = -1; round < rounds; round++)
    for (const candidate of round % 2 === 0 ? all : all.toReversed()) {
      process.stderr.write(`round ${round + 1} of ${rounds}: ${candidate.name}\n`)
      const turn = await measure(candidate)
      // The first round is for the compilers.
      if (round >= 0) turns.get(candidate.name)?.push(turn)
    }
  const load = loadavg()[0]?.toFixed(1)
  process.stdout.write(`${availableParallelism()} cores, load ${load}, ${rounds} rounds\n\n`)
  process.stdout.write(heading(["medians and ranges", ...turns.keys()]))
  for (const name of measures)
    printRow([
      name,
      ...[...turns.values()].map((one) =>
        rangeOf(
          one.map((turn) => turn[name]),
          digitsOf(name),
        ),
      ),
    ])
  const [[, own = []] = [], ...others] = turns
  process.stdout.write(
    `\n${heading(["the relay's own as a part of", ...others.map(([name]) => name)])}`,
  )
  for (const name of measures)
    printRow([
      name,
      ...others.map(([, theirs]) =>
        rangeOf(
          own.map((turn, round) => turn[name] / (theirs[round]?.[name] ?? Number.NaN)),
          2,
        ),
      ),
    ])
} finally {
  for (const end of ends) await end()
  rmSync(folder, { recursive: true, force: true })
}
process.exit(0)
