/**
 * A network that exists only in the test. While it is up, Node's servers listen
 * on it and Node's HTTP clients connect over it, so that a whole relay and whole
 * servers run in one process without a socket. Bytes arrive in random pieces
 * after random delays; connections are refused, cut, stalled and slowed as the
 * test says. One seed is one course of events.
 */
import * as http from "node:http"
import * as net from "node:net"
import { Duplex } from "node:stream"
import { Seeded } from "./Seeded.ts"
import { SimulatedTime } from "./SimulatedTime.ts"

/** What the network is like. */
export interface SimulatedNetworkOptions {
  readonly seed: number
  /** One way at most, in milliseconds. */
  readonly latency: number
  /** Bytes that a connection takes in each direction before it is full. */
  readonly buffer: number
}

/** Bytes on their way, or the end of a stream. */
interface Segment {
  readonly arrives: number
  bytes: Buffer | "end"
}

const refused = (code: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`${code} by the simulated network`), { code })

/** One end of a connection, as Node's HTTP code sees a socket. */
class SimulatedSocket extends Duplex {
  readonly connecting = false
  readonly remoteAddress = "127.0.0.1"
  peer: SimulatedSocket | undefined
  /** Whose end it is, for people. */
  label = ""
  private readonly serial: number
  /** What is on its way to this end. */
  readonly incoming: Array<Segment> = []
  private arrived = 0
  private waiting = 0
  /** Whether the reader takes more. */
  wants = false
  /** Nothing arrives here, and nobody is told. */
  stalled = false
  private pending: (() => void) | undefined
  private readonly network: SimulatedNetwork

  constructor(network: SimulatedNetwork, allowHalfOpen: boolean) {
    super({ allowHalfOpen })
    this.network = network
    this.serial = network.serial
    network.serial += 1
  }

  override _read(): void {
    this.wants = true
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.pass(chunk, done)
  }

  override _writev(
    chunks: ReadonlyArray<{ readonly chunk: Buffer; readonly encoding: string }>,
    done: () => void,
  ): void {
    this.pass(
      Buffer.concat(
        chunks.map(({ chunk, encoding }) =>
          typeof chunk === "string" ? Buffer.from(chunk, encoding as BufferEncoding) : chunk,
        ),
      ),
      done,
    )
  }

  override _final(done: () => void): void {
    this.peer?.incoming.push({ arrives: this.network.arrival(this.peer.incoming), bytes: "end" })
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { peer } = this
    this.network.sockets.delete(this)
    this.pending = undefined
    // What was not read makes the kernel reset the connection, and what is on its way is lost.
    const resets = error !== null || this.incoming.some(({ bytes }) => bytes !== "end")
    const ended = this.writableFinished
    this.network.closes(this.serial, () => {
      if (peer === undefined || peer.destroyed) return
      if (resets) peer.lose()
      else if (!ended)
        peer.incoming.push({ arrives: this.network.arrival(peer.incoming), bytes: "end" })
    })
    this.incoming.length = 0
    done(error)
  }

  /** The other end has reset the connection: it is noticed after what is told to nobody any more. */
  lose(): void {
    this.incoming.length = 0
    if (this.stalled) return
    setImmediate(() => this.destroy(refused("ECONNRESET")))
  }

  private pass(bytes: Buffer, done: () => void): void {
    const { peer } = this
    // Node writes nothing at all to learn when everything before it has left.
    if (bytes.length === 0) return done()
    if (peer === undefined || peer.destroyed) {
      if (peer?.stalled === true) return done()
      // The kernel takes it, and says later that nobody was there.
      setImmediate(() => this.destroy(refused("EPIPE")))
      return done()
    }
    peer.incoming.push({ arrives: this.network.arrival(peer.incoming), bytes })
    this.waiting += bytes.length
    if (this.waiting <= this.network.options.buffer) done()
    else this.pending = done
  }

  /** Whether something of what is on its way can arrive here. */
  get isReady(): boolean {
    const [segment] = this.incoming
    if (segment === undefined || this.stalled || segment.arrives > this.network.time.now)
      return false
    return this.wants || segment.bytes === "end"
  }

