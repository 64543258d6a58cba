/**
 * Records the last requests of servers that are inspected, with their heads and
 * the start of their bodies, for an administrator. These are servers with `inspect
 * = true`, and for a time those for which the administrator turns it on. Bodies
 * are copied while they are forwarded, without delaying them.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { upgradeOf } from "../../protocol/http/HopByHop.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import type { Cancel, Handler, Reply } from "../../transport/body/Handler.ts"
import type { VisitNotes } from "../../transport/observe/VisitNotes.ts"
import { VisitRecord } from "../../transport/observe/VisitRecord.ts"
import * as Deadlines from "../../transport/runtime/Deadlines.ts"
import type { DerivedConfig } from "../settings/DerivedConfig.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import { type Inspected, type OriginalRequest, Recording } from "./Recording.ts"

/** How many requests of each server are recorded. */
export const maxInspected = 200

/** How many bytes of bodies a relay keeps of all servers; those of the oldest requests go first. */
export const maxMemory = 16 * 1024 * 1024

/** How long what was sent is kept with its secrets, so that it can be sent again, in milliseconds. */
export const secretMillis = 10 * 60_000

/** The least time between two sweeps, which free what was kept long enough, in milliseconds. */
const sweepMillis = 5_000

/** How long a sweep may take, apart from its last recording, in milliseconds. */
const maxSweepMillis = 20

/** How much later a sweep, or the end of an inspection, may come, in milliseconds. */
const leeway = { late: 5_000 }

/** How long recordings are kept once a server is inspected no more, in milliseconds. */
const keptMillis = 60 * 60_000

/** What an administrator has decided about a server. */
export interface Inspection {
  readonly isOn: boolean
  /** Until when it holds, in milliseconds since 1970; after that the configuration decides. */
  readonly until: number
  /** When it was decided; of two the later one counts. */
  readonly at: number
}

/** Sends a recorded request again; see `visitors/Resender.ts`. */
export type Resend = (
  server: string,
  original: OriginalRequest,
  address: string,
  replayOf: number,
) => number | undefined

/** See the file's header. */
export class Inspector extends Context.Service<Inspector, Recorder>()("ptth/relay/Inspector") {
  static readonly layer: Layer.Layer<Inspector, never, RelaySettings> = Layer.effect(
    Inspector,
    Effect.gen(function* () {
      const settings = yield* RelaySettings
      const clock = yield* Clock.Clock
      const deadlines = yield* Deadlines.make
      const recorder = new Recorder(
        settings.derived,
        () => clock.currentTimeMillisUnsafe(),
        deadlines,
      )
      yield* settings.changes.pipe(
        Stream.runForEach((config) => Effect.sync(() => recorder.follow(config))),
        Effect.forkScoped,
      )
      return Inspector.of(recorder)
    }),
  )
}

/** What the service {@link Inspector} does. */
export class Recorder {
  private readonly derived: () => DerivedConfig
  private readonly now: () => number
  private readonly deadlines: Deadlines.Deadlines
  private readonly recordings = new Map<string, Array<Recording>>()
  private readonly inspections = new Map<string, Inspection>()
  private isAnyInspected = false
  private recorded = 0
  private changes = 0
  private memory = 0
  private nextSweep: Deadlines.Deadline | undefined
  private resendBy: Resend | undefined

  /** @param now milliseconds since 1970 */
  constructor(derived: () => DerivedConfig, now: () => number, deadlines: Deadlines.Deadlines) {
    this.derived = derived
    this.now = now
    this.deadlines = deadlines
    this.follow(derived().config)
  }

  /** Whether any server is inspected; if not, a request costs no more than this call. */
  isOn(): boolean {
    return this.isAnyInspected
  }

  /** Whether this server is inspected. */
  inspects(server: string): boolean {
    return this.inspection(server)?.isOn ?? this.derived().servers.get(server)?.inspect === true
  }

  /** What an administrator has decided about this server, if that holds now. */
  inspection(server: string): Inspection | undefined {
    const inspection = this.inspections.get(server)
    return inspection !== undefined && this.now() < inspection.until ? inspection : undefined
  }

  /** An administrator has decided about a server. One who turns it off has the recordings dropped. */
  inspect(server: string, inspection: Inspection): void {
    const before = this.inspections.get(server)
    if (!this.derived().servers.has(server)) return
    if (before !== undefined && before.at >= inspection.at) return
    this.inspections.set(server, inspection)
    if (!inspection.isOn) this.drop(server)
    const millis = inspection.until - this.now()
    if (inspection.isOn && millis > 0) this.deadlines.set(millis, () => this.refresh(), leeway)
    this.refresh()
  }

  /** The tunnel to a server, recorded if the server is inspected. */
  watched(
    server: string,
    address: string,
    tunnel: Handler,
    notes?: VisitNotes | undefined,
  ): Handler {
    return this.inspects(server) ? this.recording(server, address, tunnel, notes) : tunnel
  }

  /** The same, recorded in any case; `onBegun` gets the recording's number. */
  recording(
    server: string,
    address: string,
    tunnel: Handler,
    notes: VisitNotes | undefined,
    replayOf?: number,
    onBegun?: (number: number) => void,
  ): Handler {
    return (head, body, reply) => {
      // After an upgrade both bodies are a conversation of another protocol.
      const isUpgrade = upgradeOf(head.headers) !== undefined
      const times = notes instanceof VisitRecord ? notes : undefined
      const recording = this.begin(server, { address, replayOf }, head, isUpgrade, times)
      if (times !== undefined) times.recording = recording.number
      onBegun?.(recording.number)
      const recordedBody = isUpgrade ? body : recording.body.of(body)
      const cancel = tunnel(head, recordedBody, this.recordedReply(recording, reply))
      return this.recordedCancel(recording, isUpgrade, cancel)
    }
  }

