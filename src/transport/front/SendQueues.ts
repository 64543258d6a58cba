/**
 * What the kernel still has to send for sockets: Node tells only what it could
 * hand to the kernel, whose buffer may be larger than what a slow reader takes
 * in minutes. Only Linux says it, in `/proc` (proc_net_tcp(5)).
 */
import { readFile } from "node:fs/promises"
import { type Socket, SocketAddress } from "node:net"
import { endianness } from "node:os"

/** One line for each socket of this machine, in which addresses have so many digits. */
const tables = [
  { path: "/proc/self/net/tcp", digits: 8 },
  { path: "/proc/self/net/tcp6", digits: 32 },
] as const

const isLittleEndian = endianness() === "LE"

/**
 * Bytes that the other ends of some sockets have not acknowledged yet. A
 * socket of which nothing is known is left out.
 */
export const read = async (sockets: ReadonlyArray<Socket>): Promise<Map<Socket, number>> => {
  const wanted = new Map<string, Array<Socket>>()
  for (const socket of sockets) {
    const { localPort, remotePort } = socket
    if (localPort === undefined || remotePort === undefined) continue
    const ports = digitsOf(localPort) + digitsOf(remotePort)
    const same = wanted.get(ports)
    if (same === undefined) wanted.set(ports, [socket])
    else same.push(socket)
  }
  const queues = new Map<Socket, number>()
  if (wanted.size === 0) return queues
  for (const { digits, path } of tables) {
    const text = await readFile(path, "latin1").catch(() => "")
    let line = text.indexOf("\n") + 1
    while (line > 0 && line < text.length) {
      // "  12: LOCAL:PORT REMOTE:PORT 01 SENDING0:RECEIVED ..."
      const local = text.indexOf(": ", line) + 2 + digits + 1
      const remote = local + 5 + digits + 1
      const same = wanted.get(text.slice(local, local + 4) + text.slice(remote, remote + 4))
      if (same !== undefined) {
        const address = addressOf(text.slice(local + 5, local + 5 + digits))
        const socket = same.find(({ remoteAddress = "" }) => plain(remoteAddress) === address)
        const queued = text.slice(remote + 8, remote + 16)
        if (socket !== undefined) queues.set(socket, Number.parseInt(queued, 16))
      }
      line = text.indexOf("\n", line) + 1
    }
  }
  return queues
}

const digitsOf = (port: number): string => port.toString(16).toUpperCase().padStart(4, "0")

const plain = (address: string): string => address.replace(/%.*$/, "")

/** The kernel prints addresses as words of 32 bits, each in the order of the machine. */
const addressOf = (hex: string): string => {
  const bytes = Buffer.from(hex, "hex")
  if (isLittleEndian) bytes.swap32()
  if (bytes.length === 4) return bytes.join(".")
  const groups = bytes.toString("hex").match(/.{4}/g) ?? []
  return new SocketAddress({ address: groups.join(":"), family: "ipv6" }).address
}
