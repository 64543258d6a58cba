/**
 * WebSockets of visitors through the tunnel, beside the same without it: what
 * is sent rightly and wrongly comes to the same at both ends, byte by byte.
 */
import { createHash } from "node:crypto"
import { once } from "node:events"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { WebSocketServer } from "ws"
import * as Upstream from "../../src/server/upstream/Upstream.ts"
import * as Harness from "../support/Harness.ts"
import { type Address, RawHttp } from "../support/RawHttp.ts"
import { Seeded } from "../support/Seeded.ts"
import { anyCase, cases, type WebSocketCase } from "./WebSocketCases.ts"

const byChance = 150
const seed = Number(process.env.PTTH_SEED ?? 1)
const fields = /^(?:upgrade|connection|sec-websocket-.*)$/i

const hash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** An application that echoes messages, and what it heard of each visitor. */
const application = Effect.acquireRelease(
  Effect.promise(async () => {
    const heard = new Map<string, { readonly said: Array<string>; isOver: boolean }>()
    const server = http.createServer()
    new WebSocketServer({ server, perMessageDeflate: { threshold: 0 } }).on(
      "connection",
      (socket, request) => {
        const one = { said: [] as Array<string>, isOver: false }
        heard.set(new URL(request.url ?? "", "http://x").searchParams.get("n") ?? "", one)
        const say = (what: string, bytes: Uint8Array): void => {
          one.said.push(`${what} ${bytes.length} ${hash(bytes)}`)
        }
        socket.on("message", (message, binary) => {
          say(binary ? "binary" : "text", message as Buffer)
          socket.send(message, { binary })
        })
        socket.on("ping", (bytes) => say("ping", bytes))
        socket.on("pong", (bytes) => say("pong", bytes))
        socket.on("error", (error: NodeJS.ErrnoException) => one.said.push(`${error.code}`))
        socket.on("close", (code, reason) => {
          say(`close ${code}`, reason)
          one.isOver = true
        })
      },
    )
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    return { server, heard, port: (server.address() as AddressInfo).port }
  }),
  ({ server }) =>
    Effect.sync(() => {
      server.close()
      server.closeAllConnections()
    }),
)

/** What a visitor gets for a case: the handshake's fields, and all bytes after it. */
const visit = async (to: Address, path: string, one: WebSocketCase) => {
  const visitor = await RawHttp.connect(to)
  const [first = Buffer.alloc(0), ...rest] = one.parts
  await visitor.send(
    `GET ${path} HTTP/1.1`,
    [
      ["Host", "app.test"],
      ["Connection", "Upgrade"],
      ["Upgrade", "websocket"],
      ["Sec-WebSocket-Version", "13"],
      ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="],
      ...(one.deflate === true
        ? [["Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"] as const]
        : []),
    ],
    one.early === true ? first : "",
  )
  const head = await visitor.readHead()
  for (const part of one.early === true ? rest : one.parts) {
    if (visitor.isOver) break
    await visitor.write(part)
  }
  if (one.ends === true) visitor.socket.end()
  const { bytes, how } = await visitor.readRest()
  visitor.socket.destroy()
  return {
    status: head.status,
    fields: head.headers
      .filter(([name]) => fields.test(name))
      .map(([name, value]) => `${name.toLowerCase()}: ${value}`)
      .sort(),
    how,
    bytes: bytes.length > 500 ? hash(bytes) : bytes.toString("hex"),
  }
}

describe("a visitor's WebSocket", () => {
  it.live(`comes to the same as without the tunnel, seed ${seed}`, () =>
    Effect.gen(function* () {
      const { heard, port } = yield* application
      const relay = yield* Harness.relay({ servers: ["app"] })
      const origin = yield* Effect.acquireRelease(
        Effect.sync(() => Upstream.make({ origin: new URL(`http://127.0.0.1:${port}`) })),
        ({ close }) => Effect.sync(close),
      )
      yield* Harness.server(relay, "app", origin.handler, { transport: "stream" })
      const random = new Seeded(seed)
      const all = [...cases, ...Array.from({ length: byChance }, () => anyCase(random))]
      const differences: Array<unknown> = []
      for (const [i, one] of all.entries()) {
        const [direct, tunnelled] = yield* Harness.promised(() =>
          Promise.all([
            visit({ host: "127.0.0.1", port }, `/?n=d${i}`, one),
            visit(relay, `/servers/app/?n=t${i}`, one),
          ]),
        )
        yield* Harness.until(`${one.name}: both are over`, () =>
          ["d", "t"].every((way) => heard.get(`${way}${i}`)?.isOver === true),
        )
        const [d, t] = [
          { ...direct, heard: heard.get(`d${i}`)?.said },
          { ...tunnelled, heard: heard.get(`t${i}`)?.said },
        ]
        assert.strictEqual(d.status, 101)
        if (JSON.stringify(d) !== JSON.stringify(t))
          differences.push({ name: one.name, direct: d, tunnelled: t })
      }
      assert.deepStrictEqual(differences, [])
    }),
  )
})
