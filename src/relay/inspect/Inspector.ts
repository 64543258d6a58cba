/**
 * Records the last requests of servers with `inspect = true`, with their heads
 * and the start of their bodies, for an administrator. Secrets in heads are
 * masked before they are recorded. Bodies are copied while they are forwarded,
 * without delaying them.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import type { HeaderList } from "../../domain/HeaderList.ts"
import { upgradeOf } from "../../protocol/http/HopByHop.ts"
import type { RequestHead, ResponseHead } from "../../protocol/Message.ts"
import type { Body } from "../../transport/body/Body.ts"
import { count, type Tally } from "../../transport/body/CountedBody.ts"
import type { Cancel, Handler, Reply } from "../../transport/body/Handler.ts"
import type { DerivedConfig } from "../settings/DerivedConfig.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import * as RedactSecrets from "./RedactSecrets.ts"

/** How many requests of each server are recorded. */
export const maxInspected = 20

/** How many bytes of each body are recorded. */
export const maxBody = 10 * 1024

/** How many characters of a head's fields are recorded. */
const maxFields = 16 * 1024

/** How many characters of a target are recorded. */
const maxTarget = 4 * 1024

/** The start of a body. */
export interface InspectedBody {
  readonly bytes: Uint8Array
  /** Of all bytes forwarded so far. */
  readonly length: number
}

/** One request, which may still be running. */
export interface Inspected {
  /** Counted from 1 by each relay. */
  readonly number: number
  /** When it arrived, in milliseconds since 1970. */
  readonly at: number
  /** The visitor's. */
  readonly address: string
  readonly method: string
  readonly target: string
  /** As the server receives them. */
  readonly headers: HeaderList
  readonly body: InspectedBody
  /** `undefined` until its head arrives. */
  readonly response: { readonly status: number; readonly headers: HeaderList } | undefined
  readonly responseBody: InspectedBody
  /** `running`; `whole`: all was sent; `left`: the visitor left before; or the relay's error code. */
  readonly outcome: string
  /** How long it took, in milliseconds; `undefined` while it runs. */
  readonly millis: number | undefined
}

/** See the file's header. */
export class Inspector extends Context.Service<Inspector, Recorder>()("ptth/relay/Inspector") {
  static readonly layer: Layer.Layer<Inspector, never, RelaySettings> = Layer.effect(
    Inspector,
    Effect.gen(function* () {
      const settings = yield* RelaySettings
      const clock = yield* Clock.Clock
      const recorder = new Recorder(settings.derived, () => clock.currentTimeMillisUnsafe())
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
  private readonly recordings = new Map<string, Array<Recording>>()
  private isAnyInspected = false
  private recorded = 0
  private changes = 0

  /** @param now milliseconds since 1970 */
  constructor(derived: () => DerivedConfig, now: () => number) {
    this.derived = derived
    this.now = now
    this.follow(derived().config)
  }

  /** Whether any server is inspected; if not, a request costs no more than this call. */
  isOn(): boolean {
    return this.isAnyInspected
  }

  /** Whether this server is inspected. */
  inspects(server: string): boolean {
    return this.derived().servers.get(server)?.inspect === true
  }

  /** The tunnel to a server, recorded if the server is inspected. */
  watched(server: string, address: string, tunnel: Handler): Handler {
    if (!this.inspects(server)) return tunnel
    return (head, body, reply) => {
      const recording = this.begin(server, address, head)
      // After an upgrade both bodies are a conversation of another protocol.
      const isUpgrade = upgradeOf(head.headers) !== undefined
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

  /** The last requests of a server, the newest first. */
  of(server: string): ReadonlyArray<Inspected> {
    return (this.recordings.get(server) ?? []).map((recording) => recording.read()).reverse()
  }

  /** A number that changes whenever what is recorded does. */
  version(): number {
    return this.changes
  }

  /** Drops the recordings of servers that a configuration does not inspect. */
  follow({ servers }: RelayConfig): void {
    const names = new Set<string>(servers.flatMap(({ inspect, name }) => (inspect ? [name] : [])))
    this.isAnyInspected = names.size > 0
    for (const name of this.recordings.keys()) if (!names.has(name)) this.recordings.delete(name)
    this.changes += 1
  }

  private begin(server: string, address: string, head: RequestHead): Recording {
    this.recorded += 1
    const recording = new Recording(this.recorded, this.now(), address, head, () => {
      this.changes += 1
    })
    const recordings = this.recordings.get(server) ?? []
    this.recordings.set(server, recordings)
    recordings.push(recording)
    if (recordings.length > maxInspected) recordings.shift()
    return recording
  }
}

/** The start of a body, copied while it is forwarded. */
class BodyCapture implements Tally {
  length = 0
  private readonly chunks: Array<Uint8Array> = []
  private capturedBytes = 0
  private readonly onChange: () => void

  constructor(onChange: () => void) {
    this.onChange = onChange
  }

  bytes(size: number, chunk: Uint8Array): void {
    this.length += size
    const part = chunk.subarray(0, maxBody - this.capturedBytes)
    if (part.length === 0) return
    this.capturedBytes += part.length
    this.chunks.push(new Uint8Array(part))
    this.onChange()
  }

  read(): InspectedBody {
    return { bytes: Buffer.concat(this.chunks), length: this.length }
  }

  /** The same body, captured when it is read. */
  of(body: Body): Body {
    if (body.whole === undefined) return count(body, this)
    this.bytes(body.whole.length, body.whole)
    return body
  }
}

type InspectedHead = Omit<Inspected, "body" | "responseBody">

/** The recording of one request. */
class Recording {
  readonly body: BodyCapture
  readonly responseBody: BodyCapture
  private head: InspectedHead
  private readonly onChange: () => void

  constructor(
    number: number,
    at: number,
    address: string,
    head: RequestHead,
    onChange: () => void,
  ) {
    this.head = {
      number,
      at,
      address,
      method: head.method,
      target: RedactSecrets.target(head.target).slice(0, maxTarget),
      headers: recordedFields(head.headers),
      response: undefined,
      outcome: "running",
      millis: undefined,
    }
    this.onChange = onChange
    this.body = new BodyCapture(onChange)
    this.responseBody = new BodyCapture(onChange)
    onChange()
  }

  get isUpgraded(): boolean {
    return this.head.response?.status === 101
  }

  answered({ headers, status }: ResponseHead): void {
    this.update({ response: { status, headers: recordedFields(headers) } })
  }

  over(outcome: string, now: number): void {
    if (this.head.millis === undefined) this.update({ outcome, millis: now - this.head.at })
  }

  read(): Inspected {
    return { ...this.head, body: this.body.read(), responseBody: this.responseBody.read() }
  }

  private update(changed: Partial<InspectedHead>): void {
    this.head = { ...this.head, ...changed }
    this.onChange()
  }
}

/** The first fields, with their secrets masked, and how many were left out. */
const recordedFields = (headers: HeaderList): HeaderList => {
  let charactersLeft = maxFields
  const fields = headers.filter(([name, value]) => {
    charactersLeft -= name.length + value.length
    return charactersLeft >= 0
  })
  const omitted = headers.length - fields.length
  return RedactSecrets.fields(omitted === 0 ? fields : [...fields, ["…", `${omitted} more fields`]])
}
