/**
 * Records the events of one request: times, byte counts and the outcome.
 * Subclasses use the record when the request ends, to count or to log.
 */
import type { HeaderList } from "../../domain/HeaderList.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import type { VisitNotes } from "./VisitNotes.ts"

/** See the file's header. Times are in milliseconds of `performance.now()`. */
export abstract class VisitRecord implements VisitNotes {
  /** As received. */
  head: RequestHead | undefined
  readonly method: string
  /** The peer address of the socket. */
  readonly address: string
  /** The version of HTTP, such as `1.1`. */
  readonly version: string
  readonly startedAt: number
  /** Empty for requests that are for no server. */
  server = ""
  /** The path and query; those that the server gets once the request is routed. */
  target: string
  transport = "none"
  /** The relay with the link that the request was offered to, if it is another one. */
  hop: string | undefined
  /** `undefined` if the visitor left before the response. */
  status: number | undefined
  /** The error code, where the response is a failure of our own. */
  code: string | undefined
  /** What identifies this failure on the page that the visitor got. */
  failureId: string | undefined
  bytesIn = 0
  bytesOut = 0
  offeredAt: number | undefined
  /** The shortest round trip of the link so far, in milliseconds, where it is measured. */
  linkMillis: number | undefined
  /** The number of its recording, if the server is inspected. */
  recording: number | undefined
  answeredAt: number | undefined
  endedAt = 0
  /** Whether the visitor got all of the response. */
  whole = false
  private open = true

  constructor(head: RequestHead, address: string, version: string) {
    this.head = head
    this.method = head.method
    this.target = head.target
    this.address = address
    this.version = version
    this.startedAt = performance.now()
  }

  /** From the request's head to the end. */
  get millis(): number {
    return this.endedAt - this.startedAt
  }

  /** From the request's head until a link offered it to the server. */
  get waitMillis(): number | undefined {
    return this.offeredAt === undefined ? undefined : this.offeredAt - this.startedAt
  }

  /** From then until the head of the response. */
  get tunnelMillis(): number | undefined {
    return this.offeredAt === undefined || this.answeredAt === undefined
      ? undefined
      : this.answeredAt - this.offeredAt
  }

  routed(server: string, target: string): void {
    this.server = server
    this.target = target
  }

  forwarded(headers: HeaderList): HeaderList {
    return headers
  }

  offered(transport: string, hop?: string, linkMillis?: number): void {
    this.transport = transport
    this.hop = hop
    this.linkMillis = linkMillis
    this.offeredAt = performance.now()
  }

  failed(code: string, id?: string): void {
    this.code = code
    this.failureId = id
  }

  answered(status: number): void {
    this.status = status
    this.answeredAt = performance.now()
  }

  received(bytes: number): void {
    this.bytesIn += bytes
  }

  sent(bytes: number): void {
    this.bytesOut += bytes
  }

  over(whole: boolean): void {
    if (!this.open) return
    this.open = false
    this.whole = whole || this.status === 101
    this.endedAt = performance.now()
    this.ended()
    this.head = undefined
  }

  /** Called once when the request has ended, while `head` is still set. */
  protected abstract ended(): void
}
