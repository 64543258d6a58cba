/**
 * Obtains certificates from a certificate authority by ACME (RFC 8555), with
 * renewal information (RFC 9773).
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Certificate from "../net/Certificate.ts"
import { AcmeError } from "./AcmeError.ts"
import * as AcmeHttp from "./AcmeHttp.ts"
import * as X509 from "./X509.ts"

/** The authority and how to sign up there. */
export interface AcmeOptions {
  /** The address of its directory. */
  readonly directory: string
  /** PEM certificates to trust for it besides those of the system. */
  readonly ca: string | undefined
  /** A mail address; `undefined` gives none. */
  readonly contact: string | undefined
  /** The key of an account at the authority outside of ACME. */
  readonly external: { readonly id: string; readonly secret: Uint8Array } | undefined
}

/** An account. `url` is `undefined` until the authority knows it. */
export interface Account {
  /** As PEM. */
  readonly key: string
  readonly url: string | undefined
  readonly contact: string | undefined
}

/** The kinds of challenges that can be answered here. */
export type ChallengeKind = "http-01" | "tls-alpn-01" | "dns-01"

/** What the authority looks for at a host. */
export interface Challenge {
  readonly kind: ChallengeKind
  /** The host, without the `*.` of a wildcard. */
  readonly host: string
  readonly token: string
  /** RFC 8555 8.1. */
  readonly keyAuthorization: string
}

/** How challenges are answered. */
export interface Challenger {
  /** The kinds that are possible for a name, the best first. */
  readonly kinds: (name: string) => ReadonlyArray<ChallengeKind>
  /** Shows the answer, and succeeds when the authority can see it. */
  readonly show: (challenge: Challenge) => Effect.Effect<void, AcmeError>
  /** The authority has accepted the answer. */
  readonly succeeded: (challenge: Challenge) => void
  /** Called in any case once the answer is not needed any more. */
  readonly remove: (challenge: Challenge) => Effect.Effect<void>
}

/** What is ordered. */
export interface Order {
  readonly names: readonly [string, ...ReadonlyArray<string>]
  /** The certificate's id for renewal information, if it is to replace one. */
  readonly replaces: string | undefined
}

/** When the authority wants a certificate to be renewed, in milliseconds since 1970. */
export interface RenewalWindow {
  readonly from: number
  readonly until: number
  /** Why, if that is out of the ordinary: the address of a text. */
  readonly explanation: string | undefined
  /** After how many milliseconds it is to be asked again. */
  readonly askAgain: number
}

interface Directory {
  readonly newNonce: string
  readonly newAccount: string
  readonly newOrder: string
  readonly renewalInfo: string | undefined
  readonly needsExternal: boolean
}

/** How long an order may take as a whole. */
const orderLimit = "5 minutes"

/** The longest pause between two looks at something that the authority is working on, in milliseconds. */
const longestPause = 30_000

/** When renewal information is asked for again by default, in milliseconds (RFC 9773 4.3). */
const renewalInfoMillis = 6 * 3_600_000

const refusal = (detail: string): AcmeError => new AcmeError({ code: "PTTH_ACME_REFUSED", detail })

/** What is wrong with the directory, which may be another page of that host, is wrong with its address. */
const ofDirectory =
  (address: string) =>
  (error: AcmeError): AcmeError =>
    error.code === "PTTH_ACME_REFUSED"
      ? refusal(`\`acme_directory\` ${address} is no directory of an authority: ${error.detail}`)
      : error

const textOf = (json: AcmeHttp.AcmeResponse["json"], name: string): string | undefined => {
  const value = json[name]
  return typeof value === "string" ? value : undefined
}

const required = (
  json: AcmeHttp.AcmeResponse["json"],
  name: string,
): Effect.Effect<string, AcmeError> => {
  const value = textOf(json, name)
  return value === undefined
    ? Effect.fail(refusal(`an answer of the authority has no ${name}`))
    : Effect.succeed(value)
}

const listOf = (json: AcmeHttp.AcmeResponse["json"], name: string): ReadonlyArray<unknown> => {
  const value = json[name]
  return Array.isArray(value) ? value : []
}

const objectOf = (value: unknown): AcmeHttp.AcmeResponse["json"] =>
  typeof value === "object" && value !== null ? { ...value } : {}

/** An account with a new key that the authority does not know yet. */
export const newAccount = (): Account => ({
  key: X509.pemOf(X509.newKey()),
  url: undefined,
  contact: undefined,
})

/** See the file's header. */
export class AcmeClient {
  private readonly options: AcmeOptions
  private readonly http: AcmeHttp.AcmeHttp
  private directory: Directory | undefined

  constructor(options: AcmeOptions) {
    this.options = options
    this.http = new AcmeHttp.AcmeHttp(options.ca)
  }

  close(): void {
    this.http.close()
  }

