/**
 * The HTTP front: visitors' requests as Node receives them, given to a
 * handler, and its answers written back. Everything that a visitor could
 * understand differently from us is refused here, and everything that a
 * handler could get wrong is caught here.
 */
import * as http from "node:http"
import * as https from "node:https"
import type { AddressInfo, Socket } from "node:net"
import type { Duplex } from "node:stream"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { entry } from "../../domain/ErrorRegistry.ts"
import type { Failure, RenderedFailure } from "../../domain/Failure.ts"
import { first, fromRaw, type HeaderList, toRaw } from "../../domain/HeaderList.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import { allExcept } from "../../protocol/http/ConnectionFields.ts"
import { contentLength, type Framing, ofRequest } from "../../protocol/http/Framing.ts"
import * as HeadText from "../../protocol/http/HeadText.ts"
import { upgradeOf } from "../../protocol/http/HopByHop.ts"
import type { RequestHead, ResponseHead } from "../../protocol/Message.ts"
import type { Body, BodyFlow } from "../body/Body.ts"
import { empty, fromBytes } from "../body/Body.ts"
import { count } from "../body/CountedBody.ts"
import type { Cancel, Reply } from "../body/Handler.ts"
import { type BodySource, PushedBody } from "../body/PushedBody.ts"
import * as Certificate from "../net/Certificate.ts"
import { closeAfter, cutOff, endSoon, endWith, isEnding, makeLast } from "../net/ConnectionClose.ts"
import * as NodeBody from "../net/NodeBody.ts"
import type { Observe, VisitNotes } from "../observe/VisitNotes.ts"
import { faultOf, planOf } from "./FrontAnswer.ts"
import type { FrontHandler } from "./FrontRequest.ts"
import { PipelineQueue } from "./PipelineQueue.ts"
import { PlainConnections } from "./PlainConnection.ts"
import { UnreadSockets } from "./UnreadSockets.ts"

export type { FrontHandler, FrontRequest } from "./FrontRequest.ts"

/** Where and how a front listens. */
export interface FrontOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** A listening socket that is open already; then host and port say nothing. */
  readonly fd?: number
  /** With a certificate the front speaks TLS and nothing else. */
  readonly certificate?: Certificate.Certificate | undefined
  readonly handler: FrontHandler
  /** Renders a failure in the form that the visitor's Accept field asks for. */
  readonly renderFailure: (failure: Failure, accept: string | undefined) => RenderedFailure
  /** Whether a target is for `intercept`, which needs the raw request. */
  readonly isIntercepted?: (target: string) => boolean
  /** Takes a raw request out of the visitors' way; `true` means taken. */
  readonly intercept?: (request: http.IncomingMessage, response: http.ServerResponse) => boolean
  /** Takes an upgrade out of the visitors' way; `true` means taken. */
  readonly interceptUpgrade?: (
    request: http.IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ) => boolean
  /** Notes what becomes of a request. */
  readonly observe?: Observe
  /** The largest head of a request, in bytes; {@link maxRequestHead} unless given. */
  readonly maxHead?: number
  /** How long a visitor may take nothing of what is written for him, in milliseconds; 5 min unless given. */
  readonly idleMillis?: () => number
  /** How long running exchanges may go on after the Scope is closed, in milliseconds. */
  readonly graceMillis?: number
  /** Called when draining begins, before running exchanges are waited for. */
  readonly onDrain?: () => void
}

/** A front that listens. */
export interface Front {
  readonly host: string
  readonly port: number
  /** Whether it speaks TLS. */
  readonly secure: boolean
  /** Shows another certificate to whoever connects from now on; for a front that speaks TLS. */
  readonly renew: (certificate: Certificate.Certificate) => void
}

/** The address cannot be listened on. */
export class BindError extends Data.TaggedError("BindError")<{
  readonly code: "PTTH_PORT_IN_USE" | "PTTH_CANNOT_BIND"
  readonly detail: string
}> {
  override get message(): string {
    return `${this.code}: ${this.detail} ${entry(this.code).remedy}`
  }
}

