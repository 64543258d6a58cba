/**
 * The counters of one server's traffic since the relay started, and its last
 * requests.
 */
import { Histogram } from "./Histogram.ts"

/** How a request can reach its server. `none`: it did not, or the relay answered itself. */
export const transports: ReadonlyArray<string> = ["none", "classic 1", "classic 2", "stream"]

/** The first digit of a response's status; 0: the visitor left before there was one. */
export type StatusClass = 0 | 1 | 2 | 3 | 4 | 5

const statusClasses = 6

/** How many requests of each server are remembered. */
export const maxRecent = 50

/** One request that is over. Times are in milliseconds. */
export interface Recent {
  /** When it was over, since 1970. */
  readonly at: number
  readonly method: string
  /** As the server received it, without its query, which may hold secrets; at most 256 characters. */
  readonly path: string
  /** `undefined` if the visitor left before there was one. */
  readonly status: number | undefined
  /** The relay's error code, if it answered itself. */
  readonly code: string | undefined
  /** One of {@link transports}. */
  readonly transport: string
  /** The relay with the link, if it is another one. */
  readonly hop?: string | undefined
  /** From the first byte of the request's head until it was over. */
  readonly millis: number
  /** Until a link sent it to the server. */
  readonly waitMillis: number | undefined
  /** From then to the head of the response. */
  readonly tunnelMillis: number | undefined
  /** The round trip of the link, where it is measured. */
  readonly linkMillis?: number | undefined
  /** The number of its recording, if it was recorded. */
  readonly recording?: number | undefined
  /** Bytes of the request's body. */
  readonly bytesIn: number
  /** Bytes of the response's body. */
  readonly bytesOut: number
  /** Whether all of the response was sent to the visitor. */
  readonly whole: boolean
}

/** See the file's header. */
export class Counters {
  /** By transport, then by class of status. */
  readonly requests: Array<number> = new Array<number>(transports.length * statusClasses).fill(0)
  readonly linksOpened: Array<number> = new Array<number>(transports.length).fill(0)
  readonly errors = new Map<string, number>()
  /** From a request's first byte to the head of its response. */
  readonly head = new Histogram()
  /** From a request's first byte until a link took it. */
  readonly wait = new Histogram()
  /** From then to the head of the response. */
  readonly tunnel = new Histogram()
  inFlight = 0
  bytesIn = 0
  bytesOut = 0
  /** The last requests in a ring; `nextRecent` is overwritten next. */
  private readonly ring: Array<Recent> = []
  private nextRecent = 0

  /** How many requests, by index of the transport and class of status. */
  requestsBy(transport: number, status: StatusClass): number {
    return this.requests[transport * statusClasses + status] ?? 0
  }

  count(transport: number, status: number): void {
    const index = transport * statusClasses + status
    this.requests[index] = (this.requests[index] ?? 0) + 1
  }

  remember(request: Recent): void {
    this.ring[this.nextRecent] = request
    this.nextRecent = (this.nextRecent + 1) % maxRecent
  }

  /** The last requests, the newest first. */
  get recent(): ReadonlyArray<Recent> {
    const newer = this.ring.slice(0, this.nextRecent)
    return [...newer.reverse(), ...this.ring.slice(this.nextRecent).reverse()]
  }
}
