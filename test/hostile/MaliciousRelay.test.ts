/**
 * A relay that means harm, against the server as a process of its own: it
 * serves only what it serves, follows nobody to another host, stays within
 * bounds, and goes on with an honest relay at the same address.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import type { Duplex } from "node:stream"
import { assert, describe, it, onTestFinished } from "@effect/vitest"
import { WebSocketServer } from "ws"
import * as StreamFrame from "../../src/protocol/StreamFrame.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { Watch } from "../support/Watch.ts"
import { type Program, program, unseen } from "./Process.ts"
import { rawFrame } from "./StreamPeer.ts"

/** How many requests a server answers at once. */
const atOnce = 2_048
/** How much a server may grow by whatever its relay does, in MiB. */
const bound = 128
/** The same while offers of 16 MiB are decoded, whose garbage a busy machine collects late. */
const boundOfOffers = 192

const key = "PlaypenCausalPlatformCommodeImproveCatalyze"
const id = (n: number): string => `01M82KGWT5${String(n).padStart(16, "0")}`

const version = { "X-PTTH-Version": "2" }

type OnRequest = (request: http.IncomingMessage, response: http.ServerResponse) => void
type OnUpgrade = (request: http.IncomingMessage, socket: Duplex, head: Buffer) => void

/** Whatever answers at the relay's address. */
class BadRelay {
  readonly port: number
  onRequest: OnRequest = (_request, response) => response.writeHead(404).end()
  onUpgrade: OnUpgrade = (_request, socket) => socket.end("HTTP/1.1 404 No\r\n\r\n")
  /** Requests and upgrades so far. */
  seen = 0
  readonly watch = new Watch()
  /** Listens that wait. */
  readonly parked: Array<http.ServerResponse> = []

  private constructor(server: http.Server) {
    this.port = (server.address() as AddressInfo).port
    server.on("request", (request, response) => {
      this.seen += 1
      request.on("error", () => {})
      response.on("error", () => {})
      this.onRequest(request, response)
      this.watch.changed()
    })
    server.on("upgrade", (request, socket, head) => {
      this.seen += 1
      socket.on("error", () => {})
      this.onUpgrade(request, socket, head)
      this.watch.changed()
    })
  }

  static start(): Promise<BadRelay> {
    const server = http.createServer({ requestTimeout: 0 })
    onTestFinished(() => {
      server.close()
      server.closeAllConnections()
    })
    return new Promise((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve(new BadRelay(server))),
    )
  }

  /** Answers otherwise from now on; listens that wait are answered with nothing. */
  become(onRequest: OnRequest): void {
    this.onRequest = onRequest
    for (const response of this.parked.splice(0)) response.writeHead(204, version).end()
  }

  /** Waits until so many more requests or upgrades have come. */
  async more(count: number): Promise<void> {
    const before = this.seen
    await this.watch.until(`${count} more requests come`, () => this.seen >= before + count)
  }
}

/** A server process whose folder lies beside a secret. */
const serverOf = (relay: BadRelay, transport: "classic" | "stream"): Program => {
  const base = temporaryFolder()
  mkdirSync(join(base, "root"))
  writeFileSync(join(base, "secret.txt"), "the canary file")
  writeFileSync(join(base, "root", "a.txt"), "served")
  writeFileSync(
    join(base, "ptth_server.toml"),
    [
      'name = "app"',
      `api_key = "${key}"`,
      `relay_url = "http://127.0.0.1:${relay.port}"`,
      'file_server_root = "root"',
      `transport = "${transport}"`,
    ].join("\n"),
    { mode: 0o600 },
  )
  return program(["server"], { cwd: base })
}

// ---------------------------------------------------------------- classic

interface Offered {
  readonly id?: string
  readonly method?: string
  readonly target?: string
}

