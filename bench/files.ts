/**
 * `node bench/files.ts`: the file server standing alone, beside nginx and
 * beside the least that Node can do (a server of twenty lines that knows
 * neither conditions nor ranges and resolves nothing). Small and large files,
 * then a folder of 50,000; of the file server also thumbnails of twelve
 * photographs, and a search in texts. Prints tables in Markdown.
 *
 * BENCH_SECONDS (5) is the length of each load, BENCH_MIB (1024) the size of
 * the large file, BENCH_ENTRIES (50000) how many files the folder has,
 * BENCH_TEXT (200) the MiB of text that are searched,
 * BENCH_LOAD=node keeps to the built-in load generator.
 */
import { type ChildProcess, execFileSync } from "node:child_process"
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { availableParallelism, cpus, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import sharp from "sharp"
import { bySockets, byWrk, isInstalled } from "./Load.ts"
import { startNginx } from "./Nginx.ts"
import { answers, freePort, memory, said, start, stop } from "./Processes.ts"
import { heading, row } from "./Table.ts"

const seconds = Number(process.env.BENCH_SECONDS ?? 5)
const mebibytes = Number(process.env.BENCH_MIB ?? 1024)
const entries = Number(process.env.BENCH_ENTRIES ?? 50_000)
const textMebibytes = Number(process.env.BENCH_TEXT ?? 200)
const load =
  process.env.BENCH_LOAD !== "node" && isInstalled("wrk", "--version") ? byWrk : bySockets

const folder = mkdtempSync(join(tmpdir(), "ptth-bench-"))
const files = join(folder, "files")
const children: Array<ChildProcess> = []
const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url))

const bare = `
import * as fs from "node:fs"
import * as http from "node:http"
const server = http.createServer((request, response) => {
  const file = ${JSON.stringify(files)} + request.url
  fs.stat(file, (error, stats) => {
    if (error !== null || !stats.isFile()) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, {
      "Content-Type": "application/octet-stream",
      "Content-Length": stats.size,
      "Last-Modified": stats.mtime.toUTCString(),
      ETag: \`W/"\${stats.size}-\${stats.mtimeMs}"\`,
    })
    fs.createReadStream(file).pipe(response)
  })
})
server.listen(0, "127.0.0.1", () => console.log("Open http://127.0.0.1:" + server.address().port))
`

interface Candidate {
  readonly what: string
  readonly child: ChildProcess
  /** What comes before the names of the files. */
  readonly base: string
}

const begin = (
  command: string,
  args: ReadonlyArray<string>,
  env: NodeJS.ProcessEnv = process.env,
): ChildProcess => {
  const child = start(command, args, { cwd: folder, env })
  children.push(child)
  return child
}

const nginx = async (): Promise<Candidate> => {
  const port = await freePort()
  const child = startNginx({ folder, files, port, http: "autoindex on;" })
  children.push(child)
  return { what: "nginx, 1 worker", child, base: `http://127.0.0.1:${port}/` }
}

const node = async (): Promise<Candidate> => {
  const program = join(folder, "bare.mjs")
  writeFileSync(program, bare)
  const child = begin(process.execPath, [program])
  return { what: "node, 20 lines", child, base: `${await said(child, /Open (\S+)/)}/` }
}

const ptth = async (): Promise<Candidate> => {
  const env = { ...process.env, XDG_CACHE_HOME: join(folder, "cache") }
  const child = begin(process.execPath, [bin, "fileserver", files, "--listen", "127.0.0.1:0"], env)
  const open = await said(child, /Open\s+(http:\/\/[\d.:]+)/)
  return { what: "ptth fileserver", child, base: `${open}/files/` }
}

const download = (url: string): number => {
  const format = ["-sSf", "-o", "/dev/null", "-w", "%{speed_download}"]
  return Number(execFileSync("curl", [...format, url])) / 1e6
}

const mib = (value: number | undefined): string =>
  value === undefined ? "?" : `${Math.round(value)}`

/** Memory of the process beyond what it had, at its peak. Of nginx it is that of the master. */
const above = (child: ChildProcess, idle: number | undefined): string => {
  const peak = memory(child, "peak")
  return peak === undefined || idle === undefined ? "?" : mib(Math.max(0, peak - idle))
}

