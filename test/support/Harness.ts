/**
 * A relay, servers and visitors for tests: real ones on real sockets at free
 * ports, all of them gone when the test's Scope closes.
 *
 *     const relay = yield* Harness.relay({ servers: ["demo"] })
 *     yield* Harness.server(relay, "demo", Harness.handler(() => ({ body: "hello" })))
 *     const answer = yield* Harness.get(relay, "/servers/demo/x")
 *
 * Time is the Effect Clock's: under `it.effect` nothing of the relay's or the
 * server's times out until the test moves the TestClock, under `it.live` it is
 * real. Closing does not wait for anything unless a grace period is set.
 */
import * as http from "node:http"
import * as net from "node:net"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { TestClock } from "effect/testing"
import { make as makeKey, tripcodeOfText } from "../../src/domain/ApiKey.ts"
import type { RegisteredServer, RelayConfig } from "../../src/domain/config/RelayConfig.ts"
import { empty as defaults, plainServer } from "../../src/domain/config/RelayConfig.ts"
import type { TransportChoice } from "../../src/domain/config/ServerConfig.ts"
import type { HeaderList } from "../../src/domain/HeaderList.ts"
import * as Headers from "../../src/domain/HeaderList.ts"
import type { ServerName } from "../../src/domain/ServerName.ts"
import { BodyError } from "../../src/protocol/Exchange.ts"
import type { RequestHead } from "../../src/protocol/Message.ts"
import * as AuditFile from "../../src/relay/audit/AuditFile.ts"
import type { AuditEvent } from "../../src/relay/audit/AuditLog.ts"
import { AuditLog } from "../../src/relay/audit/AuditLog.ts"
import * as AuditVisits from "../../src/relay/audit/AuditVisits.ts"
import type { ServerStatus } from "../../src/relay/dispatch/Rendezvous.ts"
import { Rendezvous } from "../../src/relay/dispatch/Rendezvous.ts"
import { Inspector } from "../../src/relay/inspect/Inspector.ts"
import { Relay } from "../../src/relay/Relay.ts"
import type { RefusedStranger } from "../../src/relay/registry/Servers.ts"
import { Servers } from "../../src/relay/registry/Servers.ts"
import { derive } from "../../src/relay/settings/DerivedConfig.ts"
import { type ConfigStatus, RelaySettings } from "../../src/relay/settings/RelaySettings.ts"
import * as RelayMetrics from "../../src/relay/status/RelayMetrics.ts"
import * as SendMetrics from "../../src/relay/status/SendMetrics.ts"
import * as AccessLogging from "../../src/relay/traffic/AccessLogging.ts"
import { Traffic } from "../../src/relay/traffic/Traffic.ts"
import * as Server from "../../src/server/Server.ts"
import * as Body from "../../src/transport/body/Body.ts"
import type { Handler } from "../../src/transport/body/Handler.ts"
import type { BindError } from "../../src/transport/front/NodeFront.ts"
import type { Metric } from "../../src/transport/observe/Metric.ts"
import { ClassicRelayPeer } from "./ClassicRelayPeer.ts"
import type { ClassicServerPeerOptions } from "./ClassicServerPeer.ts"
import { ClassicServerPeer } from "./ClassicServerPeer.ts"
import { patienceMillis, Watch } from "./Watch.ts"

// ---------------------------------------------------------------- waiting

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Waits until `holds`, looking once per turn of the event loop; dies when it never does. */
export const until = (what: string, holds: () => boolean): Effect.Effect<void> =>
  Effect.promise(async () => {
    const start = performance.now()
    while (!holds()) {
      if (performance.now() - start > patienceMillis)
        throw new Error(`this never came true: ${what}`)
      await turn()
    }
  })

/** Lets sockets do what they can do by themselves: so many turns of the event loop. */
export const turns = (count: number): Effect.Effect<void> =>
  Effect.promise(async () => {
    for (let i = 0; i < count; i++) await turn()
  })

