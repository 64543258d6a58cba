/**
 * How many bytes the kernel still has to send for a socket. Node tells only how
 * many the kernel has accepted, and its buffer may hold more than a slow reader
 * takes in minutes. Linux only, from `/proc` (proc_net_tcp(5)).
 */
import { readFile } from "node:fs/promises"
import { type Socket, SocketAddress } from "node:net"
import { endianness } from "node:os"

/** Tables with a line for each socket of this machine, and how many digits an address has in them. */
const tables = [
  { path: "/proc/self/net/tcp", digits: 8 },
  { path: "/proc/self/net/tcp6", digits: 32 },
] as const

const isLittleEndian = endianness() === "LE"

/**
 * How many bytes the other end of each socket has not acknowledged. Sockets
 * that are in no table are left out.
 */
export const read = async (sockets: ReadonlyArray<Socket>): Promise<Map<Socket, number>> => {
  const byPorts = new Map<string, Array<Socket>>()
  for (const socket of sockets) {
    const { localPort, remotePort } = socket
    if (localPort === undefined || remotePort === undefined) continue
    const ports = digitsOf(localPort) + digitsOf(remotePort)
    const same = byPorts.get(ports)
    if (same === undefined) byPorts.set(ports, [socket])
    else same.push(socket)
  }
  const queues = new Map<Socket, number>()
  if (byPorts.size === 0) return queues
  for (const { digits, path } of tables) {
    const text = await readFile(path, "latin1").catch(() => "")
    let line = text.indexOf("\n") + 1
    while (line > 0 && line < text.length) {
      // "  12: LOCAL:PORT REMOTE:PORT 01 SENDING0:RECEIVED ..."
      const local = text.indexOf(": ", line) + 2 + digits + 1
      const remote = local + 5 + digits + 1
      const same = byPorts.get(text.slice(local, local + 4) + text.slice(remote, remote + 4))
      if (same !== undefined) {
        const address = addressOf(text.slice(local + 5, local + 5 + digits))
        const socket = same.find(({ remoteAddress = "" }) => withoutZone(remoteAddress) === address)
        const queued = text.slice(remote + 8, remote + 16)
        if (socket !== undefined) queues.set(socket, Number.parseInt(queued, 16))
      }
      line = text.indexOf("\n", line) + 1
    }
  }
  return queues
}

const digitsOf = (port: number): string => port.toString(16).toUpperCase().padStart(4, "0")

/** An IPv6 address without its zone (RFC 4007 11). */
const withoutZone = (address: string): string => address.replace(/%.*$/, "")

/** An address out of a table: words of 32 bits, each in the byte order of the machine. */
const addressOf = (hex: string): string => {
  const bytes = Buffer.from(hex, "hex")
  if (isLittleEndian) bytes.swap32()
  if (bytes.length === 4) return bytes.join(".")
  const groups = bytes.toString("hex").match(/.{4}/g) ?? []
  return new SocketAddress({ address: groups.join(":"), family: "ipv6" }).address
}
