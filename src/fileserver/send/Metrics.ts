/**
 * What a file server counts: requests, bytes, and how it is doing, for the
 * page at the top and for Prometheus.
 */
import type { ResponseHead } from "../../protocol/Message.ts"
import type { Body } from "../../transport/body/Body.ts"
import { count } from "../../transport/body/CountedBody.ts"
import type { Handler } from "../../transport/body/Handler.ts"
import type { Metric } from "../../transport/observe/Metric.ts"

/** The state of one file server. */
export interface Snapshot {
  /** Requests that were answered, by the first digit of their status. */
  readonly requests: ReadonlyMap<number, number>
  readonly totalRequests: number
  /** Bytes of all bodies that were given away. */
  readonly bytes: number
  /** Requests whose answer is still being made or sent. */
  readonly active: number
  /** When it began, in milliseconds since 1970. */
  readonly startedAt: number
  /** Memory of the process in bytes: what of it is in the machine's memory. */
  readonly memory: number
}

/** See the head of this file. */
export interface Metrics {
  /** The same handler, counted. */
  readonly count: (handler: Handler) => Handler
  readonly snapshot: () => Snapshot
}

/** Counts from now on. */
export const make = (): Metrics => {
  const startedAt = Date.now()
  const requests = new Map<number, number>()
  let totalRequests = 0
  let bytes = 0
  let active = 0

  const answered = ({ status }: ResponseHead): void => {
    const kind = Math.floor(status / 100)
    requests.set(kind, (requests.get(kind) ?? 0) + 1)
    totalRequests++
  }

  const counted = (body: Body, ended: () => void): Body => {
    if (body.whole !== undefined) {
      // It is given away with the head.
      bytes += body.whole.length
      ended()
      return body
    }
    return count(body, {
      bytes: (read) => {
        bytes += read
      },
      over: ended,
    })
  }

  return {
    count: (handler) => (head, body, reply) => {
      let open = true
      active++
      const ended = (): void => {
        if (open) active--
        open = false
      }
      const cancel = handler(head, body, {
        respond: (response, answer, sent) => {
          answered(response)
          reply.respond(response, counted(answer, ended), sent)
        },
        fail: (error) => {
          ended()
          reply.fail(error)
        },
      })
      return () => {
        ended()
        cancel()
      }
    },
    snapshot: () => ({
      requests,
      totalRequests,
      bytes,
      active,
      startedAt,
      memory: process.memoryUsage.rss(),
    }),
  }
}

/** The state as metrics. Visitors may see them: nothing about the machine is in them. */
export const read = (snapshot: Snapshot): ReadonlyArray<Metric> => [
  {
    type: "counter",
    name: "ptth_fileserver_requests_total",
    help: "Requests that were answered.",
    samples: [2, 3, 4, 5].map((kind) => ({
      labels: { status: `${kind}xx` },
      value: snapshot.requests.get(kind) ?? 0,
    })),
  },
  {
    type: "counter",
    name: "ptth_fileserver_sent_bytes_total",
    help: "Bytes of the bodies that were sent.",
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
    help: "When the file server began, since 1970.",
    samples: [{ value: snapshot.startedAt / 1000 }],
  },
  {
    type: "gauge",
    name: "process_resident_memory_bytes",
    help: "Memory of the process.",
    samples: [{ value: snapshot.memory }],
  },
]
