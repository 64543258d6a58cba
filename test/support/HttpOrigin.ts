/**
 * The applications behind the tunnel in tests: Node's own HTTP server, which
 * answers each path as a test says and keeps what it saw, and a socket server
 * whose bytes a test writes by itself. What a test waits for is an event.
 */
import * as http from "node:http"
import * as net from "node:net"
import { onTestFinished } from "@effect/vitest"
import type { HeaderList } from "../../src/domain/HeaderList.ts"
import * as Headers from "../../src/domain/HeaderList.ts"
import { RawHttp, soon } from "./RawHttp.ts"
import { Watch } from "./Watch.ts"

/** One request as the origin saw it. */
export interface Seen {
  readonly method: string
  readonly target: string
  /** As they came: order, repetition and case kept. */
  readonly headers: HeaderList
  /** The first value of a field, by its lower-case name. */
  readonly header: (name: string) => string | undefined
  /** All values of a field, by its lower-case name. */
  readonly all: (name: string) => ReadonlyArray<string>
  readonly request: http.IncomingMessage
  readonly response: http.ServerResponse
  /** Bytes of the body so far, and how it went on. */
  readonly received: () => number
  /** The whole body; rejects if it breaks off. Starts the reading. */
  readonly body: () => Promise<Buffer>
  /** The trailer fields, once the body is whole. */
  readonly trailers: () => HeaderList
  /** Waits until the body breaks off. */
  readonly aborted: () => Promise<void>
  /** Waits until the connection is gone, whatever was under way on it. */
  readonly gone: () => Promise<void>
  /** Waits until the connection is gone before the response is whole. */
  readonly left: () => Promise<void>
}

/** Answers a request. */
export type Answer = (seen: Seen) => void | Promise<void>

/** Node's HTTP server with a test's answers. */
export class HttpOrigin {
  readonly host = "127.0.0.1"
  readonly port: number
  readonly server: http.Server
  /** Every request, in the order of arrival. */
  readonly seen: Array<Seen> = []
  /** Connections that were made. */
  connections = 0
  /** Answers every request. */
  answer: Answer = ({ response }) => {
    response.end("ok")
  }
  private readonly watch = new Watch()

  private constructor(server: http.Server) {
    this.server = server
    this.port = (server.address() as net.AddressInfo).port
    const take = (request: http.IncomingMessage, response: http.ServerResponse): void => {
      const seen = seenOf(request, response)
      this.seen.push(seen)
      this.watch.changed()
      void this.answer(seen)
    }
    server.on("request", take)
    server.on("checkContinue", take)
    server.on("connection", () => {
      this.connections += 1
      this.watch.changed()
    })
  }

  /** Starts one on a free port; it is gone when the test is over. */
  static start(): Promise<HttpOrigin> {
    const server = http.createServer({
      maxHeaderSize: 256 * 1024,
      requestTimeout: 0,
      keepAliveTimeout: 0,
    })
    server.maxHeadersCount = 0
    return new Promise((resolve) =>
      server.listen(0, "127.0.0.1", () => {
        onTestFinished(() => {
          server.close()
          server.closeAllConnections()
        })
        resolve(new HttpOrigin(server))
      }),
    )
  }

  get url(): URL {
    return new URL(`http://${this.host}:${this.port}`)
  }

  /** The request with this index, once it is there. */
  async request(index = 0): Promise<Seen> {
    await this.watch.until(`request ${index} reaches the origin`, () => this.seen.length > index)
    return this.seen[index] as Seen
  }
}

const seenOf = (request: http.IncomingMessage, response: http.ServerResponse): Seen => {
  const headers = Headers.fromRaw(request.rawHeaders)
  let received = 0
  let whole: Promise<Buffer> | undefined
  const aborted = new Promise<void>((resolve) => {
    request.on("close", () => {
      if (!request.complete) resolve()
    })
  })
  const left = new Promise<void>((resolve) => {
    response.on("close", () => {
      if (!response.writableFinished) resolve()
    })
  })
  request.on("error", () => {})
  response.on("error", () => {})
  const read = (): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => {
        received += chunk.length
        chunks.push(chunk)
      })
      request.on("end", () => resolve(Buffer.concat(chunks)))
      void aborted.then(() => reject(new Error("the body broke off")))
    })
  return {
    method: request.method ?? "",
    target: request.url ?? "",
    headers,
    header: (name) => Headers.first(headers, name),
    all: (name) => Headers.all(headers, name),
    request,
    response,
    received: () => received,
    body: () => {
      whole ??= read()
      return whole
    },
    trailers: () => Headers.fromRaw(request.rawTrailers),
    aborted: () => soon("the origin sees the upload break off", aborted),
    gone: () =>
      soon(
        "the connection to the origin is gone",
        new Promise((resolve) => {
          if (request.socket.destroyed) resolve()
          else request.socket.once("close", () => resolve())
        }),
      ),
    left: () => soon("the origin sees its visitor leave", left),
  }
}

/** A server of bare connections. */
export class RawOrigin {
  readonly host = "127.0.0.1"
  readonly port: number
  readonly server: net.Server
  /** Every connection, in the order of arrival. */
  readonly connections: Array<RawHttp> = []
  private readonly watch = new Watch()

  private constructor(server: net.Server) {
    this.server = server
    this.port = (server.address() as net.AddressInfo).port
    server.on("connection", (socket) => {
      this.connections.push(new RawHttp(socket))
      this.watch.changed()
    })
  }

  /** Starts one on a free port; it is gone when the test is over. */
  static start(): Promise<RawOrigin> {
    const server = net.createServer({ allowHalfOpen: true })
    return new Promise((resolve) =>
      server.listen(0, "127.0.0.1", () => {
        const origin = new RawOrigin(server)
        onTestFinished(() => {
          server.close()
          for (const { socket } of origin.connections) socket.destroy()
        })
        resolve(origin)
      }),
    )
  }

  get url(): URL {
    return new URL(`http://${this.host}:${this.port}`)
  }

  /** The connection with this index, once it is there. */
  async connection(index = 0): Promise<RawHttp> {
    await this.watch.until(
      `connection ${index} reaches the origin`,
      () => this.connections.length > index,
    )
    return this.connections[index] as RawHttp
  }
}
