/**
 * TCP connections to a host of several addresses (RFC 8305, Happy Eyeballs): while one
 * address does not answer, the next one is tried beside it, and the first that answers is
 * used. Node's own selection gives an address up after 250 ms, so that a host with addresses
 * of both kinds can never be reached over a line with longer round trips.
 */
import { type LookupAddress, lookup } from "node:dns"
import { type Socket, connect as tcpConnect } from "node:net"

/** How long one address is waited for before the next is tried beside it, in milliseconds. */
const attemptDelay = 250

/**
 * How long one address may take where Node chooses between several, in milliseconds: for
 * sockets that are needed before they are connected, and for libraries. Node's own 250 ms
 * are too short for lines with longer round trips, and for a process that is busy.
 */
export const nodesAttemptMillis = 1_000

/** How long all of them may take, in milliseconds. */
const connectMillis = 20_000

/** A host, by a name or an address without brackets, and a port. */
export interface Place {
  readonly host: string
  readonly port: number
}

/** The host and port to connect to. */
export const placeOf = (origin: URL): Place => ({
  host: origin.hostname.replace(/^\[(.*)\]$/, "$1"),
  port: origin.port === "" ? (origin.protocol === "https:" ? 443 : 80) : Number(origin.port),
})

/** Called once: with the connected socket, or with the error. */
export type Connected = (error: NodeJS.ErrnoException | undefined, socket?: Socket) => void

/** The addresses with both families in turn, the one that the system prefers first. */
export const interleaved = (
  addresses: ReadonlyArray<LookupAddress>,
): ReadonlyArray<LookupAddress> => {
  const preferred = addresses.filter(({ family }) => family === addresses[0]?.family)
  const others = addresses.filter(({ family }) => family !== addresses[0]?.family)
  return preferred
    .flatMap((address, i) => [address, ...others.slice(i, i + 1)])
    .concat(others.slice(preferred.length))
}

/** This machine has no way to such an address: what the others fail with says more. */
const isUnroutable = ({ code }: NodeJS.ErrnoException): boolean =>
  code === "ENETUNREACH" || code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT"

const timedOut = (host: string, port: number): NodeJS.ErrnoException =>
  Object.assign(new Error(`connect ETIMEDOUT ${host}:${port}`), {
    code: "ETIMEDOUT",
    syscall: "connect",
  })

/** What a connection is made with. */
export interface System {
  readonly lookup: (
    host: string,
    done: (error: NodeJS.ErrnoException | null, addresses: ReadonlyArray<LookupAddress>) => void,
  ) => void
  readonly connect: (place: Place) => Socket
}

const nodes: System = {
  // An address is resolved at once, without a thread of the pool.
  lookup: (host, done) => lookup(host, { all: true }, done),
  connect: tcpConnect,
}

/** One connection that is being made. */
class Race {
  private readonly port: number
  private readonly done: Connected
  private readonly system: System
  private waiting: ReadonlyArray<LookupAddress> = []
  private readonly sockets = new Set<Socket>()
  private readonly errors: Array<NodeJS.ErrnoException> = []
  private nextAttempt: NodeJS.Timeout | undefined
  private readonly deadline: NodeJS.Timeout
  private isOver = false

  constructor({ host, port }: Place, done: Connected, system: System) {
    this.port = port
    this.done = done
    this.system = system
    this.deadline = setTimeout(
      () => this.end(this.errors[0] ?? timedOut(host, port)),
      connectMillis,
    )
    system.lookup(host, (error, addresses) => {
      if (error !== null) return this.end(error)
      this.waiting = interleaved(addresses)
      this.tryNext()
    })
  }

  private tryNext(): void {
    clearTimeout(this.nextAttempt)
    const [first, ...waiting] = this.waiting
    if (this.isOver || first === undefined) return
    this.waiting = waiting
    const socket = this.system.connect({ host: first.address, port: this.port })
    this.sockets.add(socket)
    const failed = (error: NodeJS.ErrnoException): void => {
      this.sockets.delete(socket)
      this.errors.push(error)
      if (this.waiting.length > 0) return this.tryNext()
      if (this.sockets.size === 0)
        this.end(this.errors.find((one) => !isUnroutable(one)) ?? this.errors[0])
    }
    socket.once("error", failed)
    socket.once("connect", () => {
      socket.off("error", failed)
      this.sockets.delete(socket)
      this.end(undefined, socket)
    })
    if (waiting.length > 0) this.nextAttempt = setTimeout(() => this.tryNext(), attemptDelay)
  }

  private end(error: NodeJS.ErrnoException | undefined, socket?: Socket): void {
    if (this.isOver) return void socket?.destroy()
    this.isOver = true
    clearTimeout(this.nextAttempt)
    clearTimeout(this.deadline)
    for (const other of this.sockets) {
      other.on("error", () => {})
      other.destroy()
    }
    this.done(error, socket)
  }
}

/** Connects to a host; fails with the error of the system, or with `ETIMEDOUT`. */
export const connect = (place: Place, done: Connected, system: System = nodes): void => {
  new Race(place, done, system)
}
