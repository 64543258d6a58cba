/**
 * The notes of one request kept as they come: when it was where, how many
 * bytes went through, what came of it. Whoever does something with it when it
 * is over (counts, writes a log) extends this.
 */
import type { HeaderList } from "../../domain/HeaderList.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import type { VisitNotes } from "./VisitNotes.ts"

/** See the file's header. Times are in milliseconds of `performance.now()`. */
export abstract class VisitRecord implements VisitNotes {
  /** As it came. */
  head: RequestHead | undefined
  readonly method: string
  /** Of the other end of the socket. */
  readonly address: string
  /** Of HTTP, such as `1.1`. */
  readonly version: string
  readonly startedAt: number
  /** "" where it was for none. */
  server = ""
  /** As the server sees it, once it is known whose it is. */
  target: string
  transport = "none"
  /** `undefined` where the visitor left before there was one. */
  status: number | undefined
  /** Our own error code, where the answer is a failure of ours. */
  code: string | undefined
  bytesIn = 0
  bytesOut = 0
  offeredAt: number | undefined
  answeredAt: number | undefined
  endedAt = 0
  /** Whether the visitor was given all of the answer. */
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

  /** From the request's head to its end. */
  get millis(): number {
    return this.endedAt - this.startedAt
  }

  /** Until a link handed it to the server. */
  get waitMillis(): number | undefined {
    return this.offeredAt === undefined ? undefined : this.offeredAt - this.startedAt
  }

  /** From then to the head of the answer. */
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

  offered(transport: string): void {
    this.transport = transport
    this.offeredAt = performance.now()
  }

  failed(code: string): void {
    this.code = code
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

  /** It is over: called once, while the head is still there. */
  protected abstract ended(): void
}