/** Moves the TestClock in steps until `holds`; dies when it never does. */
export const advanceUntil = Effect.fnUntraced(function* (
  what: string,
  holds: () => boolean,
  step: Duration.Input = "100 millis",
) {
  const start = performance.now()
  while (!holds()) {
    if (performance.now() - start > patienceMillis)
      return yield* Effect.die(new Error(`this never came true: ${what}`))
    yield* TestClock.adjust(step)
    yield* turns(5)
  }
})

/** A promise as an Effect; its rejection is a defect. */
export const promised = <A>(make: () => Promise<A>): Effect.Effect<A> => Effect.promise(make)

// ---------------------------------------------------------------- log lines

/** Lines that were logged, without their annotations. */
export type Lines = ReadonlyArray<string>

const capture = (lines: Array<string>): Layer.Layer<never> =>
  Logger.layer([
    Logger.make<unknown, void>(({ message }) => {
      lines.push([message].flat().join(" "))
    }),
  ])

// ---------------------------------------------------------------- the relay

/** A registered server: a name with the key {@link keyOf} it, or more than that. */
export type RegisteredAs =
  | string
  | {
      readonly name: string
      readonly key?: string
      readonly displayName?: string
      readonly responseTimeout?: Duration.Input
      readonly auth?: RegisteredServer["auth"]
      readonly limits?: RegisteredServer["limits"]
      readonly inspect?: boolean
    }

/** What a relay is started with; the rest is the relay's own default, except that it waits for nothing when it stops. */
export interface RelayOptions {
  readonly servers?: ReadonlyArray<RegisteredAs>
  readonly waitForServer?: Duration.Input
  readonly responseTimeout?: Duration.Input
  readonly idleTimeout?: Duration.Input
  readonly shutdownGrace?: Duration.Input
  /** Any other key of the configuration. */
  readonly config?: Partial<RelayConfig>
}

/** A relay that runs. */
export interface TestRelay {
  readonly host: string
  readonly port: number
  /** `http://HOST:PORT`. */
  readonly url: string
  /** Puts another configuration in force, as a changed file does. */
  readonly change: (options: RelayOptions) => Effect.Effect<void>
  readonly unregistered: () => ReadonlyArray<RefusedStranger>
  readonly events: () => ReadonlyArray<AuditEvent>
  readonly status: (name: string) => ServerStatus
  readonly traffic: Traffic["Service"]
  readonly inspector: Inspector["Service"]
  readonly metrics: () => ReadonlyArray<Metric>
  readonly lines: Lines
  /** Shuts it down, as SIGTERM does. */
  readonly stop: Effect.Effect<void>
}

/** The key that the harness gives a server of this name. */
export const keyOf = (name: string): string => `the-key-of-${name}`

const registered = (server: RegisteredAs): RegisteredServer => {
  const entry = typeof server === "string" ? { name: server } : server
  return {
    ...plainServer,
    name: entry.name as ServerName,
    tripcodes: [tripcodeOfText(entry.key ?? keyOf(entry.name))],
    displayName: entry.displayName,
    auth: entry.auth,
    inspect: entry.inspect === true,
    ...(entry.limits === undefined ? {} : { limits: entry.limits }),
    responseTimeout:
      entry.responseTimeout === undefined
        ? undefined
        : Duration.fromInputUnsafe(entry.responseTimeout),
  }
}

const configOf = (options: RelayOptions, before: RelayConfig): RelayConfig => {
  const duration = (given: Duration.Input | undefined, own: Duration.Duration) =>
    given === undefined ? own : Duration.fromInputUnsafe(given)
  return {
    ...before,
    ...options.config,
    servers: options.servers?.map(registered) ?? before.servers,
    waitForServer: duration(options.waitForServer, before.waitForServer),
    responseTimeout: duration(options.responseTimeout, before.responseTimeout),
    idleTimeout: duration(options.idleTimeout, before.idleTimeout),
    shutdownGrace: duration(options.shutdownGrace, before.shutdownGrace),
  }
}

