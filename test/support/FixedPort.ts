/**
 * A port for something that ends and is started again at the same address. Not
 * one that the system gives: those are given to outgoing connections too, so that
 * it may be taken meanwhile.
 */
import { once } from "node:events"
import * as net from "node:net"

/** Below what Linux, macOS and Windows give to outgoing connections. */
const [first, last] = [12_000, 32_000]

const isFree = async (port: number): Promise<boolean> => {
  const server = net.createServer().listen(port, "127.0.0.1")
  try {
    await once(server, "listening")
  } catch {
    return false
  }
  server.close()
  await once(server, "close")
  return true
}

/** The first of so many ports in a row that are free. */
export const fixedPort = async (count = 1): Promise<number> => {
  for (;;) {
    const port = first + Math.floor(Math.random() * (last - first - count))
    const all = Array.from({ length: count }, (_, i) => isFree(port + i))
    if ((await Promise.all(all)).every(Boolean)) return port
  }
}
