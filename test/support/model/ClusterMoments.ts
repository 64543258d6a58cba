/**
 * One request to three relays that serve as one, and the death of one of them at
 * some moment of it: before and after it is handed out, before and in the body of
 * its response.
 */
import * as Effect from "effect/Effect"
import type { TransportChoice } from "../../../src/domain/config/ServerConfig.ts"
import type { Fault, Request, Schedule } from "../Schedule.ts"
import { TunnelModel } from "./TunnelModel.ts"

/** Faults of relays alone. */
export const relayFaults = [
  "restart the relay",
  "crash the relay",
] as const satisfies ReadonlyArray<Fault["kind"]>

/** When the request is made, in milliseconds of the fault phase. */
const askedAt = 1_000

/** Longer than the request takes, in milliseconds: its bodies, and four trips each way. */
const span = 360

const request = (method: Request["method"], body: number): Request => ({
  at: askedAt,
  name: "app",
  method,
  up: method === "GET" ? 0 : body,
  chunkedUp: body % 2 === 1,
  down: body,
  downAs: "length",
  way: method === "GET" ? "answer" : "answer after the body",
  cutAt: 0,
  slow: false,
})

/** What is asked, and by which transport: GET and POST with bodies in one frame and in many, and a changed protocol. */
const requests: ReadonlyArray<readonly [TransportChoice, Request]> = [
  ["stream", request("GET", 200)],
  ["stream", request("GET", 200_001)],
  ["stream", request("POST", 200)],
  ["stream", request("POST", 200_001)],
  ["stream", request("UPGRADE", 3_000)],
  ["classic", request("GET", 200)],
  ["classic", request("POST", 30_000)],
]

/** One run for every `step` milliseconds of each request and each relay. */
export function* moments(step: number): Generator<Schedule> {
  for (const [transport, asked] of requests)
    for (let which = 0; which < 3; which++)
      // Each begins a little later, so that together they try more moments.
      for (let after = (which * step) / 3; after < span; after += step)
        yield {
          seed: Math.floor(after) * 7 + which + asked.down,
          transport,
          latency: 20,
          buffer: 64 * 1024,
          relayGrace: 0,
          serverGrace: 0,
          relays: 3,
          spread: 2,
          requests: [asked],
          faults: [
            {
              at: askedAt + Math.floor(after),
              kind: "crash the relay",
              which,
              lasts: 4_000,
              directions: "both",
            },
          ],
        }
}

/** Runs all; returns every deviation with its schedule. */
export const runMoments = Effect.fnUntraced(function* (schedules: Iterable<Schedule>) {
  const failures: Array<string> = []
  for (const schedule of schedules)
    for (const complaint of yield* new TunnelModel(schedule).run)
      failures.push(`${JSON.stringify(schedule)}: ${complaint}`)
  return failures
})