/** A listen answer of classic 2 that offers requests without bodies, of any content. */
const offers = (all: ReadonlyArray<Offered>): Buffer => {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, "utf8")
    const size = Buffer.from([0xda, bytes.length >> 8, bytes.length & 0xff])
    return Buffer.concat([size, bytes])
  }
  return Buffer.concat(
    all.map(({ id: given = id(1), method = "GET", target = "/files/a.txt" }) => {
      const packed = Buffer.concat([
        Buffer.from([0x95]),
        text(given),
        text(method),
        text(target),
        Buffer.from([0x90, 0xc0]),
      ])
      const size = Buffer.alloc(4)
      size.writeUInt32BE(packed.length)
      return Buffer.concat([size, packed])
    }),
  )
}

const isListen = (request: http.IncomingMessage): boolean =>
  request.url?.includes("/http_listen/") === true

let asked = 100_000_000

/** An honest relay for one request; gives what the server answers. */
const honest = (relay: BadRelay, target: string): Promise<string> =>
  new Promise((resolve) => {
    asked += 1
    const own = id(asked)
    let offered = false
    relay.become((request, response) => {
      if (isListen(request)) {
        if (offered) return void relay.parked.push(response)
        offered = true
        response.writeHead(200, version)
        response.end(offers([{ id: own, target }]))
        return
      }
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        response.end("StreamFinished\n")
        const said = Buffer.concat(chunks).toString("latin1")
        if (request.url?.includes(own) || said.includes(own)) resolve(said)
      })
    })
  })

const stillServes = async (relay: BadRelay, server: Program): Promise<void> => {
  assert.include(await honest(relay, "/files/a.txt"), "served")
  assert.isFalse(server.hasEnded(), server.said())
}

