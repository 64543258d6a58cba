/**
 * What each program holds while it idles, what its start costs, and what each
 * part that is loaded later adds. Measured of the built command, or of the
 * program that BENCH_PROGRAM names, such as a single executable. Linux only.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { quantile } from "./Probe.ts"
import { answers, freePort, memory, processorMillis, said, start, stop } from "./Processes.ts"
import { printHeading, printRow } from "./Table.ts"
import { serverKey } from "./Tunnel.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

/** How long each program idles before its memory is read, in milliseconds. */
const settleMillis = Number(process.env.BENCH_SETTLE ?? 10) * 1000

/** The program and its first arguments. */
const command = (): readonly [program: string, ...args: ReadonlyArray<string>] => {
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

/** Starts a program, waits for its first answer, then for `requests`, and lets it idle. */
const footprint = async (
  program: ReadonlyArray<string>,
  folder: string,
  url: string,
  requests: ReadonlyArray<Request> = [],
): Promise<Footprint> => {
  const [file = "", ...args] = program
  const before = performance.now()
  const child = start(file, args, { cwd: folder })
  child.stdout?.resume()
  await answers(url)
  const elapsed = performance.now() - before
  const processor = processorMillis(child.pid ?? 0)
  for (const { accept = "*/*", path } of requests) {
    const response = await fetch(new URL(path, url), { headers: { accept } })
    await response.arrayBuffer()
  }
  await wait(settleMillis)
  const idle = memory(child, "now") ?? 0
  await stop(child)
  return { processor, elapsed, idle }
}

const format = ({ elapsed, idle, processor }: Footprint): ReadonlyArray<string> => [
  idle.toFixed(0),
  `${processor} ms`,
  `${elapsed.toFixed(0)} ms`,
]

/** The middle of several elapsed times of a command that ends by itself. */
const versionMillis = (program: ReadonlyArray<string>): number => {
  const [file = "", ...args] = program
  const times = Array.from({ length: 15 }, () => {
    const before = performance.now()
    spawnSync(file, [...args, "--version"])
    return performance.now() - before
  })
  return quantile(times, 0.5)
}

const inPath = (name: string): string | undefined =>
  (process.env.PATH ?? "")
    .split(":")
    .concat(process.env.PTTH_BENCH_PEERS ?? [])
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file))

/** Another program that is measured if it is installed. */
interface Other {
  readonly name: string
  readonly args: (port: number) => ReadonlyArray<string>
  /** What it answers with 200. */
  readonly path: string
}

const others: ReadonlyArray<Other> = [
  {
    name: "chisel",
    args: (port) => ["server", "--host", "127.0.0.1", "--port", `${port}`],
    path: "/health",
  },
  {
    name: "frps",
    args: (port) => [
      "--bind-addr=127.0.0.1",
      "--bind-port=0",
      "--dashboard-addr=127.0.0.1",
      `--dashboard-port=${port}`,
    ],
    path: "/healthz",
  },
  {
    name: "dufs",
    args: (port) => ["--bind", "127.0.0.1", "--port", `${port}`, "files"],
    path: "/note.md",
  },
  {
    name: "miniserve",
    args: (port) => ["--interfaces", "127.0.0.1", "--port", `${port}`, "files"],
    path: "/note.md",
  },
]