/** Starts a relay on a free port of this machine. */
export const relay: (options?: RelayOptions) => Effect.Effect<TestRelay, BindError, Scope.Scope> =
  Effect.fnUntraced(function* (options: RelayOptions = {}) {
    const lines: Array<string> = []
    const initial = configOf(options, {
      ...defaults,
      listen: { host: "127.0.0.1", port: 0 },
      shutdownGrace: Duration.zero,
    })
    let derived = derive(initial)
    const settings = yield* SubscriptionRef.make(initial)
    const status: ConfigStatus = {
      path: undefined,
      serversFolder: undefined,
      since: 0,
      problem: undefined,
    }
    const settingsLayer = Layer.succeed(RelaySettings, {
      current: () => derived.config,
      derived: () => derived,
      changes: SubscriptionRef.changes(settings),
      reload: Effect.void,
      status: () => status,
      statuses: Stream.concat(Stream.succeed(status), Stream.never),
    })
    const scope = yield* Scope.fork(yield* Effect.scope)
    const services = yield* Relay.layerNoDeps.pipe(
      Layer.provideMerge(SendMetrics.layer),
      Layer.provideMerge(Layer.mergeAll(Servers.layer, Rendezvous.layer)),
      Layer.provideMerge(Layer.mergeAll(AccessLogging.layer, AuditVisits.layer)),
      Layer.provideMerge(AuditFile.layer),
      Layer.provideMerge(Layer.mergeAll(AuditLog.layer, Traffic.layer, Inspector.layer)),
      Layer.provideMerge(settingsLayer),
      Layer.provide(capture(lines)),
      Layer.buildWithScope(scope),
    )
    const { host, port } = Context.get(services, Relay)
    const servers = Context.get(services, Servers)
    const rendezvous = Context.get(services, Rendezvous)
    const audit = Context.get(services, AuditLog)
    const made: TestRelay = {
      host,
      port,
      url: `http://${host}:${port}`,
      change: (next) =>
        Effect.suspend(() => {
          derived = derive(configOf(next, derived.config))
          return SubscriptionRef.set(settings, derived.config)
        }),
      unregistered: () => servers.unregistered(),
      events: () => audit.entries().map((entry) => entry.event),
      status: (name) => rendezvous.status(name as ServerName),
      traffic: Context.get(services, Traffic),
      inspector: Context.get(services, Inspector),
      metrics: () =>
        RelayMetrics.read({
          settings: Context.get(services, RelaySettings),
          rendezvous,
          traffic: Context.get(services, Traffic),
          version: "test",
        }),
      lines,
      stop: Scope.close(scope, Exit.void),
    }
    return made
  })

// ---------------------------------------------------------------- servers

/** What a server is started with beside its name and handler. */
export interface ServerOptions {
  /** Another key than {@link keyOf} its name. */
  readonly key?: string
  readonly throttle?: boolean
  /** `classic` unless given. */
  readonly transport?: TransportChoice
  /** How many stream links it keeps. */
  readonly connections?: number
  /** How long it lets running exchanges go on when it stops; 0 unless given. */
  readonly grace?: Duration.Input
  /** Certificates to trust besides the usual ones. */
  readonly ca?: string
  /** Whether it uses the proxies that the environment names; it does not unless this is `true`. */
  readonly proxies?: boolean
}

/** A server that runs. */
export interface TestServer {
  readonly lines: Lines
  /** Stops it, as SIGTERM does. */
  readonly stop: Effect.Effect<void>
}

/** Starts a server, connected or not, at a relay's address. */
export const serverAt: (
  relayUrl: string,
  name: string,
  handler: Handler,
  options?: ServerOptions,
) => Effect.Effect<TestServer, never, Scope.Scope> = Effect.fnUntraced(function* (
  relayUrl: string,
  name: string,
  handler: Handler,
  options: ServerOptions = {},
) {
  const lines: Array<string> = []
  const run = Server.run({
    name: name as ServerName,
    apiKey: makeKey(options.key ?? keyOf(name)),
    relayUrl,
    handler,
    proxies: options.proxies === true,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    graceMillis: Duration.toMillis(Duration.fromInputUnsafe(options.grace ?? 0)),
    transport: options.transport ?? "classic",
    ...(options.connections === undefined ? {} : { connections: options.connections }),
    ...(options.throttle === undefined ? {} : { throttle: options.throttle }),
  })
  const fiber = yield* Effect.scoped(run).pipe(
    Effect.provide(capture(lines)),
    Effect.forkIn(yield* Effect.scope),
  )
  return { lines, stop: Fiber.interrupt(fiber).pipe(Effect.asVoid) }
})

