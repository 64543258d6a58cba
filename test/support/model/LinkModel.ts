/**
 * A model test of one stream link: two multiplexers on a `SimulatedLink`, many
 * exchanges at once, and random faults (slow readers, failing bodies, handlers
 * that never answer, cancelled requests, a cut link). Each body is a known
 * sequence of bytes with a known end; the test compares what arrives with it.
 *
 *     const test = new LinkModel({ seed })
 *     await test.run()
 *     assert.deepStrictEqual(test.complaints, [])
 *
 * Reading a failure: each complaint starts with the options and the seed. The
 * same seed gives the same course of events, which is in `events`, so run that
 * one seed and print them.
 */
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import { ExchangeError } from "../../../src/protocol/Exchange.ts"
import type { RequestHead, ResponseHead } from "../../../src/protocol/Message.ts"
import { type Body, fromBytes } from "../../../src/transport/body/Body.ts"
import type { Cancel, Handler, Reply } from "../../../src/transport/body/Handler.ts"
import { commit } from "../../../src/transport/body/Replies.ts"
import { Seeded } from "../Seeded.ts"
import { SimulatedLink, turn } from "../SimulatedLink.ts"
import { type BodyKind, CheckingReader, SeededBody } from "./LinkModelBodies.ts"

const mebi = 1024 * 1024

/** What the test does. */
export interface LinkModelOptions {
  readonly seed: number
  /** How many exchanges; random unless given. */
  readonly exchanges?: number
  /** Without faults: nobody cancels and nothing fails. The wire may still be slow. */
  readonly calm?: boolean
  /** The link breaks after a random number of bytes. */
  readonly cut?: boolean
  /** The end that asks reads only a few frames at a time. */
  readonly sharesTurns?: boolean
}

/** One exchange: what both ends will do, and what has happened so far. */
interface Plan {
  readonly id: number
  readonly head: RequestHead
  readonly response: ResponseHead
  readonly up: SeededBody
  readonly down: SeededBody
  readonly handler: "answer" | "answer after the body" | "fail" | "never"
  /** The handler discards the request's body instead of reading it. */
  readonly discards: boolean
  /** The handler asks whether the request may have its effect before it reads the body. */
  readonly commits: boolean
  /** The requesting end discards the response's body. */
  readonly ignores: boolean
  readonly upReader: { readonly patience: number; readonly leavesAt: number }
  readonly downReader: { readonly patience: number; readonly leavesAt: number }
  /** The requesting end cancels the exchange at some time. */
  readonly cancels: boolean
  /** How often its server has asked whether it may be begun. */
  questions: number
  served: number
  handlerCancels: number
  replies: number
  failure: ExchangeError | undefined
  answered: number
  sent: number
  cancelled: boolean
  upRead: CheckingReader | undefined
  downRead: CheckingReader | undefined
}

/** See the file's header. */
export class LinkModel {
  readonly random: Seeded
  readonly link: SimulatedLink
  /** Deviations from the model; empty if all is well. */
  readonly complaints: Array<string> = []
  /** What happened, in order. The same for the same seed. */
  readonly events: Array<string> = []
  readonly plans: Array<Plan> = []
  private readonly options: LinkModelOptions
  /** For how long a request may be begun without asking. */
  private readonly leaseMillis: number
  private readonly tasks: Array<() => void> = []

