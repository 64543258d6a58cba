/**
 * Load on one address: by `wrk` where it is installed, else by raw sockets of
 * our own, which cost the measured programs more of the shared processor.
 */
import { execFile, spawnSync } from "node:child_process"
import * as net from "node:net"
import { promisify } from "node:util"

/** What came of a measurement. */
export interface LoadResult {
  readonly requestsPerSecond: number
  /** Median latency in microseconds. */
  readonly medianMicros: number
  /** What all but one in a hundred stayed below, in microseconds. */
  readonly p99Micros: number
  /** Answers other than 200, and connections that broke. */
  readonly failures: number
}

/** Whether a program answers when it is called. */
export const isInstalled = (program: string, flag: string): boolean =>
  spawnSync(program, [flag], { stdio: "ignore" }).error === undefined

const microsOf = (text: string): number => {
  const match = /^([\d.]+)(us|ms|s)$/.exec(text)
  const factor = { us: 1, ms: 1e3, s: 1e6 }[match?.[2] ?? "us"] ?? 1
  return Number(match?.[1]) * factor
}

/** Drives `wrk`. */
export const byWrk = async (
  url: string,
  connections: number,
  seconds: number,
): Promise<LoadResult> => {
  const threads = connections === 1 ? 1 : 2
  const { stdout } = await promisify(execFile)("wrk", [
    `-t${threads}`,
    `-c${connections}`,
    `-d${seconds}s`,
    "--timeout",
    "10s",
    "--latency",
    url,
  ])
  const find = (pattern: RegExp): string => pattern.exec(stdout)?.[1] ?? "0"
  const broken = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout)
  const socketErrors = (broken?.slice(1) ?? []).reduce((sum, count) => sum + Number(count), 0)
  return {
    requestsPerSecond: Number(find(/Requests\/sec:\s+([\d.]+)/)),
    medianMicros: microsOf(find(/50%\s+([\d.]+\w+)/)),
    p99Micros: microsOf(find(/99%\s+([\d.]+\w+)/)),
    failures: Number(find(/Non-2xx or 3xx responses: (\d+)/)) + socketErrors,
  }
}

/** Sends the same GET again and again on each connection, one at a time. */
export const bySockets = (url: string, connections: number, seconds: number): Promise<LoadResult> =>
  new Promise((resolve) => {
    const { host, hostname, pathname, port } = new URL(url)
    const request = `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
    const latencies: Array<number> = []
    let failures = 0
    let running = connections
    const start = process.hrtime.bigint()
    const end = start + BigInt(seconds * 1e9)
    const over = (): void => {
      running -= 1
      if (running > 0) return
      latencies.sort((a, b) => a - b)
      const elapsed = Number(process.hrtime.bigint() - start) / 1e9
      resolve({
        requestsPerSecond: latencies.length / elapsed,
        medianMicros: latencies[latencies.length >> 1] ?? Number.NaN,
        p99Micros: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
        failures,
      })
    }
    for (let i = 0; i < connections; i++) {
      const socket = net.connect({ host: hostname, port: Number(port), noDelay: true })
      let sentAt = 0n
      let missing = -1
      let head = ""
      const send = (): void => {
        sentAt = process.hrtime.bigint()
        missing = -1
        head = ""
        socket.write(request)
      }
      socket.on("connect", send)
      socket.on("data", (chunk: Buffer) => {
        if (missing >= 0) missing -= chunk.length
        else {
          head += chunk.toString("latin1")
          const at = head.indexOf("\r\n\r\n")
          if (at < 0) return
          if (!head.startsWith("HTTP/1.1 200")) failures += 1
          const length = Number(/content-length: (\d+)/i.exec(head)?.[1])
          missing = length - (head.length - at - 4)
        }
        if (missing > 0) return
        const now = process.hrtime.bigint()
        latencies.push(Number(now - sentAt) / 1e3)
        if (now < end) send()
        else socket.end()
      })
      socket.on("error", () => {
        failures += 1
      })
      socket.on("close", over)
    }
  })
