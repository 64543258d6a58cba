/**
 * The provider of OpenID Connect, by `openid-client`: authorization code flow
 * with PKCE, state and nonce (OpenID Connect Core 3.1), issuer in the response
 * (RFC 9207), and sign-out there (RP-Initiated Logout 1.0). It is asked for its
 * metadata when the first visitor signs in, and again from time to time.
 */
import * as Redacted from "effect/Redacted"
import type { Configuration, ServerMetadata } from "openid-client"
import type { Oidc } from "../../domain/config/OidcKeys.ts"
import type { Identity } from "../../domain/visitor/AllowList.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import * as ProxiedFetch from "./ProxiedFetch.ts"

type Library = typeof import("openid-client")

/** The secrets of one attempt to sign in. */
export interface Checks {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
}

/** How long a request to the provider may take, in seconds. */
const requestSeconds = 10

/** How old metadata may be before they are asked for again, in milliseconds. */
const metadataMillis = 3_600_000

/** For how long a failure to get metadata is believed, in milliseconds. */
const failureMillis = 2_000

/** By how much the provider's clock may differ, in seconds. */
const clockTolerance = 30

/** Metadata of a configuration, and how old they are. */
interface Discovered {
  readonly configuration: Configuration
  readonly at: number
}

/** See the file's header. A failure is an `ExchangeError`, which is shown to the visitor; its cause is logged. */
export class Provider {
  private readonly oidc: Oidc
  private readonly now: () => number
  private readonly log: (message: string) => void
  private library: Promise<Library> | undefined
  private discovered: Discovered | undefined
  private discovering: Promise<Configuration> | undefined
  private failed: { readonly at: number; readonly error: ExchangeError } | undefined

  /** @param now in milliseconds */
  constructor(oidc: Oidc, now: () => number, log: (message: string) => void) {
    this.oidc = oidc
    this.now = now
    this.log = log
  }

  /** Where a visitor signs in, who is sent back to `redirectUri`. */
  async authorizationUrl(checks: Checks, redirectUri: string): Promise<string> {
    const library = await this.load()
    const configuration = await this.configuration()
    return this.failing(
      async () =>
        library.buildAuthorizationUrl(configuration, {
          redirect_uri: redirectUri,
          scope: this.oidc.scopes.join(" "),
          state: checks.state,
          nonce: checks.nonce,
          code_challenge: await library.calculatePKCECodeChallenge(checks.verifier),
          code_challenge_method: "S256",
        }).href,
    )
  }

  /**
   * Who has come back.
   *
   * @param address that of the visitor, with the response of the provider
   * @param needed the groups on which something depends
   */
  async identity(address: URL, checks: Checks, needed: ReadonlySet<string>): Promise<Identity> {
    const library = await this.load()
    const configuration = await this.configuration()
    return this.failing(async () => {
      const tokens = await library.authorizationCodeGrant(configuration, address, {
        expectedState: checks.state,
        expectedNonce: checks.nonce,
        pkceCodeVerifier: checks.verifier,
        idTokenExpected: true,
      })
      const claims = tokens.claims()
      if (claims === undefined) throw new Error("there is no ID token")
      const more =
        configuration.serverMetadata().userinfo_endpoint === undefined
          ? {}
          : await library.fetchUserInfo(configuration, tokens.access_token, claims.sub)
      return identityOf(this.oidc, { ...more, ...claims }, needed)
    })
  }

  /** Fails if the provider's metadata cannot be had. */
  async probe(): Promise<void> {
    await this.configuration()
  }

  /** Where a visitor signs out of the provider too; `undefined` if it has no such page or cannot be reached. */
  async endSessionUrl(): Promise<string | undefined> {
    try {
      const library = await this.load()
      const configuration = await this.configuration()
      return configuration.serverMetadata().end_session_endpoint === undefined
        ? undefined
        : library.buildEndSessionUrl(configuration).href
    } catch {
      return undefined
    }
  }

  private load(): Promise<Library> {
    this.library ??= import("openid-client")
    return this.library
  }

  /** The provider's metadata; old ones are used while they are asked for again. */
  private configuration(): Promise<Configuration> {
    const { discovered, failed } = this
    const now = this.now()
    if (discovered !== undefined) {
      const isOld = now - discovered.at > metadataMillis
      const hasFailed = failed !== undefined && now - failed.at < failureMillis
      if (isOld && !hasFailed) this.discover().catch(() => {})
      return Promise.resolve(discovered.configuration)
    }
    if (failed !== undefined && now - failed.at < failureMillis) return Promise.reject(failed.error)
    return this.discover()
  }

  private discover(): Promise<Configuration> {
    this.discovering ??= this.failing(() => this.askMetadata())
      .then(
        (configuration) => {
          this.discovered = { configuration, at: this.now() }
          this.failed = undefined
          return configuration
        },
        (error: ExchangeError) => {
          const unavailable = error.code === "PTTH_SIGN_IN_UNAVAILABLE" ? error : away
          this.failed = { at: this.now(), error: unavailable }
          throw unavailable
        },
      )
      .finally(() => {
        this.discovering = undefined
      })
    return this.discovering
  }

