/**
 * Many exchanges at once over a simulated link, with everything that may go
 * wrong going wrong at random, held against a model that is simple enough to
 * be right: each body is a known sequence of bytes with a known end.
 *
 *     const storm = new Storm({ seed })
 *     await storm.run()
 *     assert.deepStrictEqual(storm.complaints, [])
 */
import type { HeaderList } from "../../src/domain/HeaderList.ts"
import { BodyError, ExchangeError } from "../../src/protocol/Exchange.ts"
import type { RequestHead, ResponseHead } from "../../src/protocol/Message.ts"
import {
  type Body,
  type BodyFlow,
  type BodySink,
  fromBytes,
} from "../../src/transport/body/Body.ts"
import type { Cancel, Handler, Reply } from "../../src/transport/body/Handler.ts"
import { Seeded } from "./Seeded.ts"
import { SimulatedLink, turn } from "./SimulatedLink.ts"

const mebi = 1024 * 1024

/** Bytes of which every body is a part, each from a place of its own. */
const pool = ((): Buffer => {
  const random = new Seeded(1)
  const bytes = Buffer.alloc(3 * mebi)
  for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32LE(random.int(0, 0xffff_ffff), i)
  return bytes
})()

/** What kind of storm. */
export interface StormOptions {
  readonly seed: number
  /** How many exchanges; random unless given. */
  readonly exchanges?: number
  /** Whether anybody gives up, fails or lets go; the wire may still be slow. */
  readonly calm?: boolean
  /** Whether the link breaks on the way. */
  readonly cut?: boolean
}

type Kind = "whole" | "length" | "unknown"

/** A body that the storm pushes into the link. */
class Source implements Body {
  readonly length: number | undefined
  readonly whole: Uint8Array | undefined
  readonly trailers: HeaderList
  readonly bytes: Buffer
  /** After so many bytes it breaks off. */
  readonly failsAt: number
  state: "fresh" | "reading" | "ended" | "failed" | "dropped" = "fresh"
  pushed = 0
  private readonly storm: Storm
  private readonly what: string
  private sink: BodySink | undefined
  private flowing = true
  private scheduled = false

  constructor(
    storm: Storm,
    what: string,
    given: { size: number; kind: Kind; failsAt: number; offset: number },
  ) {
    this.storm = storm
    this.what = what
    this.bytes = pool.subarray(given.offset, given.offset + given.size)
    this.length = given.kind === "unknown" ? undefined : given.size
    this.whole = given.kind === "whole" ? this.bytes : undefined
    this.failsAt = given.failsAt
    this.trailers =
      given.kind === "unknown" && storm.random.chance(0.3) ? [["X-Sum", `${given.size}`]] : []
  }

  read(sink: BodySink): BodyFlow {
    if (this.state !== "fresh") this.storm.complain(`${this.what}: read while ${this.state}`)
    this.storm.note(`${this.what} is read`)
    if (this.whole !== undefined) {
      this.state = "ended"
      return fromBytes(this.whole).read(sink)
    }
    this.state = "reading"
    this.sink = sink
    this.schedule()
    return {
      resume: () => {
        this.flowing = true
        this.schedule()
      },
      cancel: () => this.drop(),
    }
  }

  discard(): void {
    this.drop()
  }

  private drop(): void {
    if (this.state === "fresh" || this.state === "reading") this.state = "dropped"
  }

  private schedule(): void {
    if (this.scheduled || this.state !== "reading" || !this.flowing) return
    this.scheduled = true
    this.storm.later(() => {
      this.scheduled = false
      this.push()
    })
  }

  private push(): void {
    const { bytes, sink, storm } = this
    if (this.state !== "reading" || sink === undefined) return
    if (this.pushed >= this.failsAt) {
      this.state = "failed"
      return sink.fail(new BodyError({ reason: "cut", detail: "the storm cut it" }))
    }
    if (this.pushed === bytes.length) {
      this.state = "ended"
      return sink.end(this.trailers)
    }
    const left = Math.min(bytes.length, this.failsAt) - this.pushed
    const most = storm.random.pick([10, 1000, 64 * 1024, 300 * 1024])
    const size = Math.min(left, storm.random.int(0, most))
    const chunk = bytes.subarray(this.pushed, this.pushed + size)
    this.pushed += size
    this.flowing = sink.data(chunk)
    this.schedule()
  }
}

/** Reads a body and compares it with what was sent. */
class Reader implements BodySink {
  outcome: "end" | "fail" | undefined
  received = 0
  dropped = false
  onOver: () => void = () => {}
  private readonly storm: Storm
  private readonly what: string
  private readonly source: Source
  private readonly patience: number
  private readonly leavesAt: number
  private readonly flow: BodyFlow

