/**
 * `GET /http_request/ID` of the backend API (protocol.md, Fetching a body): a
 * server fetches the body of a request that was too large to be sent with its
 * head.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { text } from "../../protocol/Wire.ts"
import { contentOf } from "../../transport/body/Body.ts"
import * as NodeBody from "../../transport/net/NodeBody.ts"
import { rejectRequest } from "./BackendAnswer.ts"
import { type ClassicExchanges, linkOf } from "./ClassicExchanges.ts"

/** See the file's header. */
export class BodyEndpoint {
  private readonly exchanges: ClassicExchanges

  constructor(exchanges: ClassicExchanges) {
    this.exchanges = exchanges
  }

  /** Sends the body, which is possible once. */
  handle(id: string, request: IncomingMessage, response: ServerResponse): void {
    const pending = this.exchanges.fetchable(id, request, response)
    if (pending === undefined) return
    if (pending.bodyTaken) return rejectRequest(request, response, 400, text.unknownId)
    linkOf(pending)?.acknowledge(id)
    this.exchanges.track(pending.name, request, response)
    pending.bodyTaken = true
    this.exchanges.finished(id)
    const body = contentOf(pending.body)
    response.writeHead(200, [
      "Content-Type",
      "application/octet-stream",
      ...(body.length === undefined ? [] : ["Content-Length", `${body.length}`]),
    ])
    response.flushHeaders()
    const flow = NodeBody.writeTo(body, response, {
      ended: () => {},
      failed: () => response.destroy(),
    })
    response.once("close", () => {
      if (!response.writableFinished) flow.cancel()
    })
  }
}
