/**
 * Records visitors' requests in the audit log: one entry per server and
 * minute, as there may be thousands of requests a second. It compares the
 * counters of `Traffic.ts` once a minute, at no cost per request.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { Traffic } from "../traffic/Traffic.ts"
import { AuditLog } from "./AuditLog.ts"

interface RequestCounts {
  readonly requests: number
  readonly failed: number
  readonly bytesIn: number
  readonly bytesOut: number
}

const noRequests: RequestCounts = { requests: 0, failed: 0, bytesIn: 0, bytesOut: 0 }

/** Records while the layer is alive, and once more when it ends. */
export const layer: Layer.Layer<never, never, AuditLog | Traffic> = Layer.effectDiscard(
  Effect.gen(function* () {
    const audit = yield* AuditLog
    const traffic = yield* Traffic
    const before = new Map<string, RequestCounts>()

    const countOf = (name: string): RequestCounts => {
      const { bytesIn, bytesOut, requests, statuses } = traffic.server(name)
      return { requests, failed: (statuses[0] ?? 0) + (statuses[5] ?? 0), bytesIn, bytesOut }
    }

    const record = Effect.sync(() => {
      for (const name of before.keys()) if (!traffic.counters.has(name)) before.delete(name)
      for (const name of traffic.counters.keys()) {
        if (name === "") continue
        const now = countOf(name)
        const then = before.get(name) ?? noRequests
        before.set(name, now)
        // A server that was removed and registered again counts from zero.
        const since = now.requests < then.requests ? noRequests : then
        if (now.requests === since.requests) continue
        audit.record({
          _tag: "VisitorRequests",
          name,
          requests: now.requests - since.requests,
          failed: now.failed - since.failed,
          bytesIn: now.bytesIn - since.bytesIn,
          bytesOut: now.bytesOut - since.bytesOut,
        })
      }
    })

    yield* Effect.addFinalizer(() => record)
    yield* record.pipe(Effect.schedule(Schedule.spaced("1 minute")), Effect.forkScoped)
  }),
)
