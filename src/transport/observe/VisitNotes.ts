/**
 * Events in the life of one visitor's request, which a front and the relay
 * report. Counters, logs and traces implement this. The methods are called on
 * the hot path, must be cheap and must not throw.
 */
import type { HeaderList } from "../../domain/HeaderList.ts"
import type { RequestHead } from "../../protocol/Message.ts"

/**
 * Begins the notes of a request.
 *
 * @param head as received
 * @param address the peer address of the socket
 * @param version of HTTP, such as `1.1`
 */
export type Observe = (head: RequestHead, address: string, version: string) => VisitNotes

/** The notes of one request, from its head to its end. */
export interface VisitNotes {
  /** The request is for this registered server; `target` is the path and query that the server gets. */
  routed(server: string, target: string): void
  /** The header fields to pass on; the same ones unless the request is traced. */
  forwarded(headers: HeaderList): HeaderList
  /** A link has offered the request to the server; again if it is retried on another link. `hop` is the relay with the link, if it is another one; `linkMillis` is the shortest round trip of the link so far, where it is measured. */
  offered(transport: string, hop?: string, linkMillis?: number): void
  /** The head of the response is written. */
  answered(status: number): void
  /** The response is a failure of our own, with this code and the id that the visitor sees, if there is a page; `answered` follows. */
  failed(code: string, id?: string): void
  /** Bytes of the request's body have arrived. */
  received(bytes: number): void
  /** Bytes of the response's body are written. */
  sent(bytes: number): void
  /** The request has ended; `whole` says whether all of the response was written. Idempotent. */
  over(whole: boolean): void
}
