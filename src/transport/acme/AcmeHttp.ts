/**
 * Signed requests to a certificate authority (RFC 8555 6): nonces, signatures,
 * problem documents, and short waits that the authority asks for.
 */
import { createHash, createHmac, createPublicKey, type KeyObject, sign } from "node:crypto"
import type { IncomingMessage } from "node:http"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { HeaderList } from "../../domain/HeaderList.ts"
import * as NodeClient from "../client/NodeClient.ts"
import * as ProxyTunnel from "../client/ProxyTunnel.ts"
import * as WholeResponse from "../client/WholeResponse.ts"
import { AcmeError, retryAfterOf } from "./AcmeError.ts"

/** How long the authority may take for a response, in milliseconds. */
const responseMillis = 30_000

/** The largest response, in bytes. */
const maxBytes = 1024 * 1024

/** How often a request is repeated because its nonce was not accepted. */
const maxNonces = 12

/** Until which `Retry-After` a request that the authority puts off is repeated at once, in milliseconds. */
const shortWait = 30_000

/** How often that is done. */
const maxWaits = 3

/** How many nonces are kept. */
const keptNonces = 16

/** A response of the authority. */
export interface AcmeResponse {
  readonly status: number
  /** Of the field `Location`. */
  readonly location: string | undefined
  /** What `Retry-After` asks for, in milliseconds. */
  readonly retryAfter: number | undefined
  readonly text: string
  /** The body as JSON; an empty object if it is none. */
  readonly json: { readonly [name: string]: unknown }
}

interface RawResponse extends AcmeResponse {
  readonly nonce: string | undefined
}

/** By what a request is signed: the account's address, or the key itself. */
export interface Signer {
  readonly key: KeyObject
  /** The account's address; `undefined` sends the key itself. */
  readonly account: string | undefined
}

const base64url = (data: string | Uint8Array): string => Buffer.from(data).toString("base64url")

/** The public half of a key as JSON, its members in the order of RFC 7638 3.2. */
export const jwkOf = (key: KeyObject): { readonly [name: string]: string } => {
  const { crv = "", kty = "", x = "", y = "" } = createPublicKey(key).export({ format: "jwk" })
  return { crv, kty, x, y }
}

/** The fingerprint of a key (RFC 7638). */
export const thumbprintOf = (key: KeyObject): string =>
  createHash("sha256")
    .update(JSON.stringify(jwkOf(key)))
    .digest("base64url")

/** A signature by the key that binds an account to another one at the authority (RFC 8555 7.3.4). */
export const externalBinding = (
  url: string,
  key: KeyObject,
  { id, secret }: { readonly id: string; readonly secret: Uint8Array },
) => {
  const head = base64url(JSON.stringify({ alg: "HS256", kid: id, url }))
  const payload = base64url(JSON.stringify(jwkOf(key)))
  const signature = createHmac("sha256", secret).update(`${head}.${payload}`).digest("base64url")
  return { protected: head, payload, signature }
}

const signed = (
  url: string,
  payload: object | undefined,
  { account, key }: Signer,
  nonce: string,
): Buffer => {
  const who = account === undefined ? { jwk: jwkOf(key) } : { kid: account }
  const head = base64url(JSON.stringify({ alg: "ES256", ...who, nonce, url }))
  // Without a payload it only reads (RFC 8555 6.3).
  const body = payload === undefined ? "" : base64url(JSON.stringify(payload))
  const signature = sign("sha256", Buffer.from(`${head}.${body}`), {
    key,
    dsaEncoding: "ieee-p1363",
  }).toString("base64url")
  return Buffer.from(JSON.stringify({ protected: head, payload: body, signature }))
}

const problemPrefix = "urn:ietf:params:acme:error:"

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" ? value : undefined

/** What a problem document says (RFC 8555 6.7), those about single names included. */
export const describe = (json: AcmeResponse["json"]): string => {
  const detail = textOf(json.detail) ?? textOf(json.type) ?? "it gives no reason"
  const parts = Array.isArray(json.subproblems)
    ? json.subproblems.flatMap((one) => textOf(one?.detail) ?? [])
    : []
  return [detail, ...parts].join("; ").replaceAll(/\s+/g, " ").replace(/\.$/, "").slice(0, 500)
}

/** The type of a problem without its prefix. */
export const typeOf = (json: AcmeResponse["json"]): string | undefined => {
  const type = textOf(json.type)
  return type?.startsWith(problemPrefix) ? type.slice(problemPrefix.length) : undefined
}

/** The error that a response with a problem stands for. */
const refusal = (url: string, { json, retryAfter, status }: AcmeResponse): AcmeError => {
  const type = typeOf(json)
  const isLimit = type === "rateLimited" || status === 429
  return new AcmeError({
    code: isLimit
      ? "PTTH_ACME_LIMIT"
      : status >= 500
        ? "PTTH_ACME_UNREACHABLE"
        : "PTTH_ACME_REFUSED",
    detail: `${new URL(url).host} answers ${status}: ${describe(json)}`,
    type,
    retryAfter,
  })
}

const unreachable = (url: string, reason: string): AcmeError =>
  new AcmeError({ code: "PTTH_ACME_UNREACHABLE", detail: `${new URL(url).host}: ${reason}` })

const field = (response: IncomingMessage, name: string): string | undefined => {
  const value = response.headers[name]
  return typeof value === "string" ? value : undefined
}

const parsed = (text: string): AcmeResponse["json"] => {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === "object" && json !== null && !Array.isArray(json) ? { ...json } : {}
  } catch {
    return {}
  }
}

