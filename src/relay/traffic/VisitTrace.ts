/**
 * The spans of one visitor's request: the whole request, the wait for a link,
 * and the tunnel. They are made from its record when it is over; until then
 * only their ids exist.
 */
import { first, type HeaderList } from "../../domain/HeaderList.ts"
import * as TraceContext from "../../protocol/http/TraceContext.ts"
import { newSpan, newSpanId, type Span, type Telemetry } from "../../transport/observe/Telemetry.ts"
import type { VisitRecord } from "../../transport/observe/VisitRecord.ts"

/** See the file's header. */
export class VisitTrace {
  readonly context: TraceContext.TraceContext
  private readonly telemetry: Telemetry
  private readonly parentId: string | undefined
  private readonly tunnelId = newSpanId()

  constructor(telemetry: Telemetry, headers: HeaderList) {
    this.telemetry = telemetry
    const { context, parentId } = newSpan(telemetry, headers)
    this.context = context
    this.parentId = parentId
  }

  /** The fields as the server receives them: spans of the server are children of the tunnel's. */
  forwarded(headers: HeaderList): HeaderList {
    return TraceContext.replace(headers, { ...this.context, spanId: this.tunnelId })
  }

  /** It is over. */
  send(visit: VisitRecord): void {
    if (!this.context.sampled) return
    const wall = Date.now() - performance.now()
    const { answeredAt, code, endedAt, hop, offeredAt, startedAt, status, transport } = visit
    const error = code ?? (status !== undefined && status >= 500 ? `${status}` : undefined)
    const headers = visit.head?.headers ?? []
    const below = (
      part: Pick<Span, "name" | "kind" | "error">,
      spanId: string,
      from: number,
      to: number,
    ) =>
      this.telemetry.span({
        ...part,
        context: { ...this.context, spanId },
        parentId: this.context.spanId,
        start: wall + from,
        end: wall + to,
        attributes: { "ptth.server": visit.server, "ptth.transport": transport, "ptth.hop": hop },
      })
    this.telemetry.span({
      context: this.context,
      parentId: this.parentId,
      name: visit.server === "" ? visit.method : `${visit.method} ${visit.server}`,
      kind: "server",
      start: wall + startedAt,
      end: wall + endedAt,
      attributes: {
        "http.request.method": visit.method,
        "url.path": (visit.head?.target ?? visit.target).split("?", 1)[0],
        "http.response.status_code": status,
        "server.address": first(headers, "host"),
        "network.peer.address": visit.address,
        "user_agent.original": first(headers, "user-agent"),
        "http.request.body.size": visit.bytesIn,
        "http.response.body.size": visit.bytesOut,
        "ptth.server": visit.server === "" ? undefined : visit.server,
        "ptth.transport": transport === "none" ? undefined : transport,
        "ptth.hop": hop,
        "ptth.head_ms": answeredAt === undefined ? undefined : answeredAt - startedAt,
      },
      error: error ?? (visit.whole ? undefined : "left"),
    })
    if (visit.server === "") return
    const isWaiting = offeredAt === undefined
    below(
      { name: "wait", kind: "internal", error: isWaiting ? error : undefined },
      newSpanId(),
      startedAt,
      offeredAt ?? endedAt,
    )
    if (isWaiting) return
    below({ name: "tunnel", kind: "client", error }, this.tunnelId, offeredAt, endedAt)
  }
}