  constructor(options: LinkModelOptions) {
    this.options = options
    this.random = new Seeded(options.seed)
    const { random } = this
    this.leaseMillis = random.pick([1, 50, 1000])
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
      leaseMillis: this.leaseMillis,
      ...(options.sharesTurns === true ? { sharesTurns: true } : {}),
      ...(options.cut === true ? { cutAfter: random.int(100, 3 * mebi) } : {}),
    })
  }

  note(event: string): void {
    this.events.push(event)
  }

  complain(what: string): void {
    this.complaints.push(what)
  }

  /** Runs a task at some later step. */
  later(task: () => void): void {
    this.tasks.push(task)
  }

  /** Runs until nothing can happen any more, then checks every exchange and both ends of the link. */
  async run(): Promise<void> {
    const count = this.options.exchanges ?? this.random.int(1, 16)
    await this.link.settle()
    for (let id = 0; id < count; id++) {
      const plan = this.plan(id)
      this.plans.push(plan)
      this.later(() => this.start(plan))
    }
    await this.settle()
    // A handler that never answers leaves its request open: cancelling it must free everything, too.
    for (const plan of this.plans) {
      if (plan.handler !== "never" || plan.cancelled || plan.failure !== undefined) continue
      if (plan.answered > 0) continue
      plan.cancelled = true
      this.cancels.get(plan)?.()
    }
    await this.settle()
    for (const plan of this.plans) this.check(plan)
    this.checkLink()
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
      // Heartbeats, of which the other end may answer only the last ping.
      if (this.random.chance(0.1)) this.random.pick([this.link.near, this.link.far]).ping()
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

  private source(what: string, kinds: readonly [BodyKind, ...Array<BodyKind>]): SeededBody {
    const { random } = this
    const size = this.size()
    const kind = random.pick(kinds)
    const fails = this.options.calm !== true && kind !== "whole" && random.chance(0.1)
    return new SeededBody(this, what, {
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
      ? [["Upgrade", "model"]]
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
      commits: random.chance(0.3),
      ignores: maybe(0.05),
      upReader: reader(),
      downReader: reader(),
      cancels: maybe(0.1),
      questions: 0,
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

  // ------------------------------------------------------------ the requesting end

  private start(plan: Plan): void {
    this.note(`${plan.id} starts`)
    const cancel = this.link.near.request(plan.head, plan.up, {
      respond: (head, body) => this.onAnswer(plan, head, body),
      begin: (age, allow) => {
        plan.questions += 1
        this.note(`${plan.id} asks to begin`)
        this.later(() => allow(this.leaseMillis + 2 * age))
      },
      fail: (error) => {
        plan.replies += 1
        plan.failure = error
        this.note(`${plan.id} fails: ${error.code}`)
        if (plan.cancelled) this.complain(`${plan.id}: fails after it was cancelled`)
      },
    })
    this.cancels.set(plan, cancel)
    if (!plan.cancels) return
    const wait = (turns: number): void =>
      this.later(() => {
        if (turns > 0) return wait(turns - 1)
        plan.cancelled = true
        this.note(`${plan.id} is cancelled`)
        cancel()
        cancel()
      })
    wait(this.random.int(0, 40))
  }

  private onAnswer(plan: Plan, head: ResponseHead, body: Body): void {
    plan.replies += 1
    plan.answered = head.status
    this.note(`${plan.id} is answered ${head.status}`)
    if (plan.cancelled) this.complain(`${plan.id}: answered after it was cancelled`)
    if (head.status === 502) return body.discard()
    if (JSON.stringify(head) !== JSON.stringify(plan.response))
      this.complain(`${plan.id}: another head`)
    if (plan.ignores) return body.discard()
    const read = (): void => {
      plan.downRead = new CheckingReader(
        this,
        `response ${plan.id}`,
        body,
        plan.down,
        plan.downReader,
      )
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
        reply.fail(new ExchangeError({ code: "PTTH_ORIGIN_BROKEN", detail: "the test" }))
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
      return this.readUpload(plan, body, () => this.later(() => commit(reply, respond)))
    if (plan.commits) return commit(reply, () => this.answerAtOnce(plan, body, respond))
    this.answerAtOnce(plan, body, respond)
  }

  /** Answers while the request's body comes, or before. */
  private answerAtOnce(plan: Plan, body: Body, respond: () => void): void {
    if (this.random.chance(0.5)) {
      this.readUpload(plan, body, () => {})
      this.later(respond)
    } else {
      respond()
      this.readUpload(plan, body, () => {})
    }
  }

  private readUpload(plan: Plan, body: Body, onOver: () => void): void {
    const reader = new CheckingReader(this, `request ${plan.id}`, body, plan.up, plan.upReader)
    reader.onOver = onOver
    plan.upRead = reader
  }

  // ------------------------------------------------------------ checks

  private check(plan: Plan): void {
    const { down, downRead, id, up, upRead } = plan
    const cut = this.link.closed.near !== undefined
    if (plan.served > 1) this.complain(`${id}: served ${plan.served} times`)
    if (plan.handlerCancels > 1) this.complain(`${id}: its handler was cancelled twice`)
    if (plan.sent > 1) this.complain(`${id}: was sent twice`)
    if (plan.replies > 1) this.complain(`${id}: ${plan.replies} replies`)
    if (plan.replies === 0 && !plan.cancelled) this.complain(`${id}: no reply`)
    for (const reader of [upRead, downRead])
      if (reader !== undefined && reader.outcome === undefined && !reader.dropped)
        this.complain(`${id}: a body never ended`)
    for (const [name, source] of [
      ["request", up],
      ["response", down],
    ] as const)
      if (source.state === "reading") this.complain(`${name} ${id}: never released`)
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
    if (plan.sent !== 1) this.complain(`${id}: its sent callback was not called`)
    if (!plan.discards && upRead?.outcome !== "end")
      this.complain(`${id}: its request's body did not arrive`)
    if (plan.handlerCancels > 0 && !plan.discards)
      this.complain(`${id}: its handler was cancelled without a reason`)
  }

  private checkLink(): void {
    const { closed, far, faults, near } = this.link
    for (const fault of faults) this.complain(fault)
    if (near.active !== 0) this.complain(`${near.active} streams are left at the requesting end`)
    if (far.active !== 0) this.complain(`${far.active} streams are left at the answering end`)
    if (closed.near !== undefined) {
      if (this.options.cut !== true) this.complain(`the link was closed: ${closed.near}`)
      return
    }
    if (near.room !== 1024) this.complain(`the requesting end has room for ${near.room}`)
    if (far.room !== 1024) this.complain(`the answering end holds bytes: room for ${far.room}`)
  }
}

/** Runs one test for each seed; returns every complaint with the options and the seed that reproduce it. */
export const failuresOf = async (
  seeds: ReadonlyArray<number>,
  options: Omit<LinkModelOptions, "seed">,
): Promise<ReadonlyArray<string>> => {
  const failures: Array<string> = []
  for (const seed of seeds) {
    const test = new LinkModel({ ...options, seed })
    await test.run()
    for (const complaint of test.complaints)
      failures.push(`${JSON.stringify({ ...options, seed })}: ${complaint}`)
    if (failures.length >= 5) break
  }
  return failures
}

/** The promises of a link, the faults they hold under, and how many seeds the unit tests try. */
export const linkTests: ReadonlyArray<{
  readonly name: string
  readonly seeds: number
  readonly options: Omit<LinkModelOptions, "seed">
}> = [
  { name: "all arrive whole while nobody cancels", seeds: 40, options: { calm: true } },
  { name: "end exactly once and leave nothing behind, whatever fails", seeds: 60, options: {} },
  {
    name: "fail exactly once when the link breaks before their end",
    seeds: 60,
    options: { cut: true },
  },
  {
    name: "arrive whole at an end that reads a few frames at a time",
    seeds: 20,
    options: { calm: true, sharesTurns: true },
  },
  {
    name: "end exactly once at an end that reads a few frames at a time, whatever fails",
    seeds: 30,
    options: { sharesTurns: true },
  },
  {
    name: "fail exactly once when the link of such an end breaks",
    seeds: 30,
    options: { cut: true, sharesTurns: true },
  },
  { name: "can be a hundred at once", seeds: 2, options: { exchanges: 100 } },
]
