/**
 * The export of traces and metrics as a service. It is `undefined` where
 * telemetry is off; callers check that once, not for each request.
 */
import { randomBytes } from "node:crypto"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { HeaderList } from "../../domain/HeaderList.ts"
import * as TraceContext from "../../protocol/http/TraceContext.ts"
import type { Metric } from "./Metric.ts"

/** A span of a trace. Times are milliseconds since 1970 with fractions. */
export interface Span {
  readonly context: TraceContext.TraceContext
  /** The id of the parent span. */
  readonly parentId: string | undefined
  readonly name: string
  readonly kind: "internal" | "server" | "client"
  readonly start: number
  readonly end: number
  /** Attributes that are `undefined` are left out. */
  readonly attributes: Readonly<Record<string, string | number | boolean | undefined>>
  /** The error, if there was one. */
  readonly error: string | undefined
}

/** Decides whether a trace is recorded. */
export type Samples = (parent: TraceContext.TraceContext | undefined, traceId: string) => boolean

/** Exports spans and metrics. */
export interface Telemetry {
  /** The version of this package. */
  readonly version: string
  /** Exports a span that has ended; drops it if export is too slow. */
  readonly span: (span: Span) => void
  readonly samples: Samples
  /** Exports the result of `read` at intervals until the Scope closes. */
  readonly metrics: (read: () => ReadonlyArray<Metric>) => Effect.Effect<void, never, Scope.Scope>
}

/** The export of telemetry; off by default. */
export const Telemetry: Context.Reference<Telemetry | undefined> = Context.Reference<
  Telemetry | undefined
>("ptth/transport/Telemetry", { defaultValue: () => undefined })

/** Samples by the random end of an id (W3C Trace Context 3.2.2.3), of which a number holds 52 bits. */
const below = (ratio: number, traceId: string): boolean =>
  Number.parseInt(traceId.slice(-13), 16) < ratio * 2 ** 52

/**
 * A sampler by its OpenTelemetry name (`OTEL_TRACES_SAMPLER`). Without a known
 * name it records new traces, and those whose caller records them.
 *
 * @param ratio share of traces to record, from 0 to 1, for `traceidratio`
 */
export const sampler = (name: string | undefined, ratio: number): Samples => {
  const [isParentBased, root] = name?.startsWith("parentbased_")
    ? [true, name.slice("parentbased_".length)]
    : [false, name]
  const samplesRoot = (traceId: string): boolean =>
    root === "always_off" ? false : root === "traceidratio" ? below(ratio, traceId) : true
  const ignoresParent =
    !isParentBased && ["always_on", "always_off", "traceidratio"].includes(root ?? "")
  return (parent, traceId) =>
    parent === undefined || ignoresParent ? samplesRoot(traceId) : parent.sampled
}

/** A new span id. */
export const newSpanId = (): string => randomBytes(8).toString("hex")

/** The trace context of a new span, and its parent. */
export interface NewSpan {
  readonly context: TraceContext.TraceContext
  readonly parentId: string | undefined
}

/** The context of a new span below that of a request's `traceparent`; of a new trace if it has none. */
export const newSpan = (telemetry: Telemetry, headers: HeaderList): NewSpan => {
  const parent = TraceContext.of(headers)
  const traceId = parent?.traceId ?? randomBytes(16).toString("hex")
  return {
    context: { traceId, spanId: newSpanId(), sampled: telemetry.samples(parent, traceId) },
    parentId: parent?.spanId,
  }
}
