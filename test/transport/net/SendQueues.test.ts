import { once } from "node:events"
import * as net from "node:net"
import { networkInterfaces } from "node:os"
import { assert, describe, it, onTestFinished } from "@effect/vitest"
import * as SendQueues from "../../../src/transport/net/SendQueues.ts"

const isLinux = process.platform === "linux"
const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((one) => one?.address === "::1")

/** Both ends of a connection whose client reads nothing. */
const connection = async (listen: string, connect: string) => {
  const server = net.createServer().listen(0, listen)
  await once(server, "listening")
  const accepted = once(server, "connection")
  const client = net.connect((server.address() as net.AddressInfo).port, connect).pause()
  const [socket] = (await accepted) as [net.Socket]
  onTestFinished(() => {
    client.destroy()
    socket.destroy()
    server.close()
  })
  return { client, socket }
}

describe.skipIf(!isLinux)("what the kernel has to send", () => {
  for (const [what, listen, connect, isPossible] of [
    ["IPv4", "127.0.0.1", "127.0.0.1", true],
    ["IPv6", "::1", "::1", hasIpv6],
    ["IPv4 on a socket of IPv6", "::", "127.0.0.1", hasIpv6],
  ] as const)
    it.skipIf(!isPossible)(`is known over ${what}, of those that are asked for alone`, async () => {
      const idle = await connection(listen, connect)
      const stuck = await connection(listen, connect)
      const other = await connection(listen, connect)
      stuck.socket.write(Buffer.alloc(16 * 1024 * 1024))
      const queues = await SendQueues.read([idle.socket, stuck.socket])
      assert.deepStrictEqual([...queues.keys()].length, 2)
      assert.strictEqual(queues.get(idle.socket), 0)
      assert.isAbove(queues.get(stuck.socket) ?? 0, 0)
      assert.isUndefined(queues.get(other.socket))
    })

  it("is not told of a connection that is closed", async () => {
    const { client, socket } = await connection("127.0.0.1", "127.0.0.1")
    client.destroy()
    socket.destroy()
    assert.strictEqual((await SendQueues.read([socket])).size, 0)
  })
})