/** The connections to one authority. */
export class AcmeHttp {
  private readonly ca: string | undefined
  private readonly clients = new Map<string, NodeClient.Client>()
  private readonly nonces: Array<string> = []

  /** @param ca PEM certificates to trust besides those of the system */
  constructor(ca: string | undefined) {
    this.ca = ca
  }

  close(): void {
    for (const client of this.clients.values()) client.close()
  }

  /** Reads an address without a signature. */
  get(url: string): Effect.Effect<AcmeResponse, AcmeError> {
    return Effect.flatMap(this.send("GET", url, undefined), (response) =>
      response.status === 200 ? Effect.succeed(response) : Effect.fail(refusal(url, response)),
    )
  }

  /** Sends a signed request; without `payload` it reads. Fails on every status that is not 2xx. */
  readonly post: (
    url: string,
    payload: object | undefined,
    signer: Signer,
    newNonce: string,
  ) => Effect.Effect<AcmeResponse, AcmeError> = Effect.fnUntraced(
    { self: this as AcmeHttp },
    function* (
      this: AcmeHttp,
      url: string,
      payload: object | undefined,
      signer: Signer,
      newNonce: string,
    ) {
      let waits = 0
      for (let nonces = 0; ; ) {
        const nonce = this.nonces.pop() ?? (yield* this.freshNonce(newNonce))
        const response = yield* this.send("POST", url, signed(url, payload, signer, nonce))
        if (response.status >= 200 && response.status < 300) return response
        if (typeOf(response.json) === "badNonce" && nonces < maxNonces) {
          nonces += 1
          // Nonces that were kept for long are as likely not accepted.
          if (response.nonce !== undefined)
            this.nonces.splice(0, Number.POSITIVE_INFINITY, response.nonce)
          continue
        }
        const { retryAfter, status } = response
        const isPutOff = status === 429 || status === 503
        if (!isPutOff || waits === maxWaits || retryAfter === undefined || retryAfter > shortWait)
          return yield* refusal(url, response)
        waits += 1
        yield* Effect.sleep(retryAfter)
      }
    },
  )

  private freshNonce(url: string): Effect.Effect<string, AcmeError> {
    return Effect.flatMap(this.send("HEAD", url, undefined), (response) => {
      const nonce = this.nonces.pop()
      return nonce === undefined ? Effect.fail(refusal(url, response)) : Effect.succeed(nonce)
    })
  }

  private clientFor(url: URL): NodeClient.Client {
    let client = this.clients.get(url.origin)
    if (client === undefined) {
      client = NodeClient.make({ origin: url, ca: this.ca, proxies: true, maxIdle: 1 })
      this.clients.set(url.origin, client)
    }
    return client
  }

  private send(
    method: string,
    address: string,
    body: Buffer | undefined,
  ): Effect.Effect<RawResponse, AcmeError> {
    return Effect.gen({ self: this }, function* () {
      if (!/^https?:\/\//.test(address) || !URL.canParse(address))
        return yield* new AcmeError({
          code: "PTTH_ACME_REFUSED",
          detail: `the authority gives an invalid address: ${JSON.stringify(address)}`,
        })
      const url = new URL(address)
      const client = yield* Effect.try({
        try: () => this.clientFor(url),
        catch: (error) => unreachable(address, error instanceof Error ? error.message : `${error}`),
      })
      const headers: HeaderList = [
        ["Host", client.host],
        ["User-Agent", "ptth"],
        ["Accept", "*/*"],
        ...(body === undefined
          ? []
          : ([
              ["Content-Type", "application/jose+json"],
              ["Content-Length", `${body.length}`],
            ] as const)),
      ]
      const path = `${url.pathname}${url.search}`
      const now = yield* Clock.currentTimeMillis
      const response = yield* exchange(client, { method, path, headers }, address, body).pipe(
        Effect.timeoutOrElse({
          duration: responseMillis,
          orElse: () => Effect.fail(unreachable(address, "it does not answer")),
        }),
      )
      const { message, text } = response
      const nonce = field(message, "replay-nonce")
      if (nonce !== undefined && this.nonces.length < keptNonces) this.nonces.push(nonce)
      return {
        status: message.statusCode ?? 0,
        location: field(message, "location"),
        retryAfter: retryAfterOf(field(message, "retry-after"), now),
        text,
        json: parsed(text),
        nonce,
      }
    })
  }
}

interface Received {
  readonly message: IncomingMessage
  readonly text: string
}

/** Why there is no response; whether it is the proxy that failed is said. */
const problemOf = (error: NodeJS.ErrnoException, proxy: URL | undefined): string => {
  if (error instanceof ProxyTunnel.ProxyTunnelError) return error.message
  const code = error.code ?? error.message
  return ProxyTunnel.isOfProxy(error, proxy)
    ? ProxyTunnel.sentence(proxy, `cannot be reached (${code})`)
    : code
}

const exchange = (
  client: NodeClient.Client,
  options: NodeClient.ClientRequestOptions,
  url: string,
  body: Buffer = Buffer.alloc(0),
): Effect.Effect<Received, AcmeError> =>
  Effect.callback((resume) => {
    const fail = (reason: string): void => resume(Effect.fail(unreachable(url, reason)))
    const abort = client.sendWhole(options, body, {
      failed: (error) => fail(problemOf(error, client.proxy)),
      response: (message) =>
        WholeResponse.read(message, maxBytes, (bytes) =>
          bytes === undefined
            ? fail("the response broke off")
            : resume(Effect.succeed({ message, text: bytes.toString("utf8") })),
        ),
    })
    return Effect.sync(abort)
  })
