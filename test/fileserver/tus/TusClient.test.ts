/**
 * An existing client of the tus protocol, directly and through the tunnel in
 * both of its forms: what it sends arrives, also over a connection that breaks.
 */
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Upload } from "tus-js-client"
import * as FileServer from "../../../src/fileserver/FileServer.ts"
import { serve } from "../../../src/transport/front/NodeFront.ts"
import * as FailurePage from "../../../src/web/FailurePage.ts"
import * as Harness from "../../support/Harness.ts"
import { bytesOf } from "../../support/servedFolder.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const size = 4 * 1024 * 1024

/** A TCP proxy that breaks a connection once so many bytes of a client have passed, a few times. */
const breakingProxy = (port: number, after: number, times: number) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly server: net.Server; left: number }>(
      (resume) => {
        const state = { port: 0, left: times, server: net.createServer() }
        state.server.on("connection", (client) => {
          const upstream = net.connect(port, "127.0.0.1")
          const end = () => {
            client.destroy()
            upstream.destroy()
          }
          let passed = 0
          client.on("data", (bytes) => {
            passed += bytes.length
            if (passed < after || state.left === 0) return
            state.left--
            end()
          })
          for (const socket of [client, upstream]) socket.on("error", end).on("close", end)
          client.pipe(upstream).pipe(client)
        })
        state.server.listen(0, "127.0.0.1", () => {
          const address = state.server.address() as net.AddressInfo
          resume(Effect.succeed(Object.assign(state, { port: address.port })))
        })
      },
    ),
    ({ server }) => Effect.sync(() => server.close()),
  )

const upload = (endpoint: string, content: Buffer, filename: string) =>
  Effect.promise(
    () =>
      new Promise<string>((resolve, reject) => {
        const sent = new Upload(content, {
          endpoint,
          metadata: { filename, filetype: "text/plain" },
          retryDelays: Array.from({ length: 10 }, () => 1),
          onError: reject,
          onSuccess: () => resolve(sent.url ?? ""),
        })
        sent.start()
      }),
  )

describe("tus-js-client", () => {
  it.live("uploads directly and through both tunnels, over connections that break", () =>
    Effect.gen(function* () {
      const root = temporaryFolder()
      const handler = yield* FileServer.make({ root, uploads: { overwrite: false } })
      const alone = yield* serve({
        host: "127.0.0.1",
        port: 0,
        handler: ({ body, head }, reply) => handler(head, body, reply),
        renderFailure: FailurePage.render,
      })
      const relay = yield* Harness.relay({ servers: ["stream", "classic"] })
      for (const transport of ["stream", "classic"] as const)
        yield* Harness.server(relay, transport, handler, { transport })
      const content = bytesOf(size)
      for (const [name, port, prefix] of [
        ["alone", alone.port, ""],
        ["stream", relay.port, "/servers/stream"],
        ["classic", relay.port, "/servers/classic"],
      ] as const) {
        const proxy = yield* breakingProxy(port, size / 4, 2)
        const base = `http://127.0.0.1:${proxy.port}${prefix}/files/`
        const address = yield* upload(base, content, `${name} ü.bin`)
        assert.isTrue(address.startsWith(`${base}?tus=`), address)
        assert.strictEqual(proxy.left, 0)
        assert.isTrue(fs.readFileSync(path.join(root, `${name} ü.bin`)).equals(content))
      }
      assert.strictEqual(fs.readdirSync(root).length, 3)
    }).pipe(Effect.scoped),
  )
})
