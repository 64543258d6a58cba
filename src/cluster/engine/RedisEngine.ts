/**
 * The engine in Redis (6.2 or newer) or Valkey. One connection, made in the
 * background and made again whenever it is lost, carries commands and
 * subscriptions. A server that no longer answers counts as away after a
 * second, as one that has ended does at once.
 *
 * It uses `redis` itself instead of Effect's `NodeRedis`, whose layer fails
 * if the server is away at the start, and logs each failed attempt.
 */
import { randomUUID } from "node:crypto"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { RedisClientOptions, RespVersions } from "redis"
import { Engine, type EngineShape, type EngineStatus, EngineUnavailable } from "./Engine.ts"
import { EngineStatuses } from "./EngineStatuses.ts"

/** Where the engine is, and whose keys are used. */
export interface RedisEngineOptions {
  /** `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, or `rediss://` for TLS. */
  readonly url: Redacted.Redacted<string>
  /** The cluster's name. */
  readonly name: string
  /** This relay's id. */
  readonly id: string
  /** How long a connection and a reply may take; {@link serving} if absent. */
  readonly patience?: Patience
}

/** After how many milliseconds the server counts as away. */
export interface Patience {
  readonly connectMillis: number
  readonly replyMillis: number
}

/** What visitors wait for does not wait for long. */
const serving: Patience = { connectMillis: 2_000, replyMillis: 1_000 }

/** A check waits for longer: a busy machine is not a fault. */
const checking: Patience = { connectMillis: 5_000, replyMillis: 5_000 }

/** How often a connection without other traffic is tried, in milliseconds. */
const pingMillis = 400

/** The longest wait between two attempts to connect, in milliseconds. */
const mostWaitMillis = 2_000

/** The address without user and password, for messages. */
export const addressOf = (url: Redacted.Redacted<string>): string => {
  const { hostname, port, protocol } = new URL(Redacted.value(url))
  return `${protocol}//${hostname}:${port === "" ? "6379" : port}`
}

/** The number of the database; 0 unless the address has one. */
const databaseOf = (url: Redacted.Redacted<string>): number =>
  Number(new URL(Redacted.value(url)).pathname.slice(1))

/** Doubles from 50 ms, with a quarter of jitter, so that relays do not come back all at once. */
const waitMillis = (attempt: number): number =>
  Math.min(50 * 2 ** attempt, mostWaitMillis) * (0.75 + Math.random() / 2)

const away = (reason: string): EngineUnavailable =>
  new EngineUnavailable({ reason, isRefusal: false })

/** The text of a failure: that of the first address where several were tried. */
const reasonOf = (error: unknown): string => {
  const first = error instanceof AggregateError ? error.errors[0] : error
  return first instanceof Error ? first.message : String(first)
}

const optionsOf = (
  url: Redacted.Redacted<string>,
  reconnectStrategy: false | ((attempt: number) => number),
  { connectMillis, replyMillis }: Patience,
): RedisClientOptions => ({
  url: Redacted.value(url),
  RESP: 3 satisfies RespVersions,
  name: "ptth",
  disableOfflineQueue: true,
  disableClientInfo: true,
  maintNotifications: "disabled",
  pingInterval: pingMillis,
  commandOptions: { timeout: replyMillis },
  socket: { connectTimeout: connectMillis, socketTimeout: replyMillis, reconnectStrategy },
})

type Redis = typeof import("redis")

type Client = ReturnType<Redis["createClient"]>

const loadRedis = Effect.promise(() => import("redis"))

const failureOf =
  ({ ErrorReply }: Redis) =>
  (error: unknown): EngineUnavailable =>
    new EngineUnavailable({ reason: reasonOf(error), isRefusal: error instanceof ErrorReply })

interface Connection {
  readonly redis: Redis
  readonly client: Client
  readonly subscribe: (channel: string, listener: (text: string) => void) => () => void
}

