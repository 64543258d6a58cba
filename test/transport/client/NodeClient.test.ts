/**
 * Requests that are sent whole, to a server of raw sockets that closes its
 * connections when the test wants it.
 */
import { once } from "node:events"
import { type AddressInfo, createServer, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NodeClient from "../../../src/transport/client/NodeClient.ts"

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

/** Answers the requests of each connection with what is given, `undefined` closes it. */
const origin = (answers: ReadonlyArray<ReadonlyArray<string | undefined>>) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const heard: Array<string> = []
      const sockets = new Set<Socket>()
      const server = createServer((socket) => {
        const mine = [...(answers[sockets.size] ?? [])]
        sockets.add(socket)
        socket.on("error", () => {})
        socket.on("data", (bytes) => {
          heard.push(`${sockets.size} ${bytes.toString().split("\r\n\r\n")[1]}`)
          const answer = mine.shift()
          if (answer === undefined) socket.destroy()
          else socket.write(answer)
        })
      })
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      const { port } = server.address() as AddressInfo
      const client = NodeClient.make({
        origin: new URL(`http://127.0.0.1:${port}`),
        proxies: false,
      })
      const send = (body: string) =>
        new Promise<number | string>((resolve) => {
          const headers = [
            ["Host", client.host],
            ["Content-Length", `${body.length}`],
          ] as const
          client.sendWhole({ method: "POST", path: "/", headers }, Buffer.from(body), {
            response: (response) => {
              response.resume()
              response.on("end", () => setImmediate(() => resolve(response.statusCode ?? 0)))
            },
            failed: (error) => resolve(error.code ?? error.message),
          })
        })
      const end = () => {
        client.close()
        for (const socket of sockets) socket.destroy()
        server.close()
      }
      return { client, end, heard, send }
    }),
    ({ end }) => Effect.sync(end),
  )

describe("a request that is sent whole", () => {
  it.effect("is sent again if its pooled connection turns out to be closed", () =>
    Effect.gen(function* () {
      const { heard, send } = yield* origin([[ok, undefined], [ok]])
      assert.strictEqual(yield* Effect.promise(() => send("first")), 200)
      assert.strictEqual(yield* Effect.promise(() => send("second")), 200)
      assert.deepStrictEqual(heard, ["1 first", "1 second", "2 second"])
    }),
  )

  it.effect("is not sent a third time", () =>
    Effect.gen(function* () {
      const { heard, send } = yield* origin([[ok, undefined], [undefined]])
      yield* Effect.promise(() => send("first"))
      assert.strictEqual(yield* Effect.promise(() => send("second")), "ECONNRESET")
      assert.strictEqual(heard.length, 3)
    }),
  )

  it.effect("is not sent again if a new connection breaks", () =>
    Effect.gen(function* () {
      const { heard, send } = yield* origin([[undefined], [ok]])
      assert.strictEqual(yield* Effect.promise(() => send("only")), "ECONNRESET")
      assert.deepStrictEqual(heard, ["1 only"])
    }),
  )

  it.effect("calls nothing any more once it is aborted", () =>
    Effect.gen(function* () {
      const { client, send } = yield* origin([[ok], [ok]])
      let told = 0
      const count = () => {
        told += 1
      }
      const headers = [["Host", client.host]] as const
      const leave = client.sendWhole({ method: "GET", path: "/", headers }, new Uint8Array(), {
        response: count,
        failed: count,
      })
      leave()
      assert.strictEqual(yield* Effect.promise(() => send("other")), 200)
      assert.strictEqual(told, 0)
    }),
  )
})

describe("a connection after status 101", () => {
  for (const fields of ["", "Upgrade: x\r\n", "Connection: Upgrade\r\n"])
    it.effect(`with the fields ${JSON.stringify(fields)} is not used again`, () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { heard, send } = yield* origin([[`HTTP/1.1 101 X\r\n${fields}\r\n`, ok], [ok]])
          assert.strictEqual(yield* Effect.promise(() => send("first")), 101)
          assert.strictEqual(yield* Effect.promise(() => send("second")), 200)
          assert.deepStrictEqual(heard, ["1 first", "2 second"])
        }),
      ),
    )
})
