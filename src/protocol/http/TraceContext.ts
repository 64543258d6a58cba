/**
 * Reads and writes `traceparent` of W3C Trace Context, which says to which trace
 * a request belongs. A malformed field is ignored, together with `tracestate`.
 */
import { all, type HeaderList } from "../../domain/HeaderList.ts"

/** A span of a trace. */
export interface TraceContext {
  /** 32 hexadecimal digits, not all of them 0. */
  readonly traceId: string
  /** 16 hexadecimal digits, not all of them 0. */
  readonly spanId: string
  /** Whether the caller records the trace. */
  readonly sampled: boolean
}

const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** Parses a value of `traceparent` (W3C Trace Context 3.2.2); `undefined` if it is malformed. */
export const parse = (value: string): TraceContext | undefined => {
  const [, version, traceId = "", spanId = "", flags = "", rest] = pattern.exec(value) ?? []
  if (version === undefined || version === "ff") return undefined
  if (version === "00" && rest !== undefined) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

/** The context of a request; `undefined` if it has no or several `traceparent` fields. */
export const of = (headers: HeaderList): TraceContext | undefined => {
  const values = all(headers, "traceparent")
  return values.length === 1 ? parse((values[0] as string).trim()) : undefined
}

/** The value of `traceparent`. */
export const format = ({ sampled, spanId, traceId }: TraceContext): string =>
  `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`

/** The fields with another `traceparent`. `tracestate` is kept only if the trace is the same. */
export const replace = (headers: HeaderList, context: TraceContext): HeaderList => {
  const same = of(headers)?.traceId === context.traceId
  return [
    ...headers.filter(([name]) => {
      const lower = name.toLowerCase()
      return lower !== "traceparent" && (same || lower !== "tracestate")
    }),
    ["traceparent", format(context)],
  ]
}