/** The client, connected in the background until the Scope closes. */
const connect = Effect.fnUntraced(function* (
  { patience = serving, url }: RedisEngineOptions,
  statuses: EngineStatuses,
): Effect.fn.Return<Connection, never, Scope.Scope> {
  const redis = yield* loadRedis
  const clock = yield* Clock.Clock
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const where = addressOf(url)
  const client: Client = yield* Effect.acquireRelease(
    Effect.sync(() => redis.createClient(optionsOf(url, waitMillis, patience))),
    (client) =>
      Effect.sync(() => {
        if (client.isOpen) client.destroy()
      }),
  )
  const become = (state: EngineStatus["state"], reason: string | undefined): void => {
    const before = statuses.current()
    const isNew = before.state !== state
    if (!isNew && before.reason === reason) return
    const since = isNew ? clock.currentTimeMillisUnsafe() : before.since
    statuses.set({ state, reason, since })
    // Further reasons of the same absence are not logged.
    if (!isNew && before.reason !== undefined) return
    run(
      state === "connected"
        ? Effect.logInfo(`engine ${where}: connected`)
        : Effect.logWarning(
            `engine ${where}: away (${reason}); visitors are still served, and the relay tries again`,
          ),
    )
  }
  const subscribe = subscriptions(client)
  client.on("ready", () => become("connected", undefined))
  client.on("error", (error: unknown) => {
    if (!client.isReady) become("away", reasonOf(error))
  })
  client.connect().catch(() => {})
  return { redis, client, subscribe }
})

/** Subscribes, again on each new connection: the client drops what it could not send. */
const subscriptions = (client: Client) => {
  const all = new Set<() => void>()
  client.on("ready", () => {
    for (const start of all) start()
  })
  return (channel: string, listener: (text: string) => void): (() => void) => {
    const onText = (text: string): void => listener(text)
    const start = (): void => {
      client.subscribe(channel, onText).catch(() => {})
    }
    all.add(start)
    if (client.isReady) start()
    return () => {
      all.delete(start)
      if (client.isReady) client.unsubscribe(channel, onText).catch(() => {})
    }
  }
}

/** The reply to a command as plain values: RESP 3 has maps where RESP 2 has lists of pairs. */
type Reply = string | number | null | ReadonlyArray<Reply> | { readonly [key: string]: Reply }

/** Sends commands, unless the server has not replied for too long. */
const sender = (
  { client, redis }: Connection,
  statuses: EngineStatuses,
  now: () => number,
  { replyMillis }: Patience,
) => {
  let pending = 0
  let lastReply = 0
  return (...args: ReadonlyArray<string>): Effect.Effect<Reply, EngineUnavailable> =>
    Effect.suspend(() => {
      if (!client.isReady) {
        const { reason = "it is not connected" } = statuses.current()
        return Effect.fail(away(reason))
      }
      // What is written keeps the socket from its time-out, so nothing is written to a server that does not answer.
      if (pending > 0 && now() - lastReply > replyMillis)
        return Effect.fail(away("it does not answer"))
      if (pending === 0) lastReply = now()
      pending += 1
      return Effect.tryPromise({
        try: () =>
          (client.sendCommand([...args]) as Promise<Reply>).finally(() => {
            pending -= 1
            lastReply = now()
          }),
        catch: failureOf(redis),
      }).pipe(
        Effect.timeoutOrElse({
          duration: 2 * replyMillis,
          orElse: () => Effect.fail(away("it does not answer")),
        }),
      )
    })
}

const texts = (reply: Reply): ReadonlyArray<string> =>
  Array.isArray(reply) ? reply.filter((one): one is string => typeof one === "string") : []

const pairs = (reply: Reply): ReadonlyMap<string, string> =>
  new Map(
    typeof reply === "object" && reply !== null && !Array.isArray(reply)
      ? Object.entries(reply).filter(
          (pair): pair is [string, string] => typeof pair[1] === "string",
        )
      : [],
  )

const streamLines = (reply: Reply) =>
  (Array.isArray(reply) ? reply : []).flatMap((entry) => {
    const [id, fields] = Array.isArray(entry) ? entry : []
    const [field, line] = Array.isArray(fields) ? fields : []
    return typeof id === "string" && field === "line" && typeof line === "string"
      ? [{ id, line }]
      : []
  })

type Send = ReturnType<typeof sender>

