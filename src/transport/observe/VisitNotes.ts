/**
 * What is noted of one visitor's request on its way through a front: when it
 * was where, and what came of it. Who counts, logs or traces implements this;
 * the front and the relay only say what happens. Every method is called on the
 * hot path: cheap, and never failing.
 */

import type { HeaderList } from "../../domain/HeaderList.ts"
import type { RequestHead } from "../../protocol/Message.ts"

/**
 * Begins to note a request: its head as it came, the address of the other end
 * of its socket, and its version of HTTP, such as `1.1`.
 */
export type Observe = (head: RequestHead, address: string, version: string) => VisitNotes

/** The notes of one request, from its head to its end. */
export interface VisitNotes {
  /** It is for this server, which is registered; `target` is path and query as that server sees them. */
  routed(server: string, target: string): void
  /** Its fields as they are to be passed on: the same ones, unless it is traced. */
  forwarded(headers: HeaderList): HeaderList
  /** A link has handed it to the server. More than once where it is offered again. */
  offered(transport: string): void
  /** The head of its answer is written. */
  answered(status: number): void
  /** There is no answer but a failure of ours, whose head is `answered` next. */
  failed(code: string): void
  /** So many bytes of its body have come. */
  received(bytes: number): void
  /** So many bytes of the answer's body are written. */
  sent(bytes: number): void
  /** It is over; `whole` says whether all of the answer was written. Idempotent. */
  over(whole: boolean): void
}
