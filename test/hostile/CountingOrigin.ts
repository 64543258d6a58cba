/**
 * An application that counts what reaches it, each request by its number, and
 * whose every answer can be told from all others: bodies are parts of one known
 * sequence of bytes.
 *
 * - `GET /bytes?n=NUMBER&size=BYTES&as=length|chunked`: a body
 * - `POST /sum?n=NUMBER`: the SHA-256 of the request's body
 * - `GET /events?n=NUMBER&count=EVENTS`: so many events, one every 100 ms
 * - `GET /late?n=NUMBER&millis=MILLISECONDS`: its number, after so long
 * - `GET /endless?n=NUMBER`: a GiB
 * - `GET /echo?n=NUMBER` as a WebSocket: what it is sent
 */
import { createHash } from "node:crypto"
import { once } from "node:events"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { WebSocketServer } from "ws"
import { Seeded } from "../support/Seeded.ts"

const mebi = 1024 * 1024
const poolSize = 8 * mebi
const pool = ((): Buffer => {
  const random = new Seeded(3)
  const bytes = Buffer.alloc(poolSize)
  for (let i = 0; i < poolSize; i += 4) bytes.writeUInt32LE(random.int(0, 0xffff_ffff), i)
  return bytes
})()

/** The body with this number. */
export const bytesOf = (n: number, size: number): Buffer => {
  const from = (n * 7919) % (poolSize - size)
  return pool.subarray(from, from + size)
}

/** The text of an event. */
export const eventOf = (n: number, i: number): string => `data: ${n}-${i}\n\n`

/** The hash that is answered to a body. */
export const sumOf = (body: Uint8Array): string => createHash("sha256").update(body).digest("hex")

/** See the file's header. */
export class CountingOrigin {
  /** How often each POST has come. */
  readonly posts = new Map<number, number>()
  readonly port: number
  private readonly server: http.Server

  private constructor(server: http.Server, port: number) {
    this.server = server
    this.port = port
    const webSockets = new WebSocketServer({ noServer: true })
    server.on("request", (request: http.IncomingMessage, response: http.ServerResponse) =>
      this.answer(request, response),
    )
    server.on("upgrade", (request: http.IncomingMessage, socket, head) => {
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        webSocket.on("error", () => {})
        webSocket.on("message", (data, isBinary) => webSocket.send(data, { binary: isBinary }))
      })
    })
  }

  static async start(): Promise<CountingOrigin> {
    const server = http.createServer().listen(0, "127.0.0.1")
    await once(server, "listening")
    return new CountingOrigin(server, (server.address() as AddressInfo).port)
  }

  close(): void {
    this.server.close()
    this.server.closeAllConnections()
  }

  private answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    const url = new URL(request.url ?? "", "http://origin")
    const n = Number(url.searchParams.get("n"))
    response.setHeader("X-Number", `${n}`)
    response.on("error", () => {})
    request.on("error", () => {})
    if (url.pathname === "/sum") return this.sum(n, request, response)
    if (url.pathname === "/events")
      return this.events(n, Number(url.searchParams.get("count")), response)
    if (url.pathname === "/late")
      return void setTimeout(() => response.end(`${n}`), Number(url.searchParams.get("millis")))
    const size = url.pathname === "/endless" ? 1024 * mebi : Number(url.searchParams.get("size"))
    const body = url.pathname === "/endless" ? pool : bytesOf(n, size)
    if (url.searchParams.get("as") !== "chunked") response.setHeader("Content-Length", size)
    const piece = 32 * 1024
    let at = 0
    const more = (): void => {
      while (at < size && !response.destroyed) {
        const from = at % body.length
        const chunk = body.subarray(from, from + Math.min(piece, size - at))
        at += chunk.length
        if (!response.write(chunk)) return void response.once("drain", more)
      }
      response.end()
    }
    more()
  }

  private sum(n: number, request: http.IncomingMessage, response: http.ServerResponse): void {
    this.posts.set(n, (this.posts.get(n) ?? 0) + 1)
    const hash = createHash("sha256")
    request.on("data", (chunk: Buffer) => hash.update(chunk))
    request.on("end", () => response.end(hash.digest("hex")))
  }

  private events(n: number, count: number, response: http.ServerResponse): void {
    response.writeHead(200, { "Content-Type": "text/event-stream" })
    let i = 0
    const timer = setInterval(() => {
      response.write(eventOf(n, i))
      i += 1
      if (i < count) return
      clearInterval(timer)
      response.end()
    }, 100)
    response.on("close", () => clearInterval(timer))
  }
}