/** Starts a server and waits until it is connected. */
export const server: (
  relay: TestRelay,
  name: string,
  handler: Handler,
  options?: ServerOptions,
) => Effect.Effect<TestServer, never, Scope.Scope> = Effect.fnUntraced(function* (
  relay: TestRelay,
  name: string,
  handler: Handler,
  options: ServerOptions = {},
) {
  const started = yield* serverAt(relay.url, name, handler, options)
  yield* until(`${name} is connected`, () =>
    started.lines.some((line) => line.startsWith("connected")),
  )
  return started
})

/** A classic 1 server that shares no code with ours; it listens only when it is told to. */
export const classicServer = (
  relay: TestRelay,
  name: string,
  options: Partial<ClassicServerPeerOptions> = {},
): Effect.Effect<ClassicServerPeer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(
      () =>
        new ClassicServerPeer({
          relayUrl: `${relay.url}/7ZSFUKGV`,
          name,
          key: keyOf(name),
          ...options,
        }),
    ),
    (peer) => Effect.sync(() => peer.close()),
  )

/** A classic 1 server that listens, again and again, as the original does. */
export const runningClassicServer = (
  relay: TestRelay,
  name: string,
  options: Partial<ClassicServerPeerOptions> = {},
): Effect.Effect<ClassicServerPeer, never, Scope.Scope> =>
  Effect.tap(classicServer(relay, name, options), (peer) => {
    void peer.run()
    return until(`${name} is connected`, () => relay.status(name).transports.length > 0)
  })

/** A classic 1 relay that shares no code with ours, for a server of this name. */
export const classicRelay = (name: string): Effect.Effect<ClassicRelayPeer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => ClassicRelayPeer.start({ key: keyOf(name) })),
    (peer) => Effect.promise(() => peer.down()),
  )

// ---------------------------------------------------------------- handlers

/** One request as a test's handler sees it. */
export interface Call {
  readonly head: RequestHead
  /** The body itself, to be read by the test. */
  readonly body: Body.Body
  /** Reads the whole body; rejects if it breaks off. */
  readonly read: () => Promise<Buffer>
  /** Resolves when the visitor has left or the exchange was given up. */
  readonly cancelled: Promise<void>
  readonly isCancelled: () => boolean
}

/** What a test's handler answers; unless told otherwise 200 and nothing. */
export interface Answer {
  readonly status?: number
  readonly headers?: HeaderList
  readonly body?: string | Uint8Array | Body.Body
  /** Called once the whole response has gone to the visitor. */
  readonly sent?: () => void
}

/** A handler as a function; one that never resolves never answers. */
export const handler =
  (answer: (call: Call) => Answer | Promise<Answer>): Handler =>
  (head, body, reply) => {
    let cancelled = false
    let cancel = (): void => {}
    const cancellation = new Promise<void>((resolve) => {
      cancel = () => {
        cancelled = true
        resolve()
      }
    })
    const call: Call = {
      head,
      body,
      read: () => readWhole(body),
      cancelled: cancellation,
      isCancelled: () => cancelled,
    }
    void Promise.resolve(answer(call)).then(({ body: given = "", headers, sent, status }) => {
      const answerBody =
        typeof given === "string"
          ? Body.fromText(given)
          : given instanceof Uint8Array
            ? Body.fromBytes(given)
            : given
      reply.respond({ status: status ?? 200, headers: headers ?? [] }, answerBody, sent)
    })
    return cancel
  }

