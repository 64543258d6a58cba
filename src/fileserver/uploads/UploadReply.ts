/**
 * Answers a request that changes something, once; later responses are dropped.
 * It also knows whether the client is gone, and when the change may have its
 * effect.
 */
import * as Headers from "../../domain/HeaderList.ts"
import type { RequestHead, ResponseHead } from "../../protocol/Message.ts"
import * as Body from "../../transport/body/Body.ts"
import type { Reply } from "../../transport/body/Handler.ts"
import { commit } from "../../transport/body/Replies.ts"
import * as FailurePage from "../../web/FailurePage.ts"
import * as Refusal from "./Refusal.ts"

/** See the head of this file. */
export class UploadReply {
  readonly head: RequestHead
  private readonly reply: Reply
  private readonly fields: Headers.HeaderList
  private done = false
  private cancelled = false
  private readonly stops = new Set<() => void>()

  /** @param fields of every response */
  constructor(head: RequestHead, reply: Reply, fields: Headers.HeaderList = []) {
    this.head = head
    this.reply = reply
    this.fields = fields
  }

  /** Whether a response was sent or the client is gone. */
  get isDone(): boolean {
    return this.done
  }

  /** Whether the client is gone. */
  readonly isCancelled = (): boolean => this.cancelled

  /** The client is gone: what {@link whenCancelled} was given is called. */
  readonly cancel = (): void => {
    this.done = true
    this.cancelled = true
    for (const stop of this.stops) stop()
    this.stops.clear()
  }

  /** Calls a function when the client leaves; at once if it has. */
  whenCancelled(stop: () => void): void {
    if (this.cancelled) stop()
    else this.stops.add(stop)
  }

  /** See `Reply.commit`. */
  readonly commit = (go: () => void): void => commit(this.reply, go)

  /** Resolves when the change may have its effect, or with `false` if the client leaves before. */
  readonly untilCommitted = (): Promise<boolean> =>
    new Promise((resolve) => {
      const stop = (): void => resolve(false)
      this.whenCancelled(stop)
      if (this.cancelled) return
      this.commit(() => {
        this.stops.delete(stop)
        resolve(true)
      })
    })

  /** Answers without a body. A form that was sent without a script is led to its folder again by 303. */
  succeed(status: 200 | 201 | 204 | 303, headers: Headers.HeaderList = []): void {
    const all: Headers.HeaderList = [
      ...this.fields,
      ...headers,
      ...(status === 303 && !Headers.has(headers, "location")
        ? ([["Location", "./"]] as const)
        : []),
      ...(status === 204 ? [] : ([["Content-Length", "0"]] as const)),
      ["Cache-Control", "no-store"],
    ]
    this.respond({ status, headers: all }, Body.empty)
  }

  refuse(refusal: Refusal.Refusal): void {
    if (this.done) return
    const { headers = [] } = refusal
    const failure = FailurePage.render(
      { ...refusal, status: Refusal.statusOf(refusal), headers: [...headers, ...this.fields] },
      Headers.first(this.head.headers, "accept"),
    )
    this.respond(failure, this.head.method === "HEAD" ? Body.empty : Body.fromBytes(failure.body))
  }

  /** Sends a response; the body is discarded if there was one or the client is gone. */
  respond({ headers, status }: ResponseHead, body: Body.Body): void {
    if (this.done) return body.discard()
    this.done = true
    this.reply.respond({ status, headers }, body)
  }
}
