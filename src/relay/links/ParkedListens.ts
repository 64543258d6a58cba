/**
 * The listens of one server process that wait for requests. Each is held for
 * at most `listenMillis`.
 */
import type { ServerResponse } from "node:http"
import { listenMillis } from "../../protocol/Wire.ts"
import type { Deadline, Deadlines } from "../../transport/runtime/Deadlines.ts"

/** A listen that waits. */
export interface ParkedListen {
  readonly response: ServerResponse
  /** When it arrived, in monotonic milliseconds. */
  readonly arrivedAt: number
  readonly deadline: Deadline
}

/** See the file's header. */
export class ParkedListens {
  private readonly deadlines: Deadlines
  private readonly onExpired: (response: ServerResponse) => void
  private readonly onClosed: () => void
  /** The newest first. */
  private readonly listens: Array<ParkedListen> = []

  /**
   * @param onExpired a listen has waited for long enough and is parked no longer
   * @param onClosed a server has closed a listen, which is parked no longer
   */
  constructor(
    deadlines: Deadlines,
    onExpired: (response: ServerResponse) => void,
    onClosed: () => void,
  ) {
    this.deadlines = deadlines
    this.onExpired = onExpired
    this.onClosed = onClosed
  }

  get size(): number {
    return this.listens.length
  }

  park(response: ServerResponse): void {
    const listen: ParkedListen = {
      response,
      arrivedAt: this.deadlines.elapsed(),
      deadline: this.deadlines.set(listenMillis, () => {
        this.remove(listen)
        this.onExpired(response)
      }),
    }
    this.listens.unshift(listen)
    response.on("close", () => {
      if (this.remove(listen)) this.onClosed()
    })
  }

  takeNewest(): ParkedListen | undefined {
    return this.take(this.listens[0])
  }

  takeOldest(): ServerResponse | undefined {
    return this.take(this.listens.at(-1))?.response
  }

  takeAll(): ReadonlyArray<ServerResponse> {
    const all = this.listens.splice(0)
    for (const { deadline } of all) deadline.clear()
    return all.map(({ response }) => response)
  }

  private take(listen: ParkedListen | undefined): ParkedListen | undefined {
    if (listen !== undefined) this.remove(listen)
    return listen
  }

  /** `false` if it is no longer parked. */
  private remove(listen: ParkedListen): boolean {
    listen.deadline.clear()
    const index = this.listens.indexOf(listen)
    if (index >= 0) this.listens.splice(index, 1)
    return index >= 0
  }
}