  private readonly readDirectory: Effect.Effect<Directory, AcmeError> = Effect.suspend(() =>
    this.directory === undefined
      ? Effect.gen({ self: this }, function* () {
          const { json } = yield* this.http.get(this.options.directory)
          const directory: Directory = {
            newNonce: yield* required(json, "newNonce"),
            newAccount: yield* required(json, "newAccount"),
            newOrder: yield* required(json, "newOrder"),
            renewalInfo: textOf(json, "renewalInfo"),
            needsExternal: objectOf(json.meta).externalAccountRequired === true,
          }
          this.directory = directory
          return directory
        }).pipe(Effect.mapError(ofDirectory(this.options.directory)))
      : Effect.succeed(this.directory),
  )

  private readonly post = Effect.fnUntraced(
    { self: this as AcmeClient },
    function* (
      this: AcmeClient,
      url: string,
      payload: object | undefined,
      signer: AcmeHttp.Signer,
    ) {
      const { newNonce } = yield* this.readDirectory
      return yield* this.http.post(url, payload, signer, newNonce)
    },
  )

  /** Signs up, or tells the authority a new contact; the account as the authority knows it now. */
  readonly register = Effect.fn("AcmeClient.register")(
    { self: this as AcmeClient },
    function* (this: AcmeClient, account: Account): Effect.fn.Return<Account, AcmeError> {
      const { contact, external } = this.options
      const key = createPrivateKey(account.key)
      const contacts = contact === undefined ? [] : [`mailto:${contact}`]
      if (account.url !== undefined) {
        if (account.contact === contact) return account
        yield* this.post(account.url, { contact: contacts }, { key, account: account.url })
        return { ...account, contact }
      }
      const { needsExternal, newAccount } = yield* this.readDirectory
      if (needsExternal && external === undefined)
        return yield* refusal(
          "the authority takes accounts only with a key of its own (`acme_eab_key_id` and `acme_eab_key_file`)",
        )
      const binding =
        external === undefined
          ? {}
          : { externalAccountBinding: AcmeHttp.externalBinding(newAccount, key, external) }
      const { location } = yield* this.post(
        newAccount,
        { termsOfServiceAgreed: true, contact: contacts, ...binding },
        { key, account: undefined },
      )
      if (location === undefined)
        return yield* refusal("the authority gives the account no address")
      return { key: account.key, url: location, contact }
    },
  )

  /** Obtains a certificate with a new key, for an account that the authority knows. */
  readonly obtain = Effect.fn("AcmeClient.obtain")(
    { self: this as AcmeClient },
    function* (
      this: AcmeClient,
      account: Account,
      order: Order,
      challenger: Challenger,
    ): Effect.fn.Return<Certificate.Certificate, AcmeError> {
      return yield* this.order(
        { key: createPrivateKey(account.key), account: account.url },
        order,
        challenger,
      ).pipe(
        Effect.timeoutOrElse({
          duration: orderLimit,
          orElse: () =>
            Effect.fail(
              new AcmeError({
                code: "PTTH_ACME_UNREACHABLE",
                detail: "the authority did not finish within five minutes",
              }),
            ),
        }),
      )
    },
  )

  private readonly order = Effect.fnUntraced(
    { self: this as AcmeClient },
    function* (
      this: AcmeClient,
      signer: AcmeHttp.Signer,
      { names, replaces }: Order,
      challenger: Challenger,
    ): Effect.fn.Return<Certificate.Certificate, AcmeError> {
      const { newOrder } = yield* this.readDirectory
      const identifiers = names.map((value) => ({ type: "dns", value }))
      const create = (more: object) => this.post(newOrder, { identifiers, ...more }, signer)
      const created = yield* replaces === undefined
        ? create({})
        : create({ replaces }).pipe(
            // It was replaced already, or the authority does not know it (RFC 9773 5).
            Effect.catchIf(
              ({ code, type }) => code === "PTTH_ACME_REFUSED" && type !== "rejectedIdentifier",
              () => create({}),
            ),
          )
      const url = created.location
      if (url === undefined) return yield* refusal("the authority gives the order no address")
      for (const authorization of listOf(created.json, "authorizations"))
        yield* this.authorize(`${authorization}`, signer, challenger)
      const ready = yield* this.settled(url, signer, "pending")
      if (textOf(ready.json, "status") !== "ready") return yield* failedOrder(ready)
      const key = X509.newKey()
      yield* this.post(
        yield* required(ready.json, "finalize"),
        { csr: X509.request(names, key).toString("base64url") },
        signer,
      )
      const done = yield* this.settled(url, signer, "processing", "ready")
      if (textOf(done.json, "status") !== "valid") return yield* failedOrder(done)
      const { text } = yield* this.post(
        yield* required(done.json, "certificate"),
        undefined,
        signer,
      )
      return yield* checked(text, key, names)
    },
  )

