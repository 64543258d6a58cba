/**
 * A certificate authority that speaks ACME (RFC 8555) and renewal information
 * (RFC 9773) on a port of this machine, as strict about nonces and signatures as
 * a real one. What it refuses, and what it finds at hosts, is the test's.
 */
import {
  createHash,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from "node:crypto"
import * as http from "node:http"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Der from "../../src/transport/acme/Der.ts"
import { listeningUrl } from "./LocalServer.ts"

/** What the authority asks a host for. */
export interface AskedChallenge {
  readonly kind: string
  readonly host: string
  readonly token: string
  readonly keyAuthorization: string
}

/** A response that replaces the authority's own. */
export interface Refusal {
  /** How the path begins, such as `/new-order`. */
  readonly path: string
  readonly status: number
  readonly type: string
  readonly retryAfter?: string
  /** How often; once by default. */
  times?: number
}

/** An order as it came. */
export interface SeenOrder {
  readonly names: ReadonlyArray<string>
  readonly replaces: string | undefined
}

interface Order extends SeenOrder {
  status: string
  readonly account: string
  readonly authorizations: ReadonlyArray<string>
  chain: string | undefined
  polls: number
}

interface Authorization {
  readonly host: string
  readonly wildcard: boolean
  readonly token: string
  status: string
  error: string | undefined
}

interface Signed {
  readonly url: string
  readonly nonce: string
  readonly kid?: string
  readonly jwk?: JsonWebKey
}

const pem = (label: string, der: Buffer): string =>
  `-----BEGIN ${label}-----\n${(der.toString("base64").match(/.{1,64}/g) ?? []).join("\n")}\n-----END ${label}-----\n`

const algorithm = Der.sequence(Der.oid("1.2.840.10045.4.3.2"))

const nameOf = (text: string): Buffer =>
  Der.sequence(Der.set(Der.sequence(Der.oid("2.5.4.3"), Der.utf8(text))))

const extension = (id: string, value: Buffer): Buffer =>
  Der.sequence(Der.oid(id), Der.octets(value))

/** An authority that runs. */
export class FakeAuthority {
  /** Refusals to come. */
  readonly refusals: Array<Refusal> = []
  readonly orders: Array<SeenOrder> = []
  /** How many accounts were made. */
  accounts = 0
  /** Of the last account. */
  contact: ReadonlyArray<string> = []
  /** How many of the next nonces are refused. */
  badNonces = 0
  /** How long certificates are valid, in milliseconds. */
  lifetime = 90 * 24 * 3_600_000
  /** The time, in milliseconds since 1970. */
  now = (): number => Date.now()
  /** Renewal information; `undefined` has none. */
  window: { from: number; until: number; retryAfter?: string } | undefined
  /** How often an order is `processing`, with what `Retry-After`. */
  processing: { times: number; retryAfter: string } = { times: 0, retryAfter: "1" }
  /** The key for external account binding, if one is required. */
  external: { readonly id: string; readonly secret: Buffer } | undefined
  /** Whether a host answers a challenge; the reason if it does not. */
  check: (challenge: AskedChallenge) => Promise<string | undefined> = async () => undefined
  readonly rootPem: string
  base = ""
  private readonly key: KeyObject
  private readonly keyId = randomBytes(20)
  private readonly nonces = new Set<string>()
  private readonly keys = new Map<string, KeyObject>()
  private readonly thumbprints = new Map<string, string>()
  private readonly all = new Map<string, Order>()
  private readonly authorizations = new Map<string, Authorization>()

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" })
    this.key = privateKey
    const root = Der.sequence(
      Der.context(0, true, Der.integer(Buffer.of(2))),
      Der.integer(Buffer.of(1)),
      algorithm,
      nameOf("Fake authority"),
      Der.sequence(Der.time(Date.UTC(2020, 0)), Der.time(Date.UTC(2045, 0))),
      nameOf("Fake authority"),
      publicKey.export({ type: "spki", format: "der" }),
      Der.context(
        3,
        true,
        Der.sequence(
          Der.sequence(Der.oid("2.5.29.19"), Der.yes, Der.octets(Der.sequence(Der.yes))),
          extension("2.5.29.14", Der.octets(this.keyId)),
        ),
      ),
    )
    this.rootPem = pem("CERTIFICATE", this.signed(root))
  }

  private signed(content: Buffer): Buffer {
    return Der.sequence(content, algorithm, Der.bits(sign("sha256", content, this.key)))
  }

  private issue(csr: Buffer): string {
    const [request] = Der.readAll(csr) ?? []
    const [info] = Der.readAll(request?.content ?? Buffer.alloc(0)) ?? []
    const [, , publicKey, attributes] = Der.readAll(info?.content ?? Buffer.alloc(0)) ?? []
    if (publicKey === undefined || attributes === undefined) throw new Error("a bad request")
    const at = attributes.content.indexOf(Buffer.from("0603551d11", "hex"))
    const [names] = Der.readAll(attributes.content.subarray(at + 5)) ?? []
    const now = this.now()
    const leaf = Der.sequence(
      Der.context(0, true, Der.integer(Buffer.of(2))),
      Der.integer(Buffer.concat([Buffer.of(0x7f), randomBytes(8)])),
      algorithm,
      nameOf("Fake authority"),
      Der.sequence(Der.time(now - 1000), Der.time(now + this.lifetime)),
      Der.sequence(),
      Der.value(publicKey.tag, publicKey.content),
      Der.context(
        3,
        true,
        Der.sequence(
          extension("2.5.29.17", names?.content ?? Buffer.alloc(0)),
          extension("2.5.29.35", Der.sequence(Der.context(0, false, this.keyId))),
        ),
      ),
    )
    return pem("CERTIFICATE", this.signed(leaf)) + this.rootPem
  }

  async answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Array<Buffer> = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const path = request.url ?? ""
    const nonce = randomBytes(12).toString("base64url")
    this.nonces.add(nonce)
    const send = (status: number, body: unknown, fields: http.OutgoingHttpHeaders = {}): void => {
      response.writeHead(status, {
        "replay-nonce": nonce,
        "content-type": "application/json",
        ...fields,
      })
      response.end(typeof body === "string" ? body : JSON.stringify(body))
    }
    const problem = (status: number, type: string, retryAfter?: string, detail = type): void =>
      send(
        status,
        { type: `urn:ietf:params:acme:error:${type}`, detail },
        retryAfter === undefined ? {} : { "retry-after": retryAfter },
      )
    const refusal = this.refusals.find((one) => path.startsWith(one.path))
    if (refusal !== undefined) {
      refusal.times = (refusal.times ?? 1) - 1
      if (refusal.times === 0) this.refusals.splice(this.refusals.indexOf(refusal), 1)
      return problem(refusal.status, refusal.type, refusal.retryAfter)
    }
    if (request.method !== "POST") return this.read(path, send)
    const jws = JSON.parse(Buffer.concat(chunks).toString())
    const head: Signed = JSON.parse(Buffer.from(jws.protected, "base64url").toString())
    const key =
      head.jwk === undefined
        ? this.keys.get(head.kid ?? "")
        : createPublicKey({ key: head.jwk, format: "jwk" })
    if (key === undefined) return problem(400, "accountDoesNotExist")
    const isSigned = verify(
      "sha256",
      Buffer.from(`${jws.protected}.${jws.payload}`),
      { key, dsaEncoding: "ieee-p1363" },
      Buffer.from(jws.signature, "base64url"),
    )
    if (!isSigned || head.url !== `${this.base}${path}`) return problem(401, "unauthorized")
    if (this.badNonces > 0 || !this.nonces.delete(head.nonce)) {
      this.badNonces = Math.max(0, this.badNonces - 1)
      return problem(400, "badNonce")
    }
    const payload =
      jws.payload === "" ? undefined : JSON.parse(Buffer.from(jws.payload, "base64url").toString())
    if (path === "/new-account") return this.signUp(head, payload, key, send, problem)
    const kid = head.kid ?? ""
    if (path.startsWith("/account/")) {
      this.contact = payload.contact
      return send(200, { status: "valid" })
    }
    if (path === "/new-order") {
      if (
        payload.replaces !== undefined &&
        this.orders.some((one) => one.replaces === payload.replaces)
      )
        return problem(409, "alreadyReplaced")
      return this.newOrder(kid, payload, send)
    }
    const id = path.replace(/^\/[a-z-]+\//, "").replace(/\/.*$/, "")
    if (path.startsWith("/authorization/")) return send(200, this.viewOf(id))
    if (path.startsWith("/challenge/")) {
      const kind = path.split("/")[3] ?? ""
      await this.validate(id, kind, this.thumbprints.get(kid) ?? "")
      return send(200, { type: kind, status: "processing" })
    }
    const order = this.all.get(id)
    if (order === undefined || order.account !== kid) return problem(404, "malformed")
    if (path.startsWith("/finalize/")) {
      order.chain = this.issue(Buffer.from(payload.csr, "base64url"))
      order.status = this.processing.times > 0 ? "processing" : "valid"
      order.polls = this.processing.times
      return send(200, this.orderView(id, order))
    }
    if (path.startsWith("/certificate/")) return send(200, order.chain ?? "")
    if (order.status === "processing" && order.polls-- <= 0) order.status = "valid"
    return send(
      200,
      this.orderView(id, order),
      order.status === "processing" ? { "retry-after": this.processing.retryAfter } : {},
    )
  }

  private read(
    path: string,
    send: (status: number, body: unknown, fields?: http.OutgoingHttpHeaders) => void,
  ): void {
    if (path === "/directory")
      return send(200, {
        newNonce: `${this.base}/new-nonce`,
        newAccount: `${this.base}/new-account`,
        newOrder: `${this.base}/new-order`,
        ...(this.window === undefined ? {} : { renewalInfo: `${this.base}/renewal` }),
        meta: { externalAccountRequired: this.external !== undefined },
      })
    if (path.startsWith("/renewal/") && this.window !== undefined)
      return send(
        200,
        {
          suggestedWindow: {
            start: new Date(this.window.from).toISOString(),
            end: new Date(this.window.until).toISOString(),
          },
        },
        { "retry-after": this.window.retryAfter ?? "3600" },
      )
    send(path === "/new-nonce" ? 200 : 404, "")
  }

  private signUp(
    { jwk, url }: Signed,
    payload: { readonly contact: ReadonlyArray<string>; readonly externalAccountBinding?: unknown },
    key: KeyObject,
    send: (status: number, body: unknown, fields: http.OutgoingHttpHeaders) => void,
    problem: (status: number, type: string) => void,
  ): void {
    if (this.external !== undefined) {
      const binding = payload.externalAccountBinding as
        | { protected: string; payload: string; signature: string }
        | undefined
      if (binding === undefined) return problem(400, "externalAccountRequired")
      const mac = createHmac("sha256", this.external.secret)
        .update(`${binding.protected}.${binding.payload}`)
        .digest("base64url")
      const head = JSON.parse(Buffer.from(binding.protected, "base64url").toString())
      if (mac !== binding.signature || head.kid !== this.external.id || head.url !== url)
        return problem(401, "unauthorized")
    }
    this.contact = payload.contact
    const thumbprint = createThumbprint(jwk)
    const known = [...this.thumbprints].find(([, one]) => one === thumbprint)?.[0]
    const address = known ?? `${this.base}/account/${this.accounts + 1}`
    if (known === undefined) this.accounts += 1
    this.keys.set(address, key)
    this.thumbprints.set(address, thumbprint)
    send(known === undefined ? 201 : 200, { status: "valid" }, { location: address })
  }

  private newOrder(
    account: string,
    payload: {
      readonly identifiers: ReadonlyArray<{ readonly value: string }>
      readonly replaces?: string
    },
    send: (status: number, body: unknown, fields: http.OutgoingHttpHeaders) => void,
  ): void {
    const names = payload.identifiers.map(({ value }) => value)
    const id = randomBytes(6).toString("hex")
    const authorizations = names.map((name) => {
      const authorization = randomBytes(6).toString("hex")
      this.authorizations.set(authorization, {
        host: name.replace(/^\*\./, ""),
        wildcard: name.startsWith("*."),
        token: randomBytes(12).toString("base64url"),
        status: "pending",
        error: undefined,
      })
      return authorization
    })
    const order: Order = {
      names,
      replaces: payload.replaces,
      status: "pending",
      account,
      authorizations,
      chain: undefined,
      polls: 0,
    }
    this.all.set(id, order)
    this.orders.push({ names, replaces: payload.replaces })
    send(201, this.orderView(id, order), { location: `${this.base}/order/${id}` })
  }

  private orderView(id: string, order: Order): object {
    const states = order.authorizations.map((one) => this.authorizations.get(one)?.status)
    if (order.status === "pending" && states.every((one) => one === "valid")) order.status = "ready"
    if (states.includes("invalid")) order.status = "invalid"
    return {
      status: order.status,
      authorizations: order.authorizations.map((one) => `${this.base}/authorization/${one}`),
      finalize: `${this.base}/finalize/${id}`,
      ...(order.status === "valid" ? { certificate: `${this.base}/certificate/${id}` } : {}),
    }
  }

  private viewOf(id: string): object {
    const one = this.authorizations.get(id)
    if (one === undefined) return {}
    const kinds = one.wildcard ? ["dns-01"] : ["http-01", "tls-alpn-01", "dns-01"]
    return {
      status: one.status,
      identifier: { type: "dns", value: one.host },
      ...(one.wildcard ? { wildcard: true } : {}),
      challenges: kinds.map((type) => ({
        type,
        token: one.token,
        url: `${this.base}/challenge/${id}/${type}`,
        ...(one.error === undefined
          ? {}
          : { error: { type: "urn:ietf:params:acme:error:connection", detail: one.error } }),
      })),
    }
  }

  private async validate(id: string, kind: string, thumbprint: string): Promise<void> {
    const one = this.authorizations.get(id)
    if (one === undefined) return
    const { host, token } = one
    one.error = await this.check({ kind, host, token, keyAuthorization: `${token}.${thumbprint}` })
    one.status = one.error === undefined ? "valid" : "invalid"
  }
}

const createThumbprint = (jwk: JsonWebKey | undefined): string => {
  const { crv, kty, x, y } = jwk ?? {}
  return createHash("sha256").update(JSON.stringify({ crv, kty, x, y })).digest("base64url")
}

/** Starts an authority, until the Scope is closed. */
export const start: Effect.Effect<FakeAuthority, never, Scope.Scope> = Effect.gen(function* () {
  const authority = new FakeAuthority()
  const server = http.createServer((request, response) => {
    authority.answer(request, response).catch((error) => {
      response.writeHead(500).end(String(error))
    })
  })
  authority.base = yield* listeningUrl(server)
  return authority
})
