/**
 * Where traces and metrics are sent, if anywhere. Off is `undefined`, and
 * then nothing is made: whoever carries requests asks once whether there is
 * telemetry, not for each request.
 */
import { randomBytes } from "node:crypto"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { HeaderList } from "../../domain/HeaderList.ts"
import * as TraceContext from "../../protocol/http/TraceContext.ts"
import type { Metric } from "./Metric.ts"

/** What was done in a span of time, for a trace. Times are milliseconds since 1970 with fractions. */
export interface Span {
  readonly context: TraceContext.TraceContext
  /** The span that it is a part of. */
  readonly parentId: string | undefined
  readonly name: string
  readonly kind: "internal" | "server" | "client"
  readonly start: number
  readonly end: number
  /** What is `undefined` is left out. */
  readonly attributes: Readonly<Record<string, string | number | boolean | undefined>>
  /** What went wrong, if something did. */
  readonly error: string | undefined
}

/** Whether a trace is recorded, by who called and by its id. */
export type Samples = (parent: TraceContext.TraceContext | undefined, traceId: string) => boolean

/** Takes what is to be sent. */
export interface Telemetry {
  /** The version of this package. */
  readonly version: string
  /** Takes a span that is over; what cannot be sent in time is dropped. */
  readonly span: (span: Span) => void
  readonly samples: Samples
  /** Sends what `read` gives, again and again until the Scope is closed. */
  readonly metrics: (read: () => ReadonlyArray<Metric>) => Effect.Effect<void, never, Scope.Scope>
}

/** Where telemetry goes; nowhere unless it is provided. */
export const Telemetry: Context.Reference<Telemetry | undefined> = Context.Reference<
  Telemetry | undefined
>("ptth/transport/Telemetry", { defaultValue: () => undefined })

/** The end of an id is random (W3C Trace Context 3.2.2.3); 52 bits are what a number holds. */
const below = (ratio: number, traceId: string): boolean =>
  Number.parseInt(traceId.slice(-13), 16) < ratio * 2 ** 52

/**
 * Which traces are recorded, by the names that OpenTelemetry has for it
 * (`OTEL_TRACES_SAMPLER`); `ratio` is from 0 to 1. Without a name, or with one
 * that is not known, those that the caller records, and all that begin here.
 */
export const sampler = (name: string | undefined, ratio: number): Samples => {
  const [parentBased, root] = name?.startsWith("parentbased_")
    ? [true, name.slice("parentbased_".length)]
    : [false, name]
  const begins = (traceId: string): boolean =>
    root === "always_off" ? false : root === "traceidratio" ? below(ratio, traceId) : true
  const isOwn = !parentBased && ["always_on", "always_off", "traceidratio"].includes(root ?? "")
  return (parent, traceId) => (parent === undefined || isOwn ? begins(traceId) : parent.sampled)
}

/** A new id of a span. */
export const newSpanId = (): string => randomBytes(8).toString("hex")

/** A place in the trace that a request belongs to, and the one above it. */
export interface Continued {
  readonly context: TraceContext.TraceContext
  readonly parentId: string | undefined
}

/** A new place below the one that a request names; a new trace where it names none. */
export const carryOn = (telemetry: Telemetry, headers: HeaderList): Continued => {
  const parent = TraceContext.of(headers)
  const traceId = parent?.traceId ?? randomBytes(16).toString("hex")
  return {
    context: { traceId, spanId: newSpanId(), sampled: telemetry.samples(parent, traceId) },
    parentId: parent?.spanId,
  }
}
