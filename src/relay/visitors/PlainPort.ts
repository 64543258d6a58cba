/**
 * The plain port of a relay that speaks TLS: redirects every request to https,
 * and answers health checks and the challenges of certificate authorities.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { first, type HeaderList } from "../../domain/HeaderList.ts"
import { format, type ListenAddress } from "../../domain/ListenAddress.ts"
import * as ServerHost from "../../domain/ServerHost.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import { empty } from "../../transport/body/Body.ts"
import type { Cancel } from "../../transport/body/Handler.ts"
import { refuse, respondText } from "../../transport/body/Replies.ts"
import type { FrontHandler } from "../../transport/front/FrontRequest.ts"
import { type BindError, named, serve as serveFront } from "../../transport/front/NodeFront.ts"
import * as FailurePage from "../../web/FailurePage.ts"
import { Certificates, type CertificatesShape } from "../certificates/Certificates.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"

/** The largest head of a request, in bytes. */
const maxHead = 16 * 1024

const cancelNothing: Cancel = () => {}

const badHost = new ExchangeError({
  code: "PTTH_BAD_REQUEST",
  detail: "its Host field is not a host",
})

/** The host of a request without its port; `undefined` if it has none. */
const hostOf = (headers: HeaderList): string | undefined =>
  ServerHost.hostOf(first(headers, "host") ?? "")?.replace(/\]:\d*$/, "]")

/** The port of https for visitors, with its colon; empty if it is 443. */
const portOf = ({ listen, publicUrl }: RelayConfig, port: number): string => {
  if (publicUrl !== undefined) {
    const url = new URL(publicUrl)
    return url.port === "" ? "" : `:${url.port}`
  }
  // Whoever passes a socket maps its port, too.
  return port === 443 || listen.fd !== undefined ? "" : `:${port}`
}

/** What the answers depend on. */
interface PlainContext {
  readonly config: () => RelayConfig
  /** The port on which the relay speaks TLS. */
  readonly securePort: () => number
  readonly certificates: CertificatesShape
}

const challengePath = /^\/\.well-known\/acme-challenge\/([A-Za-z0-9_-]{1,256})$/

const noChallenge = new ExchangeError({
  code: "PTTH_NOT_FOUND",
  detail: "no certificate authority has asked for this",
})

/** Answers the requests of the port. */
const handler =
  ({ certificates, config, securePort }: PlainContext): FrontHandler =>
  ({ body, head }, reply) => {
    const { headers, target } = head
    if (/^\/healthz(?:\?|$)/.test(target)) {
      body.discard()
      respondText(reply, 200, "ok\n")
      return cancelNothing
    }
    const token = challengePath.exec(target)?.[1]
    if (token !== undefined) {
      body.discard()
      const fiber = Effect.runFork(
        Effect.map(certificates.token(token), (answer) => {
          if (answer === undefined) reply.fail(noChallenge)
          else respondText(reply, 200, answer)
        }),
      )
      return () => fiber.interruptUnsafe()
    }
    const host = hostOf(headers)
    if (host === undefined) return refuse(body, reply, badHost)
    body.discard()
    const location = `https://${host}${portOf(config(), securePort())}${target}`
    reply.respond({ status: 308, headers: [["Location", location]] }, empty)
    return cancelNothing
  }

/** Listens at `http_listen`, if there is one, until the Scope is closed; the address where it does. */
export const serve: (
  securePort: () => number,
) => Effect.Effect<ListenAddress | undefined, BindError, RelaySettings | Scope.Scope> =
  Effect.fnUntraced(function* (securePort) {
    const { current } = yield* RelaySettings
    const { httpListen, idleTimeout } = current()
    if (httpListen === false) return undefined
    return yield* serveFront({
      ...httpListen,
      maxHead,
      idleMillis: () => Duration.toMillis(idleTimeout),
      renderFailure: FailurePage.render,
      handler: handler({ config: current, securePort, certificates: yield* Certificates }),
    }).pipe(
      Effect.mapError((error) =>
        named(
          error,
          `the address for plain HTTP, --http-listen (\`http_listen\`), ${format(httpListen)}`,
        ),
      ),
    )
  })
