/**
 * A provider of OpenID Connect for tests: `oidc-provider` on a free port of
 * this machine. It signs in whoever the test says, without asking.
 */
import { once } from "node:events"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { Provider } from "oidc-provider"
import type { Oidc } from "../../src/domain/config/OidcKeys.ts"

/** The claims of an account, beside `sub`. */
export interface Account {
  readonly email?: string
  readonly email_verified?: boolean
  readonly groups?: ReadonlyArray<string>
}

/** A provider that runs. */
export interface TestProvider {
  readonly issuer: string
  /** The relay's table `[oidc]` for it. */
  readonly oidc: Oidc
  /** Who signs in next; `undefined`: the user refuses. */
  account: string | undefined
  readonly accounts: Record<string, Account>
  /** Answers in place of the provider, if it answers a request. */
  intercept: ((request: http.IncomingMessage, response: http.ServerResponse) => boolean) | undefined
  /** Paths of the requests that came. */
  readonly asked: Array<string>
  /** Stops it, as if it were away. */
  readonly stop: Effect.Effect<void>
}

const secret = "a-secret-of-the-relay-and-its-provider"

/** Starts one that sends visitors back to this address. */
export const start = (redirectUri: string): Effect.Effect<TestProvider, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => startProvider(redirectUri)),
    ({ stop }) => stop,
  )

const startProvider = async (redirectUri: string): Promise<TestProvider> => {
  const server = http.createServer()
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const running: TestProvider = {
    issuer,
    oidc: {
      issuer,
      clientId: "ptth",
      clientSecretFile: "",
      clientSecret: Redacted.make(secret),
      allow: ["*"],
      scopes: ["openid", "email", "groups"],
      userClaim: "sub",
      groupsClaim: "groups",
      unverifiedEmail: false,
      session: Duration.hours(1),
    },
    account: "ann",
    accounts: {},
    intercept: undefined,
    asked: [],
    stop: Effect.sync(() => {
      server.close()
      server.closeAllConnections()
    }),
  }
  const provider = quietly(() => new Provider(issuer, configuration(running, redirectUri)))
  const handle = provider.callback()
  server.on("request", (request, response) => {
    // Some browsers ask for it at each site, and report it if there is none.
    if (request.url === "/favicon.ico") return void response.writeHead(204).end()
    running.asked.push(request.url ?? "")
    if (running.intercept?.(request, response) === true) return
    if (request.url?.startsWith("/interaction/") === true)
      void finish(provider, running, request, response)
    else handle(request, response)
  })
  return running
}

/** It warns that its keys and its memory are those of a test. */
const quietly = <A>(make: () => A): A => {
  const { warn } = console
  console.warn = () => {}
  try {
    return make()
  } finally {
    console.warn = warn
  }
}

const configuration = (running: TestProvider, redirectUri: string): object => ({
  clients: [
    {
      client_id: "ptth",
      client_secret: secret,
      redirect_uris: [redirectUri],
    },
  ],
  cookies: { keys: ["a key for the provider's cookies"] },
  claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
  scopes: ["openid", "email", "groups"],
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: false },
    rpInitiatedLogout: {
      // Its own page loads a font from elsewhere.
      logoutSource: (context: { body: string }, form: string) => {
        context.body = `<!doctype html><title>Sign out</title>${form}`
      },
    },
  },
  interactions: { url: (_context: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
  findAccount: (_context: unknown, id: string) => ({
    accountId: id,
    claims: () => ({ sub: id, ...running.accounts[id] }),
  }),
})

/** Signs in, or consents, in the user's place. */
const finish = async (
  provider: Provider,
  running: TestProvider,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> => {
  const { params, prompt, session } = await provider.interactionDetails(request, response)
  const { account } = running
  const answer = async (): Promise<object> => {
    if (account === undefined) return { error: "access_denied" }
    if (prompt.name === "login") return { login: { accountId: account } }
    const grant = new provider.Grant({
      accountId: session?.accountId ?? account,
      clientId: String(params.client_id),
    })
    grant.addOIDCScope(String(params.scope))
    return { consent: { grantId: await grant.save() } }
  }
  await provider.interactionFinished(request, response, await answer())
}