const measure = async ({ base, child, what }: Candidate): Promise<ReadonlyArray<string>> => {
  process.stderr.write(`${what}\n`)
  await answers(`${base}small.bin`)
  await load(`${base}small.bin`, 8, Math.min(2, seconds))
  const idle = memory(child, "now")
  const speeds = Array.from({ length: 3 }, () => download(`${base}large.bin`)).sort((a, b) => a - b)
  const afterLarge = above(child, idle)
  const results = []
  for (const connections of [1, 32, 256]) {
    results.push(await load(`${base}small.bin`, connections, seconds))
  }
  const [one, some, many] = results
  const failed = results.reduce((sum, { failures }) => sum + failures, 0)
  return [
    failed === 0 ? what : `${what} (${failed} failed)`,
    `${Math.round(one?.medianMicros ?? Number.NaN)} us`,
    `${Math.round(some?.requestsPerSecond ?? 0)}`,
    `${Math.round(many?.requestsPerSecond ?? 0)}`,
    `${Math.round(speeds[1] ?? 0)} MB/s`,
    what.startsWith("nginx") ? "" : afterLarge,
  ]
}

/** The first answer and the median of the next nine, in milliseconds, and the answer's size. */
const timed = async (url: string): Promise<readonly [string, string, string]> => {
  const times: Array<number> = []
  let size = 0
  for (let i = 0; i < 10; i++) {
    const begun = performance.now()
    const response = await fetch(url)
    if (!response.ok) throw new Error(`${url} answers ${response.status}`)
    size = (await response.arrayBuffer()).byteLength
    times.push(performance.now() - begun)
  }
  const [first, ...rest] = times
  const median = rest.sort((a, b) => a - b)[rest.length >> 1]
  return [
    `${Math.round(first ?? 0)} ms`,
    `${Math.round(median ?? 0)} ms`,
    `${Math.round(size / 1000)} kB`,
  ]
}

const listings = async (
  candidates: ReadonlyArray<Candidate>,
): Promise<ReadonlyArray<ReadonlyArray<string>>> => {
  const rows: Array<ReadonlyArray<string>> = []
  for (const { base, child, what } of candidates) {
    const ours = what.startsWith("ptth")
    const forms = ours ? ["", "?plain", "?json", "?q=99999"] : [""]
    for (const form of forms) {
      process.stderr.write(`${what}: ${entries} entries ${form}\n`)
      const idle = memory(child, "now")
      const cells = await timed(`${base}many/${form}`)
      rows.push([`${what} ${form}`.trim(), ...cells, ours ? above(child, idle) : ""])
    }
  }
  return rows
}

const photographs = 12

/** Writes photographs of 12 megapixels, and gives their bytes. */
const writePhotographs = async (): Promise<number> => {
  mkdirSync(join(files, "photographs"))
  let bytes = 0
  for (let i = 0; i < photographs; i++) {
    const noise = { type: "gaussian", mean: 90 + 10 * i, sigma: 20 } as const
    const small = { width: 1_000, height: 750, channels: 3, background: "black", noise } as const
    const file = join(files, "photographs", `${i}.jpg`)
    await sharp(await sharp({ create: small }).png().toBuffer())
      .resize(4_000, 3_000)
      .jpeg({ quality: 88 })
      .toFile(file)
    bytes += statSync(file).size
  }
  return bytes
}

/** All thumbnails of a grid at once: how long, and how many bytes. */
const grid = async (base: string): Promise<readonly [millis: number, bytes: number]> => {
  const begun = performance.now()
  const headers = { accept: "image/webp" }
  const sizes = await Promise.all(
    Array.from({ length: photographs }, async (_, i) => {
      const response = await fetch(`${base}photographs/${i}.jpg?thumb=320`, { headers })
      if (response.headers.get("content-type") !== "image/webp") throw new Error("no thumbnail")
      return (await response.arrayBuffer()).byteLength
    }),
  )
  return [performance.now() - begun, sizes.reduce((sum, size) => sum + size, 0)]
}

