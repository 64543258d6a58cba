/**
 * The HTTP front: listens for visitors, gives their requests to a handler and
 * writes its responses. Refuses every request that could be understood in two
 * ways, and does not let a handler break the framing of a connection.
 */
import type * as Http from "node:http"
import type * as Https from "node:https"
import * as net from "node:net"
import type { Duplex } from "node:stream"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { entry } from "../../domain/ErrorRegistry.ts"
import type { Failure } from "../../domain/Failure.ts"
import { first, fromRaw, type HeaderList, isName } from "../../domain/HeaderList.ts"
import * as ListenAddress from "../../domain/ListenAddress.ts"
import { type Framing, ofRequest } from "../../protocol/http/Framing.ts"
import * as HeadText from "../../protocol/http/HeadText.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import { maxMethod } from "../../protocol/Wire.ts"
import { empty } from "../body/Body.ts"
import * as Certificate from "../net/Certificate.ts"
import { cutOff, endWith, isEnding, makeLast } from "../net/ConnectionClose.ts"
import * as ConnectionLimit from "../net/ConnectionLimit.ts"
import * as NodeBody from "../net/NodeBody.ts"
import * as TlsHandshake from "../net/TlsHandshake.ts"
import type { Observe } from "../observe/VisitNotes.ts"
import * as GracePeriod from "../runtime/GracePeriod.ts"
import { http, https, STATUS_CODES } from "../runtime/NodeHttp.ts"
import * as ServerNameRouter from "../tls/ServerNameRouter.ts"
import type { ReplyRules } from "./FrontReply.ts"
import { type FrontHandler, isServerWide, serverWide } from "./FrontRequest.ts"
import * as HalfClosed from "./HalfClosed.ts"
import type { Http2Connections, Http2Context, MakeHttp2 } from "./Http2Connections.ts"
import { type NodeCall, NodeReply, type NodeReplyContext } from "./NodeReply.ts"
import { hasBody, isUpgrade, originForm, withHostOf } from "./NodeRequest.ts"
import { NodeUpgrade } from "./NodeUpgrade.ts"
import { PipelineQueue } from "./PipelineQueue.ts"
import { PlainConnections } from "./PlainConnection.ts"
import { UnreadSockets } from "./UnreadSockets.ts"
import * as UpgradeContent from "./UpgradeContent.ts"

export type { FrontHandler } from "./FrontRequest.ts"

/** Where and how a front listens. */
export interface FrontOptions extends ReplyRules {
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  /** A socket that listens already; `host` and `port` are then ignored. */
  readonly fd?: number
  /** With a certificate the front speaks TLS only. */
  readonly certificate?: Certificate.Certificate | undefined
  /** Further certificates, by hosts; `certificate` is for all others. */
  readonly hosts?: TlsHandshake.TlsHosts | undefined
  /** Speaks HTTP/2 with visitors who have chosen it in the handshake. */
  readonly http2?: MakeHttp2
  readonly handler: FrontHandler
  /** Whether a target may be for `intercept`, which needs Node's request object. */
  readonly isIntercepted?: (target: string) => boolean
  /** Takes connections unread, by the host that their TLS clients want. */
  readonly routes?: ServerNameRouter.ServerNameRoutes
  /** Takes a request instead of the handler; `true` means taken. */
  readonly intercept?: (request: Http.IncomingMessage, response: Http.ServerResponse) => boolean
  /** Takes an upgrade instead of the handler; `true` means taken. */
  readonly interceptUpgrade?: (
    request: Http.IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ) => boolean
  /** Records the outcome of each request. */
  readonly observe?: Observe
  /** The largest head of a request, in bytes; {@link maxRequestHead} by default. */
  readonly maxHead?: number
  /** How long a visitor may read nothing of a response, in milliseconds; {@link defaultIdle} by default. */
  readonly idleMillis?: () => number
  /** How long running exchanges may go on after the Scope is closed, in milliseconds. */
  readonly graceMillis?: number
  /**
   * For how long of the grace period connections are still accepted, and idle ones
   * kept, in milliseconds; 0 by default, and 0 if no visitor is connected.
   */
  readonly lameDuckMillis?: () => number
  /** Whether other processes accept the connections of the same socket, so that the lame duck period is for open ones only. */
  readonly isReplaced?: () => boolean
  /** Runs when the Scope is closed, beside the lame duck period, which lasts until it ends. */
  readonly handOver?: Effect.Effect<void>
  /** Succeeds once what runs on connections is over that this front has not accepted; waited for with the running exchanges. */
  readonly others?: Effect.Effect<void>
  /** Called when the Scope is closed, before the lame duck period. */
  readonly onStop?: () => void
  /**
   * Succeeds once running exchanges need no connections that are yet to be made; `undefined`
   * if they need none. Until then, or until the grace period is over, connections are
   * accepted, unless the socket was given: the next process accepts those.
   */
  readonly awaitedConnections?: () => Effect.Effect<void> | undefined
  /** Called when nothing new is begun any more, before running exchanges are waited for. */
  readonly onDrain?: () => void
}

