/**
 * An in-memory TCP network. While it is up, `net.Server` listens on it and
 * `http.Agent` connects over it, so that a relay and its servers run in one
 * process without sockets. Bytes arrive in random pieces after random delays;
 * the test refuses, cuts, stalls and slows connections. The same seed gives the
 * same course of events.
 */
import * as http from "node:http"
import * as net from "node:net"
import { Duplex } from "node:stream"
import { Seeded } from "./Seeded.ts"
import { SimulatedTime } from "./SimulatedTime.ts"

/** Properties of the network. */
export interface SimulatedNetworkOptions {
  readonly seed: number
  /** Longest one-way delay, in milliseconds. */
  readonly latency: number
  /** Bytes in flight in each direction before a write waits. */
  readonly buffer: number
}

/** Bytes in flight, or the end of a stream. */
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
  /** Which end it is, for messages. */
  label = ""
  private readonly serial: number
  /** What is in flight to this end. */
  readonly incoming: Array<Segment> = []
  private arrived = 0
  private waiting = 0
  /** The reader wants more. */
  wants = false
  /** Nothing arrives here, and neither end is told. */
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
    // Unread bytes make the kernel reset the connection; bytes in flight are lost.
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

  /** The other end reset the connection; unread bytes are lost. */
  lose(): void {
    this.incoming.length = 0
    if (this.stalled) return
    setImmediate(() => this.destroy(refused("ECONNRESET")))
  }

  private pass(bytes: Buffer, done: () => void): void {
    const { peer } = this
    // Node writes zero bytes to learn when everything before them was sent.
    if (bytes.length === 0) return done()
    if (peer === undefined || peer.destroyed) {
      if (peer?.stalled === true) return done()
      // The kernel accepts the bytes, and reports the missing peer later.
      setImmediate(() => this.destroy(refused("EPIPE")))
      return done()
    }
    peer.incoming.push({ arrives: this.network.arrival(peer.incoming), bytes })
    this.waiting += bytes.length
    if (this.waiting <= this.network.options.buffer) done()
    else this.pending = done
  }

  /** Something in flight can arrive now. */
  get isReady(): boolean {
    const [segment] = this.incoming
    if (segment === undefined || this.stalled || segment.arrives > this.network.time.now)
      return false
    return this.wants || segment.bytes === "end"
  }

  /** Delivers the next segment, at most so many bytes of it. */
  arrive(most: number): void {
    const [segment] = this.incoming
    if (segment === undefined) return
    if (segment.bytes === "end") {
      this.incoming.shift()
      this.push(null)
      // A socket reports its end even if nothing reads it.
      this.read(0)
      return
    }
    const piece = segment.bytes.subarray(0, most)
    segment.bytes = segment.bytes.subarray(piece.length)
    if (segment.bytes.length === 0) this.incoming.shift()
    this.wants = this.push(piece)
    this.peer?.taken(piece.length)
  }

  /** Bytes that the other end has received, and those that wait to be sent. */
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

/** A connection, as the test handles it. */
export interface Connection {
  /** The host that the client connected to; it identifies the client. */
  readonly host: string
  readonly port: number
  /** Resets both ends. */
  readonly cut: () => void
  /** The client's machine is gone without a FIN or RST. */
  readonly vanish: () => void
  /** Stops the bytes of a direction without telling either end, or lets them pass again. */
  readonly stall: (direction: "to server" | "to client", stalled: boolean) => void
  readonly isOpen: () => boolean
}

/** Takes the connections to a port. */
interface Listening {
  readonly accept: (socket: Duplex) => void
  readonly port: number
  readonly sockets: Set<SimulatedSocket>
  closing: boolean
}

/** See the file's header. */
export class SimulatedNetwork {
  readonly options: SimulatedNetworkOptions
  readonly random: Seeded
  /** All open ends. */
  readonly sockets = new Set<SimulatedSocket>()
  /** The clock of the network, which the test moves. */
  readonly time = new SimulatedTime()
  /** The port of the next server that listens. */
  nextPort = 1
  /** Hosts that cannot be reached, and that cannot reach others. */
  readonly unreachable = new Set<string>()
  /** The port at which a connection of a host to a port arrives, as behind a load balancer. */
  route: (host: string, port: number) => number = (_, port) => port
  private readonly made: Array<Connection> = []
  private readonly listening = new Map<object, Listening>()
  /** Number of the next end. */
  serial = 0
  private closing: Array<{ readonly serial: number; readonly tell: () => void }> = []
  private undo: Array<() => void> = []

  constructor(options: SimulatedNetworkOptions) {
    this.options = options
    this.random = new Seeded(options.seed)
  }

  /** All open connections. */
  get connections(): ReadonlyArray<Connection> {
    return this.made.filter((connection) => connection.isOpen())
  }

  /** Replaces Node's servers, clients and timers by simulated ones. */
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

  /** Restores them. */
  down(): void {
    for (const undo of this.undo) undo()
    for (const socket of [...this.sockets]) socket.destroy()
  }

  /** Takes connections to a port until the returned function is called. */
  listenAt(port: number, accept: (socket: Duplex) => void): () => void {
    const listener = {}
    this.listening.set(listener, { accept, port, sockets: new Set(), closing: false })
    return () => this.listening.delete(listener)
  }

  private listen(server: net.Server): void {
    const port = this.nextPort
    const accept = (socket: Duplex): boolean => server.emit("connection", socket)
    this.listening.set(server, { accept, port, sockets: new Set(), closing: false })
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

  /** Opens a connection; it is destroyed in this turn of the event loop if it is refused. */
  connect(host: string, at: number): Duplex {
    const port = this.route(host, at)
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
      if (!far.destroyed) listening.accept(far)
    })
    return near
  }

  /** Ends the process that listens on a port, with all its connections. */
  crash(port: number): void {
    this.forget(port)
    for (const connection of this.connections) if (connection.port === port) connection.cut()
  }

  /** Frees a port. */
  forget(port: number): void {
    for (const listening of this.listening.values())
      if (listening.port === port) listening.closing = true
  }

  /**
   * Tells the other end that this one was closed, at the next step and in a
   * fixed order: Node closes several sockets in an order that varies.
   */
  closes(serial: number, tell: () => void): void {
    this.closing.push({ serial, tell })
  }

  /** When the next timer or segment is due; Infinity if there is none. */
  get next(): number {
    let { next } = this.time
    for (const { incoming, stalled } of this.sockets) {
      const [segment] = incoming
      if (segment !== undefined && !stalled && segment.arrives > this.time.now)
        next = Math.min(next, segment.arrives)
    }
    return next
  }

  /** When a segment that is sent now arrives. */
  arrival(behind: ReadonlyArray<Segment>): number {
    const { latency } = this.options
    const delay = latency === 0 ? 0 : this.random.int(latency >> 1, latency)
    return Math.max(behind.at(-1)?.arrives ?? 0, this.time.now + delay)
  }

  /** Delivers one segment if one is due; returns whether it did. */
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