/** Prints the tables. */
export const print = async (parent: string): Promise<void> => {
  const program = command()
  const folder = mkdtempSync(join(parent, "footprint-"))
  // So that the first start has only the compiled code of the build.
  process.env.NODE_COMPILE_CACHE = join(folder, "compiled")
  mkdirSync(join(folder, "files"))
  writeFileSync(join(folder, "files", "note.md"), "# A note\n")
  writeFileSync(join(folder, "files", "code.ts"), "export const answer = 42\n")
  const { key, tripcode } = serverKey()
  const relayToml = (port: number, more = ""): string => {
    const file = join(folder, `relay-${port}.toml`)
    const servers = `[[servers]]\nname = "bench"\ntripcode = "${tripcode}"\n`
    writeFileSync(file, `listen = "127.0.0.1:${port}"\n${more}${servers}`)
    return file
  }
  const relay = (port: number, more?: string): ReadonlyArray<string> => [
    ...program,
    "relay",
    "--config-path",
    relayToml(port, more),
  ]
  const fileServer = (port: number, ...more: ReadonlyArray<string>): ReadonlyArray<string> => [
    ...program,
    "fileserver",
    "files",
    "--listen",
    `127.0.0.1:${port}`,
    ...more,
  ]
  const adminOn = 'admin_listen = "127.0.0.1:0"\n'
  const adminOff = "admin_listen = false\n"
  const atPort = async (
    args: (port: number) => ReadonlyArray<string>,
    path: string,
    requests?: ReadonlyArray<Request>,
  ): Promise<Footprint> => {
    const port = await freePort()
    return footprint(args(port), folder, `http://127.0.0.1:${port}${path}`, requests)
  }

  printHeading(["idle", "MiB", "start to first answer, processor", "elapsed"])
  printRow(["bare Node", ...format(await atPort(bareNode, "/"))])
  /** Measures the first start, which keeps compiled code, and a later one, which it gives. */
  const both = async (name: string, measure: () => Promise<Footprint>): Promise<Footprint> => {
    printRow([`${name}, first start`, ...format(await measure())])
    const later = await measure()
    printRow([name, ...format(later)])
    return later
  }
  const ofRelay = await both("ptth relay", () => atPort((port) => relay(port, adminOn), "/healthz"))
  await both("ptth server", () => ofServer(program, folder, key, relay))
  const ofFiles = await both("ptth fileserver", () => atPort(fileServer, "/files/note.md"))
  for (const { args, name, path } of others) {
    const file = inPath(name)
    if (file === undefined) continue
    printRow([name, ...format(await atPort((port) => [file, ...args(port)], path))])
  }
  process.stdout.write(`\n\`ptth --version\`: ${versionMillis(program).toFixed(0)} ms`)
  process.stdout.write(`, bare Node ${versionMillis([process.execPath]).toFixed(0)} ms\n`)

  printHeading(["part", "MiB more once it was used"])
  const part = async (
    what: string,
    base: Footprint,
    args: (port: number) => ReadonlyArray<string>,
    path: string,
    requests?: ReadonlyArray<Request>,
  ): Promise<void> => {
    const { idle } = await atPort(args, path, requests)
    printRow([what, (idle - base.idle).toFixed(0)])
  }
  const alone = await atPort((port) => relay(port, adminOff), "/healthz")
  await part("administrator's listener", alone, (port) => relay(port, adminOn), "/healthz")
  const page: Request = { path: "/files/", accept: "text/html" }
  await part("relay's page", ofRelay, (port) => relay(port, adminOn), "/healthz", [
    { path: "/frontend/servers/", accept: "text/html" },
  ])
  const telemetry = `${adminOn}otlp_endpoint = "http://127.0.0.1:9"\n`
  await part("telemetry", ofRelay, (port) => relay(port, telemetry), "/healthz")
  await part("page of a folder", ofFiles, fileServer, "/files/note.md", [page])
  await part("Markdown, its thread still there", ofFiles, fileServer, "/files/note.md", [
    { path: "/files/note.md?view", accept: "text/html" },
  ])
  await part("archive of a folder", ofFiles, fileServer, "/files/note.md", [
    { path: "/files/?archive=zip" },
  ])
}

const bareNode = (port: number): ReadonlyArray<string> => [
  process.execPath,
  "-e",
  `require("node:http").createServer((_, r) => r.end()).listen(${port}, "127.0.0.1")`,
]

/** A server of a relay that runs already; its first answer comes through that. */
const ofServer = async (
  program: ReadonlyArray<string>,
  folder: string,
  key: string,
  relay: (port: number) => ReadonlyArray<string>,
): Promise<Footprint> => {
  const port = await freePort()
  const [file = "", ...args] = relay(port)
  const child = start(file, args, { cwd: folder })
  await said(child, /(Listening)/)
  const config = join(folder, "server.toml")
  const relayUrl = `http://127.0.0.1:${port}`
  writeFileSync(
    config,
    `name = "bench"\napi_key = "${key}"\nrelay_url = "${relayUrl}"\nfile_server_root = "files"\n`,
    { mode: 0o600 },
  )
  const measured = await footprint(
    [...program, "server", "--config-path", config],
    folder,
    `${relayUrl}/servers/bench/files/note.md`,
  )
  await stop(child)
  return measured
}
