/**
 * Outgoing HTTP requests by Node's client: one fixed origin, keep-alive, raw
 * header lists, and proxies by the environment's variables. Nothing in a path
 * or a header can make it reach another host.
 */
import * as http from "node:http"
import * as https from "node:https"
import { getCACertificates } from "node:tls"
import type { HeaderList } from "../../domain/HeaderList.ts"
import { toRaw } from "../../domain/HeaderList.ts"

/** How an origin is reached. */
export interface ClientOptions {
  /** Scheme, host and port; a path in it is ignored. */
  readonly origin: URL
  /** PEM certificates to trust besides the usual ones. */
  readonly ca?: string | undefined
  /** Whether `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are honoured. */
  readonly proxies: boolean
  /** How many idle connections are kept. */
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
  /** Whether it goes on a connection of its own instead of a pooled one. */
  readonly fresh?: boolean
}

/** Hears what becomes of a request that is sent whole: one of the two, once. */
export interface WholeRequestEvents {
  /** The head of the answer has come. */
  readonly response: (response: http.IncomingMessage, request: http.ClientRequest) => void
  /** There is none. */
  readonly failed: (error: NodeJS.ErrnoException) => void
}

/** Sends requests to one origin. */
export interface Client {
  /** The value of the Host field that names the origin. */
  readonly host: string
  /** Its pool of connections. */
  readonly agent: http.Agent
  /** Starts a request whose head is written as given. */
  request(options: ClientRequestOptions): http.ClientRequest
  /**
   * Sends a request whose body is here already; once more if its pooled
   * connection had been closed meanwhile, which says nothing of the origin.
   * The returned function gives it up.
   */
  sendWhole(options: ClientRequestOptions, body: Uint8Array, events: WholeRequestEvents): () => void
  /** Closes every idle connection and lets no request keep one. */
  close(): void
}

/** Where a connection to an origin goes. */
export const addressOf = (origin: URL): { readonly host: string; readonly port: number } => ({
  host: origin.hostname.replace(/^\[(.*)\]$/, "$1"),
  port: origin.port === "" ? (origin.protocol === "https:" ? 443 : 80) : Number(origin.port),
})

/** A client for one origin, with a pool of its own. */
export const make = (options: ClientOptions): Client => {
  const secure = options.origin.protocol === "https:"
  const { host: hostname, port } = addressOf(options.origin)
  const agentOptions: https.AgentOptions = {
    keepAlive: true,
    maxFreeSockets: options.maxIdle ?? 256,
    scheduling: "lifo",
    ...(options.proxies ? { proxyEnv: process.env } : {}),
    ...(options.ca === undefined ? {} : { ca: [...getCACertificates("default"), options.ca] }),
  }
  const agent = secure ? new https.Agent(agentOptions) : new http.Agent(agentOptions)
  const unpooled = { ...agentOptions, keepAlive: false }
  const single = secure ? new https.Agent(unpooled) : new http.Agent(unpooled)
  const send = secure ? https.request : http.request
  const request = ({ fresh, headers, method, path }: ClientRequestOptions): http.ClientRequest =>
    send({
      agent: fresh === true ? single : agent,
      host: hostname,
      port,
      method,
      path,
      headers: toRaw(headers),
      setDefaultHeaders: false,
      maxHeaderSize: maxResponseHead,
    })
  return {
    host: options.origin.host,
    agent,
    request,
    sendWhole: (wanted, body, { failed, response }) => {
      let current: http.ClientRequest
      let isOver = false
      const start = (again: boolean): void => {
        const made = request(wanted)
        current = made
        made.on("error", (error: NodeJS.ErrnoException) => {
          if (isOver) return
          if (again && made.reusedSocket) return start(false)
          isOver = true
          failed(error)
        })
        made.on("response", (answer) => {
          isOver = true
          response(answer, made)
        })
        if (body.length > 0) made.end(body)
        else made.end()
      }
      start(true)
      return () => {
        isOver = true
        current.destroy()
      }
    },
    close: () => agent.destroy(),
  }
}