  constructor(
    storm: Storm,
    what: string,
    body: Body,
    source: Source,
    how: { readonly patience: number; readonly leavesAt: number },
  ) {
    this.storm = storm
    this.what = what
    this.source = source
    this.patience = how.patience
    this.leavesAt = how.leavesAt
    this.flow = body.read(this)
  }

  data(chunk: Uint8Array): boolean {
    this.mustBeOpen("data")
    const expected = this.source.bytes.subarray(this.received, this.received + chunk.length)
    if (expected.compare(chunk) !== 0)
      this.storm.complain(`${this.what}: wrong at ${this.received}`)
    this.received += chunk.length
    if (this.received >= this.leavesAt) {
      this.drop()
      return false
    }
    if (this.storm.random.next() < this.patience) return true
    this.storm.later(() => {
      if (this.outcome === undefined && !this.dropped) this.flow.resume()
    })
    return false
  }

  end(trailers: HeaderList): void {
    this.mustBeOpen("end")
    this.outcome = "end"
    const { source } = this
    if (this.received !== source.bytes.length || source.failsAt < source.bytes.length)
      this.storm.complain(`${this.what}: ended whole after ${this.received}`)
    if (JSON.stringify(trailers) !== JSON.stringify(source.trailers))
      this.storm.complain(`${this.what}: other trailers`)
    this.storm.note(`${this.what} ends`)
    this.onOver()
  }

  fail(error: BodyError): void {
    this.mustBeOpen("fail")
    this.outcome = "fail"
    this.storm.note(`${this.what} fails after ${this.received}: ${error.reason}`)
    this.onOver()
  }

  drop(): void {
    if (this.outcome !== undefined || this.dropped) return
    this.dropped = true
    this.storm.note(`${this.what} is let go after ${this.received}`)
    this.flow.cancel()
    this.onOver()
  }

  private mustBeOpen(event: string): void {
    if (this.outcome !== undefined) this.storm.complain(`${this.what}: ${event} after its end`)
    if (this.dropped) this.storm.complain(`${this.what}: ${event} after it was let go`)
  }
}

/** One exchange: what both ends are going to do, and what has come of it. */
interface Plan {
  readonly id: number
  readonly head: RequestHead
  readonly response: ResponseHead
  readonly up: Source
  readonly down: Source
  readonly handler: "answer" | "answer after the body" | "fail" | "never"
  /** Whether the handler lets go of the request's body instead of reading it. */
  readonly discards: boolean
  /** Whether the asking end lets go of the response's body. */
  readonly ignores: boolean
  readonly upReader: { readonly patience: number; readonly leavesAt: number }
  readonly downReader: { readonly patience: number; readonly leavesAt: number }
  /** Whether the asking end gives the exchange up at some time. */
  readonly cancels: boolean
  served: number
  handlerCancels: number
  replies: number
  failure: ExchangeError | undefined
  answered: number
  sent: number
  cancelled: boolean
  upRead: Reader | undefined
  downRead: Reader | undefined
}

/** See the file's header. */
export class Storm {
  readonly random: Seeded
  readonly link: SimulatedLink
  /** What was not as it has to be; to be empty. */
  readonly complaints: Array<string> = []
  /** What happened, in order: the same for the same seed. */
  readonly events: Array<string> = []
  readonly plans: Array<Plan> = []
  private readonly options: StormOptions
  private readonly tasks: Array<() => void> = []

  constructor(options: StormOptions) {
    this.options = options
    this.random = new Seeded(options.seed)
    const { random } = this
    this.link = new SimulatedLink({
      seed: random.int(0, 0xffff_ffff),
      handler: this.handler,
      failed: (_head, error) => [
        { status: 502, headers: [] },
        fromBytes(Buffer.from(error.code, "latin1")),
      ],
      window: random.pick([1000, 16 * 1024, 256 * 1024]),
      buffer: random.pick([1, 4096, 256 * 1024]),
      latency: random.pick([0, 5, 100]),
      ...(options.cut === true ? { cutAfter: random.int(100, 3 * mebi) } : {}),
    })
  }

  note(event: string): void {
    this.events.push(event)
  }

  complain(what: string): void {
    this.complaints.push(what)
  }

  /** Something that happens at some time. */
  later(task: () => void): void {
    this.tasks.push(task)
  }