/** The largest head of a request, in bytes, unless another is given: fields and request line. */
export const maxRequestHead = 64 * 1024

/** How long a visitor may take nothing, unless another time is given; in milliseconds. */
export const defaultIdle = 300_000

/**
 * Serves visitors until the Scope is closed. Then no connection is taken any
 * more, what runs may go on for the grace period, and the rest is cut.
 */
export const serve = (options: FrontOptions): Effect.Effect<Front, BindError, Scope.Scope> =>
  Effect.gen(function* () {
    const running = yield* Effect.acquireRelease(listen(options), ({ drain }) => drain)
    yield* Effect.forkScoped(running.watch)
    return running.address
  })

interface Running {
  readonly watch: Effect.Effect<never>
  readonly address: Front
  readonly drain: Effect.Effect<void>
}

const listen = (options: FrontOptions): Effect.Effect<Running, BindError> =>
  Effect.callback((resume) => {
    const state: FrontState = {
      upgraded: new Set(),
      visits: new WeakMap(),
      turns: new PipelineQueue(),
      unread: new UnreadSockets(options.idleMillis ?? (() => defaultIdle)),
      draining: false,
      failure: options.renderFailure,
      observe: options.observe,
    }
    const maxHead = options.maxHead ?? maxRequestHead
    const server = createServer(options.certificate, {
      requestTimeout: 0,
      headersTimeout: 30_000,
      keepAliveTimeout: 75_000,
      connectionsCheckingInterval: 5_000,
      maxHeaderSize: maxHead,
      noDelay: true,
      requireHostHeader: false,
      // One that comes before its turn is a request like any other (RFC 9110 7.8).
      shouldUpgradeCallback: (req) => !state.turns.isBusy(req.socket) && isUpgrade(req),
    })
    server.timeout = 0
    server.maxHeadersCount = 0
    const arrival = options.certificate === undefined ? "connection" : "secureConnection"
    const handOver = server.listeners(arrival)[0] as (socket: Socket) => void
    const plain = new PlainConnections({
      handler: options.handler,
      failure: options.renderFailure,
      observe: options.observe,
      isForeign: options.isIntercepted ?? (() => false),
      handOver: (socket) => handOver.call(server, socket),
      isDraining: () => state.draining,
      maxHead,
      headMillis: server.headersTimeout,
      keepAliveMillis: server.keepAliveTimeout,
    })
    server.off(arrival, handOver)
    server.on(arrival, (socket: Socket) => {
      state.unread.add(socket)
      plain.accept(socket)
    })
    const onRequest =
      (continues: boolean) => (req: http.IncomingMessage, res: http.ServerResponse) => {
        if (isEnding(req.socket)) return
        state.turns.take(req, res, () => {
          if (isEnding(req.socket)) return
          if (state.draining && !state.turns.isAwaited(req.socket)) makeLast(req, res)
          const parsed = parse(state, req, res)
          if (parsed === undefined || options.intercept?.(req, res) === true) return
          visit(state, options.handler, req, res, parsed, continues)
        })
      }
    server.on("request", onRequest(false))
    server.on("checkContinue", onRequest(true))
    server.on("checkExpectation", onRequest(false))
    server.on("upgrade", (req: http.IncomingMessage, socket: Duplex, head: Buffer) => {
      if (options.interceptUpgrade?.(req, socket, head) === true) state.unread.leave(req.socket)
      else visitUpgrade(state, options.handler, req, socket, head)
    })
    server.on("connect", (_req: http.IncomingMessage, socket: Duplex) => {
      if (state.turns.isBusy(socket)) {
        socket.destroy()
        return
      }
      refuseSocket(state, socket, {
        code: "PTTH_METHOD_NOT_ALLOWED",
        status: 405,
        detail: "CONNECT is not possible here",
      })
    })
    server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
      const visit = state.visits.get(socket)
      const isBehind = visit?.isReceiving !== true
      const isReset = error.code === "ECONNRESET"
      if (isBehind && !isReset && (isEnding(socket) || error.code === closedCode)) return
      const inTheWay = visit?.isOpen === true && !visit.isRefusable
      if (isReset || !socket.writable || inTheWay) {
        socket.destroy()
        return
      }
      visit?.giveUp()
      const tooLarge =
        error.code === "HPE_HEADER_OVERFLOW" || error.code === "HPE_CHUNK_EXTENSIONS_OVERFLOW"
      refuseSocket(
        state,
        socket,
        error.code === "ERR_HTTP_REQUEST_TIMEOUT"
          ? { code: "PTTH_BAD_REQUEST", status: 408, detail: "the request head took too long" }
          : tooLarge
            ? {
                code: "PTTH_HEAD_TOO_LARGE",
                status: 431,
                detail: `more than ${maxHead} bytes`,
              }
            : { code: "PTTH_BAD_REQUEST", status: 400, detail: "it cannot be parsed" },
      )
    })
    const onError = (error: NodeJS.ErrnoException): void => {
      const place =
        options.fd === undefined
          ? `${options.host}:${options.port}`
          : `file descriptor ${options.fd}`
      resume(
        Effect.fail(
          error.code === "EADDRINUSE"
            ? new BindError({ code: "PTTH_PORT_IN_USE", detail: `${place} is taken.` })
            : new BindError({
                code: "PTTH_CANNOT_BIND",
                detail: `${place}: ${error.code ?? error.message}.`,
              }),
        ),
      )
    }
    server.once("error", onError)
    const where =
      options.fd === undefined
        ? { host: options.host, port: options.port, backlog: 2048 }
        : { fd: options.fd }
    server.listen(where, () => {
      server.off("error", onError)
      server.on("error", () => {})
      const { address, port } = server.address() as AddressInfo
      resume(
        Effect.succeed({
          address: {
            host: address,
            port,
            secure: options.certificate !== undefined,
            renew: (certificate) => {
              if (server instanceof https.Server)
                server.setSecureContext(Certificate.options(certificate))
            },
          },
          drain: drain(state, server, plain, options),
          watch: state.unread.watch((socket) => {
            plain.moved(socket)
            state.visits.get(socket)?.moved()
          }),
        }),
      )
    })
    return Effect.sync(() => server.close())
  })