describe("a relay that means harm, over classic", () => {
  it.skipIf(unseen !== undefined)(
    "answers listens with anything: the server stays, within bounds, and serves again",
    async () => {
      const relay = await BadRelay.start()
      const elsewhere = await BadRelay.start()
      const server = serverOf(relay, "classic")
      await stillServes(relay, server)
      const before = server.memory()
      const evils: ReadonlyArray<readonly [what: string, answer: OnRequest]> = [
        ...[301, 302, 303, 307, 308].map(
          (status) =>
            [
              `redirects by ${status}`,
              ((_request, response) => {
                const location = `http://127.0.0.1:${elsewhere.port}/7ZSFUKGV/http_listen/app`
                response.writeHead(status, { Location: location }).end()
              }) as OnRequest,
            ] as const,
        ),
        [
          "an array of 4 billion",
          (_q, r) => r.writeHead(200, version).end(Buffer.from("00000005ddffffffff", "hex")),
        ],
        ["arrays in each other", (_q, r) => r.writeHead(200).end(Buffer.alloc(1_000_000, 0x91))],
        [
          "a head of 4 GB",
          (_q, r) => r.writeHead(200, version).end(Buffer.from("ffffffff91", "hex")),
        ],
        [
          "a body of 100 MB",
          (_q, r) => {
            r.writeHead(200, version)
            const write = (): void => {
              for (let i = 0; i < 1_600 && !r.destroyed; i++) r.write(Buffer.alloc(65_536))
            }
            write()
          },
        ],
        [
          "a head without end",
          (q) => {
            q.socket.write("HTTP/1.1 200 OK\r\n")
            for (let i = 0; i < 10_000; i++) q.socket.write(`X-${i}: ${"v".repeat(100)}\r\n`)
          },
        ],
        [
          "interim answers without end",
          (q, r) => {
            for (let i = 0; i < 10_000; i++)
              q.socket.write("HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n")
            r.writeHead(500).end()
          },
        ],
        ["no HTTP", (q) => void q.socket.end("\0\0\0\0garbage\r\n\r\n")],
        [
          "illegal targets",
          (_q, r) => r.writeHead(200, version).end(offers([{ target: "http://evil/" }])),
        ],
        [
          "a target with spaces",
          (_q, r) => r.writeHead(200, version).end(offers([{ target: "/a b" }])),
        ],
        [
          "a target with CR LF",
          (_q, r) => r.writeHead(200, version).end(offers([{ target: "/a\r\nX: y" }])),
        ],
        [
          "an illegal method",
          (_q, r) => r.writeHead(200, version).end(offers([{ method: "GET /\r\n" }])),
        ],
        [
          "an id that is a path",
          (_q, r) => r.writeHead(200, version).end(offers([{ id: "../../../../evil/AAAAAAAAA" }])),
        ],
        [
          "the same id a thousand times",
          (q, r) => {
            if (isListen(q))
              r.writeHead(200, version).end(offers(Array.from({ length: 1_000 }, () => ({}))))
            else r.writeHead(400).end()
          },
        ],
        [
          "an answer without end to what the server posts",
          (q, r) => {
            if (isListen(q))
              return void r
                .writeHead(200, version)
                .end(offers([{ id: id(Math.floor(Math.random() * 1e9)) }]))
            q.resume()
            q.on("end", () => {
              r.writeHead(200)
              r.write("x".repeat(100_000))
            })
          },
        ],
      ]
      for (const [what, answer] of evils) {
        relay.become(answer)
        await relay.more(2)
        assert.isFalse(server.hasEnded(), what)
        await stillServes(relay, server)
      }
      assert.strictEqual(elsewhere.seen, 0)
      assert.isBelow(server.memory() - before, bound)
    },
  )

  it.skipIf(unseen !== undefined)(
    "offers 200,000 requests at once and takes no answer: the server stays within bounds",
    async () => {
      const relay = await BadRelay.start()
      const server = serverOf(relay, "classic")
      await stillServes(relay, server)
      const before = { memory: server.memory(), handles: server.handles() }
      const batch = (round: number): Buffer =>
        offers(Array.from({ length: 20_000 }, (_, n) => ({ id: id(round * 20_000 + n) })))
      let rounds = 0
      const answers: Array<http.ServerResponse> = []
      relay.become((request, response) => {
        if (!isListen(request)) return void answers.push(response)
        rounds += 1
        if (rounds <= 10) response.writeHead(200, version).end(batch(rounds))
      })
      for (let n = 256; n <= atOnce; n += 256)
        await relay.watch.until(`it answers ${n}`, () => answers.length >= n)
      assert.isBelow(rounds, 10)
      assert.isBelow(server.handles() - before.handles, 3_000)
      // It listens no more before an answer is taken; then it has room for one more, and no other.
      const heard = rounds
      answers[0]?.end("StreamFinished\n")
      await relay.watch.until("it listens again", () => rounds > heard)
      await relay.watch.until("it answers one more", () => answers.length > atOnce)
      assert.strictEqual(answers.length, atOnce + 1)
      assert.isBelow(server.memory() - before.memory, boundOfOffers)
      assert.isFalse(server.hasEnded(), server.said())
    },
  )

  it("asks for what is not served: it gets nothing of it", async () => {
    const relay = await BadRelay.start()
    serverOf(relay, "classic")
    for (const target of [
      "/files/../secret.txt",
      "/files/%2e%2e/secret.txt",
      "/files/..%2fsecret.txt",
      "//files/../../secret.txt",
      "/../secret.txt",
      "/ptth_server.toml",
      "/files/../ptth_server.toml",
    ]) {
      const answer = await honest(relay, target)
      assert.notInclude(answer, "canary", target)
      assert.notInclude(answer, key, target)
    }
  })
})

// ---------------------------------------------------------------- stream