/** Answers with the request's body, and with its method and target in `X-Method` and `X-Target`. */
export const echo: Handler = handler(async (call) => ({
  headers: [
    ["X-Method", call.head.method],
    ["X-Target", call.head.target],
  ],
  body: await call.read(),
}))

/** A promise that never resolves. */
export const never: Promise<never> = new Promise(() => {})

/** Reads a body to its end; rejects with its `BodyError`. */
export const readWhole = (body: Body.Body): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Array<Uint8Array> = []
    body.read({
      data: (chunk) => {
        chunks.push(chunk)
        return true
      },
      end: () => resolve(Buffer.concat(chunks)),
      fail: reject,
    })
  })

/** A body that a test feeds by hand. */
export class FedBody implements Body.Body {
  readonly length: number | undefined
  readonly whole = undefined
  /** Bytes that were taken. */
  fed = 0
  /** The reader wants no more, or never wanted any. */
  cancelled = false
  private sink: Body.BodySink | undefined
  private wanted = false
  private readonly watch = new Watch()

  constructor(length?: number) {
    this.length = length
  }

  read(sink: Body.BodySink): Body.BodyFlow {
    this.sink = sink
    queueMicrotask(() => {
      this.wanted = true
      this.watch.changed()
    })
    return {
      resume: () => {
        this.wanted = true
        this.watch.changed()
      },
      cancel: () => this.discard(),
    }
  }

  discard(): void {
    this.cancelled = true
    this.watch.changed()
  }

  /** Whether bytes may be fed now. */
  get isWanted(): boolean {
    return this.wanted && !this.cancelled
  }

  /** Feeds bytes, whether they are wanted or not; `false` means: no more for now. */
  feed(bytes: string | Uint8Array): boolean {
    const chunk = typeof bytes === "string" ? Buffer.from(bytes, "utf8") : bytes
    this.fed += chunk.length
    this.wanted = this.sink?.data(chunk) ?? false
    return this.wanted
  }

  end(trailers: HeaderList = []): void {
    this.sink?.end(trailers)
  }

  /** The body breaks off. */
  fail(): void {
    this.sink?.fail(new BodyError({ reason: "cut", detail: "the test cut it" }))
  }

  /** Feeds `total` bytes in pieces, each when it is wanted, then ends. */
  async feedAll(total: number, pieceOf: (size: number) => Uint8Array): Promise<void> {
    let left = total
    while (left > 0 && !this.cancelled) {
      await this.watch.until("the body is wanted", () => this.wanted || this.cancelled)
      const size = Math.min(left, 64 * 1024)
      left -= size
      this.feed(pieceOf(size))
    }
    if (!this.cancelled) this.end()
  }

  /** Resolves as soon as it is being read. */
  untilRead(): Promise<void> {
    return this.watch.until("the body is read", () => this.isWanted)
  }

  /** Resolves as soon as the reader wants no more. */
  untilCancelled(): Promise<void> {
    return this.watch.until("the body is let go", () => this.cancelled)
  }
}

// ---------------------------------------------------------------- visitors

/** A visit that got no whole answer. */
export class VisitError extends Data.TaggedError("VisitError")<{
  /** Node's code, such as `ECONNRESET`. */
  readonly code: string
  /** The head's status, where one came. */
  readonly status: number | undefined
  /** What of the body came. */
  readonly received: Buffer
}> {}

/** What a visitor asks. */
export interface VisitOptions {
  readonly method?: string
  readonly headers?: HeaderList
  /** Sent with `Content-Length` unless `chunked`. */
  readonly body?: string | Uint8Array
  readonly chunked?: boolean
}

/** A response head as a visitor sees it. */
export interface VisitedHead {
  readonly status: number
  /** As they came: order, repetition and case kept. */
  readonly headers: HeaderList
  /** The first value of a field, by its lower-case name. */
  readonly header: (name: string) => string | undefined
  /** All values of a field, by its lower-case name. */
  readonly all: (name: string) => ReadonlyArray<string>
}

/** A whole response. */
export interface Visited extends VisitedHead {
  readonly body: Buffer
  readonly text: string
}

