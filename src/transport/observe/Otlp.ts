/**
 * Exports traces, metrics and logs by OTLP over HTTP to an OpenTelemetry
 * collector. Export is in the background: what cannot be sent is dropped, and
 * the log says so once.
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

/** The collector, and the service that exports. */
export interface OtlpOptions {
  /** The collector's address, to which `/v1/traces` and the like are added. */
  readonly endpoint: string
  /** Header fields of every request, such as an API key of the collector. */
  readonly headers?: Readonly<Record<string, string>>
  readonly protobuf?: boolean
  readonly serviceName: string
  readonly version: string
  /** Which of several processes of the service it is (`service.instance.id`). */
  readonly instance?: string | undefined
  /** Which traces are recorded; default: new ones, and those whose caller records them. */
  readonly samples?: Samples
  /** The interval between exports of metrics, in milliseconds; default: a minute. */
  readonly metricsMillis?: number
}

/** Timeout of a request to the collector, in milliseconds. */
const timeoutMillis = 10_000

/** Limit of concurrent requests; spans beyond it are dropped. */
const maxRequests = 4

const spanMillis = 1_000
const spanBatch = 512
const defaultMetricsMillis = 60_000

interface ExportState {
  /** Requests in flight. */
  inFlight: number
  /** Whether the last request succeeded. */
  works: boolean
}

/** The client with a timeout, which logs once that export fails and once that it works again. */
const watched = (
  client: HttpClient.HttpClient,
  state: ExportState,
  endpoint: string,
): HttpClient.HttpClient =>
  HttpClient.transform(client, (response, request) =>
    Effect.suspend(() => {
      state.inFlight += 1
      return response
    }).pipe(
      Effect.flatMap(HttpClientResponse.filterStatusOk),
      Effect.timeoutOrElse({
        duration: timeoutMillis,
        orElse: () =>
          Effect.fail(
            new HttpClientError({
              reason: new TransportError({ request, description: "timeout" }),
            }),
          ),
      }),
      Effect.tap(() =>
        Effect.suspend(() => {
          if (state.works) return Effect.void
          state.works = true
          return Effect.logInfo(`telemetry is accepted again by ${endpoint}`)
        }),
      ),
      Effect.tapError((error) =>
        Effect.suspend(() => {
          if (!state.works) return Effect.void
          state.works = false
          return Effect.logWarning(
            `telemetry cannot be sent to ${endpoint} (${error.reason._tag}); it is lost until it can`,
          )
        }),
      ),
      Effect.ensuring(
        Effect.sync(() => {
          state.inFlight -= 1
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

/** Sums count from the start of the process. */
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

/** The service, as OpenTelemetry's resource. */
const resourceOf = ({ instance, serviceName, version }: OtlpOptions) => ({
  serviceName,
  serviceVersion: version,
  attributes: instance === undefined ? {} : { "service.instance.id": instance },
})

const make = Effect.fnUntraced(function* (options: OtlpOptions) {
  const { endpoint, version } = options
  const base = endpoint.replace(/\/+$/, "")
  const serialization = yield* OtlpSerialization.OtlpSerialization
  const flusher = yield* OtlpExporter.Flusher
  const resource = yield* OtlpResource.fromConfig(resourceOf(options))
  const state: ExportState = { inFlight: 0, works: true }
  const http = watched(yield* HttpClient.HttpClient, state, base)
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
      if (state.inFlight < maxRequests) spans.push(span)
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

/** Provides {@link Telemetry}, and adds a logger. */
export const layer = (options: OtlpOptions): Layer.Layer<never> => {
  const { endpoint, headers } = options
  return Layer.merge(
    Layer.effect(Telemetry, make(options)),
    OtlpLogger.layer({
      url: `${endpoint.replace(/\/+$/, "")}/v1/logs`,
      resource: resourceOf(options),
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
