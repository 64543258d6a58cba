/**
 * Puts visitors' requests into the audit log: not each, of which there may be
 * thousands a second, but what was asked of each server within each minute.
 * The counters of `Traffic.ts` are compared, so that no request costs more.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { Traffic } from "../traffic/Traffic.ts"
import { AuditLog } from "./AuditLog.ts"

interface Counted {
  readonly requests: number
  readonly failed: number
  readonly bytesIn: number
  readonly bytesOut: number
}

const nothing: Counted = { requests: 0, failed: 0, bytesIn: 0, bytesOut: 0 }

/** Records for as long as it is there, and what is left at the end. */
export const layer: Layer.Layer<never, never, AuditLog | Traffic> = Layer.effectDiscard(
  Effect.gen(function* () {
    const audit = yield* AuditLog
    const traffic = yield* Traffic
    const before = new Map<string, Counted>()

    const countOf = (name: string): Counted => {
      const { bytesIn, bytesOut, requests, statuses } = traffic.server(name)
      return { requests, failed: (statuses[0] ?? 0) + (statuses[5] ?? 0), bytesIn, bytesOut }
    }

    const look = Effect.sync(() => {
      for (const name of before.keys()) if (!traffic.counters.has(name)) before.delete(name)
      for (const name of traffic.counters.keys()) {
        if (name === "") continue
        const now = countOf(name)
        const then = before.get(name) ?? nothing
        before.set(name, now)
        // A server that was registered anew counts from zero.
        const since = now.requests < then.requests ? nothing : then
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

    yield* Effect.addFinalizer(() => look)
    yield* look.pipe(Effect.schedule(Schedule.spaced("1 minute")), Effect.forkScoped)
  }),
)