/** A visit under way. */
export interface OpenVisit {
  /** Node's own request, to write an upload to. */
  readonly request: http.ClientRequest
  /** The head, once it is there. */
  readonly head: Effect.Effect<VisitedHead, VisitError>
  /** The body, whole; starts the reading. */
  readonly whole: Effect.Effect<Visited, VisitError>
  /** Bytes of the body that have been read. */
  readonly received: () => number
  readonly isAnswered: () => boolean
  /** Leaves: the connection breaks. */
  readonly leave: Effect.Effect<void>
}

const headOf = (message: http.IncomingMessage): VisitedHead => {
  const headers = Headers.fromRaw(message.rawHeaders)
  return {
    status: message.statusCode ?? 0,
    headers,
    header: (name) => Headers.first(headers, name),
    all: (name) => Headers.all(headers, name),
  }
}

/**
 * Starts a visit on a connection of its own. With `upload: true` the request's
 * body is the test's to write and end. The response's body is not read before
 * `whole` is asked for.
 */
export const open = (
  relay: Pick<TestRelay, "host" | "port">,
  path: string,
  options: VisitOptions & { readonly upload?: boolean } = {},
): Effect.Effect<OpenVisit, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => startVisit(relay, path, options)),
    (visit) => visit.leave,
  )

const startVisit = (
  relay: Pick<TestRelay, "host" | "port">,
  path: string,
  options: VisitOptions & { readonly upload?: boolean },
): OpenVisit => {
  const { body, chunked, headers = [], method = "GET", upload } = options
  const bytes = typeof body === "string" ? Buffer.from(body, "utf8") : body
  const framing: HeaderList =
    chunked === true
      ? [["Transfer-Encoding", "chunked"]]
      : bytes === undefined
        ? []
        : [["Content-Length", `${bytes.length}`]]
  const hasHost = Headers.has(headers, "host")
  const request = http.request({
    agent: new http.Agent({ keepAlive: false }),
    host: relay.host,
    port: relay.port,
    method,
    path,
    setDefaultHeaders: false,
    headers: Headers.toRaw([
      ...(hasHost ? [] : ([["Host", `${relay.host}:${relay.port}`]] as const)),
      ["Connection", "close"],
      ...headers,
      ...framing,
    ]),
  })
  const chunks: Array<Buffer> = []
  let received = 0
  let message: http.IncomingMessage | undefined
  const failed = (code: string): VisitError =>
    new VisitError({ code, status: message?.statusCode, received: Buffer.concat(chunks) })
  const response = new Promise<http.IncomingMessage>((resolve, reject) => {
    request.on("error", (error: NodeJS.ErrnoException) =>
      reject(failed(error.code ?? error.message)),
    )
    request.on("response", (given) => {
      message = given
      given.pause()
      resolve(given)
    })
  })
  response.catch(() => {})
  let whole: Promise<Visited> | undefined
  const readWholeOf = async (): Promise<Visited> => {
    const given = await response
    return new Promise((resolve, reject) => {
      let code = "ECONNRESET"
      given.on("data", (chunk: Buffer) => {
        received += chunk.length
        chunks.push(chunk)
      })
      given.on("error", (error: NodeJS.ErrnoException) => {
        code = error.code ?? error.message
      })
      given.on("close", () => {
        if (!given.complete) return reject(failed(code))
        const all = Buffer.concat(chunks)
        resolve({ ...headOf(given), body: all, text: all.toString("utf8") })
      })
      if (given.destroyed) reject(failed(code))
      given.resume()
    })
  }
  if (bytes !== undefined) request.write(bytes)
  if (upload === true) request.flushHeaders()
  else request.end()
  return {
    request,
    head: Effect.tryPromise({ try: () => response.then(headOf), catch: asVisitError }),
    whole: Effect.tryPromise({
      try: () => {
        whole ??= readWholeOf()
        return whole
      },
      catch: asVisitError,
    }),
    received: () => received,
    isAnswered: () => message !== undefined,
    leave: Effect.sync(() => request.destroy()),
  }
}

