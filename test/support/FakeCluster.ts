/**
 * Relays that serve as one behind one address, as far as servers see them: a
 * balancer gives each opening of a link to one of them, and each says who the
 * others are. They share nothing with our relay but the codec and the framing.
 */
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as LinkOpening from "../../src/protocol/LinkOpening.ts"
import * as StreamFrame from "../../src/protocol/StreamFrame.ts"
import { initialWindow, Multiplexer, maxStreams } from "../../src/transport/mux/Multiplexer.ts"
import * as WebSocketWire from "../../src/transport/mux/WebSocketWire.ts"
import * as Deadlines from "../../src/transport/runtime/Deadlines.ts"
import { listening } from "./LocalServer.ts"
import { Seeded } from "./Seeded.ts"

/** A link that a server has to one of the relays. */
export interface FakeLink {
  readonly relay: FakeRelay
  readonly instance: string
  readonly number: string
  readonly multiplexer: Multiplexer
  /** Whether either end drains it. */
  isDraining: boolean
}

/** One of the relays. */
export interface FakeRelay {
  readonly id: string
  readonly machine: string
  /** `draining` accepts no more links, `frozen` reads and writes nothing. */
  state: "up" | "draining" | "frozen"
}

/** An opening of a link, and the status of its answer. */
export interface Opening {
  readonly relay: string
  readonly link: string
  readonly have: string | undefined
  readonly status: number
}

const answer = (socket: Duplex, status: string, fields: ReadonlyArray<string>, body = ""): void => {
  const head = [`HTTP/1.1 ${status}`, ...fields].join("\r\n")
  if (status.startsWith("101")) socket.write(`${head}\r\n\r\n`)
  else socket.end(`${head}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`)
}

/** See the file's header. */
export class FakeCluster {
  readonly openings: Array<Opening> = []
  readonly links = new Set<FakeLink>()
  /** `spread` of the relays. */
  spread = 4
  /** Whether the relays are older than what this is about: they know neither its fields nor its frame. */
  isOld = false
  /** Whether relays that drain accept links, and drain them at once. */
  acceptsWhileDraining = false
  /** Which relay gets an opening; any of any machine unless told otherwise. */
  balance: (relays: ReadonlyArray<FakeRelay>) => FakeRelay | undefined
  /** The server of each instance. */
  private readonly names = new Map<string, string>()
  private relays: ReadonlyArray<FakeRelay> = []
  private readonly deadlines: Deadlines.Deadlines
  private readonly server = http.createServer((_, response) => response.writeHead(404).end())

  private constructor(deadlines: Deadlines.Deadlines, seed: number) {
    this.deadlines = deadlines
    const random = new Seeded(seed)
    this.balance = (relays) => {
      const machines = [...Map.groupBy(relays, ({ machine }) => machine).values()]
      const workers = machines[random.int(0, machines.length - 1)] ?? []
      return workers[random.int(0, workers.length - 1)]
    }
    this.server.on("upgrade", (request, socket, head) => this.onUpgrade(request, socket, head))
  }

