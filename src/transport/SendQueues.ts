/**
 * What the kernel still has to send for sockets: Node tells only what it could
 * hand to the kernel, whose buffer may be larger than what a slow reader takes
 * in minutes. Only Linux says it, in `/proc`.
 */
import { readFile } from "node:fs/promises"
import { type Socket, SocketAddress } from "node:net"
import { endianness } from "node:os"

const files = ["/proc/self/net/tcp", "/proc/self/net/tcp6"]

/** Ports of both ends and the address of the other one, and the bytes that are not acknowledged yet; see proc_net_tcp(5). */
const entry = /: [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]{2} ([0-9A-F]{8}):/g

/**
 * Bytes that the other ends of some sockets have not acknowledged yet. A
 * socket of which nothing is known is left out.
 */
export const read = async (sockets: ReadonlyArray<Socket>): Promise<Map<Socket, number>> => {
  const wanted = new Map<string, Array<Socket>>()
  for (const socket of sockets) {
    if (socket.localPort === undefined) continue
    const ports = `${socket.localPort} ${socket.remotePort}`
    const same = wanted.get(ports)
    if (same === undefined) wanted.set(ports, [socket])
    else same.push(socket)
  }
  const queues = new Map<Socket, number>()
  if (wanted.size === 0) return queues
  for (const file of files) {
    const text = await readFile(file, "latin1").catch(() => "")
    for (const [, local = "", address = "", remote = "", queue = ""] of text.matchAll(entry)) {
      const same = wanted.get(`${Number.parseInt(local, 16)} ${Number.parseInt(remote, 16)}`)
      const socket = same?.find(({ remoteAddress }) => isAt(remoteAddress, address))
      if (socket !== undefined) queues.set(socket, Number.parseInt(queue, 16))
    }
  }
  return queues
}

const isAt = (remoteAddress: string | undefined, hex: string): boolean =>
  remoteAddress?.replace(/%.*$/, "") === textOf(hex)

/** The kernel prints addresses as words of 32 bits, each in the order of the machine. */
const textOf = (hex: string): string => {
  const bytes = Buffer.from(hex, "hex")
  if (endianness() === "LE") bytes.swap32()
  if (bytes.length === 4) return bytes.join(".")
  const groups = bytes.toString("hex").match(/.{4}/g) ?? []
  return new SocketAddress({ address: groups.join(":"), family: "ipv6" }).address
}
