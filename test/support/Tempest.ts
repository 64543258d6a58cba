/**
 * A whole relay with whole servers and visitors on a simulated network, by a
 * clock that only the test moves, with everything going wrong at random that can
 * go wrong between them: connections cut, stalled and refused, servers killed,
 * drained and doubled, keys revoked, the relay restarted, visitors who are slow
 * or leave. What each visitor gets is held against what its handler said; after an
 * upgrade, what the handler gets is held against what its visitor said, too.
 *
 *     const tempest = new Tempest(scheduleOf(1))
 *     assert.deepStrictEqual(yield* tempest.rage, [])
 *
 * Deadlines are counted where the test mocks them; see `CountedDeadlines.ts`.
 */
import * as http from "node:http"
import type { Duplex, Readable } from "node:stream"

import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { make as makeKey } from "../../src/domain/ApiKey.ts"
import { first, type HeaderList } from "../../src/domain/HeaderList.ts"
import type { ServerName } from "../../src/domain/ServerName.ts"
import { BodyError, ExchangeError } from "../../src/protocol/Exchange.ts"
import { Pending } from "../../src/relay/dispatch/Pending.ts"
import * as Server from "../../src/server/Server.ts"
import {
  type Body,
  type BodyFlow,
  type BodySink,
  fromBytes,
} from "../../src/transport/body/Body.ts"
import type { Handler, Reply } from "../../src/transport/body/Handler.ts"
import { Multiplexer } from "../../src/transport/mux/Multiplexer.ts"
import * as CountedDeadlines from "./CountedDeadlines.ts"
import * as Harness from "./Harness.ts"
import {
  type Fault,
  type Name,
  names,
  probe,
  type Request,
  type Schedule,
  type ScheduleOptions,
  scheduleOf,
  stormMillis,
} from "./Schedule.ts"
import { Seeded } from "./Seeded.ts"
import { type Connection, SimulatedNetwork } from "./SimulatedNetwork.ts"

const relayPort = 7
const heartbeatMillis = 2_100
const waitMillis = 3_300
const responseMillis = 5_000
const idleMillis = 6_000
/** By then everything that was asked for in the storm is over: four offers, each with its wait and its answer. */
const longest = 4 * (waitMillis + responseMillis) + 2 * idleMillis
const offersAtMost = 4
/** How long it takes until a visitor hears that a link was cut: four ways. */
const blowMillis = 200
/** Longer than a listen is parked. */
const parkedMillis = 26_000
/** How long the relay remembers what ended without its server. */
const rememberedMillis = 120_000
/** How long a classic server may be silent before it is taken for dead. */
const silentMillis = 3_000
/** What runs when a relay ends means nothing any more. */
const mayOutlive = new Set([rememberedMillis, silentMillis])

const pool = ((): Buffer => {
  const random = new Seeded(2)
  const bytes = Buffer.alloc(512 * 1024)
  for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32LE(random.int(0, 0xffff_ffff), i)
  return bytes
})()

/** One visitor's request: what both sides are going to do, and what has come of it. */
interface Visit extends Omit<Request, "at" | "up" | "down"> {
  readonly id: number
  readonly up: Buffer
  readonly down: Buffer
  /** It has to be served, whatever has been before. */
  readonly isProbe: boolean
  readonly startedAt: number
  request: http.ClientRequest | undefined
  served: number
  status: number | undefined
  failure: string
  answeredAt: number | undefined
  received: number
  isWhole: boolean
  error: string | undefined
  left: boolean
  /** Its own connection was cut or stalled. */
  disturbed: boolean
  overAt: number | undefined
  /** Whether a handler has got all of its body, for those that change the protocol. */
  isHeard: boolean
}

/** A handler that reads a body. */
interface Hearing {
  readonly visit: Visit
  isOver: boolean
}

/** A server process. */
interface Instance {
  readonly name: Name
  readonly host: string
  readonly scope: Scope.Closeable
  readonly fiber: Fiber.Fiber<never, never>
  alive: boolean
}

/** A body that is pushed piece by piece. */
class Outgoing implements Body {
  readonly whole: Uint8Array | undefined
  readonly length: number | undefined
  state: "fresh" | "reading" | "over" = "fresh"
  private at = 0
  private sink: BodySink | undefined
  private flowing = true
  private held = false
  private readonly storm: Tempest
  private readonly bytes: Buffer
  private readonly cutAt: number