/** How long a TLS handshake may take, in milliseconds. */
const handshakeMillis = 30_000

const createServer = (
  certificate: Certificate.Certificate | undefined,
  options: http.ServerOptions,
): http.Server => {
  if (certificate === undefined) return http.createServer(options)
  const server = https.createServer({
    ...options,
    ...Certificate.options(certificate),
    handshakeTimeout: handshakeMillis,
  })
  // Whoever does not speak TLS cannot be told anything.
  server.removeAllListeners("tlsClientError")
  server.on("tlsClientError", (_error, socket) => socket.destroy())
  return server
}

const drain = (
  state: FrontState,
  server: http.Server,
  plain: PlainConnections,
  options: FrontOptions,
): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    state.draining = true
    // What finishes from now on leaves no idle connection behind to be waited for.
    server.keepAliveTimeout = 1
    server.keepAliveTimeoutBuffer = 0
    server.close(() => resume(Effect.void))
    options.onDrain?.()
    server.closeIdleConnections()
    plain.closeIdle()
  }).pipe(
    Effect.timeoutOption(options.graceMillis ?? 0),
    Effect.andThen(
      Effect.sync(() => {
        server.closeAllConnections()
        plain.close()
        for (const socket of state.upgraded) cutOff(socket)
      }),
    ),
  )

/** Node's word for bytes behind a request that was to be the connection's last. */
const closedCode = "HPE_CLOSED_CONNECTION"

interface FrontState {
  /** The newest visit of each connection. */
  readonly visits: WeakMap<Duplex, Visit>
  readonly turns: PipelineQueue
  /** Connections on which HTTP is spoken. */
  readonly unread: UnreadSockets
  /** Connections that HTTP has left behind. */
  readonly upgraded: Set<Duplex>
  draining: boolean
  readonly failure: FrontOptions["renderFailure"]
  readonly observe: FrontOptions["observe"]
}

