/**
 * `npm run bench:long`: one body and ten at once over a link with a round trip
 * of 100 ms, so that the window of a stream divided by the round trip would
 * show if it were the ceiling. A proxy between server and relay delays every
 * byte by half a round trip and limits nothing else.
 *
 * BENCH_MIB (128) is the size of each body, BENCH_RTT (100) the round trip in
 * milliseconds.
 */
import { once } from "node:events"
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import * as http from "node:http"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startTunnel } from "./Tunnel.ts"

const mebibytes = Number(process.env.BENCH_MIB ?? 128)
const roundTrip = Number(process.env.BENCH_RTT ?? 100)
const folder = mkdtempSync(join(tmpdir(), "ptth-long-"))

/** Passes chunks on in order, each so much later than it came. */
const delayed = (from: net.Socket, to: net.Socket): void => {
  from.on("data", (chunk) => setTimeout(() => to.write(chunk), roundTrip / 2))
  from.on("end", () => setTimeout(() => to.end(), roundTrip / 2))
  from.on("error", () => to.destroy())
}

const delay = async (relayUrl: string): Promise<string> => {
  const { hostname, port } = new URL(relayUrl)
  const proxy = net.createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const far = net.connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      allowHalfOpen: true,
    })
    delayed(near, far)
    delayed(far, near)
  })
  proxy.unref()
  proxy.listen(0, "127.0.0.1")
  await once(proxy, "listening")
  return `http://127.0.0.1:${(proxy.address() as net.AddressInfo).port}`
}

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
    const tunnel = await startTunnel({ folder, transport, via: delay }, "files/small.bin")
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