/** A front that listens. */
export interface Front {
  readonly host: string
  readonly port: number
  /** Whether it speaks TLS. */
  readonly secure: boolean
  /** Uses another certificate for new connections; only for a front that speaks TLS. */
  readonly renew: (certificate: Certificate.Certificate) => void
}

/** The front cannot listen on its address. */
export class BindError extends Data.TaggedError("BindError")<{
  readonly code: "PTTH_PORT_IN_USE" | "PTTH_CANNOT_BIND"
  readonly detail: string
  /** What the address is for, and the flag or key that sets it. */
  readonly setting?: string
}> {
  override get message(): string {
    const setting = this.setting === undefined ? "" : ` It is ${this.setting}.`
    return `${this.code}: ${this.detail}${setting} ${entry(this.code).remedy}`
  }
}

/** The error with what sets its address, unless it says so already. */
export const named = ({ code, detail, setting: own }: BindError, setting: string): BindError =>
  new BindError({ code, detail, setting: own ?? setting })

/** Has an error about an address that nothing else has named name the flag `--listen`. */
export const namingListen = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.mapError(effect, (error) =>
    error instanceof BindError ? (named(error, "the address of --listen") as E & BindError) : error,
  )

/** The largest head of a request by default, in bytes: request line and fields. */
export const maxRequestHead = 64 * 1024

/** How long a visitor may read nothing of a response by default, in milliseconds. */
export const defaultIdle = 300_000

/** How many connections may wait to be accepted. */
const backlog = 2048

/** How long a connection may take to send the head of a request, in milliseconds. */
const headMillis = 30_000

/** How long a connection may be idle between requests, in milliseconds. */
const keepAliveMillis = 75_000

/** How long connections of the last moment may take to send a request before draining begins, in milliseconds. */
const firstRequestMillis = 1_000

/** How long a pause between two connections is waited for to close the listener in it, in milliseconds. */
const pauseMillis = 250

/** For how long no visitor may be connected until the lame duck period ends early, in milliseconds. */
const aloneMillis = 1_000

/** How often it is checked whether something has happened that is waited for, in milliseconds. */
const checkMillis = 50

/** How long a TLS handshake may take, in milliseconds. */
const handshakeMillis = 30_000

/**
 * Serves visitors until the Scope is closed. Then each response is the last of its
 * connection. Once the lame duck period is over the front takes no more
 * connections, running exchanges get the rest of the grace period, and what is
 * left is closed.
 */
export const serve: (options: FrontOptions) => Effect.Effect<Front, BindError, Scope.Scope> =
  Effect.fn("NodeFront.serve")(function* (options: FrontOptions) {
    const front = new NodeFront(options)
    const address = yield* Effect.acquireRelease(front.listen, () => front.drain)
    yield* front.limit
    yield* Effect.forkScoped(front.watch)
    return address
  })

/** A front that does not listen: connections come to it in another way. */
export interface AttachedFront {
  /** Takes a connection whose requests are in plain text, or with TLS that has been ended. */
  readonly accept: (socket: net.Socket) => void
}

/** As {@link serve}, for connections that somebody else has. */
export const attached: (
  options: Omit<FrontOptions, "host" | "port" | "fd" | "certificate">,
) => Effect.Effect<AttachedFront, never, Scope.Scope> = Effect.fn("NodeFront.attached")(
  function* (options) {
    const front = yield* Effect.acquireRelease(
      Effect.sync(() => new NodeFront({ ...options, host: "", port: 0 }, true)),
      (front) => front.drain,
    )
    yield* Effect.forkScoped(front.watch)
    return front.attach()
  },
)

