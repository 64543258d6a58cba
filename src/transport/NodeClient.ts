/**
 * Outgoing HTTP requests by Node's client: one fixed origin, keep-alive, raw
 * header lists, and proxies by the environment's variables. Nothing in a path
 * or a header can make it reach another host.
 */
import * as http from "node:http"
import * as https from "node:https"
import { getCACertificates } from "node:tls"
import type { HeaderList } from "../domain/HeaderList.ts"
import { toRaw } from "../domain/HeaderList.ts"

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

/** Sends requests to one origin. */
export interface Client {
  /** The value of the Host field that names the origin. */
  readonly host: string
  /** Its pool of connections. */
  readonly agent: http.Agent
  /** Starts a request whose head is written as given. */
  request(options: ClientRequestOptions): http.ClientRequest
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
  return {
    host: options.origin.host,
    agent,
    request: ({ fresh, headers, method, path }) =>
      send({
        agent: fresh === true ? single : agent,
        host: hostname,
        port,
        method,
        path,
        headers: toRaw(headers),
        setDefaultHeaders: false,
        maxHeaderSize: maxResponseHead,
      }),
    close: () => agent.destroy(),
  }
}
