/**
 * `fetch` through the proxy of the environment, for the provider of OpenID Connect:
 * Node's own goes past it, unless Node was told to use it.
 */
import type { IncomingMessage } from "node:http"
import * as Result from "effect/Result"
import type { Header } from "../../domain/HeaderList.ts"
import * as NodeClient from "../../transport/client/NodeClient.ts"
import * as ProxyChoice from "../../transport/client/ProxyChoice.ts"
import * as WholeResponse from "../../transport/client/WholeResponse.ts"

/** What of `fetch` is needed: no redirects, and bodies in memory. */
export type Fetch = (
  url: string,
  options: {
    readonly method: string
    readonly headers: Readonly<Record<string, string>>
    readonly body?: unknown
    readonly signal?: AbortSignal | undefined
  },
) => Promise<Response>

/** The largest response, in bytes. */
const maxBytes = 1024 * 1024

/** Statuses whose responses have no content. */
const isEmpty = (status: number): boolean => status === 204 || status === 205 || status === 304

const responseOf = (incoming: IncomingMessage, bytes: Buffer): Response => {
  const { rawHeaders, statusCode: status = 0 } = incoming
  const headers = new Headers()
  for (let at = 0; at < rawHeaders.length; at += 2)
    headers.append(rawHeaders[at] as string, rawHeaders[at + 1] as string)
  return new Response(isEmpty(status) ? null : new Uint8Array(bytes), { status, headers })
}

/** Sends one request on a connection of its own. A failure is a `TypeError`, as that of `fetch`. */
const send: Fetch = (address, { body, headers, method, signal }) =>
  new Promise((resolve, reject) => {
    const url = new URL(address)
    const client = NodeClient.make({ origin: url, proxies: true, maxIdle: 0 })
    const bytes = Buffer.from(body === undefined || body === null ? "" : String(body))
    const length: ReadonlyArray<Header> =
      method === "GET" || method === "HEAD" ? [] : [["Content-Length", `${bytes.length}`]]
    const fields = [["Host", client.host] as const, ...Object.entries(headers), ...length]
    const options = { method, path: url.pathname + url.search, headers: fields, fresh: true }
    const fail = (cause: Error): void => reject(new TypeError("fetch failed", { cause }))
    const abort = client.sendWhole(options, bytes, {
      failed: fail,
      response: (incoming) =>
        WholeResponse.read(incoming, maxBytes, (received) =>
          received === undefined
            ? fail(new Error("the response broke off"))
            : resolve(responseOf(incoming, received)),
        ),
    })
    signal?.addEventListener("abort", () => {
      abort()
      reject(signal.reason as Error)
    })
  })

/**
 * The `fetch` for an origin: through the proxy that the environment names for it, or
 * `undefined` if there is none. With an unusable proxy each request fails, instead of going past it.
 */
export const forOrigin = (env: ProxyChoice.Environment, origin: URL): Fetch | undefined => {
  const proxy = ProxyChoice.of(env, origin)
  if (Result.isFailure(proxy)) return () => Promise.reject(new TypeError(proxy.failure.message))
  return proxy.success === undefined ? undefined : send
}
