/**
 * A small HTTP server behind `ptth server --to`, run as a process of its own:
 * `/small` has 1 KiB, `/middle` 100 KB, `/large` never ends, `/slow` has 1 KiB
 * after two seconds, and what is uploaded is thrown away. Prints its port.
 */
import * as http from "node:http"
import type { AddressInfo } from "node:net"

const small = Buffer.alloc(1024, "x")
const middle = Buffer.alloc(100_000, "x")
const piece = Buffer.alloc(64 * 1024, "x")
const slowMillis = 2_000

const server = http.createServer({ keepAlive: true }, (request, response) => {
  const answer = (): void => {
    response.writeHead(200, { "content-length": small.length }).end(small)
  }
  if (request.method === "POST") return request.resume().on("end", answer)
  if (request.url === "/slow") return setTimeout(answer, slowMillis)
  if (request.url === "/middle") return response.end(middle)
  if (request.url !== "/large") return answer()
  const more = (): void => {
    while (response.write(piece)) {}
  }
  response.on("drain", more)
  response.on("close", () => response.off("drain", more))
  return more()
})
server.keepAliveTimeout = 60_000
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`)
})
process.on("SIGTERM", () => process.exit(0))