describe("a relay that means harm, over stream", () => {
  it.skipIf(unseen !== undefined)(
    "answers the upgrade with anything, and says anything on it: the server stays within bounds",
    async () => {
      const relay = await BadRelay.start()
      const elsewhere = await BadRelay.start()
      const server = serverOf(relay, "stream")
      const acceptor = new WebSocketServer({ noServer: true })
      const hello = StreamFrame.hello({
        version: 1,
        maxStreams: 1024,
        window: 0xffff_ffff,
        publicUrl: "",
      })
      const pong = StreamFrame.pong(0)
      const request = (n: number, target = "/files/a.txt", end = true): Buffer =>
        StreamFrame.request(
          n,
          { method: "GET", target, headers: [] },
          Buffer.alloc(0),
          end ? 1 : 0,
          undefined,
        )
      const talk =
        (say: (send: (...bytes: ReadonlyArray<Uint8Array>) => void) => void): OnUpgrade =>
        (q, socket, head) =>
          acceptor.handleUpgrade(q, socket, head, (webSocket) => {
            webSocket.on("error", () => {})
            const send = (...bytes: ReadonlyArray<Uint8Array>): void =>
              webSocket.send(Buffer.concat(bytes))
            say(send)
            setImmediate(() => webSocket.terminate())
          })
      const evils: ReadonlyArray<readonly [what: string, answer: OnUpgrade]> = [
        [
          "redirects",
          (_q, socket) =>
            void socket.end(
              `HTTP/1.1 307 Go\r\nLocation: ws://127.0.0.1:${elsewhere.port}/\r\nContent-Length: 0\r\n\r\n`,
            ),
        ],
        [
          "a head without end",
          (_q, socket) => {
            socket.write("HTTP/1.1 101 Switching Protocols\r\n")
            for (let i = 0; i < 10_000; i++) socket.write(`X-${i}: ${"v".repeat(100)}\r\n`)
            socket.end()
          },
        ],
        [
          "another protocol",
          (_q, socket) =>
            void socket.end("HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
        ],
        [
          "frames of 4 GiB",
          talk((send) => send(hello, rawFrame(2, 1, Buffer.alloc(0), { says: 0xffff_ffff }))),
        ],
        [
          "20 MB of what is not known",
          talk((send) => {
            for (let i = 0; i < 80; i++) send(rawFrame(99, 0, Buffer.alloc(250_000)))
          }),
        ],
        ["a message of 20 MB", talk((send) => send(Buffer.alloc(20_000_000)))],
        ["two hellos", talk((send) => send(hello, hello))],
        [
          "illegal targets",
          talk((send) =>
            send(hello, pong, request(1, "http://evil/"), request(2, "/a b"), request(3, "/\r\n")),
          ),
        ],
        ["answers to nobody", talk((send) => send(hello, pong, rawFrame(3, 9, Buffer.alloc(100))))],
        [
          "50,000 requests given up at once",
          talk((send) => {
            send(hello, pong)
            for (let i = 1; i <= 50; i++) {
              const many = Array.from({ length: 1_000 }, (_, n) => [
                request(i * 1_000 + n),
                StreamFrame.reset(i * 1_000 + n, "cancelled"),
              ])
              send(...many.flat())
            }
          }),
        ],
        [
          "a thousand requests that it does not finish",
          talk((send) => {
            send(
              hello,
              pong,
              ...Array.from({ length: 1_000 }, (_, n) => request(n + 1, "/files/a.txt", false)),
            )
          }),
        ],
        [
          "more than it may",
          talk((send) => {
            send(hello, pong, request(1, "/files/a.txt", false))
            for (let i = 0; i < 20; i++) send(rawFrame(4, 1, Buffer.alloc(60_000)))
          }),
        ],
        [
          "hellos of 100,000 characters",
          talk((send) => send(rawFrame(1, 0, Buffer.alloc(100_000, "a")))),
        ],
      ]
      await relay.more(1)
      const before = server.memory()
      for (const [what, answer] of evils) {
        relay.onUpgrade = answer
        await relay.more(1)
        assert.isFalse(server.hasEnded(), what)
      }
      const served = new Promise<string>((resolve) => {
        relay.onUpgrade = (q, socket, head) =>
          acceptor.handleUpgrade(q, socket, head, (webSocket) => {
            webSocket.send(Buffer.concat([hello, pong, request(1)]))
            let text = ""
            webSocket.on("message", (bytes) => {
              text += (bytes as Buffer).toString("latin1")
              if (text.includes("served")) resolve(text)
            })
          })
      })
      await served
      assert.strictEqual(elsewhere.seen, 0)
      assert.isBelow(server.memory() - before, bound)
      assert.isFalse(server.hasEnded(), server.said())
    },
  )
})