/** One front, from `listen` or `attach` to `drain`. */
class NodeFront {
  private readonly options: FrontOptions
  private readonly maxHead: number
  private readonly pipeline = new PipelineQueue()
  private readonly unread: UnreadSockets
  /** Connections that Node's HTTP server does not know any more: upgrades. */
  private readonly upgraded = new Set<Duplex>()
  /** Connections that have sent nothing for `intercept` or `interceptUpgrade`. */
  private readonly visitors = new Set<Duplex>()
  /** How many connections have been accepted. */
  private accepted = 0
  private readonly server: Http.Server
  private readonly plain: PlainConnections
  private readonly http2: Http2Connections | undefined
  private readonly replies: NodeReplyContext
  private draining = false
  /** Whether it takes no more connections. */
  private isClosing = false
  /** Whether new exchanges are begun; `false` once `onDrain` was called. */
  private begins = true
  /** Whether it does not listen; see {@link attached}. */
  private readonly isAttached: boolean

  constructor(options: FrontOptions, isAttached = false) {
    this.options = options
    this.isAttached = isAttached
    this.maxHead = options.maxHead ?? maxRequestHead
    this.unread = new UnreadSockets(options.idleMillis ?? (() => defaultIdle))
    this.replies = {
      newest: new WeakMap(),
      pipeline: this.pipeline,
      unread: this.unread,
      isDraining: () => this.draining,
      renderFailure: options.renderFailure,
      fields: options.fields,
      observe: options.observe,
    }
    this.server = this.makeServer()
    const isSecure = isAttached || options.certificate !== undefined
    this.http2 = isSecure ? options.http2?.(this.http2Context) : undefined
    this.plain = this.takeConnections()
    this.takeRequests()
    const { certificate, routes } = options
    if (certificate !== undefined && routes !== undefined)
      ServerNameRouter.install(this.server, routes)
  }

  /** See {@link attached}. */
  attach(): AttachedFront {
    const { server } = this
    // Node begins to watch for heads that take too long when a server listens.
    server.emit("listening")
    return { accept: (socket) => void server.emit("connection", socket) }
  }

  /** Node's HTTP server with our limits. */
  private makeServer(): Http.Server {
    const limits: Http.ServerOptions = {
      requestTimeout: 0,
      headersTimeout: headMillis,
      keepAliveTimeout: keepAliveMillis,
      connectionsCheckingInterval: 5_000,
      maxHeaderSize: this.maxHead,
      noDelay: true,
      requireHostHeader: false,
      // Behind a running request an upgrade is a request like any other (RFC 9110 7.8).
      shouldUpgradeCallback: (request) =>
        !this.pipeline.isBusy(request.socket) && isUpgrade(request),
    }
    const server = createServer(this.options, limits)
    // Not in the types; see `HalfClosed.ts`.
    Object.assign(server, { httpAllowHalfOpen: true })
    server.timeout = 0
    server.maxHeadersCount = 0
    return server
  }

  private get http2Context(): Http2Context {
    const { options } = this
    return {
      handler: options.handler,
      renderFailure: options.renderFailure,
      fields: options.fields,
      observe: options.observe,
      needsNode: options.isIntercepted ?? (() => false),
      intercept: options.intercept ?? (() => false),
      isDraining: () => this.draining,
      maxHead: this.maxHead,
      headMillis,
      keepAliveMillis,
      idleMillis: options.idleMillis ?? (() => defaultIdle),
    }
  }

