/**
 * A free port for a program that is restarted at the same address. It is not one
 * of the system's ephemeral ports, which an outgoing connection could take while the
 * program is stopped.
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
