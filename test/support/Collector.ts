/**
 * A small OTLP/HTTP collector for tests: keeps what it is sent, as JSON.
 */
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** One request that came. */
export interface Collected {
  readonly path: string
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

/** A span as it was sent. */
export interface CollectedSpan {
  readonly service: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: ReadonlyArray<{
    readonly key: string
    readonly value: { readonly stringValue?: string; readonly intValue?: number }
  }>
  readonly status: { readonly code: number; readonly message?: string }
}

/** A collector that runs. */
export interface Collector {
  readonly url: string
  readonly collected: ReadonlyArray<Collected>
  /** Answers so from now on; 200 at first. */
  readonly answers: (status: number) => void
  readonly spans: () => ReadonlyArray<CollectedSpan>
}

interface Attribute {
  readonly key: string
  readonly value: { readonly stringValue?: string }
}

interface Traces {
  readonly resourceSpans: ReadonlyArray<{
    readonly resource: { readonly attributes: ReadonlyArray<Attribute> }
    readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<CollectedSpan> }>
  }>
}

const spansOf = (body: string): ReadonlyArray<CollectedSpan> => {
  const traces: Traces = JSON.parse(body)
  return traces.resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const name = resource.attributes.find(({ key }) => key === "service.name")
    const service = name?.value.stringValue ?? ""
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, service })))
  })
}

/** Starts a collector at a free port. */
export const collector: Effect.Effect<Collector, never, Scope.Scope> = Effect.gen(function* () {
  const collected: Array<Collected> = []
  let status = 200
  const server = yield* Effect.acquireRelease(
    Effect.callback<http.Server>((resume) => {
      const made = http.createServer((request, response) => {
        let body = ""
        request.setEncoding("utf8")
        request.on("data", (text: string) => {
          body += text
        })
        request.on("end", () => {
          collected.push({ path: request.url ?? "", headers: request.headers, body })
          response.writeHead(status, { "Content-Type": "application/json" }).end("{}")
        })
      })
      made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
    }),
    (made) =>
      Effect.sync(() => {
        made.close()
        made.closeAllConnections()
      }),
  )
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    collected,
    answers: (given) => {
      status = given
    },
    spans: () =>
      collected
        .filter(({ path }) => path.endsWith("/v1/traces"))
        .flatMap(({ body }) => spansOf(body)),
  }
})
