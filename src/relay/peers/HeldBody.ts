/**
 * The body of a request that hops: as long as no server has the request, the body
 * is not read and stays whole, so that the request can be placed elsewhere.
 */
import type { Body, BodyFlow, BodySink } from "../../transport/body/Body.ts"

/** See the file's header. */
export class HeldBody implements Body {
  readonly length: number | undefined
  readonly whole: Uint8Array | undefined
  readonly content: Uint8Array | undefined
  private readonly body: Body
  private state: "Held" | "Discarded" | "Read" | "Released" = "Held"

  constructor(body: Body) {
    this.body = body
    this.length = body.length
    this.whole = body.whole
    this.content = body.content
  }

  /** Whether the request can be placed elsewhere. */
  get isWhole(): boolean {
    return this.whole !== undefined || this.state === "Held" || this.state === "Discarded"
  }

  read(sink: BodySink): BodyFlow {
    this.state = "Read"
    return this.body.read(sink)
  }

  discard(): void {
    if (this.state === "Released") this.body.discard()
    else if (this.state === "Held") this.state = "Discarded"
  }

  /** The request is not placed elsewhere any more. */
  release(): void {
    const wasDiscarded = this.state === "Discarded"
    if (this.state !== "Read") this.state = "Released"
    if (wasDiscarded) this.body.discard()
  }
}
