/**
 * `GET /http_request/ID` of the backend API (protocol.md, Fetching a body): a
 * server fetches the body of a request that was too large to be sent with its
 * head.
 */
import type { Header } from "../../domain/HeaderList.ts"
import { text } from "../../protocol/Wire.ts"
import { contentOf } from "../../transport/body/Body.ts"
import type { BackendCall } from "./BackendCall.ts"
import { type ClassicExchanges, linkOf } from "./ClassicExchanges.ts"

/** See the file's header. */
export class BodyEndpoint {
  private readonly exchanges: ClassicExchanges

  constructor(exchanges: ClassicExchanges) {
    this.exchanges = exchanges
  }

  /** Sends the body, which is possible once. */
  handle(id: string, call: BackendCall): void {
    const pending = this.exchanges.fetchable(id, call)
    if (pending === undefined) return
    if (pending.bodyTaken) return call.reject(400, text.unknownId)
    linkOf(pending)?.acknowledge(id)
    this.exchanges.track(pending.name, call)
    pending.bodyTaken = true
    this.exchanges.finished(id)
    const body = contentOf(pending.body)
    const type: Header = ["Content-Type", "application/octet-stream"]
    call.respond(
      body.length === undefined ? [type] : [type, ["Content-Length", `${body.length}`]],
      body,
    )
  }
}