  /** Starts relays with these ids; the machine is what stands before the dot. */
  static start(
    ids: ReadonlyArray<string>,
    seed = 1,
  ): Effect.Effect<FakeCluster, never, Scope.Scope> {
    return Effect.gen(function* () {
      const cluster = new FakeCluster(yield* Deadlines.make, seed)
      const { server } = cluster
      yield* listening(server)
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          for (const { multiplexer } of [...cluster.links]) multiplexer.close("the test is over")
        }),
      )
      for (const id of ids) cluster.add(id)
      return cluster
    })
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  /** The links over which servers take requests. */
  serving(): ReadonlyArray<FakeLink> {
    return [...this.links].filter(
      ({ isDraining, multiplexer, relay }) =>
        relay.state === "up" && !isDraining && multiplexer.places !== undefined,
    )
  }

  /** The ids of the relays of those links, in order. */
  places(): ReadonlyArray<string> {
    return this.serving()
      .map(({ relay }) => relay.id)
      .sort()
  }

  /** The same for each server that has any, by name. */
  placesOfServers(): ReadonlyMap<string, ReadonlyArray<string>> {
    const byName = Map.groupBy(this.serving(), ({ instance }) => this.names.get(instance) ?? "")
    return new Map(
      [...byName].map(([name, links]) => [name, links.map(({ relay }) => relay.id)] as const),
    )
  }

  /** A relay joins. */
  add(id: string): void {
    const machine = id.split(".")[0] as string
    this.relays = [...this.relays, { id, machine, state: "up" }]
    this.tell()
  }

  /** A relay is asked to stop: it accepts no more links, and drains those that it has. */
  drain(id: string): void {
    const relay = this.relay(id)
    relay.state = "draining"
    this.tell()
    for (const link of this.links) {
      if (link.relay !== relay) continue
      link.isDraining = true
      link.multiplexer.drain()
    }
  }

  /** A relay dies: its connections break. */
  kill(id: string): void {
    const relay = this.relay(id)
    this.relays = this.relays.filter((other) => other !== relay)
    for (const link of [...this.links])
      if (link.relay === relay) link.multiplexer.close("it was killed")
    this.tell()
  }

  /** A relay stands still; the others notice. */
  freeze(id: string): void {
    this.relay(id).state = "frozen"
    this.tell()
  }

  private relay(id: string): FakeRelay {
    const relay = this.relays.find((other) => other.id === id)
    if (relay === undefined) throw new Error(`there is no relay ${id}`)
    return relay
  }

  private get list(): Omit<StreamFrame.Relays, "_tag"> {
    const up = this.relays.filter(({ state }) => state === "up")
    const machines = [...Map.groupBy(up, ({ machine }) => machine).values()]
    const least = Math.min(machines.length, 2)
    return {
      links: Math.max(least, Math.min(up.length, this.spread)),
      machines: machines.map((relays) => relays.map(({ id }) => id)) as never,
    }
  }

  private tell(): void {
    if (this.isOld) return
    for (const { multiplexer, relay } of this.links)
      if (relay.state === "up") multiplexer.send(StreamFrame.relays(this.list))
  }

  private onUpgrade(request: http.IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => {})
    const relay = this.balance(this.relays.filter(({ state }) => state !== "frozen"))
    if (relay === undefined) return void socket.destroy()
    const { have, instance, link } = LinkOpening.decode(request.headers)
    const status =
      relay.state === "draining" && !this.acceptsWhileDraining
        ? 503
        : have.includes(relay.id) && !this.isOld
          ? 409
          : 101
    this.openings.push({
      relay: relay.id,
      link,
      have: request.headers["x-ptth-have"] as string | undefined,
      status,
    })
    const fields = this.isOld ? [] : [`X-PTTH-Relay: ${relay.id}`]
    if (status === 503)
      return answer(
        socket,
        "503 Service Unavailable",
        [],
        "Server is shutting down, try again soon\n",
      )
    if (status === 409) return answer(socket, "409 Conflict", fields, "elsewhere\n")
    answer(socket, "101 Switching Protocols", [
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Sec-WebSocket-Accept: ${WebSocketWire.acceptOf(request.headers["sec-websocket-key"] ?? "")}`,
      ...(this.isOld ? [] : [...fields, `X-PTTH-Links: ${this.list.links}`]),
    ])
    this.names.set(instance, (request.url ?? "").split("/").at(-1) ?? "")
    this.connect(relay, instance, link, socket, head)
  }

  private connect(
    relay: FakeRelay,
    instance: string,
    number: string,
    socket: Duplex,
    head: Buffer,
  ): void {
    const wire = WebSocketWire.make(socket, "server", head, {
      bytes: (chunk) => {
        if (relay.state !== "frozen") multiplexer.bytes(chunk)
      },
      drained: () => multiplexer.drained(),
      closed: () => multiplexer.ended(),
    })
    const multiplexer: Multiplexer = new Multiplexer({
      deadlines: this.deadlines,
      heartbeatMillis: 3_600_000,
      hello: { version: 1, maxStreams, window: initialWindow, publicUrl: "" },
      wire,
      onHello: () => {
        this.links.add(link)
        if (!this.isOld) multiplexer.send(StreamFrame.relays(this.list))
        if (relay.state === "draining") multiplexer.drain()
      },
      onDrain: () => {
        link.isDraining = true
      },
      onClosed: () => this.links.delete(link),
    })
    const link: FakeLink = { relay, instance, number, multiplexer, isDraining: false }
  }
}
