/**
 * The faults of the tunnel's model test: connections that are cut or stalled,
 * servers and relays that stop or crash, keys that are revoked.
 */
import type { Fault } from "../Schedule.ts"
import { names } from "../Schedule.ts"
import type { Connection } from "../SimulatedNetwork.ts"
import type { Simulation } from "./Simulation.ts"
import type { Processes } from "./TunnelModelProcesses.ts"
import type { Visitors } from "./TunnelModelVisitors.ts"

/** See the file's header. */
export class Faults {
  private readonly simulation: Simulation
  private readonly processes: Processes
  private readonly visitors: Visitors

  constructor(simulation: Simulation, processes: Processes, visitors: Visitors) {
    this.simulation = simulation
    this.processes = processes
    this.visitors = visitors
  }

  /** Causes one fault now, and ends it when it has lasted. */
  cause({ directions, kind, lasts, which }: Fault): void {
    const { connections } = this.simulation.network
    const links = connections.filter(({ host }) => !host.startsWith("visitor-"))
    const visitors = connections.filter(({ host }) => host.startsWith("visitor-"))
    const { alive } = this.processes
    const instance = alive[which % Math.max(1, alive.length)]
    const { places } = this.processes
    const place = places[which % places.length]
    switch (kind) {
      case "cut a link":
        return this.on(links, which, "cut", (connection) => connection.cut())
      case "stall a link":
        return this.on(links, which, "stalled", (connection) =>
          this.stall(connection, directions, lasts * 2),
        )
      case "cut a visitor":
        return this.on(visitors, which, "cut", (connection) => connection.cut())
      case "stall a visitor":
        return this.on(visitors, which, "stalled", (connection) =>
          this.stall(connection, directions, lasts),
        )
      case "stop a server":
        if (instance === undefined) return
        this.simulation.act(0, `${instance.host} is stopped`, this.processes.stop(instance))
        return this.simulation.act(
          lasts,
          "another is started",
          this.processes.launch(instance.name),
        )
      case "kill a server":
      case "lose a server": {
        if (instance === undefined) return
        const silently = kind === "lose a server"
        this.simulation.act(
          0,
          `${instance.host} dies ${silently}`,
          this.processes.kill(instance, silently),
        )
        return this.simulation.act(
          lasts,
          "another is started",
          this.processes.launch(instance.name),
        )
      }
      case "double a server":
        return this.simulation.act(
          0,
          "a double is started",
          this.processes.launch(names[which % 2] ?? "app"),
        )
      case "revoke a key":
        if (this.processes.revoked || place?.running === undefined) return
        this.simulation.act(0, "the key is revoked", this.processes.register(true))
        return this.simulation.act(lasts, "the key is back", this.processes.register(false))
      case "hide the relay":
        if (instance === undefined) return
        this.simulation.network.unreachable.add(instance.host)
        return this.simulation.later(lasts, () =>
          this.simulation.network.unreachable.delete(instance.host),
        )
      default:
        if (place?.running === undefined) return
        this.simulation.act(
          0,
          `the relay ${place.id} goes`,
          this.processes.leaveRelay(place, kind === "restart the relay"),
        )
        return this.simulation.act(lasts / 2, "it is back", this.processes.returnRelay(place))
    }
  }

  private on(
    connections: ReadonlyArray<Connection>,
    which: number,
    what: string,
    act: (connection: Connection) => void,
  ): void {
    const connection = connections[which % Math.max(1, connections.length)]
    if (connection === undefined) return
    this.simulation.note(`the connection of ${connection.host} is ${what}`)
    this.simulation.disruptions.push(this.simulation.network.time.now)
    const [, id] = /^visitor-(\d+)$/.exec(connection.host) ?? []
    const visit = this.visitors.visits[Number(id)]
    if (visit !== undefined) visit.disturbed = true
    act(connection)
  }

  private stall(connection: Connection, directions: Fault["directions"], millis: number): void {
    for (const [direction, other] of [
      ["to server", "down"],
      ["to client", "up"],
    ] as const) {
      if (directions === other) continue
      connection.stall(direction, true)
      this.simulation.later(millis, () => connection.stall(direction, false))
    }
  }
}