  constructor(storm: Tempest, bytes: Buffer, as: Visit["downAs"], cutAt: number) {
    this.storm = storm
    this.bytes = bytes
    this.cutAt = cutAt
    this.whole = as === "whole" ? bytes : undefined
    this.length = as === "unknown" ? undefined : bytes.length
  }

  read(sink: BodySink): BodyFlow {
    if (this.state !== "fresh") this.storm.complain("a body is read twice")
    if (this.whole !== undefined) {
      this.state = "over"
      return fromBytes(this.whole).read(sink)
    }
    this.state = "reading"
    this.sink = sink
    this.soon()
    return {
      resume: () => {
        this.flowing = true
        this.soon()
      },
      cancel: () => this.discard(),
    }
  }

  discard(): void {
    this.state = "over"
  }

  /** Nothing of it comes until it is released. */
  hold(): void {
    this.held = true
  }

  release(): void {
    this.held = false
    if (this.state === "reading") this.soon()
  }

  private soon(): void {
    this.storm.later(this.storm.random.int(0, 50), () => this.push())
  }

  private push(): void {
    const { sink } = this
    if (this.state !== "reading" || sink === undefined || !this.flowing || this.held) return
    if (this.at >= this.cutAt) {
      this.state = "over"
      return sink.fail(new BodyError({ reason: "cut", detail: "the tempest cut it" }))
    }
    if (this.at === this.bytes.length) {
      this.state = "over"
      return sink.end([])
    }
    const most = Math.min(this.bytes.length, this.cutAt) - this.at
    const size = Math.min(most, this.storm.random.int(1, 60_000))
    this.at += size
    this.flowing = sink.data(this.bytes.subarray(this.at - size, this.at))
    if (this.flowing) this.soon()
  }
}

/** One tempest for each seed; what was not as it has to be, with the seed that shows it. */
export const rage = Effect.fnUntraced(function* (
  seeds: ReadonlyArray<number>,
  options: ScheduleOptions = {},
) {
  const failures: Array<string> = []
  // Errors by the thousand are expected, and nobody looks where they came from.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  for (const seed of seeds) {
    const tempest = new Tempest(scheduleOf(seed, options))
    for (const complaint of yield* tempest.rage)
      failures.push(`${JSON.stringify({ ...options, seed })}: ${complaint}`)
    if (failures.length > 10) break
  }
  Error.stackTraceLimit = stackTraceLimit
  return failures
})

/** So many seeds from one on. */
export const seedsFrom = (first: number, count: number): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, i) => first + i)

/** See the file's header. */
export class Tempest {
  readonly random: Seeded
  readonly network: SimulatedNetwork
  readonly complaints: Array<string> = []
  readonly events: Array<string> = []
  readonly visits: Array<Visit> = []
  private readonly schedule: Schedule
  /** By their time. */
  private readonly tasks: Array<Task> = []
  private readonly effects: Array<Effect.Effect<void, never, Scope.Scope>> = []
  private readonly instances: Array<Instance> = []
  private readonly bodies = new Set<Outgoing>()
  private readonly hearings: Array<Hearing> = []
  private readonly links = new Set<Multiplexer>()
  private readonly pendings = new Set<Pending>()
  private relay: { readonly scope: Scope.Closeable; readonly made: Harness.TestRelay } | undefined
  private relayTrouble: Array<{ readonly from: number; to: number }> = []
  private revoked = false
  private revocations: Array<{ readonly from: number; to: number }> = []
  /** When something has happened that ends connections of servers. */
  private readonly blows: Array<number> = []
  private launched = 0
  private readonly relays: Array<Harness.TestRelay> = []
  private readonly scope = Scope.makeUnsafe()

  constructor(schedule: Schedule) {
    this.schedule = schedule
    this.random = new Seeded(schedule.seed)
    this.network = new SimulatedNetwork({
      seed: this.random.int(0, 0xffff_ffff),
      latency: schedule.latency,
      buffer: schedule.buffer,
    })
    this.network.nextPort = relayPort
  }

  note(event: string): void {
    this.events.push(`${this.network.time.now}: ${event}`)
  }

  complain(what: string): void {
    this.complaints.push(what)
  }

