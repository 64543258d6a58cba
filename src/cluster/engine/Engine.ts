/**
 * What the relays of a cluster share and what has to outlast each of them: a
 * few kinds of small values in Redis or Valkey. Nothing that can be served
 * depends on it. Every operation fails with `EngineUnavailable` while the
 * engine is away, within about a second, and nothing is queued.
 *
 * Keys and channels are given without the cluster's prefix, which the
 * implementation adds.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/** The engine does not answer, or refuses; `reason` is a text without secrets. */
export class EngineUnavailable extends Data.TaggedError("EngineUnavailable")<{
  readonly reason: string
  /** Whether the engine is there and refuses, as for want of a permission. */
  readonly isRefusal: boolean
}> {
  override get message(): string {
    return this.reason
  }
}

/** How it is with the engine; `since` is in milliseconds since 1970. */
export interface EngineStatus {
  /** `off` without an engine. */
  readonly state: "off" | "connected" | "away"
  readonly since: number
  /** Why it is away, where that is known. */
  readonly reason: string | undefined
}

/** A line of a stream, and its id, which grows. */
export interface StreamLine {
  readonly id: string
  readonly line: string
}

/** What is kept of a stream or of a hash. */
export interface Retention {
  /** The most lines, roughly; for streams only. */
  readonly most?: number
  /** After how many milliseconds without a change the whole key is dropped. */
  readonly millis: number
}

type Answer<A> = Effect.Effect<A, EngineUnavailable>

/** What {@link Engine} does. */
export interface EngineShape {
  /** This relay's id, and what only this process of it has. */
  readonly self: { readonly id: string; readonly run: string }
  readonly status: () => EngineStatus
  /** Calls the listener whenever the status has changed, until the returned function is called. */
  readonly onStatus: (listener: (status: EngineStatus) => void) => () => void

  /** Sends a text to whoever subscribes to the channel now. */
  readonly publish: (channel: string, text: string) => Answer<void>
  /** Calls the listener for each text, until the returned function is called. Holds across reconnections; what is published meanwhile is lost. */
  readonly subscribe: (channel: string, listener: (text: string) => void) => () => void

  /** Sets a key that expires. */
  readonly put: (key: string, value: string, millis: number) => Answer<void>
  /** Sets a key that expires, or renews it if it has this value already; `false` if it has another. */
  readonly claim: (key: string, value: string, millis: number) => Answer<boolean>
  /** Removes a key if it has this value. */
  readonly release: (key: string, value: string) => Answer<void>
  /** The values of keys, in their order. */
  readonly values: (keys: ReadonlyArray<string>) => Answer<ReadonlyArray<string | undefined>>

  /** Adds to a set; the set expires after `millis` without an addition. */
  readonly addMember: (key: string, member: string, millis: number) => Answer<void>
  readonly removeMembers: (key: string, members: ReadonlyArray<string>) => Answer<void>
  readonly members: (key: string) => Answer<ReadonlyArray<string>>

  /** All fields of a hash. */
  readonly fields: (key: string) => Answer<ReadonlyMap<string, string>>
  /** One field of a hash. */
  readonly field: (key: string, field: string) => Answer<string | undefined>
  readonly setFields: (
    key: string,
    fields: ReadonlyMap<string, string>,
    retention: Retention,
  ) => Answer<void>
  readonly removeFields: (key: string, fields: ReadonlyArray<string>) => Answer<void>

  /** Appends lines to a stream. */
  readonly append: (key: string, lines: ReadonlyArray<string>, retention: Retention) => Answer<void>
  /** The last lines of a stream, the oldest first. */
  readonly lastLines: (key: string, most: number) => Answer<ReadonlyArray<StreamLine>>
  /** The lines after an id, the oldest first. */
  readonly linesAfter: (key: string, id: string, most: number) => Answer<ReadonlyArray<StreamLine>>
}

const none = (): EngineShape => {
  const fail = () =>
    Effect.fail(new EngineUnavailable({ reason: "there is no engine", isRefusal: false }))
  const status: EngineStatus = { state: "off", since: 0, reason: undefined }
  return {
    self: { id: "", run: "" },
    status: () => status,
    onStatus: () => () => {},
    publish: fail,
    subscribe: () => () => {},
    put: fail,
    claim: fail,
    release: fail,
    values: fail,
    addMember: fail,
    removeMembers: fail,
    members: fail,
    fields: fail,
    field: fail,
    setFields: fail,
    removeFields: fail,
    append: fail,
    lastLines: fail,
    linesAfter: fail,
  }
}

/** The engine of the cluster; by default there is none, and whatever could be shared stays with this relay. */
export const Engine: Context.Reference<EngineShape> = Context.Reference<EngineShape>(
  "ptth/cluster/Engine",
  { defaultValue: none },
)
