/**
 * Sends HTTP requests to one fixed origin by Node's client: keep-alive, header
 * lists as they are, and the proxies of the environment. Neither a path nor a
 * header can make it connect to another host. How it connects is not left to Node
 * (`HappyEyeballs.ts`, `ProxyTunnel.ts`).
 */
import type * as Http from "node:http"
import type * as Https from "node:https"
import { isIP, type Socket } from "node:net"
import { getCACertificates, TLSSocket } from "node:tls"
import * as Result from "effect/Result"
import type { HeaderList } from "../../domain/HeaderList.ts"
import { toRaw } from "../../domain/HeaderList.ts"
import type { Validity } from "../net/Certificate.ts"
import { http, https } from "../runtime/NodeHttp.ts"
import * as HappyEyeballs from "./HappyEyeballs.ts"
import * as ProxyChoice from "./ProxyChoice.ts"
import * as ProxyTunnel from "./ProxyTunnel.ts"

/** The origin and how to connect to it. */
export interface ClientOptions {
  /** Scheme, host and port; a path is ignored. */
  readonly origin: URL
  /** PEM certificates to trust besides Node's own. */
  readonly ca?: string | undefined
  /** Whether the proxies of the environment are used; throws a `ProxyError` if they name an unusable proxy. */
  readonly proxies: boolean
  /** How many idle connections are kept; 256 by default. */
  readonly maxIdle?: number
}

/** The largest head of a response, in bytes: fields and status line. */
export const maxResponseHead = 64 * 1024

/** One request to the origin. */
export interface ClientRequestOptions {
  readonly method: string
  /** Path and query, sent byte for byte. */
  readonly path: string
  /** The fields, Host and framing among them. */
  readonly headers: HeaderList
  /** Whether it gets a new connection that is not pooled. */
  readonly fresh?: boolean
  /**
   * Whether it gets a new connection through a proxy by CONNECT, also to an origin
   * without TLS: many proxies do not forward a change of protocol (RFC 6455 4.1).
   * If the proxy does not open it, the request fails with a `ProxyTunnelError`.
   */
  readonly tunnelled?: boolean
}

/** Called for a request that is sent whole: one of the two, once. */
export interface WholeRequestEvents {
  /** The head of the response has arrived. */
  readonly response: (response: Http.IncomingMessage, request: Http.ClientRequest) => void
  /** There is no response. */
  readonly failed: (error: NodeJS.ErrnoException, request: Http.ClientRequest) => void
}

/** Sends requests to one origin. */
export interface Client {
  /** The value of the Host field that names the origin. */
  readonly host: string
  /** The proxy that leads to the origin, if there is one. */
  readonly proxy: URL | undefined
  /** Whether requests go through the proxy without CONNECT, unless they are `tunnelled`. */
  readonly isRelayedByProxy: boolean
  /** The pool of connections. */
  readonly agent: Http.Agent
  /** Starts a request; its head is written exactly as given. */
  request(options: ClientRequestOptions): Http.ClientRequest
  /**
   * Sends a request whose body is in memory. It is sent once more if its pooled
   * connection turns out to be closed. The returned function aborts it.
   */
  sendWhole(options: ClientRequestOptions, body: Uint8Array, events: WholeRequestEvents): () => void
  /** Closes the idle connections. */
  closeIdle(): void
  /** Closes the idle connections, and keeps none any more. */
  close(): void
}

/** Closes the connection after a 101 without an Upgrade field, which Node takes for a final response. */
const keepUnlessSwitching = (
  request: Http.ClientRequest,
  { statusCode }: Http.IncomingMessage,
): void => {
  if (statusCode === 101) request.shouldKeepAlive = false
}

/** Sends a request with its whole body, and once more if a pooled connection turns out to be closed. */
const sendWhole = (
  begin: () => Http.ClientRequest,
  body: Uint8Array,
  { failed, response }: WholeRequestEvents,
): (() => void) => {
  let current: Http.ClientRequest
  let isOver = false
  const start = (mayRepeat: boolean): void => {
    const attempt = begin()
    current = attempt
    attempt.on("error", (error: NodeJS.ErrnoException) => {
      if (isOver) return
      if (mayRepeat && attempt.reusedSocket) return start(false)
      isOver = true
      failed(error, attempt)
    })
    attempt.on("response", (incoming) => {
      isOver = true
      keepUnlessSwitching(attempt, incoming)
      response(incoming, attempt)
    })
    if (body.length > 0) attempt.end(body)
    else attempt.end()
  }
  start(true)
  return () => {
    isOver = true
    current.destroy()
  }
}

/** Where a connection leads: to the origin or a proxy, and what is put before the paths of requests. */
interface Way {
  readonly host: string
  readonly port: number
  readonly isSecure: boolean
  /** Opens the connection that TLS or HTTP then uses; `undefined`: Node does. */
  readonly open: ((done: ProxyTunnel.Opened) => void) | undefined
  readonly prefix: string
  /** Fields for the proxy. */
  readonly fields: ReadonlyArray<string>
}

/** The way to an origin without a proxy. */
const directTo = (origin: URL): Way => {
  const isSecure = origin.protocol === "https:"
  const address = HappyEyeballs.placeOf(origin)
  // An address leaves no choice, and an origin without TLS is near.
  const hasChoice = isSecure && isIP(address.host) === 0
  const open: Way["open"] = hasChoice ? (done) => HappyEyeballs.connect(address, done) : undefined
  return { ...address, isSecure, open, prefix: "", fields: [] }
}