  /** Something that happens in so many milliseconds. */
  later(millis: number, run: () => void): void {
    const at = this.network.time.now + millis
    const { tasks } = this
    let i = tasks.length
    while (i > 0 && (tasks[i - 1] as Task).at > at) i -= 1
    tasks.splice(i, 0, { at, run })
  }

  private act(millis: number, what: string, effect: Effect.Effect<void, never, Scope.Scope>): void {
    this.later(millis, () => {
      this.note(what)
      this.blows.push(this.network.time.now)
      this.effects.push(effect)
    })
  }

  /** Lets it rage, then looks at what is left; what was not as it has to be. */
  get rage(): Effect.Effect<ReadonlyArray<string>> {
    return Effect.gen({ self: this }, function* () {
      yield* this.course.pipe(Effect.provideService(Scope.Scope, this.scope))
      yield* this.end(this.scope)
      return this.complaints
    }).pipe(Effect.provideService(Clock.Clock, this.network.time.clock), (course) =>
      Effect.acquireUseRelease(
        Effect.sync(() => this.watch()),
        () => course,
        (unwatch) => Effect.sync(unwatch),
      ),
    )
  }

  private get course(): Effect.Effect<void, never, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      yield* this.startRelay
      for (const name of names) yield* this.launch(name)
      yield* this.pass(1_500)
      this.plan()
      yield* this.pass(stormMillis)
      yield* this.heal
      yield* this.pass(2_000)
      this.probeAll()
      yield* this.pass(longest, () => this.visits.every((visit) => visit.overAt !== undefined))
      yield* this.pass(this.schedule.transport === "stream" ? 3 * heartbeatMillis : parkedMillis)
      this.probeAll()
      yield* this.pass(1_500)
      this.judge()
      this.judgeRest()
    })
  }

  /** Stops everything; nothing may stay behind. */
  private end(scope: Scope.Closeable): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      let closed = false
      yield* Effect.forkDetach(
        Scope.close(scope, Exit.void).pipe(
          Effect.andThen(
            Effect.sync(() => {
              closed = true
            }),
          ),
        ),
      )
      yield* this.pass(10_000, () => closed)
      if (!closed) this.complain("it does not stop")
      yield* this.pass(2_500)
      const left = [...CountedDeadlines.count()].filter(([millis]) => !mayOutlive.has(millis))
      if (left.length > 0) this.complain(`deadlines are left: ${left.join("; ")}`)
      for (const { label } of this.network.sockets)
        this.complain(`a connection is left open: ${label}`)
    })
  }

  /** Notes every link and every pending request that comes to be. */
  private watch(): () => void {
    const { links, network, pendings } = this
    const { ping } = Multiplexer.prototype
    const { wait } = Pending.prototype
    Multiplexer.prototype.ping = function (this: Multiplexer) {
      links.add(this)
      return ping.call(this)
    }
    Pending.prototype.wait = function (this: Pending, ...given) {
      pendings.add(this)
      return wait.apply(this, given)
    }
    CountedDeadlines.reset()
    network.up()
    return () => {
      network.down()
      Multiplexer.prototype.ping = ping
      Pending.prototype.wait = wait
    }
  }

  // ------------------------------------------------------------ time

  /** Lets time pass, or less of it if `isEnough`. */
  private pass(millis: number, isEnough: () => boolean = () => false): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const until = this.network.time.now + millis
      for (;;) {
        yield* this.settle
        if (this.network.time.now >= until || isEnough()) return
        const due = Math.min(until, this.tasks[0]?.at ?? until, this.network.next)
        this.network.time.advance(Math.max(1, due - this.network.time.now))
      }
    })
  }

  /** Everything happens that can happen now. */
  private get settle(): Effect.Effect<void> {
    return Effect.suspend(() =>
      Effect.promise(() => this.untilQuiet()).pipe(
        Effect.andThen(() => {
          const effect = this.effects.shift()
          return effect === undefined
            ? Effect.void
            : Effect.andThen(
                effect.pipe(Effect.provideService(Scope.Scope, this.scope)),
                this.settle,
              )
        }),
      ),
    )
  }

  /** Until nothing can happen any more, or there is an effect to be run. */
  private async untilQuiet(): Promise<void> {
    const { time } = this.network
    for (let isQuiet = false; !isQuiet; ) {
      await time.turn()
      // As a kernel has news of several sockets at once.
      let left = this.random.int(1, 6)
      let happened = false
      for (; left > 0 && this.effects.length === 0 && this.happens(); left--) {
        happened = true
        await time.tick()
      }
      if (this.effects.length > 0) return
      isQuiet = !happened && !time.isBusy
    }
  }

  /** One thing happens, if anything can. */
  private happens(): boolean {
    const { network, random } = this
    const { now } = network.time
    let due = 0
    while (due < this.tasks.length && (this.tasks[due] as Task).at <= now) due += 1
    if (due === 0 || random.chance(0.5)) return network.step() || due > 0
    this.tasks.splice(random.int(0, due - 1), 1)[0]?.run()
    return true
  }

  // ------------------------------------------------------------ relay and servers

  private get startRelay(): Effect.Effect<void, never, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const scope = yield* Scope.fork(yield* Effect.scope)
      const made = yield* Harness.relay({
        servers: this.revoked ? [{ name: "app", key: "another-key-altogether" }, "other"] : names,
        waitForServer: waitMillis,
        responseTimeout: responseMillis,
        idleTimeout: idleMillis,
        shutdownGrace: this.schedule.relayGrace,
        config: { heartbeat: Duration.millis(heartbeatMillis) },
      }).pipe(Effect.provideService(Scope.Scope, scope), Effect.orDie)
      this.relay = { scope, made }
      this.relays.push(made)
    })
  }

  private launch(name: Name): Effect.Effect<void, never, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      this.launched += 1
      const host = `${name}-${this.launched}`
      const scope = yield* Scope.fork(yield* Effect.scope)
      const fiber = yield* Effect.scoped(
        Server.run({
          name: name as ServerName,
          apiKey: makeKey(Harness.keyOf(name)),
          relayUrl: `http://${host}:${relayPort}`,
          handler: this.handler(name),
          proxies: false,
          graceMillis: this.schedule.serverGrace,
          transport: this.schedule.transport,
          heartbeatMillis,
        }),
      ).pipe(
        Effect.provide(Logger.layer([])),
        Random.withSeed(`${this.random.int(0, 1e9)}`),
        Effect.forkIn(scope),
      )
      this.instances.push({ name, host, scope, fiber, alive: true })
      this.note(`${host} starts`)
    })
  }

  private stop(instance: Instance): Effect.Effect<void, never, Scope.Scope> {
    instance.alive = false
    return Effect.forkScoped(Fiber.interrupt(instance.fiber)).pipe(Effect.asVoid)
  }

  private kill(instance: Instance, silently: boolean): Effect.Effect<void, never, Scope.Scope> {
    return Effect.suspend(() => {
      this.network.unreachable.add(instance.host)
      for (const connection of this.network.connections)
        if (connection.host === instance.host)
          if (silently) connection.vanish()
          else connection.cut()
      return this.stop(instance)
    })
  }

  private get alive(): ReadonlyArray<Instance> {
    return this.instances.filter(({ alive }) => alive)
  }

  private readonly handler =
    (name: Name): Handler =>
    (head, body, reply) => {
      const visit = this.visits[Number(/^\/(\d+)$/.exec(head.target)?.[1])]
      if (visit === undefined) {
        this.complain(`${name} is asked for ${head.target}`)
        return () => {}
      }
      visit.served += 1
      this.note(`${visit.id} is served`)
      if (visit.name !== name) this.complain(`${visit.id}: served by ${name}`)
      if (head.method !== nameOf(visit)) this.complain(`${visit.id}: arrives as ${head.method}`)
      const changes = first(head.headers, "upgrade") !== undefined
      if (changes && visit.method !== "UPGRADE") this.complain(`${visit.id}: arrives as an upgrade`)
      return this.answer(visit, body, reply, changes)
    }

  private answer(visit: Visit, body: Body, reply: Reply, changes: boolean): () => void {
    let out: Outgoing | undefined
    let reading: BodyFlow | undefined
    let over = false
    const respond = (): void => {
      if (over) return
      const cutAt = visit.way === "cut" ? visit.cutAt : Number.POSITIVE_INFINITY
      const as = visit.way === "cut" && visit.downAs === "whole" ? "length" : visit.downAs
      out = new Outgoing(this, visit.down, changes ? "unknown" : as, cutAt)
      this.bodies.add(out)
      const headers: HeaderList = [["X-Id", `${visit.id}`]]
      if (changes)
        reply.respond({ status: 101, headers: [["Upgrade", "tempest"], ...headers] }, out)
      else reply.respond({ status: 200, headers }, out)
    }
    let received = 0
    const expected = visit.method === "UPGRADE" && !changes ? empty : visit.up
    const hearing: Hearing = { visit, isOver: false }
    const read = (then: () => void): void => {
      this.hearings.push(hearing)
      reading = body.read({
        data: (chunk) => {
          if (expected.subarray(received, received + chunk.length).compare(chunk) !== 0)
            this.complain(`${visit.id}: its body is wrong at ${received}`)
          received += chunk.length
          if (!this.random.chance(0.2)) return true
          this.later(this.random.int(0, 200), () => over || reading?.resume())
          return false
        },
        end: () => {
          hearing.isOver = true
          visit.isHeard = received === expected.length
          if (!visit.isHeard) this.complain(`${visit.id}: its body ends whole after ${received}`)
          then()
        },
        fail: () => {
          hearing.isOver = true
        },
      })
    }
    switch (visit.way) {
      case "never":
        read(() => {})
        break
      case "fail":
        body.discard()
        this.later(this.random.int(0, 300), () =>
          reply.fail(new ExchangeError({ code: "PTTH_ORIGIN_BROKEN", detail: "the tempest" })),
        )
        break
      case "answer after the body":
        // Who changes the protocol says nothing before it is changed.
        if (changes) {
          read(() => out?.release())
          respond()
          out?.hold()
        } else read(() => this.later(this.random.int(0, 100), respond))
        break
      case "late":
        read(() => {})
        this.later(this.random.int(1_000, responseMillis - 1_000), respond)
        break
      default:
        read(() => {})
        respond()
    }
    return () => {
      over = true
      hearing.isOver = true
      reading?.cancel()
      out?.discard()
    }
  }

  // ------------------------------------------------------------ visitors

  private probeAll(): void {
    for (const name of names) this.visit(probe(this.random, name), true)
  }

  private visit(planned: Request, isProbe = false): void {
    const slice = (length: number): Buffer => {
      const from = this.random.int(0, pool.length - length)
      return pool.subarray(from, from + length)
    }
    const visit: Visit = {
      ...planned,
      id: this.visits.length,
      up: slice(planned.up),
      down: slice(planned.down),
      isProbe,
      startedAt: this.network.time.now,
      request: undefined,
      served: 0,
      status: undefined,
      failure: "",
      answeredAt: undefined,
      received: 0,
      isWhole: false,
      error: undefined,
      left: false,
      disturbed: false,
      overAt: undefined,
      isHeard: false,
    }
    this.visits.push(visit)
    this.begin(visit)
  }

  private begin(visit: Visit): void {
    this.note(`${visit.id} asks ${visit.name}: ${visit.method}, ${visit.up.length} up`)
    const request = http.request({
      host: `visitor-${visit.id}`,
      port: relayPort,
      path: `/servers/${visit.name}/${visit.id}`,
      method: nameOf(visit),
      agent: false,
      headers: {
        ...(visit.method === "UPGRADE"
          ? { Connection: "Upgrade", Upgrade: "tempest" }
          : visit.up.length === 0
            ? {}
            : visit.chunkedUp
              ? { "Transfer-Encoding": "chunked" }
              : { "Content-Length": `${visit.up.length}` }),
      },
    })
    visit.request = request
    const over = (error?: string): void => {
      if (visit.overAt !== undefined) return
      visit.overAt = this.network.time.now
      visit.error = error
      this.note(
        `${visit.id} ${error ?? "is done"}: ${visit.status ?? "no answer"} ${visit.failure}, ` +
          `${visit.received} of ${visit.down.length}`,
      )
      if (socket === undefined) request.destroy()
      else socket.destroy(error === undefined ? undefined : new Error(error))
    }
    let socket: Duplex | undefined
    request.on("upgrade", (response, changed: Duplex, head: Buffer) => {
      socket = changed
      visit.status = response.statusCode
      visit.answeredAt = this.network.time.now
      if (response.headers["x-id"] !== `${visit.id}`)
        this.complain(`${visit.id}: gets the answer of ${response.headers["x-id"]}`)
      if (head.length > 0) changed.unshift(head)
      this.converse(visit, changed, over)
    })
    request.on("error", (error: NodeJS.ErrnoException) => over(error.code ?? error.message))
    request.on("response", (response) => {
      let said = ""
      visit.status = response.statusCode
      visit.answeredAt = this.network.time.now
      visit.failure = ""
      if (visit.status === 200 && response.headers["x-id"] !== `${visit.id}`)
        this.complain(`${visit.id}: gets the answer of ${response.headers["x-id"]}`)
      response.on("error", (error: NodeJS.ErrnoException) => over(error.code ?? error.message))
      response.on("close", () => over(visit.isWhole ? undefined : "closed"))
      response.on("end", () => {
        // A request that is given up drops what it has and has not read, and ends.
        if (visit.overAt !== undefined) return
        visit.isWhole = response.complete
        over(visit.isWhole ? undefined : "incomplete")
      })
      response.on("data", (chunk: Buffer) => {
        if (visit.status !== 200) {
          said += chunk.toString("latin1")
          visit.failure = /PTTH_[A-Z_]+/.exec(said)?.[0] ?? ""
          return
        }
        this.receive(visit, chunk, response)
      })
    })
    let at = 0
    const send = (): void => {
      if (visit.overAt !== undefined || request.destroyed) return
      if (at === visit.up.length) return void request.end()
      const size = Math.min(visit.up.length - at, this.random.int(1, 80_000))
      at += size
      const more = request.write(visit.up.subarray(at - size, at))
      if (more) this.later(this.random.int(0, 60), send)
      else request.once("drain", send)
    }
    if (visit.method === "UPGRADE") request.end()
    else send()
    if (visit.leavesAfter === undefined) return
    this.later(visit.leavesAfter, () => {
      if (visit.overAt !== undefined) return
      visit.left = true
      over("left")
    })
  }

  private receive(visit: Visit, chunk: Buffer, from: Readable): void {
    if (visit.down.subarray(visit.received, visit.received + chunk.length).compare(chunk) !== 0)
      this.complain(`${visit.id}: its answer is wrong at ${visit.received}`)
    visit.received += chunk.length
    if (!visit.slow) return
    from.pause()
    // Whoever takes so little at a time that nothing new finds room in `idleMillis` loses his connection.
    const most = this.schedule.buffer < 10_000 ? 40 : 400
    this.later(this.random.int(0, most), () => from.resume())
  }

  /** Both ways at once after 101; each side ends its own way when it has said everything. */
  private converse(visit: Visit, socket: Duplex, over: (error?: string) => void): void {
    socket.allowHalfOpen = true
    socket.on("error", (error: NodeJS.ErrnoException) => over(error.code ?? error.message))
    socket.on("close", () => over(visit.isWhole ? undefined : "closed"))
    socket.on("end", () => {
      visit.isWhole = true
    })
    socket.on("data", (chunk: Buffer) => this.receive(visit, chunk, socket))
    let at = 0
    const send = (): void => {
      if (visit.overAt !== undefined || socket.destroyed) return
      if (at === visit.up.length) return void socket.end()
      const size = Math.min(visit.up.length - at, this.random.int(1, 40_000))
      at += size
      if (socket.write(visit.up.subarray(at - size, at))) this.later(this.random.int(0, 60), send)
      else socket.once("drain", send)
    }
    this.later(this.random.int(0, 60), send)
  }

  // ------------------------------------------------------------ what goes wrong

  private plan(): void {
    for (const request of this.schedule.requests) this.later(request.at, () => this.visit(request))
    for (const fault of this.schedule.faults) this.later(fault.at, () => this.fault(fault))
  }

  private fault({ directions, kind, lasts, which }: Fault): void {
    const { connections } = this.network
    const links = connections.filter(({ host }) => !host.startsWith("visitor-"))
    const visitors = connections.filter(({ host }) => host.startsWith("visitor-"))
    const { alive } = this
    const instance = alive[which % Math.max(1, alive.length)]
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
        this.act(0, `${instance.host} is stopped`, this.stop(instance))
        return this.act(lasts, "another is started", this.launch(instance.name))
      case "kill a server":
      case "lose a server": {
        if (instance === undefined) return
        const silently = kind === "lose a server"
        this.act(0, `${instance.host} dies ${silently}`, this.kill(instance, silently))
        return this.act(lasts, "another is started", this.launch(instance.name))
      }
      case "double a server":
        return this.act(0, "a double is started", this.launch(names[which % 2] ?? "app"))
      case "revoke a key":
        if (this.revoked || this.relay === undefined) return
        this.act(0, "the key is revoked", this.register(true))
        return this.act(lasts, "the key is back", this.register(false))
      case "hide the relay":
        if (instance === undefined) return
        this.network.unreachable.add(instance.host)
        return this.later(lasts, () => this.network.unreachable.delete(instance.host))
      default:
        if (this.relay === undefined) return
        this.act(0, "the relay goes", this.leaveRelay(kind === "restart the relay"))
        return this.act(lasts / 2, "the relay is back", this.returnRelay)
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
    this.note(`the connection of ${connection.host} is ${what}`)
    this.blows.push(this.network.time.now)
    const [, id] = /^visitor-(\d+)$/.exec(connection.host) ?? []
    const visit = this.visits[Number(id)]
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
      this.later(millis, () => connection.stall(direction, false))
    }
  }

  private register(revoked: boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.revoked = revoked
      if (revoked)
        this.revocations.push({ from: this.network.time.now, to: Number.POSITIVE_INFINITY })
      else
        for (const one of this.revocations) one.to = Math.min(one.to, this.network.time.now + 100)
      const { relay } = this
      return relay === undefined
        ? Effect.void
        : relay.made.change({
            servers: revoked ? [{ name: "app", key: "another-key-altogether" }, "other"] : names,
          })
    })
  }

  private leaveRelay(gently: boolean): Effect.Effect<void, never, Scope.Scope> {
    return Effect.suspend(() => {
      const { relay } = this
      if (relay === undefined) return Effect.void
      this.relay = undefined
      this.relayTrouble.push({ from: this.network.time.now, to: Number.POSITIVE_INFINITY })
      if (!gently) this.network.crash(relayPort)
      return Effect.forkScoped(Scope.close(relay.scope, Exit.void)).pipe(Effect.asVoid)
    })
  }

  private get returnRelay(): Effect.Effect<void, never, Scope.Scope> {
    return Effect.suspend(() => {
      if (this.relay !== undefined) return Effect.void
      // One that still drains has its port until then.
      this.network.forget(relayPort)
      for (const one of this.relayTrouble) one.to = Math.min(one.to, this.network.time.now + 1_500)
      return this.startRelay
    })
  }

  private get heal(): Effect.Effect<void, never, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      this.note("the storm is over")
      for (const { alive, host } of this.instances) if (alive) this.network.unreachable.delete(host)
      for (const connection of this.network.connections) {
        connection.stall("to server", false)
        connection.stall("to client", false)
      }
      yield* this.returnRelay
      yield* this.register(false)
      for (const name of names)
        if (!this.alive.some((instance) => instance.name === name)) yield* this.launch(name)
    })
  }

  // ------------------------------------------------------------ judgement

  private get isCalm(): boolean {
    return (
      this.schedule.faults.length === 0 &&
      this.schedule.requests.every(
        ({ leavesAfter, way }) => leavesAfter === undefined && way.startsWith("answer"),
      )
    )
  }

  private isDuring(
    spans: ReadonlyArray<{ readonly from: number; readonly to: number }>,
    { overAt = Number.POSITIVE_INFINITY, startedAt }: Visit,
  ): boolean {
    return spans.some(({ from, to }) => startedAt <= to && overAt >= from)
  }

  private judge(): void {
    for (const visit of this.visits) {
      const what = `${visit.id} (${visit.method} ${visit.way})`
      const safe = ["GET", "HEAD", "OPTIONS"].includes(visit.method)
      if (visit.served > (safe ? offersAtMost : 1))
        this.complain(`${what}: served ${visit.served} times`)
      if (visit.overAt === undefined) {
        this.complain(`${what}: hangs`)
        continue
      }
      if (visit.left) continue
      const relayWasAway = this.isDuring(this.relayTrouble, visit)
      if (visit.status === undefined) {
        // An answer that is cut before its head has left is a reset and nothing else.
        const isCut = visit.way === "cut" || (visit.served > 0 && this.isAfterBlow(visit.overAt))
        if (!visit.disturbed && !relayWasAway && !isCut)
          this.complain(`${what}: no answer but ${visit.error}`)
      } else if (visit.status === 200) this.judgeAnswer(visit, what, relayWasAway)
      else if (visit.status === 101) this.judgeUpgrade(visit, what, relayWasAway)
      else this.judgeFailure(visit, what, relayWasAway)
      if (visit.isProbe && visit.status !== 200)
        this.complain(`${what}: ${visit.status} ${visit.failure} after the storm`)
      if (visit.isProbe && visit.served === 0) this.complain(`${what}: served by nobody`)
    }
  }

  private isAfterBlow(at: number): boolean {
    return this.blows.some((blow) => blow <= at && at <= blow + blowMillis)
  }

  private judgeAnswer(visit: Visit, what: string, relayWasAway: boolean): void {
    const expected = visit.method === "HEAD" ? 0 : visit.down.length
    if (visit.isWhole && visit.received !== expected)
      this.complain(`${what}: ends whole after ${visit.received} of ${expected}`)
    const isCut = visit.cutAt < visit.down.length || visit.downAs === "unknown"
    if (visit.isWhole && visit.way === "cut" && isCut && visit.method !== "HEAD")
      this.complain(`${what}: ends whole although it was cut`)
    if (!visit.isWhole && (this.isCalm || visit.isProbe) && !relayWasAway)
      this.complain(`${what}: ${visit.error} after ${visit.received} of ${expected}`)
    if (visit.served === 0) this.complain(`${what}: answered by nobody`)
  }

  private judgeUpgrade(visit: Visit, what: string, relayWasAway: boolean): void {
    if (visit.method !== "UPGRADE") this.complain(`${what}: is changed unasked`)
    if (visit.isWhole && visit.received !== visit.down.length)
      this.complain(`${what}: ends whole after ${visit.received} of ${visit.down.length}`)
    if (visit.isWhole && visit.way === "cut")
      this.complain(`${what}: ends whole although it was cut`)
    if (this.isCalm && !relayWasAway && !(visit.isWhole && visit.isHeard))
      this.complain(`${what}: ${visit.error} after ${visit.received} of ${visit.down.length}`)
    if (visit.served === 0) this.complain(`${what}: answered by nobody`)
  }

  private judgeFailure(visit: Visit, what: string, relayWasAway: boolean): void {
    const { failure, status } = visit
    if (status === 404) {
      this.complain(`${what}: 404`)
      return
    }
    if (![502, 503, 504].includes(status ?? 0)) this.complain(`${what}: ${status} ${failure}`)
    if (visit.isWhole && failure === "" && visit.method !== "HEAD")
      this.complain(`${what}: ${status} without a reason`)
    if (this.isCalm && !relayWasAway) this.complain(`${what}: ${status} ${failure} in a calm`)
  }

  private judgeRest(): void {
    for (const { lines } of this.relays)
      for (const line of lines) if (line.includes("has failed")) this.complain(line)
    for (const error of CountedDeadlines.failed()) this.complain(`a deadline has failed: ${error}`)
    for (const link of this.links)
      if (link.active > 0) this.complain(`${link.active} streams are left`)
    for (const { name, state } of this.pendings)
      if (state === "waiting" || state === "offered") this.complain(`a request for ${name} is left`)
    for (const { isOver, visit } of this.hearings)
      if (!isOver) this.complain(`${visit.id}: its handler never hears how its body ends`)
    for (const { state } of this.bodies) if (state === "reading") this.complain("a body is left")
    for (const { host } of this.network.connections)
      if (host.startsWith("visitor-")) this.complain(`the connection of ${host} is left`)
    const spans = CountedDeadlines.count()
    for (const [millis, what] of [
      [waitMillis, "waits"],
      [responseMillis, "answers"],
      [idleMillis, "bodies"],
    ] as const)
      if (spans.has(millis)) this.complain(`deadlines of ${spans.get(millis)} ${what} are left`)
  }
}

/** The method in the request. */
const nameOf = ({ method }: Visit): string => (method === "UPGRADE" ? "GET" : method)

const empty = Buffer.alloc(0)

interface Task {
  readonly at: number
  readonly run: () => void
}