const thumbnails = async ({ base, what }: Candidate): Promise<ReadonlyArray<string>> => {
  process.stderr.write(`${what}: thumbnails\n`)
  const originals = await writePhotographs()
  const [first, bytes] = await grid(base)
  const [again] = await grid(base)
  return [
    what,
    `${Math.round(first)} ms`,
    `${Math.round(again)} ms`,
    `${Math.round(bytes / 1000)} kB`,
    `${Math.round(originals / 1e6)} MB`,
  ]
}

const textFiles = 400

/** Writes texts, of which one half way and the last contain what is searched for. */
const writeTexts = (): void => {
  mkdirSync(join(files, "texts"))
  const line = "The quick brown fox jumps over the lazy dog, and comes back for more.\n"
  const size = (textMebibytes * 1024 * 1024) / textFiles
  const text = line.repeat(Math.ceil(size / line.length))
  const first = join(files, "texts", "000.txt")
  writeFileSync(first, text)
  for (let i = 1; i < textFiles; i++) {
    const file = join(files, "texts", `${String(i).padStart(3, "0")}.txt`)
    if (i === textFiles / 2 || i === textFiles - 1) writeFileSync(file, `${text}needle\n`)
    else copyFileSync(first, file)
  }
}

const searchInTexts = async ({ base, what }: Candidate): Promise<ReadonlyArray<string>> => {
  process.stderr.write(`${what}: search in texts\n`)
  writeTexts()
  const begun = performance.now()
  const response = await fetch(`${base}texts/?q=needle&in=text&plain`)
  const times: Array<number> = []
  let text = ""
  for await (const chunk of response.body ?? []) {
    times.push(performance.now() - begun)
    text += Buffer.from(chunk).toString()
  }
  const total = performance.now() - begun
  if (!text.includes("200.txt")) throw new Error("the search found nothing")
  const millis = (value: number | undefined): string => `${Math.round(value ?? Number.NaN)} ms`
  return [
    what,
    millis(times[0]),
    millis(total),
    `${Math.round((textMebibytes / total) * 1000)} MiB/s`,
  ]
}

const table = (heads: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [heading(heads), ...rows.map(row)].join("").trimEnd()

try {
  mkdirSync(join(files, "many"), { recursive: true })
  chmodSync(folder, 0o755)
  writeFileSync(join(files, "small.bin"), Buffer.alloc(1024, "x"))
  writeFileSync(join(files, "large.bin"), "")
  truncateSync(join(files, "large.bin"), mebibytes * 1024 * 1024)
  for (let i = 0; i < entries; i++) writeFileSync(join(files, "many", `file ${i}.txt`), "")
  const candidates = [
    ...(isInstalled("nginx", "-v") ? [await nginx()] : []),
    await node(),
    await ptth(),
  ]
  const rows: Array<ReadonlyArray<string>> = []
  for (const candidate of candidates) rows.push(await measure(candidate))
  const lists = candidates.filter(({ what }) => !what.startsWith("node"))
  const listed = await listings(lists)
  const ours = candidates.filter(({ what }) => what.startsWith("ptth"))
  const pictures: Array<ReadonlyArray<string>> = []
  for (const candidate of ours) pictures.push(await thumbnails(candidate))
  const searched: Array<ReadonlyArray<string>> = []
  for (const candidate of ours) searched.push(await searchInTexts(candidate))
  const [cpu] = cpus()
  process.stdout.write(
    `${[
      table(
        [
          "1 KiB file",
          "1 connection, median",
          "32 connections, requests/s",
          "256 connections, requests/s",
          `${mebibytes} MiB`,
          "MiB above idle",
        ],
        rows,
      ),
      table(
        [`${entries} entries`, "first answer", "median of nine more", "size", "MiB above idle"],
        listed,
      ),
      table(
        [`${photographs} photographs of 12 MP`, "first grid", "again", "thumbnails", "originals"],
        pictures,
      ),
      table(
        [`${textMebibytes} MiB in ${textFiles} texts`, "match half way", "whole search", "rate"],
        searched,
      ),
      `Node ${process.versions.node}, ${availableParallelism()} cores (${cpu?.model ?? "?"}), shared with the load generator.`,
    ].join("\n\n")}\n`,
  )
} finally {
  for (const child of children) await stop(child)
  rmSync(folder, { recursive: true, force: true })
}