  /** Has new connections read as plain ones first, and by Node's server when they are not. */
  private takeConnections(): PlainConnections {
    const { options, server } = this
    const event = options.certificate === undefined ? "connection" : "secureConnection"
    const handOver = server.listeners(event)[0] as (socket: net.Socket) => void
    const connections = new PlainConnections({
      handler: options.handler,
      renderFailure: options.renderFailure,
      fields: options.fields,
      observe: options.observe,
      needsNode: options.isIntercepted ?? (() => false),
      handOver: (socket) => {
        socket.once("end", () => this.onHalfClosed(socket))
        handOver.call(server, socket)
      },
      isDraining: () => this.draining,
      maxHead: this.maxHead,
      headMillis,
      keepAliveMillis,
    })
    server.off(event, handOver)
    server.on(event, (socket: net.Socket) => {
      // The challenge is answered by the handshake alone (RFC 8737 3).
      if (TlsHandshake.isChallenge(socket)) return void socket.destroy()
      this.accepted += 1
      if (this.http2 !== undefined && TlsHandshake.isHttp2(socket)) {
        // Whoever closes its half of the connection has left: requests end by streams.
        socket.allowHalfOpen = false
        this.visitors.add(socket)
        socket.once("close", () => this.visitors.delete(socket))
        return this.http2.accept(socket)
      }
      // Not before the handshake: a client that leaves during one would stay until its time-out.
      socket.allowHalfOpen = true
      this.unread.add(socket)
      this.visitors.add(socket)
      socket.once("close", () => this.visitors.delete(socket))
      connections.accept(socket)
    })
    return connections
  }

  private takeRequests(): void {
    const { server } = this
    server.on("request", (request, response) => this.onRequest(request, response, false))
    server.on("checkContinue", (request, response) => this.onRequest(request, response, true))
    server.on("checkExpectation", (request, response) => this.onRequest(request, response, false))
    server.on("upgrade", (request, socket, head) => this.onUpgrade(request, socket, head))
    server.on("connect", (_request, socket) => this.onConnect(socket))
    server.on("clientError", (error, socket) => this.onClientError(error, socket))
  }

  readonly listen: Effect.Effect<Front, BindError> = Effect.callback((resume) => {
    const { options, server } = this
    const { fd, host, port } = options
    const listen = (host: string): void => {
      server.listen(fd === undefined ? { host, port, backlog } : { fd, backlog }, listening)
    }
    const onError = (error: NodeJS.ErrnoException): void => {
      if (host === ListenAddress.everywhere && isWithoutIpv6(error)) {
        server.once("error", onErrorOfIpv4)
        return listen(ListenAddress.everywhereIpv4)
      }
      onErrorOfIpv4(error)
    }
    const onErrorOfIpv4 = (error: NodeJS.ErrnoException): void => {
      this.plain.close()
      resume(
        Effect.fail(
          bindError(fd === undefined ? `${host}:${port}` : `file descriptor ${fd}`, error),
        ),
      )
    }
    const listening = (): void => {
      server.off("error", onError)
      server.off("error", onErrorOfIpv4)
      server.on("error", ignore)
      const address = server.address() as net.AddressInfo
      resume(
        Effect.succeed({
          host: address.address,
          port: address.port,
          secure: options.certificate !== undefined,
          renew: (certificate) => {
            if ("setSecureContext" in server)
              (server as Https.Server).setSecureContext(Certificate.options(certificate))
          },
        }),
      )
    }
    server.once("error", onError)
    listen(host)
    return Effect.sync(() => server.close())
  })

  /** Accepts only as many connections as there are file handles for. */
  get limit(): Effect.Effect<void, never, Scope.Scope> {
    return ConnectionLimit.install(this.server)
  }

  /** Closes connections whose visitors do not read, for as long as it runs. */
  readonly watch: Effect.Effect<never> = Effect.suspend(() =>
    this.unread.watch((socket) => {
      this.plain.moved(socket)
      this.replies.newest.get(socket)?.moved()
    }),
  )

  /** Takes no more connections, waits for running exchanges up to the grace period, and closes the rest. */
  readonly drain: Effect.Effect<void> = Effect.suspend(() => {
    const { graceMillis = 0, handOver, lameDuckMillis, onStop } = this.options
    this.draining = true
    onStop?.()
    const lameDuck = Math.min(lameDuckMillis?.() ?? 0, graceMillis)
    const isLameDuck = handOver !== undefined || (lameDuck > 0 && this.visitors.size > 0)
    const served = isLameDuck ? this.lameDuck(lameDuck) : this.connected
    return GracePeriod.wait(Effect.andThen(served, this.drained), graceMillis)
  }).pipe(
    Effect.andThen(
      Effect.sync(() => {
        // The grace period may end before the lame duck period does.
        if (!this.isClosing) this.closeListener(() => {})
        this.server.closeAllConnections()
        this.plain.close()
        this.http2?.close()
        for (const socket of this.upgraded) cutOff(socket)
      }),
    ),
  )

