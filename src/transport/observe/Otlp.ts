/**
 * Sends traces, metrics and logs by OTLP over HTTP, as the OpenTelemetry
 * collector takes them. Nothing waits for it: what cannot be sent is dropped,
 * and said once.
 */
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import { HttpClientError, TransportError } from "effect/http/HttpClientError"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as OtlpExporter from "effect/observability/OtlpExporter"
import * as OtlpLogger from "effect/observability/OtlpLogger"
import * as OtlpResource from "effect/observability/OtlpResource"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import type { Metric } from "./Metric.ts"
import { type Samples, type Span, sampler, Telemetry } from "./Telemetry.ts"

/** Where telemetry goes, and who sends it. */
export interface OtlpOptions {
  /** The collector's address, to which `/v1/traces` and the like are added. */
  readonly endpoint: string
  /** Fields of every request, such as a key of the collector's. */
  readonly headers?: Readonly<Record<string, string>>
  readonly protobuf?: boolean
  readonly serviceName: string
  readonly version: string
  /** Which traces are recorded: those whose caller records them, and new ones, unless it is said. */
  readonly samples?: Samples
  /** Between two sendings of metrics, in milliseconds; a minute unless it is said. */
  readonly metricsMillis?: number
}

/** How long the collector may take for one request, in milliseconds. */
const answerMillis = 10_000

/** More requests at once are not sent: what comes meanwhile is dropped. */
const maxSending = 4

const spanMillis = 1_000
const spanBatch = 512
const defaultMetricsMillis = 60_000

interface Sending {
  now: number
  works: boolean
}

/** A client that does not wait for ever, and says once that nothing arrives. */
const watched = (
  client: HttpClient.HttpClient,
  sending: Sending,
  endpoint: string,
): HttpClient.HttpClient =>
  HttpClient.transform(client, (response, request) =>
    Effect.suspend(() => {
      sending.now += 1
      return response
    }).pipe(
      Effect.flatMap(HttpClientResponse.filterStatusOk),
      Effect.timeoutOrElse({
        duration: answerMillis,
        orElse: () =>
          Effect.fail(
            new HttpClientError({
              reason: new TransportError({ request, description: "timeout" }),
            }),
          ),
      }),
      Effect.tap(() =>
        Effect.suspend(() => {
          if (sending.works) return Effect.void
          sending.works = true
          return Effect.logInfo(`telemetry is taken again by ${endpoint}`)
        }),
      ),
      Effect.tapError((error) =>
        Effect.suspend(() => {
          if (!sending.works) return Effect.void
          sending.works = false
          return Effect.logWarning(
            `telemetry cannot be sent to ${endpoint} (${error.reason._tag}); it is lost until it can`,
          )
        }),
      ),
      Effect.ensuring(
        Effect.sync(() => {
          sending.now -= 1
        }),
      ),
    ),
  )

const spanKinds = { internal: 1, server: 2, client: 3 } as const

const nanos = (millis: number): string => `${Math.round(millis * 1_000)}000`

const attributesOf = (attributes: Readonly<Record<string, unknown>>) =>
  OtlpResource.entriesToAttributes(
    Object.entries(attributes).filter(([, value]) => value !== undefined),
  )

const spanData = (span: Span) => ({
  traceId: span.context.traceId,
  spanId: span.context.spanId,
  parentSpanId: span.parentId,
  name: span.name,
  kind: spanKinds[span.kind],
  startTimeUnixNano: nanos(span.start),
  endTimeUnixNano: nanos(span.end),
  attributes: attributesOf({ ...span.attributes, "error.type": span.error }),
  droppedAttributesCount: 0,
  events: [],
  droppedEventsCount: 0,
  status:
    span.error === undefined ? { code: 0 as const } : { code: 2 as const, message: span.error },
  links: [],
  droppedLinksCount: 0,
})

/** Sums are since the process began. */
const cumulative = 2