  /** It arrives, or so much of it. */
  arrive(most: number): void {
    const [segment] = this.incoming
    if (segment === undefined) return
    if (segment.bytes === "end") {
      this.incoming.shift()
      this.push(null)
      // As a socket's end is noticed by who reads nothing.
      this.read(0)
      return
    }
    const piece = segment.bytes.subarray(0, most)
    segment.bytes = segment.bytes.subarray(piece.length)
    if (segment.bytes.length === 0) this.incoming.shift()
    this.wants = this.push(piece)
    this.peer?.taken(piece.length)
  }

  /** Bytes that the other end has taken, and those that wait to be sent. */
  get bytesWritten(): number {
    return this.arrived + this.writableLength
  }

  private taken(count: number): void {
    this.arrived += count
    this.waiting -= count
    if (this.waiting > this.network.options.buffer || this.pending === undefined) return
    const done = this.pending
    this.pending = undefined
    done()
  }

  setNoDelay(): this {
    return this
  }
  setKeepAlive(): this {
    return this
  }
  setTimeout(): this {
    return this
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
  resetAndDestroy(): this {
    return this.destroy(refused("ECONNRESET"))
  }
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once("finish", () => this.destroy())
  }
}

/** A connection, whoever asked for it. */
export interface Connection {
  /** The host that the client has asked for: tells clients apart. */
  readonly host: string
  readonly port: number
  /** Ends it for both: a reset. */
  readonly cut: () => void
  /** The client's machine is gone, and the server hears nothing of it. */
  readonly vanish: () => void
  /** Nothing passes in the direction, and nobody is told; or it does again. */
  readonly stall: (direction: "to server" | "to client", stalled: boolean) => void
  readonly isOpen: () => boolean
}

interface Listening {
  readonly server: net.Server
  readonly port: number
  readonly sockets: Set<SimulatedSocket>
  closing: boolean
}

/** See the file's header. */
export class SimulatedNetwork {
  readonly options: SimulatedNetworkOptions
  readonly random: Seeded
  /** Every end that is open. */
  readonly sockets = new Set<SimulatedSocket>()
  /** The time by which bytes arrive, which the test moves. */
  readonly time = new SimulatedTime()
  /** The port on which the next server listens that asks for any. */
  nextPort = 1
  /** Hosts that reach nobody. */
  readonly unreachable = new Set<string>()
  private readonly made: Array<Connection> = []
  private readonly listening = new Map<net.Server, Listening>()
  /** The number of the next end of a connection. */
  serial = 0
  private closing: Array<{ readonly serial: number; readonly tell: () => void }> = []
  private undo: Array<() => void> = []

  constructor(options: SimulatedNetworkOptions) {
    this.options = options
    this.random = new Seeded(options.seed)
  }

  /** Connections that are open. */
  get connections(): ReadonlyArray<Connection> {
    return this.made.filter((connection) => connection.isOpen())
  }

  /** Takes Node's servers, clients and timers to itself. */
  up(): void {
    const network = this
    this.time.up()
    const { close, listen } = net.Server.prototype
    const { createConnection } = http.Agent.prototype
    net.Server.prototype.listen = function (
      this: net.Server,
      _where: net.ListenOptions,
      done?: () => void,
    ): net.Server {
      if (done !== undefined) this.once("listening", done)
      network.listen(this)
      return this
    } as typeof listen
    net.Server.prototype.close = function (this: net.Server, done?: () => void): net.Server {
      network.unlisten(this, done)
      return this
    } as typeof close
    http.Agent.prototype.createConnection = ((options: http.AgentOptions): Duplex =>
      this.connect(options.host ?? "", Number(options.port))) as typeof createConnection
    this.undo = [
      () => {
        this.time.down()
        net.Server.prototype.listen = listen
        net.Server.prototype.close = close
        http.Agent.prototype.createConnection = createConnection
      },
    ]
  }

  /** Gives them back. */
  down(): void {
    for (const undo of this.undo) undo()
    for (const socket of [...this.sockets]) socket.destroy()
  }