  /**
   * Goes on for a while: a connection that a visitor is about to use again learns by
   * a response that it ends, and a load balancer learns that the front stops. Then
   * closes the listener in a pause between two connections, since those that wait to
   * be accepted would be reset, and gives the last connections time for a request.
   */
  private lameDuck(millis: number): Effect.Effect<void> {
    const stopListening = Effect.callback<void>((resume) => {
      const deadline = performance.now() + pauseMillis
      const close = (): void => {
        // Not `http.Server.close`, which closes idle connections too.
        net.Server.prototype.close.call(this.server)
        resume(Effect.void)
      }
      const look = (before: number): void => {
        const { accepted } = this
        if (accepted === before || performance.now() > deadline) close()
        else setImmediate(look, accepted)
      }
      setImmediate(look, -1)
    })
    let checksAlone = 0
    const isAlone = (): boolean => {
      checksAlone = this.visitors.size === 0 ? checksAlone + 1 : 0
      return checksAlone * checkMillis > aloneMillis
    }
    const serve = Effect.all([this.until(isAlone, millis), this.options.handOver ?? Effect.void], {
      concurrency: "unbounded",
      discard: true,
    })
    const isReplaced = this.options.isReplaced?.() === true
    return (
      isReplaced
        ? Effect.andThen(stopListening, serve)
        : serve.pipe(Effect.andThen(this.connected), Effect.andThen(stopListening))
    ).pipe(
      Effect.andThen(this.until(() => !this.plain.hasNew, firstRequestMillis)),
      Effect.andThen(Effect.sync(() => this.plain.closeNew())),
    )
  }

  /** Begins nothing new, and waits until running exchanges need no more connections. */
  private readonly connected: Effect.Effect<void> = Effect.suspend(() => {
    const { awaitedConnections, fd } = this.options
    const made = fd === undefined ? awaitedConnections?.() : undefined
    if (made === undefined) return Effect.void
    this.stopBeginning()
    return made
  })

  private stopBeginning(): void {
    if (this.begins) this.options.onDrain?.()
    this.begins = false
  }

  /** Waits until something holds, but not for longer than `millis` milliseconds. */
  private until(holds: () => boolean, millis: number): Effect.Effect<void> {
    const check: Effect.Effect<void> = Effect.suspend(() =>
      holds() ? Effect.void : Effect.andThen(Effect.sleep(checkMillis), check),
    )
    return Effect.asVoid(Effect.timeoutOption(check, millis))
  }

  /** Takes no more connections, closes the idle ones, and waits for running exchanges. */
  private readonly drained: Effect.Effect<void> = Effect.callback<void>((resume) => {
    // Node's server does not count connections that it has not accepted itself.
    const left = Effect.suspend(() =>
      this.isAttached ? this.until(() => this.visitors.size === 0, Infinity) : Effect.void,
    ).pipe(Effect.andThen(this.options.others ?? Effect.void))
    this.closeListener(() => resume(left))
  })

  /** Takes no more connections, and closes the idle ones. */
  private closeListener(onClosed: () => void): void {
    const { plain, server } = this
    this.isClosing = true
    // A connection that becomes idle from now on is not waited for.
    server.keepAliveTimeout = 1
    server.keepAliveTimeoutBuffer = 0
    server.close(onClosed)
    this.stopBeginning()
    server.closeIdleConnections()
    plain.closeIdle()
    this.http2?.closeIdle()
  }

  private onRequest(
    request: Http.IncomingMessage,
    response: Http.ServerResponse,
    continues: boolean,
  ): void {
    const { pipeline } = this
    const { socket } = request
    if (isEnding(socket)) return
    pipeline.take(request, response, () => {
      if (isEnding(socket)) return
      if (this.draining && !pipeline.isAwaited(socket)) makeLast(request, response)
      const headers = fromRaw(request.rawHeaders)
      const framing = this.framingOf(request, response, headers)
      if (framing === undefined) return
      if (this.options.intercept?.(request, response) === true) {
        this.visitors.delete(socket)
        return
      }
      const call = { request, response, headers, hasBody: hasBody(framing), upgrade: undefined }
      this.handle(call, framing, continues)
    })
  }

