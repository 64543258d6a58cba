/**
 * The metrics of a file server, for the page at the top and for Prometheus.
 */
import type { ExchangeError } from "../../protocol/Exchange.ts"
import type { ResponseHead } from "../../protocol/Message.ts"
import type { Body } from "../../transport/body/Body.ts"
import { countResponse, type Tally } from "../../transport/body/CountedBody.ts"
import type { Handler, Reply } from "../../transport/body/Handler.ts"
import { ReplyWrapper } from "../../transport/body/ReplyWrapper.ts"
import type { Metric } from "../../transport/observe/Metric.ts"

/** The values at one time. */
export interface Snapshot {
  /** Answered requests, by the first digit of the status. */
  readonly requests: ReadonlyMap<number, number>
  readonly totalRequests: number
  /** Bytes of all bodies that were sent. */
  readonly bytes: number
  /** Requests that are being answered. */
  readonly active: number
  /** Milliseconds since 1970. */
  readonly startedAt: number
  /** Resident memory of the process, in bytes. */
  readonly memory: number
}

/** The counters of one file server. */
export interface Metrics {
  /** The same handler with its requests counted. */
  readonly count: (handler: Handler) => Handler
  readonly snapshot: () => Snapshot
}

class Counters implements Metrics {
  private readonly startedAt = Date.now()
  private readonly requests = new Map<number, number>()
  private totalRequests = 0
  bytes = 0
  active = 0

  count(handler: Handler): Handler {
    return (head, body, reply) => {
      const counted = new CountedReply(reply, this)
      const cancel = handler(head, body, counted)
      return () => {
        counted.over()
        cancel()
      }
    }
  }

  answered({ status }: ResponseHead): void {
    const kind = Math.floor(status / 100)
    this.requests.set(kind, (this.requests.get(kind) ?? 0) + 1)
    this.totalRequests++
  }

  snapshot(): Snapshot {
    const { active, bytes, requests, startedAt, totalRequests } = this
    const memory = process.memoryUsage.rss()
    return { requests, totalRequests, bytes, active, startedAt, memory }
  }
}

/** The reply to one request, which is active until it is over. */
class CountedReply extends ReplyWrapper implements Tally {
  private readonly counters: Counters
  private isOver = false

  constructor(reply: Reply, counters: Counters) {
    super(reply)
    this.counters = counters
    counters.active++
  }

  override respond(head: ResponseHead, body: Body, sent?: () => void): void {
    this.counters.answered(head)
    super.respond(head, countResponse(body, this), sent)
  }

  override fail(error: ExchangeError): void {
    this.over()
    super.fail(error)
  }

  bytes(count: number): void {
    this.counters.bytes += count
  }

  over(): void {
    if (this.isOver) return
    this.isOver = true
    this.counters.active--
  }
}

/** Counters at zero. */
export const make = (): Metrics => new Counters()

/** The values as Prometheus metrics. Visitors may read them, so they tell nothing about the machine. */
export const read = (snapshot: Snapshot): ReadonlyArray<Metric> => [
  {
    type: "counter",
    name: "ptth_fileserver_requests_total",
    help: "Answered requests.",
    samples: [2, 3, 4, 5].map((kind) => ({
      labels: { status: `${kind}xx` },
      value: snapshot.requests.get(kind) ?? 0,
    })),
  },
  {
    type: "counter",
    name: "ptth_fileserver_sent_bytes_total",
    help: "Bytes of all sent bodies.",
    samples: [{ value: snapshot.bytes }],
  },
  {
    type: "gauge",
    name: "ptth_fileserver_active_requests",
    help: "Requests that are being answered.",
    samples: [{ value: snapshot.active }],
  },
  {
    type: "gauge",
    name: "process_start_time_seconds",
    help: "Start time of the file server, in seconds since 1970.",
    samples: [{ value: snapshot.startedAt / 1000 }],
  },
  {
    type: "gauge",
    name: "process_resident_memory_bytes",
    help: "Resident memory of the process, in bytes.",
    samples: [{ value: snapshot.memory }],
  },
]
