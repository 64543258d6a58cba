/**
 * What each program holds while it idles, what its start costs, and what each
 * part that is loaded later adds: medians of BENCH_STARTS (5) starts. Measured of
 * the built command, or of the program that BENCH_PROGRAM names, such as a single
 * executable, beside other programs. Linux only.
 */
import { type ChildProcess, execFileSync, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join, resolve } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import * as IdlePeers from "./IdlePeers.ts"
import { quantile } from "./Probe.ts"
import { answers, freePort, memory, processorMillis, start, stop } from "./Processes.ts"
import { printHeading, printRow } from "./Table.ts"
import { listens } from "./TlsFronts.ts"
import { serverKey } from "./Tunnel.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

/** How long each program idles before its memory is read, in milliseconds. */
const settleMillis = Number(process.env.BENCH_SETTLE ?? 10) * 1000

const starts = Number(process.env.BENCH_STARTS ?? 5)

/** How often a program that has just been started is asked, in milliseconds. */
const interval = 5

/** How many starts of `--version` are timed. */
const versionStarts = 15

type Program = readonly [file: string, ...args: ReadonlyArray<string>]

/** The program and its first arguments. */
const command = (): Program => {
  const named = process.env.BENCH_PROGRAM
  if (named !== undefined) return [resolve(named)]
  execFileSync(process.execPath, [join(root, "scripts/build.ts"), "--command"])
  return [process.execPath, join(root, "dist/command/bin.js")]
}

interface Footprint {
  readonly processor: number
  readonly elapsed: number
  readonly idle: number
}

/** A request to a program. */
interface Request {
  readonly path: string
  readonly accept?: string
}

/** One start of a program. */
interface Start {
  readonly program: Program
  /** The address that it answers. */
  readonly url: string
  /** Where it keeps compiled code, if it is ours. */
  readonly code?: string
  /** Ends what it needed. */
  readonly end?: () => Promise<void>
}

const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

/**
 * Starts a program several times, one after the other, each until its first answer
 * and the one to each of `requests`; all of them idle together.
 */
const measure = async (
  folder: string,
  begin: () => Promise<Start>,
  requests: ReadonlyArray<Request> = [],
): Promise<Footprint> => {
  const running: Array<Footprint & { readonly child: ChildProcess; readonly begun: Start }> = []
  for (let i = 0; i < starts; i++) {
    const begun = await begin()
    const [file, ...args] = begun.program
    const code = begun.code === undefined ? {} : { NODE_COMPILE_CACHE: begun.code }
    const before = performance.now()
    const child = start(file, args, { cwd: folder, env: { ...process.env, ...code } })
    child.stdout?.resume()
    await answers(begun.url, interval)
    const elapsed = performance.now() - before
    const processor = processorMillis(child.pid ?? 0)
    for (const { accept = "*/*", path } of requests) {
      const response = await fetch(new URL(path, begun.url), { headers: { accept } })
      await response.arrayBuffer()
    }
    running.push({ child, begun, elapsed, processor, idle: 0 })
  }
  await wait(settleMillis)
  const idle = running.map(({ child }) => memory(child, "now") ?? 0)
  // A relay goes on for some seconds, because of the connections that asked it.
  await Promise.all(running.map(({ child }) => stop(child)))
  await Promise.all(running.map(({ begun }) => begun.end?.()))
  return {
    idle: median(idle),
    processor: median(running.map(({ processor }) => processor)),
    elapsed: median(running.map(({ elapsed }) => elapsed)),
  }
}

const format = ({ elapsed, idle, processor }: Footprint): ReadonlyArray<string> => [
  idle.toFixed(1),
  // Linux counts in hundredths of a second.
  processor < 10 ? "under 10 ms" : `${processor} ms`,
  `${elapsed.toFixed(0)} ms`,
]

const versionMillis = (program: ReadonlyArray<string>): number => {
  const [file = "", ...args] = program
  const times = Array.from({ length: versionStarts }, () => {
    const before = performance.now()
    spawnSync(file, [...args, "--version"])
    return performance.now() - before
  })
  return median(times)
}

const local = (port: number, path = "/"): string => `http://127.0.0.1:${port}${path}`

const bareNode = (port: number): Program => [
  process.execPath,
  "-e",
  `require("node:http").createServer((_, r) => r.end()).listen(${port}, "127.0.0.1")`,
]

/** The programs of this package, in a folder with what they need. */
class Own {
  private readonly program: Program
  private readonly folder: string
  private readonly credentials = serverKey()
  private codes = 0

  constructor(program: Program, folder: string) {
    this.program = program
    this.folder = folder
  }

  relay(port: number, more: string): Program {
    const file = join(this.folder, `relay-${port}.toml`)
    const servers = `[[servers]]\nname = "bench"\ntripcode = "${this.credentials.tripcode}"\n`
    writeFileSync(file, `listen = "127.0.0.1:${port}"\n${more}${servers}`)
    return [...this.program, "relay", "--config-path", file]
  }

  fileServer(port: number): Program {
    return [...this.program, "fileserver", "files", "--listen", `127.0.0.1:${port}`]
  }

  server(relay: number): Program {
    const config = join(this.folder, `server-${relay}.toml`)
    writeFileSync(
      config,
      `name = "bench"\napi_key = "${this.credentials.key}"\nrelay_url = "${local(relay)}"\nfile_server_root = "files"\n`,
      { mode: 0o600 },
    )
    return [...this.program, "server", "--config-path", config]
  }

