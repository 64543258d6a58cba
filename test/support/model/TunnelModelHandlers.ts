/**
 * The handlers behind the servers of the tunnel's model test. They answer at
 * once, late, after the body, never, or fail, as the schedule says, and compare
 * every byte of the request's body with what the visitor sends.
 */
import { first, type HeaderList } from "../../../src/domain/HeaderList.ts"
import { ExchangeError } from "../../../src/protocol/Exchange.ts"
import type { Body, BodyFlow } from "../../../src/transport/body/Body.ts"
import type { Handler, Reply } from "../../../src/transport/body/Handler.ts"
import type { Name } from "../Schedule.ts"
import type { Simulation } from "./Simulation.ts"
import { OutgoingBody } from "./TunnelModelBody.ts"
import { responseMillis } from "./TunnelModelTimes.ts"
import { methodOf, type Visit, type Visitors } from "./TunnelModelVisitors.ts"

const empty = Buffer.alloc(0)

/** A handler's reading of a request's body. */
export interface BodyRead {
  readonly visit: Visit
  isOver: boolean
}

/** See the file's header. */
export class Handlers {
  readonly bodies = new Set<OutgoingBody>()
  readonly bodyReads: Array<BodyRead> = []
  private readonly simulation: Simulation
  private readonly visitors: Visitors

  constructor(simulation: Simulation, visitors: Visitors) {
    this.simulation = simulation
    this.visitors = visitors
  }

  /** The handler of a server of this name. */
  readonly handler =
    (name: Name): Handler =>
    (head, body, reply) => {
      const visit = this.visitors.visits[Number(/^\/(\d+)$/.exec(head.target)?.[1])]
      if (visit === undefined) {
        this.simulation.complain(`${name} is asked for ${head.target}`)
        return () => {}
      }
      visit.served += 1
      this.simulation.note(`${visit.id} is served`)
      if (visit.name !== name) this.simulation.complain(`${visit.id}: served by ${name}`)
      if (head.method !== methodOf(visit))
        this.simulation.complain(`${visit.id}: arrives as ${head.method}`)
      const changes = first(head.headers, "upgrade") !== undefined
      if (changes && visit.method !== "UPGRADE")
        this.simulation.complain(`${visit.id}: arrives as an upgrade`)
      return this.answer(visit, body, reply, changes)
    }

  private answer(visit: Visit, body: Body, reply: Reply, changes: boolean): () => void {
    let out: OutgoingBody | undefined
    let reading: BodyFlow | undefined
    let over = false
    const respond = (): void => {
      if (over) return
      const cutAt = visit.way === "cut" ? visit.cutAt : Number.POSITIVE_INFINITY
      const as = visit.way === "cut" && visit.downAs === "whole" ? "length" : visit.downAs
      out = new OutgoingBody(this.simulation, visit.down, changes ? "unknown" : as, cutAt)
      this.bodies.add(out)
      const headers: HeaderList = [["X-Id", `${visit.id}`]]
      if (changes)
        reply.respond({ status: 101, headers: [["Upgrade", "tempest"], ...headers] }, out)
      else reply.respond({ status: 200, headers }, out)
    }
    let received = 0
    const expected = visit.method === "UPGRADE" && !changes ? empty : visit.up
    const bodyRead: BodyRead = { visit, isOver: false }
    const read = (then: () => void): void => {
      this.bodyReads.push(bodyRead)
      reading = body.read({
        data: (chunk) => {
          if (expected.subarray(received, received + chunk.length).compare(chunk) !== 0)
            this.simulation.complain(`${visit.id}: its body is wrong at ${received}`)
          received += chunk.length
          if (!this.simulation.random.chance(0.2)) return true
          this.simulation.later(this.simulation.random.int(0, 200), () => over || reading?.resume())
          return false
        },
        end: () => {
          bodyRead.isOver = true
          visit.isHeard = received === expected.length
          if (!visit.isHeard)
            this.simulation.complain(`${visit.id}: its body ends whole after ${received}`)
          then()
        },
        fail: () => {
          bodyRead.isOver = true
        },
      })
    }
    switch (visit.way) {
      case "never":
        read(() => {})
        break
      case "fail":
        body.discard()
        this.simulation.later(this.simulation.random.int(0, 300), () =>
          reply.fail(new ExchangeError({ code: "PTTH_ORIGIN_BROKEN", detail: "the test" })),
        )
        break
      case "answer after the body":
        // After an upgrade the client speaks first.
        if (changes) {
          read(() => out?.release())
          respond()
          out?.hold()
        } else read(() => this.simulation.later(this.simulation.random.int(0, 100), respond))
        break
      case "late":
        read(() => {})
        this.simulation.later(this.simulation.random.int(1_000, responseMillis - 1_000), respond)
        break
      default:
        read(() => {})
        respond()
    }
    return () => {
      over = true
      bodyRead.isOver = true
      reading?.cancel()
      out?.discard()
    }
  }
}