  private recordedReply(recording: Recording, reply: Reply): Reply {
    return {
      fail: (error) => {
        recording.over(error.code, this.now())
        reply.fail(error)
      },
      inform: (head) => reply.inform?.(head),
      respond: (head, body, sent) => {
        recording.answered(head)
        const recordedBody = head.status === 101 ? body : recording.responseBody.of(body)
        reply.respond(head, recordedBody, () => {
          recording.over("whole", this.now())
          sent?.()
        })
      },
    }
  }

  private recordedCancel(recording: Recording, isUpgrade: boolean, cancel: Cancel): Cancel {
    return () => {
      recording.over(isUpgrade && recording.isUpgraded ? "whole" : "left", this.now())
      cancel()
    }
  }

  /** The recordings of a server, the newest first. */
  of(server: string): ReadonlyArray<Recording> {
    return [...(this.recordings.get(server) ?? [])].reverse()
  }

  /** One of them. */
  find(server: string, number: number): Recording | undefined {
    return this.recordings.get(server)?.find((recording) => recording.number === number)
  }

  /** Sets what sends requests again. */
  resendWith(resend: Resend): void {
    this.resendBy = resend
  }

  /**
   * Sends a request again.
   *
   * @param request what is sent: a recorded request, or one that an administrator made of it
   * @returns the number of its recording; `undefined` if nothing can be sent here
   */
  resend(server: string, recording: Recording, request: OriginalRequest): number | undefined {
    return this.resendBy?.(server, request, recording.read().address, recording.number)
  }

  /** A number that changes whenever what is recorded does. */
  version(): number {
    return this.changes
  }

  /** Drops the recordings of servers that a configuration does not register, or does not inspect. */
  follow({ servers }: RelayConfig): void {
    const names = new Set<string>(servers.map(({ name }) => name))
    for (const name of this.inspections.keys()) if (!names.has(name)) this.inspections.delete(name)
    for (const name of this.recordings.keys())
      if (!this.inspects(name) && !this.inspections.has(name)) this.drop(name)
    this.refresh()
  }

  private drop(server: string): void {
    for (const recording of this.recordings.get(server) ?? []) recording.dropBodies()
    this.recordings.delete(server)
  }

  /** Looks again which servers are inspected. */
  private refresh(): void {
    this.isAnyInspected = this.derived().config.servers.some(({ name }) => this.inspects(name))
    this.changes += 1
    this.scheduleSweep()
  }

  private begin(
    server: string,
    { address, replayOf }: Pick<Inspected, "address" | "replayOf">,
    head: RequestHead,
    isUpgrade: boolean,
    times: VisitRecord | undefined,
  ): Recording {
    this.recorded += 1
    const parts = { number: this.recorded, at: this.now(), address, replayOf }
    const recording = new Recording(parts, head, isUpgrade, times, (bytes) => this.changed(bytes))
    const recordings = this.recordings.get(server) ?? []
    this.recordings.set(server, recordings)
    recordings.push(recording)
    if (recordings.length > maxInspected) recordings.shift()?.dropBodies()
    // Otherwise an older one is due before.
    if (this.nextSweep === undefined) this.scheduleSweep()
    return recording
  }

  /** Sets the next sweep for when it can free something; until then an idle relay sleeps. */
  private scheduleSweep(): void {
    this.nextSweep?.clear()
    const millis = this.dueAt() - this.now()
    this.nextSweep =
      millis === Number.POSITIVE_INFINITY
        ? undefined
        : this.deadlines.set(
            Math.max(1, Math.ceil(millis / sweepMillis)) * sweepMillis,
            () => this.sweep(),
            leeway,
          )
  }

  /** When the next recording has been kept long enough, in milliseconds since 1970; infinite if there is none. */
  private dueAt(): number {
    let dueAt = Number.POSITIVE_INFINITY
    for (const [server, recordings] of this.recordings) {
      const oldest = recordings.find(({ isExpired }) => !isExpired)
      if (oldest !== undefined) dueAt = Math.min(dueAt, oldest.at + secretMillis)
      const newest = recordings.at(-1)
      if (newest !== undefined && !this.inspects(server))
        dueAt = Math.min(dueAt, newest.at + keptMillis)
    }
    return dueAt
  }

  /**
   * Frees secrets that were kept long enough, a few at a time, and old recordings
   * of servers that are inspected no more.
   */
  private sweep(): void {
    const now = this.now()
    const startedAt = performance.now()
    for (const [server, recordings] of this.recordings) {
      for (const recording of recordings)
        if (now - recording.at >= secretMillis && performance.now() - startedAt < maxSweepMillis)
          recording.expire()
      const newest = recordings.at(-1)?.at ?? 0
      if (!this.inspects(server) && now - newest >= keptMillis) this.drop(server)
    }
    this.scheduleSweep()
  }

  private changed(bytes: number): void {
    this.changes += 1
    this.memory += bytes
    while (this.memory > maxMemory) {
      const oldest = this.oldestWithBodies()
      if (oldest === undefined) return
      oldest.dropBodies()
    }
  }

  private oldestWithBodies(): Recording | undefined {
    let oldest: Recording | undefined
    for (const recordings of this.recordings.values()) {
      const first = recordings.find(({ hasBodies }) => hasBodies)
      if (first !== undefined && (oldest === undefined || first.number < oldest.number))
        oldest = first
    }
    return oldest
  }
}
