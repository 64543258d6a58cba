/**
 * `npm run bench:long`: one body and ten at once over a link with a round trip
 * of 100 ms, so that the window of a stream divided by the round trip would
 * show if it were the ceiling. A proxy between server and relay delays every
 * byte by half a round trip and limits nothing else.
 *
 * BENCH_MIB (128) is the size of each body, BENCH_RTT (100) the round trip in
 * milliseconds.
 */
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import * as http from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { delayTo } from "./Delay.ts"
import { startTunnel } from "./Tunnel.ts"

const mebibytes = Number(process.env.BENCH_MIB ?? 128)
const roundTrip = Number(process.env.BENCH_RTT ?? 100)
const folder = mkdtempSync(join(tmpdir(), "ptth-long-"))

const download = (url: string): Promise<number> =>
  new Promise((resolve, reject) => {
    http
      .get(url, { agent: false }, (response) => {
        let bytes = 0
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length
        })
        response.on("end", () => resolve(bytes))
        response.on("error", reject)
      })
      .on("error", reject)
  })

const speed = async (url: string, count: number): Promise<string> => {
  const begin = performance.now()
  const sizes = await Promise.all(Array.from({ length: count }, () => download(url)))
  const bytes = sizes.reduce((sum, size) => sum + size, 0)
  if (bytes !== count * mebibytes * 1024 * 1024) throw new Error(`${bytes} bytes came`)
  return `${Math.round(bytes / 1e3 / (performance.now() - begin))} MB/s`
}

try {
  mkdirSync(join(folder, "files"))
  const file = join(folder, "files", "large.bin")
  writeFileSync(file, "")
  truncateSync(file, mebibytes * 1024 * 1024)
  writeFileSync(join(folder, "files", "small.bin"), "x")
  const rows: Array<string> = []
  for (const transport of ["stream", "classic"] as const) {
    const tunnel = await startTunnel(
      { folder, transport, via: (relayUrl) => delayTo(relayUrl, roundTrip) },
      "files/small.bin",
    )
    const url = `${tunnel.base}files/large.bin`
    const one = await speed(url, 1)
    const ten = await speed(url, 10)
    rows.push(`| ${transport} | ${one} | ${ten} |`)
    await tunnel.stop()
  }
  process.stdout.write(
    `| round trip ${roundTrip} ms, ${mebibytes} MiB each | one body | ten at once |\n| --- | ---: | ---: |\n${rows.join("\n")}\n`,
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit(0)
