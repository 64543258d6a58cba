/**
 * A plain HTTP proxy in front of a relay, as companies have them: it passes
 * every request on, and does with upgrades what the test says.
 */
import * as http from "node:http"
import * as net from "node:net"
import type { Duplex } from "node:stream"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { WebSocketServer } from "ws"
import type { TestRelay } from "./Harness.ts"

/** What becomes of an upgrade: a status is its answer, `mute` accepts it and says nothing more, `cut` accepts it and breaks. */
export type OnUpgrade = number | "pass" | "mute" | "cut"

/** See the file's header. */
export interface UpgradeProxy {
  /** `http://HOST:PORT`. */
  readonly url: string
  readonly host: string
  readonly port: number
  onUpgrade: OnUpgrade
  /** How many upgrades have come. */
  upgrades: number
  /** Paths of the plain requests that have come. */
  readonly requests: Array<string>
  /** Breaks one of the connections that were passed on and live, by its place among them. */
  readonly breakUpgrade: (which: number) => void
}

/** Passes a request for another protocol on, and what follows it both ways. */
export const passUpgrade = (
  { host, port }: Pick<TestRelay, "host" | "port">,
  request: http.IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void => {
  const onward = net.connect({ host, port })
  const fields = request.rawHeaders
    .map((text, i) => (i % 2 === 0 ? `${text}: ` : `${text}\r\n`))
    .join("")
  onward.write(`${request.method} ${request.url} HTTP/1.1\r\n${fields}\r\n`, "latin1")
  onward.write(head)
  onward.on("error", () => socket.destroy())
  onward.on("close", () => socket.destroy())
  socket.on("close", () => onward.destroy())
  onward.pipe(socket)
  socket.pipe(onward)
}

const passRequest = (
  relay: TestRelay,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): void => {
  const onward = http.request({
    host: relay.host,
    port: relay.port,
    method: request.method ?? "GET",
    path: request.url ?? "/",
    headers: request.rawHeaders,
    setDefaultHeaders: false,
    agent: false,
  })
  onward.on("response", (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
    response.flushHeaders()
    answer.pipe(response)
  })
  onward.on("error", () => response.destroy())
  response.on("close", () => onward.destroy())
  request.pipe(onward)
}

/** Starts one on a free port. */
export const upgradeProxy = (
  relay: TestRelay,
  onUpgrade: OnUpgrade,
): Effect.Effect<UpgradeProxy, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const acceptor = new WebSocketServer({ noServer: true })
      const sockets = new Set<Duplex>()
      const passed: Array<Duplex> = []
      const server = http.createServer((request, response) => {
        proxy.requests.push(request.url ?? "")
        passRequest(relay, request, response)
      })
      server.on("connection", (socket) => {
        sockets.add(socket)
        socket.on("close", () => sockets.delete(socket))
      })
      server.on("upgrade", (request, socket: Duplex, head) => {
        proxy.upgrades += 1
        socket.on("error", () => {})
        const what = proxy.onUpgrade
        if (what === "pass") {
          passed.push(socket)
          socket.on("close", () => passed.splice(passed.indexOf(socket), 1))
          passUpgrade(relay, request, socket, head)
        } else if (typeof what === "number")
          socket.end(`HTTP/1.1 ${what} No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno`)
        else
          acceptor.handleUpgrade(request, socket, head, (webSocket) => {
            if (what === "cut") webSocket.terminate()
          })
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const { port } = server.address() as net.AddressInfo
      const proxy: UpgradeProxy = {
        url: `http://127.0.0.1:${port}`,
        host: "127.0.0.1",
        port,
        onUpgrade,
        upgrades: 0,
        requests: [],
        breakUpgrade: (which) => {
          passed[which]?.destroy()
        },
      }
      return { proxy, server, sockets }
    }),
    ({ server, sockets }) =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        server.close()
      }),
  ).pipe(Effect.map(({ proxy }) => proxy))
