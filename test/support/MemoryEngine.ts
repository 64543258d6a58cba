/**
 * A cluster's engine in memory: several relays of one test connect to one
 * store, and each can lose its connection.
 */
import * as Effect from "effect/Effect"
import {
  type EngineShape,
  EngineUnavailable,
  type Retention,
  type StreamLine,
} from "../../src/cluster/engine/Engine.ts"
import { EngineStatuses } from "../../src/cluster/engine/EngineStatuses.ts"

interface Expiring<A> {
  value: A
  until: number
}

type Listener = (text: string) => void

/** What is stored. Its time is that of the function given, in milliseconds. */
export class EngineStore {
  readonly now: () => number
  private keys = new Map<string, Expiring<unknown>>()
  private lineCount = 0
  readonly engines = new Set<MemoryEngine>()

  constructor(now: () => number) {
    this.now = now
  }

  /** What a key holds; `undefined` if it is absent or has expired. */
  get<A>(key: string): A | undefined {
    const entry = this.keys.get(key)
    return entry !== undefined && entry.until > this.now() ? (entry.value as A) : undefined
  }

  set(key: string, value: unknown, millis: number): void {
    this.keys.set(key, { value, until: this.now() + millis })
  }

  delete(key: string): void {
    this.keys.delete(key)
  }

  /** Forgets everything, as a server does that is started again without a file. */
  clear(): void {
    this.keys.clear()
  }

  nextId(): string {
    this.lineCount += 1
    return String(this.lineCount).padStart(12, "0")
  }

  publish(channel: string, text: string): void {
    for (const engine of this.engines) engine.deliver(channel, text)
  }
}

/** One relay's connection to a store. */
export class MemoryEngine {
  private readonly store: EngineStore
  private readonly statuses = new EngineStatuses({
    state: "connected",
    since: 0,
    reason: undefined,
  })
  private readonly listeners = new Map<string, Set<Listener>>()
  readonly self: EngineShape["self"]
  readonly shape: EngineShape

  /** @param id the relay's */
  constructor(store: EngineStore, id = "m1") {
    this.store = store
    this.self = { id, run: `${id} ${store.engines.size}` }
    store.engines.add(this)
    this.shape = this.makeShape()
  }

  /** Loses the connection. */
  away(): void {
    this.statuses.set({ state: "away", since: this.store.now(), reason: "cut by the test" })
  }

  back(): void {
    this.statuses.set({ state: "connected", since: this.store.now(), reason: undefined })
  }

  deliver(channel: string, text: string): void {
    if (this.statuses.current().state !== "connected") return
    for (const listener of this.listeners.get(channel) ?? []) listener(text)
  }

  private makeShape(): EngineShape {
    const { store, statuses } = this
    const answer = <A>(run: () => A): Effect.Effect<A, EngineUnavailable> =>
      Effect.suspend(() =>
        statuses.current().state === "connected"
          ? Effect.sync(run)
          : Effect.fail(new EngineUnavailable({ reason: "cut by the test", isRefusal: false })),
      )
    const linesOf = (key: string): ReadonlyArray<StreamLine> => store.get(key) ?? []
    const hashOf = (key: string): ReadonlyMap<string, string> => store.get(key) ?? new Map()
    const setOf = (key: string): ReadonlySet<string> => store.get(key) ?? new Set()
    const day = 86_400_000
    return {
      self: this.self,
      status: statuses.current,
      onStatus: statuses.listen,
      publish: (channel, text) => answer(() => store.publish(channel, text)),
      subscribe: (channel, listener) => {
        const listeners = this.listeners.get(channel) ?? new Set()
        this.listeners.set(channel, listeners.add(listener))
        return () => listeners.delete(listener)
      },
      put: (key, value, millis) => answer(() => store.set(key, value, millis)),
      claim: (key, value, millis) =>
        answer(() => {
          if ((store.get(key) ?? value) !== value) return false
          store.set(key, value, millis)
          return true
        }),
      release: (key, value) =>
        answer(() => {
          if (store.get(key) === value) store.delete(key)
        }),
      values: (keys) => answer(() => keys.map((key) => store.get<string>(key))),
      addMember: (key, member, millis) =>
        answer(() => store.set(key, new Set([...setOf(key), member]), millis)),
      removeMembers: (key, members) =>
        answer(() =>
          store.set(key, new Set([...setOf(key)].filter((one) => !members.includes(one))), day),
        ),
      members: (key) => answer(() => [...setOf(key)]),
      fields: (key) => answer(() => hashOf(key)),
      field: (key, field) => answer(() => hashOf(key).get(field)),
      setFields: (key, fields, { millis }: Retention) =>
        answer(() => store.set(key, new Map([...hashOf(key), ...fields]), millis)),
      removeFields: (key, fields) =>
        answer(() =>
          store.set(
            key,
            new Map([...hashOf(key)].filter(([field]) => !fields.includes(field))),
            day,
          ),
        ),
      append: (key, lines, { millis, most = Number.POSITIVE_INFINITY }) =>
        answer(() => {
          const appended = lines.map((line) => ({ id: store.nextId(), line }))
          store.set(key, [...linesOf(key), ...appended].slice(-most), millis)
        }),
      lastLines: (key, most) => answer(() => linesOf(key).slice(-most)),
      linesAfter: (key, id, most) =>
        answer(() =>
          linesOf(key)
            .filter((line) => line.id > id)
            .slice(0, most),
        ),
    }
  }
}