  /** Lets it rage until nothing can happen any more, then looks at what is left. */
  async run(): Promise<void> {
    const count = this.options.exchanges ?? this.random.int(1, 16)
    await this.link.settle()
    for (let id = 0; id < count; id++) {
      const plan = this.plan(id)
      this.plans.push(plan)
      this.later(() => this.start(plan))
    }
    await this.settle()
    // What waits for ever is given up; that must free everything, too.
    for (const plan of this.plans) {
      if (plan.handler !== "never" || plan.cancelled || plan.failure !== undefined) continue
      if (plan.answered > 0) continue
      plan.cancelled = true
      this.cancels.get(plan)?.()
    }
    await this.settle()
    for (const plan of this.plans) this.judge(plan)
    this.judgeLink()
  }

  private readonly cancels = new Map<Plan, Cancel>()

  private async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      await turn()
      const rest = this.tasks.length
      const act = rest > 0 && (this.random.chance(0.5) || !this.link.isBusy)
      quiet = rest > 0 || this.link.isBusy ? 0 : quiet + 1
      if (act) this.tasks.splice(this.random.int(0, rest - 1), 1)[0]?.()
      else this.link.step()
    }
  }

  private size(): number {
    const { random } = this
    switch (random.int(0, 9)) {
      case 0:
      case 1:
        return 0
      case 2:
        return random.int(0, 2 * mebi)
      case 3:
      case 4:
        return random.int(0, 200_000)
      case 5:
        return random.pick([64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 256 * 1024])
      default:
        return random.int(1, 3000)
    }
  }

  private source(what: string, kinds: readonly [Kind, ...Array<Kind>]): Source {
    const { random } = this
    const size = this.size()
    const kind = random.pick(kinds)
    const fails = this.options.calm !== true && kind !== "whole" && random.chance(0.1)
    return new Source(this, what, {
      size,
      kind,
      offset: random.int(0, mebi),
      failsAt: fails ? random.int(0, size) : Number.POSITIVE_INFINITY,
    })
  }

  private plan(id: number): Plan {
    const { random } = this
    const calm = this.options.calm === true
    const maybe = (probability: number): boolean => !calm && random.chance(probability)
    const reader = (): Plan["upReader"] => ({
      patience: random.pick([1, 0.9, 0.1, 0]),
      leavesAt: maybe(0.1) ? random.int(1, 100_000) : Number.POSITIVE_INFINITY,
    })
    const shape = random.int(0, 9)
    const upgrade = shape === 0
    const headers: HeaderList = upgrade
      ? [["Upgrade", "storm"]]
      : shape === 1
        ? [["expect", "100-continue"]]
        : [["X-Id", `${id}`]]
    return {
      id,
      head: { method: "POST", target: `/${id}`, headers },
      response: { status: upgrade ? 101 : 200, headers: [["X-Id", `${id}`]] },
      up: this.source(`request ${id}`, upgrade ? ["unknown"] : ["unknown", "length", "whole"]),
      down: this.source(`response ${id}`, upgrade ? ["unknown"] : ["unknown", "length", "whole"]),
      handler: upgrade
        ? "answer"
        : maybe(0.1)
          ? random.pick(["fail", "never"])
          : random.pick(["answer", "answer after the body"]),
      discards: maybe(0.1),
      ignores: maybe(0.05),
      upReader: reader(),
      downReader: reader(),
      cancels: maybe(0.1),
      served: 0,
      handlerCancels: 0,
      replies: 0,
      failure: undefined,
      answered: 0,
      sent: 0,
      cancelled: false,
      upRead: undefined,
      downRead: undefined,
    }
  }

  // ------------------------------------------------------------ the asking end

  private start(plan: Plan): void {
    this.note(`${plan.id} starts`)
    const cancel = this.link.near.request(plan.head, plan.up, {
      respond: (head, body) => this.onAnswer(plan, head, body),
      fail: (error) => {
        plan.replies += 1
        plan.failure = error
        this.note(`${plan.id} fails: ${error.code}`)
        if (plan.cancelled) this.complain(`${plan.id}: fails after it was given up`)
      },
    })
    this.cancels.set(plan, cancel)
    if (!plan.cancels) return
    const wait = (turns: number): void =>
      this.later(() => {
        if (turns > 0) return wait(turns - 1)
        plan.cancelled = true
        this.note(`${plan.id} is given up`)
        cancel()
        cancel()
      })
    wait(this.random.int(0, 40))
  }

  private onAnswer(plan: Plan, head: ResponseHead, body: Body): void {
    plan.replies += 1
    plan.answered = head.status
    this.note(`${plan.id} is answered ${head.status}`)
    if (plan.cancelled) this.complain(`${plan.id}: answered after it was given up`)
    if (head.status === 502) return body.discard()
    if (JSON.stringify(head) !== JSON.stringify(plan.response))
      this.complain(`${plan.id}: another head`)
    if (plan.ignores) return body.discard()
    const read = (): void => {
      plan.downRead = new Reader(this, `response ${plan.id}`, body, plan.down, plan.downReader)
    }
    if (this.random.chance(0.7)) read()
    else this.later(read)
  }

  // ------------------------------------------------------------ the answering end

  private readonly handler: Handler = (head, body, reply) => {
    const plan = this.plans[Number(head.target.slice(1))] as Plan
    plan.served += 1
    this.note(`${plan.id} is served`)
    if (JSON.stringify(head) !== JSON.stringify(plan.head))
      this.complain(`${plan.id}: another head`)
    if (body.length !== undefined && body.length !== plan.up.length)
      this.complain(`${plan.id}: promises ${body.length}`)
    if (plan.handler === "fail")
      this.later(() => {
        body.discard()
        reply.fail(new ExchangeError({ code: "PTTH_ORIGIN_BROKEN", detail: "the storm" }))
      })
    else if (plan.handler === "never") {
      if (this.random.chance(0.5)) this.readUpload(plan, body, () => {})
    } else this.answer(plan, body, reply)
    return () => {
      plan.handlerCancels += 1
      this.note(`${plan.id}'s handler is cancelled`)
    }
  }

  private answer(plan: Plan, body: Body, reply: Reply): void {
    const respond = (): void =>
      reply.respond(plan.response, plan.down, () => {
        plan.sent += 1
      })
    if (plan.discards) {
      body.discard()
      return this.later(respond)
    }
    if (plan.handler === "answer after the body")
      return this.readUpload(plan, body, () => this.later(respond))
    if (this.random.chance(0.5)) {
      this.readUpload(plan, body, () => {})
      this.later(respond)
    } else {
      respond()
      this.readUpload(plan, body, () => {})
    }
  }

  private readUpload(plan: Plan, body: Body, onOver: () => void): void {
    const reader = new Reader(this, `request ${plan.id}`, body, plan.up, plan.upReader)
    reader.onOver = onOver
    plan.upRead = reader
  }

  // ------------------------------------------------------------ judgement

  private judge(plan: Plan): void {
    const { down, downRead, id, up, upRead } = plan
    const cut = this.link.closed.near !== undefined
    if (plan.served > 1) this.complain(`${id}: served ${plan.served} times`)
    if (plan.handlerCancels > 1) this.complain(`${id}: its handler was cancelled twice`)
    if (plan.sent > 1) this.complain(`${id}: was sent twice`)
    if (plan.replies > 1) this.complain(`${id}: ${plan.replies} replies`)
    if (plan.replies === 0 && !plan.cancelled) this.complain(`${id}: no reply`)
    for (const reader of [upRead, downRead])
      if (reader !== undefined && reader.outcome === undefined && !reader.dropped)
        this.complain(`${id}: a body that never ends`)
    for (const [name, source] of [
      ["request", up],
      ["response", down],
    ] as const)
      if (source.state === "reading") this.complain(`${name} ${id}: held for ever`)
    const spoiled =
      cut ||
      plan.cancelled ||
      plan.handler === "never" ||
      plan.handler === "fail" ||
      plan.ignores ||
      upRead?.dropped === true ||
      downRead?.dropped === true ||
      up.state === "failed" ||
      down.state === "failed"
    if (spoiled) return
    if (downRead?.outcome !== "end") this.complain(`${id}: its response did not arrive`)
    if (plan.sent !== 1) this.complain(`${id}: nobody said that it was sent`)
    if (!plan.discards && upRead?.outcome !== "end")
      this.complain(`${id}: its request's body did not arrive`)
    if (plan.handlerCancels > 0 && !plan.discards)
      this.complain(`${id}: its handler was cancelled for nothing`)
  }

  private judgeLink(): void {
    const { closed, far, faults, near } = this.link
    for (const fault of faults) this.complain(fault)
    if (near.active !== 0) this.complain(`${near.active} streams are left at the asking end`)
    if (far.active !== 0) this.complain(`${far.active} streams are left at the answering end`)
    if (closed.near !== undefined) {
      if (this.options.cut !== true) this.complain(`the link was closed: ${closed.near}`)
      return
    }
    if (near.room !== 1024) this.complain(`the asking end has room for ${near.room}`)
    if (far.room !== 1024) this.complain(`the answering end holds bytes: room for ${far.room}`)
  }
}