/** The way to an origin through a proxy by CONNECT. */
const tunnelTo = (origin: URL, proxy: URL, ca: Https.AgentOptions["ca"]): Way => {
  const direct = directTo(origin)
  const { host, port } = direct
  const target = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
  return { ...direct, open: (done) => ProxyTunnel.open(proxy, target, ca, done) }
}

/** The way to an origin, through a proxy if there is one. */
const wayTo = (origin: URL, proxy: URL | undefined, ca: Https.AgentOptions["ca"]): Way => {
  if (proxy === undefined) return directTo(origin)
  if (origin.protocol === "https:") return tunnelTo(origin, proxy, ca)
  const credentials = ProxyChoice.authorization(proxy)
  return {
    ...HappyEyeballs.placeOf(proxy),
    isSecure: false,
    open: (done) => ProxyTunnel.connect(proxy, ca, done),
    // A proxy gets the whole address (RFC 9112 3.2.2).
    prefix: origin.origin,
    fields: credentials === undefined ? [] : ["Proxy-Authorization", credentials],
  }
}

/** An agent whose connections are opened by `open`, if it is given. */
const agentFor = (options: Https.AgentOptions, { isSecure, open }: Way): Http.Agent => {
  const agent = isSecure ? new (https().Agent)(options) : new http.Agent(options)
  if (open === undefined) return agent
  const secured = agent.createConnection
  agent.createConnection = (connection, created) => {
    open((error, socket) => {
      if (socket === undefined) return created?.(error ?? null, undefined as never)
      if (!isSecure) return created?.(null, socket)
      // The TLS connection reports what breaks.
      socket.on("error", () => {})
      const tls = { ...connection, socket } as Http.ClientRequestArgs
      created?.(null, secured.call(agent, tls) as Socket)
    })
    return undefined
  }
  return agent
}

/** A client for one origin, with a pool of its own. */
export const make = (options: ClientOptions): Client => {
  const secure = options.origin.protocol === "https:"
  const proxy = options.proxies
    ? Result.getOrThrowWith(ProxyChoice.of(process.env, options.origin), (error) => error)
    : undefined
  // Only where they are used, since Node reads its own for it, which takes 10 MiB.
  const ca =
    options.ca !== undefined && (secure || proxy?.protocol === "https:")
      ? [...getCACertificates("default"), options.ca]
      : undefined
  const route = wayTo(options.origin, proxy, ca)
  const agentOptions: Https.AgentOptions = {
    keepAlive: true,
    maxFreeSockets: options.maxIdle ?? 256,
    scheduling: "lifo",
    autoSelectFamilyAttemptTimeout: HappyEyeballs.nodesAttemptMillis,
    ...(secure && ca !== undefined ? { ca } : {}),
  }
  const agent = agentFor(agentOptions, route)
  const single = agentFor({ ...agentOptions, keepAlive: false }, route)
  const isRelayedByProxy = proxy !== undefined && !secure
  const tunnel = isRelayedByProxy ? tunnelTo(options.origin, proxy, ca) : route
  const tunnels = isRelayedByProxy
    ? agentFor({ ...agentOptions, keepAlive: false }, tunnel)
    : single
  const send = secure ? https().request : http.request
  const begin = (request: ClientRequestOptions): Http.ClientRequest => {
    const { fresh, headers, method, path, tunnelled } = request
    const { fields, host, port, prefix } = tunnelled === true ? tunnel : route
    const attempt = send({
      agent: tunnelled === true ? tunnels : fresh === true ? single : agent,
      host,
      port,
      method,
      path: prefix + path,
      headers: fields.length === 0 ? toRaw(headers) : [...toRaw(headers), ...fields],
      setDefaultHeaders: false,
      maxHeaderSize: maxResponseHead,
    })
    if (secure) attempt.once("socket", noteValidity)
    return attempt
  }
  return {
    host: options.origin.host,
    proxy,
    isRelayedByProxy,
    agent,
    request: (options) => {
      const attempt = begin(options)
      attempt.on("response", (incoming) => keepUnlessSwitching(attempt, incoming))
      return attempt
    },
    sendWhole: (options, body, events) => sendWhole(() => begin(options), body, events),
    closeIdle: () => {
      for (const sockets of Object.values(agent.freeSockets))
        for (const socket of sockets ?? []) socket.destroy()
    },
    close: () => agent.destroy(),
  }
}

/** `undefined` until a connection has shown a certificate. */
const validities = new WeakMap<object, Validity | undefined>()

/** Notes the validity of the certificate of a new connection before Node refuses it. */
const noteValidity = (socket: Socket): void => {
  if (!(socket instanceof TLSSocket) || validities.has(socket)) return
  validities.set(socket, undefined)
  socket.prependOnceListener("secure", () => {
    const { valid_from, valid_to } = socket.getPeerCertificate()
    const validity = { from: Date.parse(valid_from), until: Date.parse(valid_to) }
    if (validity.from <= validity.until) validities.set(socket, validity)
  })
}

/** The validity of the certificate that the other end of a request has shown, if it has shown one. */
export const validityOf = ({ socket }: Http.ClientRequest): Validity | undefined =>
  socket === null ? undefined : validities.get(socket)