  /** Nothing is read from the socket of an upgrade before the response is 101. */
  private onUpgrade(request: Http.IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.options.interceptUpgrade?.(request, socket, head) === true) {
      this.unread.leave(request.socket)
      this.visitors.delete(request.socket)
      return
    }
    const upgrade = new NodeUpgrade(socket, head)
    this.upgraded.add(socket)
    socket.once("close", () => this.upgraded.delete(socket))
    const response = upgrade.response(request)
    const headers = fromRaw(request.rawHeaders)
    const framing = this.framingOf(request, response, headers)
    if (framing === undefined) return
    const call = { request, response, headers, hasBody: false, upgrade }
    if (!hasBody(framing)) return this.handle(call, framing, false)
    if (expectsContinue(headers)) socket.write(HeadText.response(100, "Continue", []))
    UpgradeContent.read(socket, framing, {
      whole: (content) => {
        upgrade.content = content
        this.handle(call, framing, false)
      },
      failed: (failure) => new NodeReply(this.replies, call).refuse(failure),
    })
  }

  /** The visitor sends no more, but may still read. Whoever is answered by `intercept` has left. */
  private onHalfClosed(socket: net.Socket): void {
    const current = (): NodeReply | undefined => this.replies.newest.get(socket)?.current
    if (current() === undefined) socket.end()
    else HalfClosed.watch(socket, () => current()?.nextWrite ?? "Nothing")
  }

  private onConnect(socket: Duplex): void {
    if (this.pipeline.isBusy(socket)) {
      socket.destroy()
      return
    }
    this.refuseSocket(socket, {
      code: "PTTH_METHOD_NOT_ALLOWED",
      status: 405,
      detail: "CONNECT is not possible here",
    })
  }

  /** The connection broke, or its bytes are no HTTP. */
  private onClientError(error: ParseError, socket: Duplex): void {
    const reply = this.replies.newest.get(socket)
    const isReset = error.code === "ECONNRESET"
    // What comes behind the last request of a connection is thrown away.
    const isBehindLast = isEnding(socket) || error.code === closedCode
    if (!isReset && isBehindLast && reply?.isReceiving !== true) return
    const isBehindResponse = reply?.isOpen === true && !reply.isRefusable
    if (isReset || !socket.writable || isBehindResponse) {
      socket.destroy()
      return
    }
    reply?.giveUp()
    this.refuseSocket(socket, refusalOf(error, this.maxHead))
  }

  /** The framing of a request; `undefined` if it was refused because it could be understood in two ways. */
  private framingOf(
    request: Http.IncomingMessage,
    response: Http.ServerResponse,
    headers: HeaderList,
  ): Framing | undefined {
    const framing = ofRequest(request.httpVersion, headers)
    if (Result.isSuccess(framing)) return framing.success
    const { detail, status } = framing.failure
    const call = { request, response, headers, hasBody: false, upgrade: undefined }
    new NodeReply(this.replies, call).refuse({ code: "PTTH_BAD_REQUEST", status, detail })
    return undefined
  }

  /** Gives a request to the handler. */
  private handle(call: NodeCall, framing: Framing, continues: boolean): void {
    const { headers, request, upgrade } = call
    const { method = "GET", socket, url = "" } = request
    const reply = new NodeReply(this.replies, call)
    const isForAll = isServerWide(method, url)
    const target = isForAll ? url : originForm(url)
    if (target === undefined)
      return reply.refuse({
        code: "PTTH_BAD_REQUEST",
        status: 400,
        detail: "its target is not a path",
      })
    const body = call.hasBody
      ? NodeBody.fromIncoming(request, {
          length: framing._tag === "Length" ? framing.length : undefined,
          abandon: () => request.pause(),
          ...(continues ? { onRead: () => reply.writeContinue() } : {}),
        })
      : (upgrade?.body ?? empty)
    const handler = isForAll ? serverWide : this.options.handler
    reply.start(
      handler(
        {
          head: { method, target, headers: withHostOf(url, headers) },
          body: reply.noted(body, "received"),
          address: socket.remoteAddress ?? "",
          secure: "encrypted" in socket,
          serverName: TlsHandshake.serverNameOf(socket),
          upgrade: upgrade !== undefined,
          notes: reply.notes,
        },
        reply,
      ),
    )
  }

  /** Writes a refusal to a socket that has no response object, and closes it. */
  private refuseSocket(socket: Duplex, failure: Failure): void {
    const { observe, renderFailure } = this.options
    const address = "remoteAddress" in socket ? `${socket.remoteAddress}` : ""
    const notes = observe?.(unreadable, address, "1.1")
    const { body, headers, id } = renderFailure(failure, undefined)
    notes?.failed(failure.code, id)
    notes?.answered(failure.status)
    notes?.over(true)
    const reason = STATUS_CODES[failure.status] ?? "Error"
    const head = HeadText.response(failure.status, reason, [...headers, ["Connection", "close"]])
    socket.on("error", ignore)
    endWith(socket, HeadText.join(head, body))
  }
}