const metricData = (metric: Metric, startTimeUnixNano: string, timeUnixNano: string) => {
  const { help: description, name } = metric
  const times = { startTimeUnixNano, timeUnixNano }
  if (metric.type === "histogram") {
    const dataPoints = metric.samples.map(({ counts, labels = {}, sum }) => ({
      ...times,
      attributes: attributesOf(labels),
      count: counts.reduce((a, b) => a + b, 0),
      sum,
      bucketCounts: [...counts],
      explicitBounds: [...metric.bounds],
    }))
    return {
      name,
      description,
      histogram: { dataPoints, aggregationTemporality: cumulative as typeof cumulative },
    }
  }
  const dataPoints = metric.samples.map(({ labels = {}, value }) => ({
    ...times,
    attributes: attributesOf(labels),
    asDouble: value,
  }))
  return metric.type === "gauge"
    ? { name, description, gauge: { dataPoints } }
    : {
        name,
        description,
        sum: {
          dataPoints,
          isMonotonic: true,
          aggregationTemporality: cumulative as typeof cumulative,
        },
      }
}

const make = Effect.fnUntraced(function* (options: OtlpOptions) {
  const { endpoint, serviceName, version } = options
  const base = endpoint.replace(/\/+$/, "")
  const serialization = yield* OtlpSerialization.OtlpSerialization
  const flusher = yield* OtlpExporter.Flusher
  const resource = yield* OtlpResource.fromConfig({ serviceName, serviceVersion: version })
  const sending: Sending = { now: 0, works: true }
  const http = watched(yield* HttpClient.HttpClient, sending, base)
  const scope = { name: "ptth", version }
  const headers = options.headers
  const common = { headers, shutdownTimeout: 3_000 }
  const spans = yield* OtlpExporter.make({
    ...common,
    label: "Spans",
    url: `${base}/v1/traces`,
    exportInterval: spanMillis,
    maxBatchSize: spanBatch,
    body: (ended: ReadonlyArray<Span>) => [
      serialization.traces({
        resourceSpans: [{ resource, scopeSpans: [{ scope, spans: ended.map(spanData) }] }],
      }),
      Effect.void,
    ],
  }).pipe(Effect.provideService(HttpClient.HttpClient, http))
  const startedAt = nanos(performance.timeOrigin)
  const telemetry: Telemetry = {
    version,
    samples: options.samples ?? sampler(undefined, 1),
    span: (span) => {
      if (sending.now < maxSending) spans.push(span)
    },
    metrics: (read) =>
      OtlpExporter.make({
        ...common,
        label: "Metrics",
        url: `${base}/v1/metrics`,
        exportInterval: options.metricsMillis ?? defaultMetricsMillis,
        maxBatchSize: "disabled",
        exportEmpty: true,
        body: () => {
          const now = nanos(Date.now())
          const metrics = read().map((metric) => metricData(metric, startedAt, now))
          return [
            serialization.metrics({
              resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics }] }],
            }),
            Effect.void,
          ]
        },
      }).pipe(
        Effect.provideService(HttpClient.HttpClient, http),
        Effect.provideService(OtlpExporter.Flusher, flusher),
        Effect.asVoid,
      ),
  }
  return telemetry
})

/** Telemetry, and a logger beside those that are there. */
export const layer = (options: OtlpOptions): Layer.Layer<never> => {
  const { endpoint, headers, serviceName, version } = options
  return Layer.merge(
    Layer.effect(Telemetry, make(options)),
    OtlpLogger.layer({
      url: `${endpoint.replace(/\/+$/, "")}/v1/logs`,
      resource: { serviceName, serviceVersion: version },
      headers,
    }),
  ).pipe(
    Layer.provide(OtlpExporter.layerFlusher),
    Layer.provide(
      options.protobuf === true ? OtlpSerialization.layerProtobuf : OtlpSerialization.layerJson,
    ),
    Layer.provide(FetchHttpClient.layer),
  )
}