  private async askMetadata(): Promise<Configuration> {
    const library = await this.load()
    const { clientId, clientSecret, issuer } = this.oidc
    const isPlain = issuer.startsWith("http:")
    const secret = Redacted.value(clientSecret)
    const fetch = ProxiedFetch.forOrigin(process.env, new URL(issuer))
    const configuration = await library.discovery(
      new URL(issuer),
      clientId,
      { client_secret: secret, [library.clockTolerance]: clockTolerance },
      (server, client, body, headers) =>
        authentication(library, server, secret)(server, client, body, headers),
      {
        timeout: requestSeconds,
        ...(fetch === undefined ? {} : { [library.customFetch]: fetch }),
        execute: [
          library.enableNonRepudiationChecks,
          ...(isPlain ? [library.allowInsecureRequests] : []),
        ],
      },
    )
    return configuration
  }

  /** Runs a step; an error is logged, and the visitor gets a general message. */
  private async failing<A>(step: () => Promise<A>): Promise<A> {
    try {
      return await step()
    } catch (error) {
      if (error instanceof ExchangeError) throw error
      this.log(`the provider ${this.oidc.issuer}: ${describe(error)}`)
      throw isAway(error) ? away : invalid(error)
    }
  }
}

/** Providers that do not say what they take, take Basic (OpenID Connect Discovery 3). */
const authentication = (library: Library, server: ServerMetadata, secret: string) => {
  const methods = server.token_endpoint_auth_methods_supported ?? ["client_secret_basic"]
  return methods.includes("client_secret_basic")
    ? library.ClientSecretBasic(secret)
    : library.ClientSecretPost(secret)
}

/** The most characters of names of groups that a session has: browsers take cookies of 4,096 bytes. */
const maxGroups = 1_500

/** The longest user, address and group, in bytes. */
const maxName = 256

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" && Buffer.byteLength(value) <= maxName
    ? value
    : undefined

type Claims = { readonly [claim: string]: unknown }

const isClaims = (value: unknown): value is Claims => typeof value === "object" && value !== null

/** A claim by its name, or by the names that lead to it, with dots between, as `realm_access.roles` of Keycloak. */
const claimIn = (claims: Claims, name: string): unknown => {
  if (Object.hasOwn(claims, name)) return claims[name]
  let value: unknown = claims
  for (const part of name.split(".")) {
    if (!isClaims(value) || !Object.hasOwn(value, part)) return undefined
    value = value[part]
  }
  return value
}

/** Who the claims say the visitor is. The needed groups come first, since not all may fit into a session. */
export const identityOf = (oidc: Oidc, claims: Claims, needed: ReadonlySet<string>): Identity => {
  const { groupsClaim, unverifiedEmail, userClaim } = oidc
  const user = textOf(claimIn(claims, userClaim))
  if (user === undefined) throw new Error(`there is no claim \`${userClaim}\`, or it is too long`)
  const { email, email_verified: verified } = claims
  const isVerified = verified === true || verified === "true" || unverifiedEmail
  const claim = claimIn(claims, groupsClaim)
  const groups = [...new Set([claim].flat().flatMap((group) => textOf(group) ?? []))]
  let room = maxGroups
  return {
    user,
    email: isVerified ? textOf(email) : undefined,
    groups: [
      ...groups.filter((group) => needed.has(group)),
      ...groups.filter((group) => !needed.has(group)),
    ].filter((group) => {
      room -= Buffer.byteLength(JSON.stringify(group)) + 1
      return room >= 0
    }),
  }
}

const away = new ExchangeError({
  code: "PTTH_SIGN_IN_UNAVAILABLE",
  detail: "the provider at which you sign in does not answer as it should",
  retryAfter: 10,
})

/** The error codes that a provider may answer with (RFC 6749 4.1.2.1, and others) have these characters. */
const answerOf = (error: unknown): string | undefined => {
  const answer = error instanceof Error && "error" in error ? error.error : undefined
  return typeof answer === "string" && /^[a-z_]{1,40}$/.test(answer) ? answer : undefined
}

const invalid = (error: unknown): ExchangeError => {
  const answer = answerOf(error)
  return new ExchangeError({
    code: "PTTH_SIGN_IN_FAILED",
    detail:
      answer === undefined
        ? "what the provider answered is not valid"
        : `the provider answered ${answer}`,
  })
}

/** Whether a request did not reach the provider, or the provider itself failed. */
const isAway = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false
  if (error instanceof TypeError || error.name === "TimeoutError") return true
  if ("code" in error && error.code === "OAUTH_TIMEOUT") return true
  const { cause } = error
  const response = cause instanceof Response ? cause : undefined
  const status = "status" in error ? error.status : response?.status
  return typeof status === "number" && (status >= 500 || status === 404)
}

/** An error with its causes, without what the provider sent. */
const describe = (error: unknown): string => {
  const parts: Array<string> = []
  for (let at = error; at instanceof Error && parts.length < 4; at = at.cause) {
    const code = "code" in at && typeof at.code === "string" ? ` (${at.code})` : ""
    const answer = answerOf(at)
    parts.push(at.message + code + (answer === undefined ? "" : `: ${answer}`))
  }
  return parts.length === 0 ? String(error) : parts.join(": ")
}