/** The operations on keys; `at` adds the prefix. */
const operations = (send: Send, at: (key: string) => string) => {
  const expire = (key: string, millis: number) => send("PEXPIRE", at(key), String(millis))
  const claim: EngineShape["claim"] = Effect.fnUntraced(function* (key, value, millis) {
    const set = yield* send("SET", at(key), value, "NX", "PX", String(millis))
    if (set === "OK") return true
    // Values are unique to their relay, so this renews no other relay's key as its own.
    if ((yield* send("GET", at(key))) !== value) return false
    return (yield* expire(key, millis)) === 1
  })
  const release: EngineShape["release"] = Effect.fnUntraced(function* (key, value) {
    if ((yield* send("GET", at(key))) === value) yield* send("DEL", at(key))
  })
  const append: EngineShape["append"] = Effect.fnUntraced(function* (key, lines, retention) {
    const cap = retention.most === undefined ? [] : ["MAXLEN", "~", String(retention.most)]
    yield* Effect.forEach(lines, (line) => send("XADD", at(key), ...cap, "*", "line", line), {
      concurrency: "unbounded",
      discard: true,
    })
    yield* expire(key, retention.millis)
  })
  return {
    put: (key, value, millis) => Effect.asVoid(send("SET", at(key), value, "PX", String(millis))),
    claim,
    release,
    values: (keys) =>
      keys.length === 0
        ? Effect.succeed([])
        : Effect.map(send("MGET", ...keys.map(at)), (reply) =>
            (Array.isArray(reply) ? reply : []).map((one) =>
              typeof one === "string" ? one : undefined,
            ),
          ),
    addMember: (key, member, millis) =>
      Effect.andThen(send("SADD", at(key), member), Effect.asVoid(expire(key, millis))),
    removeMembers: (key, members) =>
      members.length === 0 ? Effect.void : Effect.asVoid(send("SREM", at(key), ...members)),
    members: (key) => Effect.map(send("SMEMBERS", at(key)), texts),
    fields: (key) => Effect.map(send("HGETALL", at(key)), pairs),
    field: (key, field) =>
      Effect.map(send("HGET", at(key), field), (reply) =>
        typeof reply === "string" ? reply : undefined,
      ),
    setFields: (key, fields, { millis }) =>
      fields.size === 0
        ? Effect.asVoid(expire(key, millis))
        : Effect.andThen(
            send("HSET", at(key), ...[...fields].flat()),
            Effect.asVoid(expire(key, millis)),
          ),
    removeFields: (key, fields) =>
      fields.length === 0 ? Effect.void : Effect.asVoid(send("HDEL", at(key), ...fields)),
    append,
    lastLines: (key, most) =>
      Effect.map(send("XREVRANGE", at(key), "+", "-", "COUNT", String(most)), (reply) =>
        streamLines(reply).reverse(),
      ),
    linesAfter: (key, id, most) =>
      Effect.map(send("XRANGE", at(key), `(${id}`, "+", "COUNT", String(most)), streamLines),
  } satisfies Partial<EngineShape>
}

const make = Effect.fnUntraced(function* (options: RedisEngineOptions) {
  const clock = yield* Clock.Clock
  const statuses = new EngineStatuses({
    state: "away",
    since: clock.currentTimeMillisUnsafe(),
    reason: undefined,
  })
  const connection = yield* connect(options, statuses)
  // The braces keep all keys in one slot of a Redis Cluster.
  const at = (key: string): string => `ptth:{${options.name}}:${key}`
  // Channels are the same in all databases of a server, keys are not.
  const database = databaseOf(options.url)
  const channelAt = (channel: string): string =>
    at(database === 0 ? channel : `${database}:${channel}`)
  const now = () => clock.currentTimeMillisUnsafe()
  const send = sender(connection, statuses, now, options.patience ?? serving)
  return Engine.of({
    self: { id: options.id, run: randomUUID() },
    status: statuses.current,
    onStatus: statuses.listen,
    publish: (channel, text) => Effect.asVoid(send("PUBLISH", channelAt(channel), text)),
    subscribe: (channel, listener) => connection.subscribe(channelAt(channel), listener),
    ...operations(send, at),
  })
})

/** See the file's header. Never fails, and does not wait for the connection. */
export const layer = (options: RedisEngineOptions): Layer.Layer<never> =>
  Layer.effect(Engine, make(options))

/** Connects once and writes a key that expires at once; fails with why the engine cannot be used. */
export const probe = Effect.fn("RedisEngine.probe")(function* ({
  name,
  url,
}: Omit<RedisEngineOptions, "id">) {
  const redis = yield* loadRedis
  const client = redis.createClient(optionsOf(url, false, checking))
  client.on("error", () => {})
  return yield* Effect.tryPromise({
    try: async () => {
      await client.connect()
      await client.sendCommand(["SET", `ptth:{${name}}:check`, "1", "PX", "1"])
    },
    catch: failureOf(redis),
  }).pipe(
    Effect.ensuring(
      Effect.sync(() => {
        if (client.isOpen) client.destroy()
      }),
    ),
  )
})
