/**
 * Sends HTTP requests to one fixed origin by Node's client: keep-alive, header
 * lists as they are, and the proxies of the environment. Neither a path nor a
 * header can make it connect to another host.
 */
import type * as Http from "node:http"
import type * as Https from "node:https"
import type { Socket } from "node:net"
import { getCACertificates, TLSSocket } from "node:tls"
import * as Result from "effect/Result"
import type { HeaderList } from "../../domain/HeaderList.ts"
import { toRaw } from "../../domain/HeaderList.ts"
import { http, https } from "../runtime/NodeHttp.ts"
import type { Validity } from "./Certificate.ts"
import * as ProxyChoice from "./ProxyChoice.ts"

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

/** The host and port to connect to; an IPv6 address has no brackets. */
export const addressOf = (origin: URL): { readonly host: string; readonly port: number } => ({
  host: origin.hostname.replace(/^\[(.*)\]$/, "$1"),
  port: origin.port === "" ? (origin.protocol === "https:" ? 443 : 80) : Number(origin.port),
})

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

/** A client for one origin, with a pool of its own. */
export const make = (options: ClientOptions): Client => {
  const secure = options.origin.protocol === "https:"
  const { host: hostname, port } = addressOf(options.origin)
  const proxy = options.proxies
    ? Result.getOrThrowWith(ProxyChoice.of(process.env, options.origin), (error) => error)
    : undefined
  // Node sends credentials only in a CONNECT.
  const credentials = proxy === undefined || secure ? undefined : ProxyChoice.authorization(proxy)
  const proxyFields = credentials === undefined ? [] : ["Proxy-Authorization", credentials]
  const agentOptions: Https.AgentOptions = {
    keepAlive: true,
    maxFreeSockets: options.maxIdle ?? 256,
    scheduling: "lifo",
    ...(proxy === undefined
      ? {}
      : { proxyEnv: { [secure ? "HTTPS_PROXY" : "HTTP_PROXY"]: proxy.href } }),
    // Only where they are used, since Node reads its own for it, which takes 10 MiB.
    ...(secure && options.ca !== undefined
      ? { ca: [...getCACertificates("default"), options.ca] }
      : {}),
  }
  const agent = secure ? new (https().Agent)(agentOptions) : new http.Agent(agentOptions)
  const unpooled = { ...agentOptions, keepAlive: false }
  const single = secure ? new (https().Agent)(unpooled) : new http.Agent(unpooled)
  const send = secure ? https().request : http.request
  const begin = ({ fresh, headers, method, path }: ClientRequestOptions): Http.ClientRequest => {
    const attempt = send({
      agent: fresh === true ? single : agent,
      host: hostname,
      port,
      method,
      path,
      headers: proxyFields.length === 0 ? toRaw(headers) : [...toRaw(headers), ...proxyFields],
      setDefaultHeaders: false,
      maxHeaderSize: maxResponseHead,
    })
    if (secure) attempt.once("socket", noteValidity)
    return attempt
  }
  return {
    host: options.origin.host,
    proxy,
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