  private listen(server: net.Server): void {
    const port = this.nextPort
    this.listening.set(server, { server, port, sockets: new Set(), closing: false })
    server.address = () => ({ address: "127.0.0.1", family: "IPv4", port })
    process.nextTick(() => server.emit("listening"))
  }

  private unlisten(server: net.Server, done: (() => void) | undefined): void {
    const listening = this.listening.get(server)
    if (listening === undefined) return void done?.()
    listening.closing = true
    const look = (): void => {
      if (listening.sockets.size > 0) return
      this.listening.delete(server)
      done?.()
    }
    for (const socket of listening.sockets) socket.once("close", () => setImmediate(look))
    setImmediate(look)
  }

  private connect(host: string, port: number): Duplex {
    const near = new SimulatedSocket(this, false)
    this.sockets.add(near)
    const listening = [...this.listening.values()].find((one) => one.port === port && !one.closing)
    if (this.unreachable.has(host) || listening === undefined) {
      process.nextTick(() => near.destroy(refused("ECONNREFUSED")))
      return near
    }
    const far = new SimulatedSocket(this, true)
    this.sockets.add(far)
    near.label = host
    far.label = `the end at port ${port} for ${host}`
    near.peer = far
    far.peer = near
    listening.sockets.add(far)
    far.once("close", () => listening.sockets.delete(far))
    this.made.push({
      host,
      port,
      cut: () => {
        near.stalled = false
        far.stalled = false
        near.destroy(refused("ECONNRESET"))
        far.destroy(refused("ECONNRESET"))
      },
      vanish: () => {
        near.stalled = true
        far.stalled = true
        near.destroy()
      },
      stall: (direction, stalled) => {
        const end = direction === "to server" ? far : near
        if (end.stalled === stalled) return
        end.stalled = stalled
        const other = end === far ? near : far
        if (!stalled && !end.destroyed && other.destroyed) end.destroy(refused("ECONNRESET"))
      },
      isOpen: () => !(near.destroyed && far.destroyed),
    })
    const isGone = (): void => {}
    far.once("error", isGone)
    setImmediate(() => {
      far.off("error", isGone)
      if (!far.destroyed) listening.server.emit("connection", far)
    })
    return near
  }

  /** The process that listens on a port is gone, with every connection that it has. */
  crash(port: number): void {
    this.forget(port)
    for (const connection of this.connections) if (connection.port === port) connection.cut()
  }

  /** Nobody listens on a port any more. */
  forget(port: number): void {
    for (const listening of this.listening.values())
      if (listening.port === port) listening.closing = true
  }

  /**
   * An end is closed, of which the other end hears when the network moves. Node
   * closes several in an order that is not the same each time.
   */
  closes(serial: number, tell: () => void): void {
    this.closing.push({ serial, tell })
  }

  /** When something happens next by itself; never if nothing does. */
  get next(): number {
    let { next } = this.time
    for (const { incoming, stalled } of this.sockets) {
      const [segment] = incoming
      if (segment !== undefined && !stalled && segment.arrives > this.time.now)
        next = Math.min(next, segment.arrives)
    }
    return next
  }

  /** When what is sent now behind the others arrives. */
  arrival(behind: ReadonlyArray<Segment>): number {
    const { latency } = this.options
    const delay = latency === 0 ? 0 : this.random.int(latency >> 1, latency)
    return Math.max(behind.at(-1)?.arrives ?? 0, this.time.now + delay)
  }

  /** Lets something arrive somewhere, if anything can now; whether it did. */
  step(): boolean {
    const { closing } = this
    if (closing.length > 0) {
      this.closing = []
      for (const { tell } of closing.sort((one, other) => one.serial - other.serial)) tell()
      return true
    }
    const ready: Array<SimulatedSocket> = []
    for (const socket of this.sockets) if (socket.isReady) ready.push(socket)
    const socket = ready[this.random.int(0, ready.length - 1)]
    if (socket === undefined) return false
    socket.arrive(this.random.chance(0.1) ? this.random.int(1, 60) : this.random.int(1, 128 * 1024))
    return true
  }
}
