/**
 * Sends the response to a request that changes something; later ones are
 * dropped.
 */
import { statusOf } from "../../domain/ErrorRegistry.ts"
import * as Headers from "../../domain/HeaderList.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import * as Body from "../../transport/body/Body.ts"
import type { Reply } from "../../transport/body/Handler.ts"
import * as FailurePage from "../../web/FailurePage.ts"
import type * as Refusal from "./Refusal.ts"

/** See the head of this file. */
export class UploadReply {
  private readonly head: RequestHead
  private readonly reply: Reply
  private readonly headers: Headers.HeaderList
  private done = false

  /** @param headers of every response */
  constructor(head: RequestHead, reply: Reply, headers: Headers.HeaderList = []) {
    this.head = head
    this.reply = reply
    this.headers = headers
  }

  /** Whether a response was sent or the client is gone. */
  get isDone(): boolean {
    return this.done
  }

  readonly cancel = (): void => {
    this.done = true
  }

  /** Answers without a body. A form that was sent without a script is led to its folder again by 303. */
  succeed(status: 200 | 201 | 204 | 303, headers: Headers.HeaderList = []): void {
    if (this.done) return
    this.done = true
    const all: Headers.HeaderList = [
      ...this.headers,
      ...headers,
      ...(status === 303 && !Headers.has(headers, "location")
        ? ([["Location", "./"]] as const)
        : []),
      ...(status === 204 ? [] : ([["Content-Length", "0"]] as const)),
      ["Cache-Control", "no-store"],
    ]
    this.reply.respond({ status, headers: all }, Body.empty)
  }

  refuse({ code, headers = [], status, ...rest }: Refusal.Refusal): void {
    if (this.done) return
    this.done = true
    const failure = FailurePage.render(
      { code, status: status ?? statusOf(code), ...rest, headers: [...headers, ...this.headers] },
      Headers.first(this.head.headers, "accept"),
    )
    this.reply.respond(
      { status: failure.status, headers: failure.headers },
      this.head.method === "HEAD" ? Body.empty : Body.fromBytes(failure.body),
    )
  }
}
