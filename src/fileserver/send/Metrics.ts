/**
 * The metrics of a file server, for the page at the top and for Prometheus.
 */

import type { ResponseHead } from "../../protocol/Message.ts"
import type { Body } from "../../transport/body/Body.ts"
import { count } from "../../transport/body/CountedBody.ts"
import type { Handler } from "../../transport/body/Handler.ts"
import { commit } from "../../transport/body/Replies.ts"
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

/** Counters at zero. */
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
      // It is sent together with the head.
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
        commit: (go) => commit(reply, go),
        inform: (interim) => reply.inform?.(interim),
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
