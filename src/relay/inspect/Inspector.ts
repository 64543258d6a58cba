/**
 * Remembers the last requests of servers whose configuration asks for it, with
 * heads and the beginnings of bodies, so that an administrator can look into
 * them. Secrets in heads are masked before anything is remembered. Bodies are
 * copied as they pass: nobody waits for it.
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
import type { Handler } from "../../transport/body/Handler.ts"
import type { DerivedConfig } from "../settings/DerivedConfig.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import * as RedactSecrets from "./RedactSecrets.ts"

/** How many requests of each server are remembered. */
export const maxInspected = 20

/** How many bytes of each body are remembered. */
export const maxBody = 10 * 1024

/** How many characters of a head's fields are remembered. */
const maxFields = 16 * 1024

/** How many characters of a target are remembered. */
const maxTarget = 4 * 1024

/** The beginning of a body. */
export interface InspectedBody {
  readonly bytes: Uint8Array
  /** Of all that has passed so far. */
  readonly length: number
}

/** One request, over or not. */
export interface Inspected {
  /** From 1 on, for each relay. */
  readonly number: number
  /** When it came, in milliseconds since 1970. */
  readonly at: number
  /** The visitor's. */
  readonly address: string
  readonly method: string
  readonly target: string
  /** As the server gets them. */
  readonly headers: HeaderList
  readonly body: InspectedBody
  /** `undefined` as long as there is none. */
  readonly response: { readonly status: number; readonly headers: HeaderList } | undefined
  readonly responseBody: InspectedBody
  /** `running`, `whole`, `left` by its visitor before it was whole, or our error code. */
  readonly outcome: string
  /** Until it was over, in milliseconds. */
  readonly millis: number | undefined
}

/** See the file's header. */
export class Inspector extends Context.Service<
  Inspector,
  {
    /** Whether any server is inspected: all that a request costs if none is. */
    readonly isOn: () => boolean
    readonly inspects: (server: string) => boolean
    /** The tunnel to a server, looked into if the server is inspected. */
    readonly watched: (server: string, address: string, tunnel: Handler) => Handler
    /** The last ones, the newest first. */
    readonly of: (server: string) => ReadonlyArray<Inspected>
    /** How much has happened; another number when something has. */
    readonly version: () => number
  }
>()("ptth/relay/Inspector") {
  static readonly layer: Layer.Layer<Inspector, never, RelaySettings> = Layer.effect(
    Inspector,
    Effect.gen(function* () {
      const settings = yield* RelaySettings
      const clock = yield* Clock.Clock
      const made = make(settings.derived, () => clock.currentTimeMillisUnsafe())
      yield* settings.changes.pipe(
        Stream.runForEach((config) => Effect.sync(() => made.follow(config))),
        Effect.forkScoped,
      )
      return Inspector.of(made)
    }),
  )
}

class Capture implements Tally {
  length = 0
  private readonly chunks: Array<Uint8Array> = []
  private kept = 0
  private readonly changed: () => void

  constructor(changed: () => void) {
    this.changed = changed
  }

  bytes(size: number, chunk: Uint8Array): void {
    this.length += size
    const part = chunk.subarray(0, maxBody - this.kept)
    if (part.length === 0) return
    this.kept += part.length
    this.chunks.push(new Uint8Array(part))
    this.changed()
  }

  read(): InspectedBody {
    return { bytes: Buffer.concat(this.chunks), length: this.length }
  }

  /** The same body, whose beginning is remembered. */
  of(body: Body): Body {
    if (body.whole === undefined) return count(body, this)
    this.bytes(body.whole.length, body.whole)
    return body
  }
}

const cut = (headers: HeaderList): HeaderList => {
  let room = maxFields
  const kept = headers.filter(([name, value]) => {
    room -= name.length + value.length
    return room >= 0
  })
  const left = headers.length - kept.length
  return RedactSecrets.fields(left === 0 ? kept : [...kept, ["…", `${left} more fields`]])
}

type Seen = Omit<Inspected, "body" | "responseBody">

class Entry {
  readonly body: Capture
  readonly responseBody: Capture
  private seen: Seen
  private readonly changed: () => void

  constructor(number: number, at: number, address: string, head: RequestHead, changed: () => void) {
    this.seen = {
      number,
      at,
      address,
      method: head.method,
      target: RedactSecrets.target(head.target).slice(0, maxTarget),
      headers: cut(head.headers),
      response: undefined,
      outcome: "running",
      millis: undefined,
    }
    this.changed = changed
    this.body = new Capture(changed)
    this.responseBody = new Capture(changed)
    changed()
  }

  get isUpgraded(): boolean {
    return this.seen.response?.status === 101
  }

  answered({ headers, status }: ResponseHead): void {
    this.put({ response: { status, headers: cut(headers) } })
  }

  over(outcome: string, now: number): void {
    if (this.seen.millis === undefined) this.put({ outcome, millis: now - this.seen.at })
  }

  read(): Inspected {
    return { ...this.seen, body: this.body.read(), responseBody: this.responseBody.read() }
  }

  private put(news: Partial<Seen>): void {
    this.seen = { ...this.seen, ...news }
    this.changed()
  }
}

interface Made {
  readonly follow: (config: RelayConfig) => void
}

const make = (derived: () => DerivedConfig, now: () => number): Inspector["Service"] & Made => {
  const entries = new Map<string, Array<Entry>>()
  const inspects = (server: string): boolean => derived().servers.get(server)?.inspect === true
  let isOn = false
  let made = 0
  let version = 0
  const changed = (): void => {
    version += 1
  }

  const begin = (server: string, address: string, head: RequestHead): Entry => {
    made += 1
    const entry = new Entry(made, now(), address, head, changed)
    const list = entries.get(server) ?? []
    entries.set(server, list)
    list.push(entry)
    if (list.length > maxInspected) list.shift()
    return entry
  }

  const follow = ({ servers }: RelayConfig): void => {
    const names = new Set<string>(servers.flatMap(({ inspect, name }) => (inspect ? [name] : [])))
    isOn = names.size > 0
    for (const name of entries.keys()) if (!names.has(name)) entries.delete(name)
    changed()
  }
  follow(derived().config)

  return {
    follow,
    isOn: () => isOn,
    inspects,
    version: () => version,
    of: (server) => (entries.get(server) ?? []).map((entry) => entry.read()).reverse(),
    watched: (server, address, tunnel) => {
      if (!inspects(server)) return tunnel
      return (head, body, reply) => {
        const entry = begin(server, address, head)
        // After an upgrade both bodies are a conversation of another protocol.
        const isUpgrade = upgradeOf(head.headers) !== undefined
        const cancel = tunnel(head, isUpgrade ? body : entry.body.of(body), {
          fail: (error) => {
            entry.over(error.code, now())
            reply.fail(error)
          },
          respond: (answer, content, sent) => {
            entry.answered(answer)
            const watched = answer.status === 101 ? content : entry.responseBody.of(content)
            reply.respond(answer, watched, () => {
              entry.over("whole", now())
              sent?.()
            })
          },
        })
        return () => {
          entry.over(isUpgrade && entry.isUpgraded ? "whole" : "left", now())
          cancel()
        }
      }
    },
  }
}