  /** A folder without compiled code, so that a start in it has only that of the build. */
  code(): string {
    return join(this.folder, `code-${this.codes++}`)
  }
}

/** What starts one of our programs at a free port; `code` says where it keeps compiled code. */
const ownStarts = (own: Own, folder: string) => {
  const at =
    (args: (port: number) => Program, path: string) =>
    (code: () => string) =>
    async (): Promise<Start> => {
      const port = await freePort()
      return { program: args(port), url: local(port, path), code: code() }
    }
  return {
    relay: (more: string) => at((port) => own.relay(port, more), "/healthz"),
    fileServer: at((port) => own.fileServer(port), "/files/note.md"),
    server: (code: () => string) => async (): Promise<Start> => {
      const port = await freePort()
      const [file, ...args] = own.relay(port, adminOff)
      const relay = start(file, args, { cwd: folder })
      relay.stdout?.resume()
      await answers(local(port, "/healthz"))
      return {
        program: own.server(port),
        url: local(port, "/servers/bench/files/note.md"),
        code: code(),
        end: () => stop(relay),
      }
    },
  }
}

const adminOn = 'admin_listen = "127.0.0.1:0"\n'
const adminOff = "admin_listen = false\n"

/** Measures the other programs that are there. */
const printPeers = async (folder: string): Promise<void> => {
  for (const { args, name, path } of IdlePeers.peers) {
    const file = IdlePeers.find(name)
    if (file === undefined) continue
    const measured = await measure(folder, async () => {
      const port = await freePort()
      return { program: [file, ...args(port, await freePort())], url: local(port, path) }
    })
    printRow([name, ...format(measured)])
  }
  const application = createServer((_, response) => response.end()).listen(0, "127.0.0.1")
  await once(application, "listening")
  const { port: behind } = application.address() as AddressInfo
  for (const { args, far, name } of IdlePeers.clients) {
    const file = IdlePeers.find(name)
    if (file === undefined) continue
    const measured = await measure(folder, async () => {
      const [port, visitors] = [await freePort(), await freePort()]
      const [program = "", ...rest] = far(port)
      const other = start(IdlePeers.find(program) ?? program, rest, { cwd: folder })
      other.stdout?.resume()
      await listens(port)
      return {
        program: [file, ...args(port, visitors, behind)],
        url: local(visitors),
        end: () => stop(other),
      }
    })
    printRow([`${name}, the end at the application`, ...format(measured)])
  }
  application.close()
  application.closeAllConnections()
}

/** Prints the tables. */
export const print = async (parent: string): Promise<void> => {
  const program = command()
  const folder = mkdtempSync(join(parent, "footprint-"))
  mkdirSync(join(folder, "files"))
  writeFileSync(join(folder, "files", "note.md"), "# A note\n")
  writeFileSync(join(folder, "files", "code.ts"), "export const answer = 42\n")
  const own = new Own(program, folder)
  const of = ownStarts(own, folder)
  const kept = own.code()
  const again = (): string => kept

  printHeading(["idle", "MiB", "start to first answer, processor", "elapsed"])
  const bare = await measure(folder, async () => {
    const port = await freePort()
    return { program: bareNode(port), url: local(port) }
  })
  printRow(["bare Node", ...format(bare)])
  /** Measures first starts, of which one keeps its code for the later ones, then those. */
  const both = async (
    name: string,
    begin: (code: () => string) => () => Promise<Start>,
  ): Promise<Footprint> => {
    const codes = [kept, ...Array.from({ length: starts - 1 }, () => own.code())]
    const first = await measure(
      folder,
      begin(() => codes.pop() ?? kept),
    )
    printRow([`${name}, first start`, ...format(first)])
    const later = await measure(folder, begin(again))
    printRow([name, ...format(later)])
    return later
  }
  const ofRelay = await both("ptth relay", of.relay(adminOn))
  await both("ptth server", of.server)
  const ofFiles = await both("ptth fileserver", of.fileServer)
  await printPeers(folder)
  process.stdout.write(`\n\`ptth --version\`: ${versionMillis(program).toFixed(0)} ms`)
  process.stdout.write(`, bare Node ${versionMillis([process.execPath]).toFixed(0)} ms\n`)

  printHeading(["part", "MiB more once it was used"])
  const part = async (
    what: string,
    base: Footprint,
    begin: (code: () => string) => () => Promise<Start>,
    requests?: ReadonlyArray<Request>,
  ): Promise<void> => {
    const { idle } = await measure(folder, begin(again), requests)
    printRow([what, (idle - base.idle).toFixed(0)])
  }
  const alone = await measure(folder, of.relay(adminOff)(again))
  await part("administrator's listener", alone, of.relay(adminOn))
  const page: Request = { path: "/files/", accept: "text/html" }
  await part("relay's page", ofRelay, of.relay(adminOn), [
    { path: "/frontend/servers/", accept: "text/html" },
  ])
  const telemetry = `${adminOn}otlp_endpoint = "http://127.0.0.1:9"\n`
  await part("telemetry", ofRelay, of.relay(telemetry))
  await part("page of a folder", ofFiles, of.fileServer, [page])
  await part("Markdown, its thread still there", ofFiles, of.fileServer, [
    { path: "/files/note.md?view", accept: "text/html" },
  ])
  await part("archive of a folder", ofFiles, of.fileServer, [{ path: "/files/?archive=zip" }])
}
