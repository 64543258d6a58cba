/**
 * The response body of the tunnel's model test: known bytes, pushed in random
 * pieces after random pauses, whole or broken off.
 */
import { BodyError } from "../../../src/protocol/Exchange.ts"
import {
  type Body,
  type BodyFlow,
  type BodySink,
  fromBytes,
} from "../../../src/transport/body/Body.ts"
import type { Request } from "../Schedule.ts"
import type { Simulation } from "./Simulation.ts"

/** A body that is pushed in random pieces. */
export class OutgoingBody implements Body {
  readonly whole: Uint8Array | undefined
  readonly length: number | undefined
  state: "fresh" | "reading" | "over" = "fresh"
  private at = 0
  private sink: BodySink | undefined
  private flowing = true
  private held = false
  private readonly simulation: Simulation
  private readonly bytes: Buffer
  private readonly cutAt: number

  constructor(simulation: Simulation, bytes: Buffer, as: Request["downAs"], cutAt: number) {
    this.simulation = simulation
    this.bytes = bytes
    this.cutAt = cutAt
    this.whole = as === "whole" ? bytes : undefined
    this.length = as === "unknown" ? undefined : bytes.length
  }

  read(sink: BodySink): BodyFlow {
    if (this.state !== "fresh") this.simulation.complain("a body is read twice")
    if (this.whole !== undefined) {
      this.state = "over"
      return fromBytes(this.whole).read(sink)
    }
    this.state = "reading"
    this.sink = sink
    this.soon()
    return {
      resume: () => {
        this.flowing = true
        this.soon()
      },
      cancel: () => this.discard(),
    }
  }

  discard(): void {
    this.state = "over"
  }

  /** Sends nothing until it is released. */
  hold(): void {
    this.held = true
  }

  release(): void {
    this.held = false
    if (this.state === "reading") this.soon()
  }

  private soon(): void {
    this.simulation.later(this.simulation.random.int(0, 50), () => this.push())
  }

  private push(): void {
    const { sink } = this
    if (this.state !== "reading" || sink === undefined || !this.flowing || this.held) return
    if (this.at >= this.cutAt) {
      this.state = "over"
      return sink.fail(new BodyError({ reason: "cut", detail: "the test cut it" }))
    }
    if (this.at === this.bytes.length) {
      this.state = "over"
      return sink.end([])
    }
    const most = Math.min(this.bytes.length, this.cutAt) - this.at
    const size = Math.min(most, this.simulation.random.int(1, 60_000))
    this.at += size
    this.flowing = sink.data(this.bytes.subarray(this.at - size, this.at))
    if (this.flowing) this.soon()
  }
}