const expectsContinue = (headers: HeaderList): boolean =>
  first(headers, "expect")?.toLowerCase() === "100-continue"

const createServer = (
  { certificate, hosts, http2 }: FrontOptions,
  options: Http.ServerOptions,
): Http.Server => {
  if (certificate === undefined) return http.createServer(options)
  const server = https().createServer({
    ...options,
    ...Certificate.options(certificate),
    ...TlsHandshake.options(hosts, http2 === undefined ? undefined : ["h2", "http/1.1"]),
    handshakeTimeout: handshakeMillis,
  })
  // A client that does not speak TLS cannot be sent a refusal.
  server.removeAllListeners("tlsClientError")
  server.on("tlsClientError", (_error, socket) => socket.destroy())
  return server
}

/** Whether the system has no IPv6 to listen on. */
export const isWithoutIpv6 = ({ code }: NodeJS.ErrnoException): boolean =>
  code === "EAFNOSUPPORT" || code === "EADDRNOTAVAIL"

/** The error of a system call that was to make a socket listen; `place` is the address. */
export const bindError = (place: string, error: NodeJS.ErrnoException): BindError =>
  error.code === "EADDRINUSE"
    ? new BindError({ code: "PTTH_PORT_IN_USE", detail: `${place} is taken.` })
    : new BindError({
        code: "PTTH_CANNOT_BIND",
        detail: `${place}: ${error.code ?? error.message}.`,
      })

/** Node's code for bytes behind the last request of a connection. */
const closedCode = "HPE_CLOSED_CONNECTION"

/** An error of Node's parser. */
interface ParseError extends NodeJS.ErrnoException {
  /** The bytes that were being parsed, and the offset of the first that was not accepted. */
  readonly rawPacket?: Buffer
  readonly bytesParsed?: number
}

/** What to answer to bytes that Node's parser did not accept. */
const refusalOf = (error: ParseError, maxHead: number): Failure => {
  switch (error.code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return { code: "PTTH_BAD_REQUEST", status: 408, detail: "the request head took too long" }
    case "HPE_HEADER_OVERFLOW":
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return { code: "PTTH_HEAD_TOO_LARGE", status: 431, detail: `more than ${maxHead} bytes` }
    case "HPE_INVALID_METHOD": {
      const method = methodOf(error)
      if (method === undefined) break
      return { code: "PTTH_METHOD_UNKNOWN", status: 501, detail: `the method is ${method}` }
    }
    case "HPE_INVALID_URL":
      return {
        code: "PTTH_BAD_REQUEST",
        status: 400,
        detail: "characters of its target that a URL cannot have must be percent-encoded",
      }
  }
  return { code: "PTTH_BAD_REQUEST", status: 400, detail: "it cannot be parsed" }
}

/** The method of a request line that Node's parser did not accept; `undefined` if it is no token (RFC 9110 9.1). */
const methodOf = ({ bytesParsed = 0, rawPacket }: ParseError): string | undefined => {
  if (rawPacket === undefined) return undefined
  const start = bytesParsed === 0 ? 0 : rawPacket.lastIndexOf(10, bytesParsed - 1) + 1
  const line = rawPacket.toString("latin1", start, start + 2 * maxMethod)
  const method = /^([^ ]+) \//.exec(line)?.[1]
  return method !== undefined && isName(method) ? method : undefined
}

/** What is noted of a request that could not be parsed. */
const unreadable: RequestHead = { method: "-", target: "-", headers: [] }

const ignore = (): void => {}