const asVisitError = (error: unknown): VisitError =>
  error instanceof VisitError
    ? error
    : new VisitError({ code: `${error}`, status: undefined, received: Buffer.alloc(0) })

/** Visits and reads the whole response. */
export const visit = (
  relay: Pick<TestRelay, "host" | "port">,
  path: string,
  options: VisitOptions = {},
): Effect.Effect<Visited, VisitError> =>
  Effect.scoped(Effect.flatMap(open(relay, path, options), (opened) => opened.whole))

/** Visits with GET and reads the whole response. */
export const get = (
  relay: Pick<TestRelay, "host" | "port">,
  path: string,
  headers: HeaderList = [],
): Effect.Effect<Visited, VisitError> => visit(relay, path, { headers })

// ---------------------------------------------------------------- raw sockets

/** A connection to the relay, byte by byte in the test's hands. */
export interface RawConnection {
  readonly write: (bytes: string | Uint8Array) => void
  /** Ends this side of the connection. */
  readonly end: () => void
  /** Breaks the connection with a reset. */
  readonly reset: () => void
  /** Reads no more, so that the other side's bytes pile up. */
  readonly pause: () => void
  readonly resume: () => void
  /** Everything that has come. */
  readonly received: () => Buffer
  /** Bytes that the other side has not taken yet and that wait in this process. */
  readonly unsent: () => number
  /** Waits until what has come `holds`, or contains a text (as Latin-1). */
  readonly until: (what: string | ((received: Buffer) => boolean)) => Effect.Effect<void>
  /** Waits until the other side ends the connection, and says how. */
  readonly closed: Effect.Effect<"end" | "reset">
  readonly isClosed: () => boolean
}

/** Connects to the relay. */
export const connect = (
  relay: Pick<TestRelay, "host" | "port">,
): Effect.Effect<RawConnection, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<net.Socket>((resolve, reject) => {
          const socket = net.connect({ host: relay.host, port: relay.port, allowHalfOpen: true })
          socket.once("error", reject)
          socket.once("connect", () => {
            socket.off("error", reject)
            resolve(socket)
          })
        }),
    ),
    (socket) => Effect.sync(() => socket.destroy()),
  ).pipe(Effect.map(rawConnection))

const rawConnection = (socket: net.Socket): RawConnection => {
  const chunks: Array<Buffer> = []
  const watch = new Watch()
  let how: "end" | "reset" | undefined
  const received = (): Buffer => Buffer.concat(chunks)
  socket.setNoDelay(true)
  socket.on("data", (chunk: Buffer) => {
    chunks.push(chunk)
    watch.changed()
  })
  const closed = (manner: "end" | "reset"): void => {
    how ??= manner
    watch.changed()
  }
  socket.on("end", () => closed("end"))
  socket.on("error", () => closed("reset"))
  return {
    write: (bytes) => {
      socket.write(bytes)
    },
    end: () => {
      socket.end()
    },
    reset: () => {
      socket.resetAndDestroy()
    },
    pause: () => {
      socket.pause()
    },
    resume: () => {
      socket.resume()
    },
    received,
    unsent: () => socket.writableLength,
    until: (what) =>
      Effect.promise(() =>
        typeof what === "string"
          ? watch.until(JSON.stringify(what), () => received().toString("latin1").includes(what))
          : watch.until("the right bytes come", () => what(received())),
      ),
    closed: Effect.promise(async () => {
      await watch.until("the other side ends the connection", () => how !== undefined)
      return how as "end" | "reset"
    }),
    isClosed: () => how !== undefined,
  }
}

/** Sends exact bytes, which should ask for `Connection: close`, and gives every byte that comes back. */
export const raw = (
  relay: Pick<TestRelay, "host" | "port">,
  bytes: string | Uint8Array,
): Effect.Effect<Buffer> =>
  Effect.scoped(
    Effect.gen(function* () {
      const connection = yield* connect(relay)
      connection.write(bytes)
      yield* connection.closed
      return connection.received()
    }),
  )