  /** Proves to the authority that a name is ours. */
  private readonly authorize = Effect.fnUntraced(
    { self: this as AcmeClient },
    function* (
      this: AcmeClient,
      url: string,
      signer: AcmeHttp.Signer,
      challenger: Challenger,
    ): Effect.fn.Return<void, AcmeError> {
      const { json } = yield* this.post(url, undefined, signer)
      if (textOf(json, "status") === "valid") return
      const host = textOf(objectOf(json.identifier), "value") ?? ""
      const name = json.wildcard === true ? `*.${host}` : host
      const offered = listOf(json, "challenges").map(objectOf)
      const kinds = challenger.kinds(name)
      const kind = kinds.find((kind) => offered.some(({ type }) => type === kind))
      const chosen = offered.find(({ type }) => type === kind)
      if (kind === undefined || chosen === undefined)
        return yield* refusal(
          `the authority offers no challenge for ${name} that can be answered here (${kinds.join(", ")})`,
        )
      const token = yield* required(chosen, "token")
      // It becomes part of a path.
      if (!/^[A-Za-z0-9_-]{1,256}$/.test(token)) return yield* refusal("a token is not base64url")
      const challenge: Challenge = {
        kind,
        host,
        token,
        keyAuthorization: `${token}.${AcmeHttp.thumbprintOf(signer.key)}`,
      }
      const answerAddress = yield* required(chosen, "url")
      const result = yield* challenger
        .show(challenge)
        .pipe(
          Effect.andThen(this.post(answerAddress, {}, signer)),
          Effect.andThen(this.settled(url, signer, "pending")),
          Effect.ensuring(challenger.remove(challenge)),
        )
      if (textOf(result.json, "status") === "valid") return challenger.succeeded(challenge)
      const error = listOf(result.json, "challenges")
        .map((one) => objectOf(objectOf(one).error))
        .find(({ type }) => type !== undefined)
      return yield* new AcmeError({
        code: "PTTH_ACME_CHALLENGE",
        detail: `${name} by ${kind}: ${error === undefined ? "the authority gives no reason" : AcmeHttp.describe(error)}`,
      })
    },
  )

  /** Reads an order or authorization until it is no longer in one of these states. */
  private readonly settled = Effect.fnUntraced(
    { self: this as AcmeClient },
    function* (
      this: AcmeClient,
      url: string,
      signer: AcmeHttp.Signer,
      ...states: ReadonlyArray<string>
    ): Effect.fn.Return<AcmeHttp.AcmeResponse, AcmeError> {
      for (let pause = 250; ; pause = Math.min(2 * pause, 5_000)) {
        const response = yield* this.post(url, undefined, signer)
        if (!states.includes(textOf(response.json, "status") ?? "")) return response
        yield* Effect.sleep(Math.min(response.retryAfter ?? pause, longestPause))
      }
    },
  )

  /** When the authority wants a certificate to be renewed; `undefined` if it does not say. */
  readonly renewalWindow = Effect.fn("AcmeClient.renewalWindow")(
    { self: this as AcmeClient },
    function* (
      this: AcmeClient,
      chain: string,
    ): Effect.fn.Return<RenewalWindow | undefined, AcmeError> {
      const { renewalInfo } = yield* this.readDirectory
      const id = X509.renewalId(chain)
      if (renewalInfo === undefined || id === undefined) return undefined
      const { json, retryAfter } = yield* this.http.get(`${renewalInfo}/${id}`)
      const window = objectOf(json.suggestedWindow)
      const from = Date.parse(textOf(window, "start") ?? "")
      const until = Date.parse(textOf(window, "end") ?? "")
      if (Number.isNaN(from) || Number.isNaN(until) || until < from) return undefined
      return {
        from,
        until,
        explanation: textOf(json, "explanationURL"),
        askAgain: Math.min(Math.max(retryAfter ?? renewalInfoMillis, 60_000), 24 * 3_600_000),
      }
    },
  )
}

const failedOrder = ({ json }: AcmeHttp.AcmeResponse): AcmeError =>
  refusal(`the order is ${textOf(json, "status")}: ${AcmeHttp.describe(objectOf(json.error))}`)

/** Fails unless what the authority sent is a certificate for the key and the names. */
const checked = (
  chain: string,
  key: KeyObject,
  names: Order["names"],
): Effect.Effect<Certificate.Certificate, AcmeError> => {
  const certificate = Certificate.make(chain, X509.pemOf(key))
  const fault = Certificate.faultOf(certificate)
  if (fault !== undefined) return Effect.fail(refusal(`the ${fault.part} ${fault.detail}`))
  const leaf = new X509Certificate(chain)
  const missing = names.find(
    (name) => leaf.checkHost(name.replace(/^\*/, "x"), { subject: "never" }) === undefined,
  )
  return missing === undefined
    ? Effect.succeed(certificate)
    : Effect.fail(refusal(`the certificate is not for ${missing}`))
}
