/**
 * What happens in one run of the tunnel's model test, as data: the requests, how
 * handlers respond, and the faults with their times. A schedule is generated
 * from a seed. One that has shown a defect is kept as data in
 * test/hostile/KeptSchedules.ts, since a seed gives another schedule as soon as
 * the generator changes; `shrink` makes it smaller first.
 */
import type { TransportChoice } from "../../src/domain/config/ServerConfig.ts"
import { Seeded } from "./Seeded.ts"

/** The names of the registered servers. */
export const names = ["app", "other"] as const
/** One of them. */
export type Name = (typeof names)[number]

/** What a visitor asks for, and what the handler does; times are in milliseconds from the beginning of the fault phase. */
export interface Request {
  readonly at: number
  readonly name: Name
  /** UPGRADE is a GET that asks for another protocol. */
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "UPGRADE"
  /** How many bytes go up. */
  readonly up: number
  readonly chunkedUp: boolean
  /** How many bytes come down. */
  readonly down: number
  readonly downAs: "whole" | "length" | "unknown"
  readonly way: "answer" | "answer after the body" | "late" | "never" | "fail" | "cut"
  /** After so many bytes its answer breaks off, if it is to be cut. */
  readonly cutAt: number
  /** Whether the visitor reads with pauses. */
  readonly slow: boolean
  /** After how long the visitor goes away; never if it is not said. */
  readonly leavesAfter?: number
}

/** One fault. */
export interface Fault {
  readonly at: number
  readonly kind:
    | "cut a link"
    | "stall a link"
    | "cut a visitor"
    | "stall a visitor"
    | "stop a server"
    | "kill a server"
    | "lose a server"
    | "double a server"
    | "revoke a key"
    | "hide the relay"
    | "restart the relay"
    | "crash the relay"
  /** Which one of those that there are then. */
  readonly which: number
  /** How long until it is as before. */
  readonly lasts: number
  /** In which directions a connection is stalled. */
  readonly directions: "up" | "down" | "both"
}

/** See the file's header. */
export interface Schedule {
  /** For everything that is not in the schedule: sizes of pieces, delays of packets. */
  readonly seed: number
  readonly transport: TransportChoice
  /** One way at most, in milliseconds. */
  readonly latency: number
  /** Bytes that a connection takes in each direction before it is full. */
  readonly buffer: number
  /** How long a relay that stops waits for what runs, in milliseconds. */
  readonly relayGrace: number
  /** The same of a server. */
  readonly serverGrace: number
  /** How many relays serve as one; 1 unless it is said. */
  readonly relays?: number
  /** Over how many of them each server spreads its links. */
  readonly spread?: number
  readonly requests: ReadonlyArray<Request>
  readonly faults: ReadonlyArray<Fault>
}

/** What the schedule is restricted to. */
export interface ScheduleOptions {
  /** Which transport the servers speak; random unless given. */
  readonly transport?: TransportChoice
  /** Without faults; the network may still be slow. */
  readonly calm?: boolean
  /** How many relays serve as one. */
  readonly relays?: number
  /** Only such faults. */
  readonly kinds?: readonly [Fault["kind"], ...ReadonlyArray<Fault["kind"]>]
}

/** How long requests and faults are started, in milliseconds. */
export const faultPhaseMillis = 6_000
/** How many bytes a body has at most: more than a window. */
export const largest = 300_000

/** A request that must succeed once the faults are over. */
export const probe = (random: Seeded, name: Name): Request => ({
  at: 0,
  name,
  method: "GET",
  up: 0,
  chunkedUp: false,
  down: random.int(1, 2_000),
  downAs: random.pick(["whole", "length", "unknown"]),
  way: random.pick(["answer", "answer after the body"]),
  cutAt: 0,
  slow: false,
})

/** Generates the schedule of a seed. */
export const scheduleOf = (seed: number, options: ScheduleOptions = {}): Schedule => {
  const random = new Seeded(seed)
  const calm = options.calm === true
  const some = <A>(count: number, make: () => A): ReadonlyArray<A> =>
    Array.from({ length: count }, make)
  return {
    seed: random.int(0, 0xffff_ffff),
    transport: options.transport ?? random.pick(["stream", "classic", "auto"]),
    latency: random.pick([0, 4, 40]),
    buffer: random.pick([2_000, 64 * 1024]),
    relayGrace: random.pick([0, 1_000]),
    serverGrace: random.pick([0, 1_500]),
    requests: some(random.int(3, 14), () => requestOf(random, calm)),
    faults: calm ? [] : some(random.int(1, 6), () => faultOf(random, options.kinds)),
    ...(options.relays === undefined
      ? {}
      : { relays: options.relays, spread: random.int(2, options.relays) }),
  }
}

const sizeOf = (random: Seeded): number => {
  const most = random.pick([0, 200, 200, 3_000, 3_000, 30_000, 30_000, largest])
  return random.int(Math.min(1, most), most)
}

const requestOf = (random: Seeded, calm: boolean): Request => {
  const method = random.chance(0.3)
    ? "GET"
    : random.pick([
        "GET",
        "HEAD",
        "POST",
        "POST",
        "PUT",
        "DELETE",
        "OPTIONS",
        "UPGRADE",
        "UPGRADE",
      ] as const)
  const down = sizeOf(random)
  const request: Request = {
    at: random.int(0, faultPhaseMillis - 500),
    name: random.pick(names),
    method,
    up: ["POST", "PUT", "UPGRADE"].includes(method) ? sizeOf(random) : 0,
    chunkedUp: random.chance(0.4),
    down,
    downAs: random.pick(["whole", "length", "unknown"]),
    way:
      !calm && random.chance(0.25)
        ? random.pick(["never", "fail", "cut", "late"])
        : random.pick(["answer", "answer after the body"]),
    cutAt: random.int(0, down),
    slow: random.chance(0.2),
  }
  return !calm && random.chance(0.1) ? { ...request, leavesAfter: random.int(0, 3_000) } : request
}

const allKinds: NonNullable<ScheduleOptions["kinds"]> = [
  "cut a link",
  "cut a link",
  "stall a link",
  "stall a link",
  "cut a visitor",
  "stall a visitor",
  "stop a server",
  "kill a server",
  "lose a server",
  "double a server",
  "revoke a key",
  "hide the relay",
  "restart the relay",
  "crash the relay",
]

const faultOf = (random: Seeded, kinds = allKinds): Fault => ({
  at: random.int(0, faultPhaseMillis),
  kind: random.pick(kinds),
  which: random.int(0, 999),
  lasts: random.int(0, 4_000),
  directions: random.pick(["up", "down", "both"]),
})

/** A schedule with nothing in it that is not needed for `fails`, as far as leaving out one thing after another shows. */
export const shrink = async (
  schedule: Schedule,
  fails: (smaller: Schedule) => Promise<boolean>,
): Promise<Schedule> => {
  let smallest = schedule
  for (let isDone = false; !isDone; ) {
    isDone = true
    for (const part of ["faults", "requests"] as const)
      for (let i = smallest[part].length - 1; i >= 0; i--) {
        const smaller = { ...smallest, [part]: smallest[part].filter((_, at) => at !== i) }
        if (!(await fails(smaller))) continue
        smallest = smaller
        isDone = false
      }
  }
  return smallest
}
