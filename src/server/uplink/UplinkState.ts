/**
 * How a server is connected to its relay, for what its owner sees.
 */
import type { TransportName } from "../../protocol/TransportName.ts"
import type { ListenError } from "./ListenError.ts"

/** See the file's header. */
export type UplinkState =
  | { readonly _tag: "Connecting" }
  | {
      readonly _tag: "Connected"
      readonly transport: TransportName
      /** How many links of stream are open; `undefined` for classic. */
      readonly links: number | undefined
      /** The time to the relay and back, in milliseconds, where it has been measured. */
      readonly roundTrip: number | undefined
    }
  | {
      readonly _tag: "Waiting"
      readonly reason: ListenError["reason"]
      /** What is wrong, as part of a sentence. */
      readonly problem: string
      /** In how many milliseconds the next attempt is; 0 while it is being made. */
      readonly nextMillis: number
    }

/** A link of stream, as far as its state is concerned. */
export interface LiveLink {
  /** The time to the relay and back, in milliseconds. */
  readonly roundTrip: number
  /** How many requests run on it. */
  readonly active: number
}

/** Follows the state of a server's connection. */
export class UplinkWatch {
  private readonly now: () => number
  private readonly onChange: (read: () => UplinkState) => void
  private readonly links = new Set<LiveLink>()
  private transport: TransportName | undefined
  private failure: { readonly error: ListenError; readonly nextAt: number } | undefined

  /**
   * @param now monotonic milliseconds
   * @param onChange called when the state has changed, with what reads it at any time
   */
  constructor(now: () => number, onChange: (read: () => UplinkState) => void = () => {}) {
    this.now = now
    this.onChange = onChange
    onChange(this.read)
  }

  /** A link of stream is open. */
  opened(link: LiveLink): void {
    this.links.add(link)
    this.onChange(this.read)
  }

  /** A link takes no more requests, or is closed. */
  closed(link: LiveLink): void {
    if (!this.links.delete(link)) return
    if (this.links.size === 0 && this.transport === "stream") this.transport = undefined
    this.onChange(this.read)
  }

  /** The relay has accepted this transport. */
  connected(transport: TransportName): void {
    if (this.transport === transport && this.failure === undefined) return
    this.transport = transport
    this.failure = undefined
    this.onChange(this.read)
  }

  /** An attempt has failed, and the next one is made after `millis`. */
  failed(error: ListenError, millis: number): void {
    if (this.links.size > 0) return
    this.transport = undefined
    this.failure = { error, nextAt: this.now() + millis }
    this.onChange(this.read)
  }

  /** How many requests run on the links. */
  get requests(): number {
    return [...this.links].reduce((sum, { active }) => sum + active, 0)
  }

  /** The state now. */
  readonly read = (): UplinkState => {
    const { failure, links, transport } = this
    if (failure !== undefined) {
      const { detail, reason } = failure.error
      const nextMillis = Math.max(0, failure.nextAt - this.now())
      return { _tag: "Waiting", reason, problem: detail, nextMillis }
    }
    if (transport === undefined) return { _tag: "Connecting" }
    if (transport !== "stream")
      return { _tag: "Connected", transport, links: undefined, roundTrip: undefined }
    const trips = [...links].map(({ roundTrip }) => roundTrip)
    const roundTrip = trips.length === 0 ? undefined : Math.min(...trips)
    return { _tag: "Connected", transport, links: links.size, roundTrip }
  }
}