/** The path and query out of a request target, which may be absolute (RFC 9112 3.2.2). */
const originForm = (target: string): string | undefined => {
  if (target.includes("#")) return undefined
  if (target.startsWith("/")) return target
  const absolute = /^https?:\/\/[^/?]+(\/.*)?$/i.exec(target)
  return absolute === null ? undefined : (absolute[1] ?? "/")
}

/** The fields with the host that an absolute target names, which counts more than Host (RFC 9112 3.2.2). */
const withHostOf = (target: string, headers: HeaderList): HeaderList => {
  const authority = /^https?:\/\/(?:[^/?]*@)?([^/?]+)/i.exec(target)?.[1]
  if (authority === undefined) return headers
  return headers.map(([name, value]) => [name, name.toLowerCase() === "host" ? authority : value])
}

/** Whether a request asks for another protocol, and carries nothing besides (RFC 9110 7.8). */
const isUpgrade = (req: http.IncomingMessage): boolean => {
  const headers = fromRaw(req.rawHeaders)
  const protocol = upgradeOf(headers)
  return (
    protocol !== undefined &&
    !/^h2c?$/i.test(protocol) &&
    contentLength(headers) === "none" &&
    first(headers, "transfer-encoding") === undefined
  )
}

/** A request for an upgrade: until the answer is 101 nothing of what follows it is read. */
const visitUpgrade = (
  state: FrontState,
  handler: FrontHandler,
  req: http.IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void => {
  const res = new http.ServerResponse(req)
  res.assignSocket(socket as Socket)
  res.shouldKeepAlive = false
  res.once("finish", () => endSoon(socket))
  socket.on("error", ignore)
  // Node has taken its own listeners off the socket.
  socket.on("drain", () => {
    if (res.socket !== null) res.emit("drain")
  })
  state.upgraded.add(socket)
  socket.once("close", () => {
    state.upgraded.delete(socket)
    res.emit("close")
  })
  const parsed = parse(state, req, res)
  if (parsed !== undefined)
    visit(state, handler, req, res, parsed, false, new UpgradedSocket(socket, head))
}

interface Parsed {
  readonly headers: HeaderList
  readonly framing: Framing
}

/** A request's fields and framing; one that could be understood in two ways is refused at once. */
const parse = (
  state: FrontState,
  req: http.IncomingMessage,
  res: http.ServerResponse,
): Parsed | undefined => {
  const headers = fromRaw(req.rawHeaders)
  const framing = ofRequest(req.httpVersion, headers)
  if (Result.isSuccess(framing)) return { headers, framing: framing.success }
  const { detail, status } = framing.failure
  const visit = new Visit(state, req, res, headers, undefined)
  visit.refuse({ code: "PTTH_BAD_REQUEST", status, detail })
  return undefined
}

const visit = (
  state: FrontState,
  handler: FrontHandler,
  req: http.IncomingMessage,
  res: http.ServerResponse,
  { framing, headers }: Parsed,
  continues: boolean,
  upgraded?: UpgradedSocket,
): void => {
  const visit = new Visit(state, req, res, headers, upgraded)
  const target = originForm(req.url ?? "")
  if (target === undefined)
    return visit.refuse({
      code: "PTTH_BAD_REQUEST",
      status: 400,
      detail: "its target is not a path",
    })
  visit.sending = !(framing._tag === "None" || (framing._tag === "Length" && framing.length === 0))
  const body = !visit.sending
    ? (upgraded?.incoming ?? empty)
    : NodeBody.fromIncoming(req, {
        length: framing._tag === "Length" ? framing.length : undefined,
        abandon: () => req.pause(),
        ...(continues ? { onRead: () => visit.sayContinue() } : {}),
      })
  visit.start(
    handler(
      {
        head: { method: req.method ?? "GET", target, headers: withHostOf(req.url ?? "", headers) },
        body: visit.noted(body, "received"),
        address: req.socket.remoteAddress ?? "",
        secure: "encrypted" in req.socket,
        upgrade: upgraded !== undefined,
        notes: visit.notes,
      },
      visit,
    ),
  )
}

/** One visitor's request on its way through. */
class Visit implements Reply {
  /** Whether the request has a body, which the visitor may still be sending. */
  sending = false
  readonly notes: VisitNotes | undefined
  private readonly state: FrontState
  private readonly req: http.IncomingMessage
  private readonly res: http.ServerResponse
  private readonly accept: string | undefined
  private readonly upgraded: UpgradedSocket | undefined
  /** The visit whose answer goes out before this one's, on the same connection. */
  private before: Visit | undefined
  private answered = false
  private over = false
  private flow: BodyFlow | undefined
  private cancel: Cancel | undefined

  constructor(
    state: FrontState,
    req: http.IncomingMessage,
    res: http.ServerResponse,
    headers: HeaderList,
    upgraded: UpgradedSocket | undefined,
  ) {
    this.upgraded = upgraded
    this.state = state
    this.req = req
    this.res = res
    this.accept = first(headers, "accept")
    this.notes = state.observe?.(
      { method: req.method ?? "", target: req.url ?? "", headers },
      req.socket.remoteAddress ?? "",
      req.httpVersion,
    )
    const before = state.visits.get(req.socket)
    this.before = before?.isOpen === true ? before : undefined
    state.visits.set(req.socket, this)
    req.on("error", ignore)
    res.on("error", ignore)
    res.on("close", () => this.giveUp())
  }

  /** Whether its answer is not whole yet. */
  get isOpen(): boolean {
    return !this.over && !this.res.writableEnded
  }

  /** Whether what comes on the connection is still its request. */
  get isReceiving(): boolean {
    return this.isOpen && !this.req.complete
  }

  /** Whether the next bytes on the connection may be a refusal of it. */
  get isRefusable(): boolean {
    return !this.answered && this.isReceiving && this.before?.isOpen !== true
  }

  /** Whether nothing has come behind it. */
  private get isNewest(): boolean {
    const { socket } = this.req
    return this.state.visits.get(socket) === this && !this.state.turns.isAwaited(socket)
  }

  start(cancel: Cancel): void {
    if (this.over) cancel()
    else this.cancel = cancel
  }

  /** The same body, its bytes noted. */
  noted(body: Body, as: "received" | "sent"): Body {
    const { notes } = this
    if (notes === undefined || body.whole !== undefined) return body
    return count(body, { bytes: (bytes) => notes[as](bytes) })
  }

  sayContinue(): void {
    if (!this.answered && this.res.writable) this.res.writeContinue()
  }

  /** The visitor reads, if only slowly: this answer, or one before it. */
  moved(): void {
    this.before?.moved()
    this.flow?.moved?.()
  }

  /** The visitor is gone, or is told something else. */
  giveUp(): void {
    this.before = undefined
    if (this.over) return
    this.over = true
    this.notes?.over(this.res.writableFinished)
    this.flow?.cancel()
    this.cancel?.()
  }

  /** Says no before any handler has seen the request; the connection is not used again. */
  refuse(failure: Failure): void {
    closeAfter(this.req, this.res)
    this.writeFailure(failure)
  }

  respond(head: ResponseHead, body: Body, sent?: () => void): void {
    if (this.answered || this.over) return body.discard()
    const fault = faultOf(head, this.upgraded !== undefined)
    if (fault !== undefined) {
      body.discard()
      return this.fail(new ExchangeError({ code: "PTTH_BAD_ANSWER", detail: fault }))
    }
    this.answered = true
    if (head.status === 101) return this.change(head, body, sent)
    if (sent !== undefined) this.res.once("finish", sent)
    this.write(head, body)
  }

  fail(error: ExchangeError): void {
    if (this.answered || this.over) return
    this.writeFailure(error.failure)
  }

  private writeFailure(failure: Failure): void {
    this.answered = true
    this.notes?.failed(failure.code)
    const { body, headers, status } = this.state.failure(failure, this.accept)
    this.write({ status, headers }, fromBytes(body))
  }

  private write(head: ResponseHead, body: Body): void {
    const { req, res } = this
    const { headers, streamed, whole } = planOf(
      req.method ?? "GET",
      head,
      body,
      req.httpVersion !== "1.0",
    )
    if (this.sending && !req.complete) closeAfter(req, res)
    else if (this.state.draining && this.isNewest) makeLast(req, res)
    res.writeHead(head.status, toRaw(headers))
    this.notes?.answered(head.status)
    if (streamed === undefined) {
      res.end(whole)
      if (whole !== undefined) this.notes?.sent(whole.length)
      return
    }
    setImmediate(flushHead, res)
    this.flow = NodeBody.writeTo(this.noted(streamed, "sent"), res, {
      ended: ignore,
      failed: () => cutOff(req.socket),
    })
  }

  /** The connection is the two sides' own from here on. */
  private change(head: ResponseHead, body: Body, sent: (() => void) | undefined): void {
    const { res, upgraded } = this
    if (upgraded === undefined) return body.discard()
    res.detachSocket(upgraded.socket as Socket)
    this.state.unread.leave(this.req.socket)
    upgraded.writeHead(head)
    this.notes?.answered(head.status)
    this.flow = NodeBody.writeTo(this.noted(body, "sent"), upgraded.socket, {
      ended: () => sent?.(),
      failed: () => cutOff(upgraded.socket),
    })
    upgraded.open()
  }
}

/** The socket of a visitor that asks for another protocol. */
class UpgradedSocket implements BodySource {
  readonly socket: Duplex
  /** What the visitor sends after the 101 response; read from the socket only once somebody wants it. */
  readonly incoming = new PushedBody(undefined, this)
  private state: "Unread" | "Wanted" | "Open" | "Abandoned" = "Unread"
  private flow: BodyFlow | undefined

  constructor(socket: Duplex, head: Buffer) {
    this.socket = socket
    if (head.length > 0) socket.unshift(head)
  }

  /** The response was 101. */
  open(): void {
    if (this.state === "Abandoned") return
    const isWanted = this.state === "Wanted"
    this.state = "Open"
    if (isWanted) this.resume()
  }

  resume(): void {
    if (this.state === "Unread") this.state = "Wanted"
    if (this.state !== "Open") return
    if (this.flow === undefined) this.flow = NodeBody.readDuplex(this.socket, this.incoming)
    else this.flow.resume()
  }

  abandon(): void {
    this.state = "Abandoned"
    this.flow?.cancel()
  }

  /** Writes the answer's head; Connection and Upgrade are this connection's own fields here. */
  writeHead({ headers, status }: ResponseHead): void {
    const kept = headers.filter(([name]) => !notOf101.has(name.toLowerCase()))
    const fields: HeaderList = [["Connection", "Upgrade"], ...kept]
    const reason = http.STATUS_CODES[status] ?? "Unknown"
    this.socket.write(HeadText.response(status, reason, fields), "latin1")
  }
}

/** A 101 response says what the protocol is changed to, and has no body (RFC 9110 7.8, 8.6). */
const notOf101 = allExcept(["upgrade"], ["content-length"])

const ignore = (): void => {}

/** A head does not wait for a body that is slow to come. */
const flushHead = (res: http.ServerResponse): void => {
  if (!res.destroyed && !res.writableEnded) res.flushHeaders()
}

/** What is noted of a request that could not be read. */
const unreadable: RequestHead = { method: "-", target: "-", headers: [] }

/** Answers on a socket that has no response object, and closes it. */
const refuseSocket = (state: FrontState, socket: Duplex, failure: Failure): void => {
  const address = "remoteAddress" in socket ? `${socket.remoteAddress}` : ""
  const notes = state.observe?.(unreadable, address, "1.1")
  notes?.failed(failure.code)
  notes?.answered(failure.status)
  notes?.over(true)
  const { body, headers } = state.failure(failure, undefined)
  const reason = http.STATUS_CODES[failure.status] ?? "Error"
  const fields: HeaderList = [...headers, ["Connection", "close"]]
  socket.on("error", ignore)
  endWith(socket, HeadText.join(HeadText.response(failure.status, reason, fields), body))
}
