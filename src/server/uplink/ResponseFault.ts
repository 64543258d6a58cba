/**
 * What a response means that refuses a link. Only the relay's own words are
 * taken for its refusal: a proxy, a login page of a network or another web
 * server may use the same statuses.
 */
import type { IncomingHttpHeaders } from "node:http"
import { header, text } from "../../protocol/Wire.ts"
import { schemesOf } from "../../transport/client/ProxyTunnel.ts"
import { needsTls, refusedByProxy } from "./ConnectFault.ts"
import { ListenError } from "./ListenError.ts"

/** A response that does not open a link. */
export interface Refusal {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** The beginning of its body. */
  readonly body: string
  /** The request's path. */
  readonly path: string
  /** The proxy on the way to the relay, if there is one. */
  readonly proxy?: URL | undefined
}

const ticketRefused = "PTTH_TICKET_REFUSED"

/** How many bytes of a refusal's body are looked at. */
export const maxBody = 16 * 1024

const notARelay = (detail: string, remedy?: string): ListenError =>
  new ListenError({ reason: "unexpected", code: "PTTH_NOT_A_RELAY", detail, remedy })

/** The program that answers, as it calls itself. */
const byWhom = ({ server }: IncomingHttpHeaders): string =>
  typeof server === "string" && /^[\x21-\x7e][\x20-\x7e]{0,60}$/.test(server) ? ` (${server})` : ""

/** The title of the page that answers, of at most so many characters. */
const titleOf = (body: string): string => {
  const [, title = ""] = /<title[^>]*>([^<]{1,200})</i.exec(body) ?? []
  const text = title
    .replace(/\s+/g, " ")
    .replace(/[^\x20-\x7e]/g, "?")
    .trim()
    .slice(0, 60)
  return text === "" ? "" : `, a page with the title ${JSON.stringify(text)}`
}

const originOf = (location: string | undefined): string | undefined => {
  if (location === undefined || !URL.canParse(location)) return undefined
  const { origin } = new URL(location)
  return origin === "null" ? undefined : origin
}

const redirected = ({ headers, status }: Refusal): ListenError => {
  const origin = originOf(headers.location)
  const to = origin === undefined ? "" : ` to ${origin}`
  return notARelay(
    `it redirects${to} (${status})${byWhom(headers)}`,
    origin === undefined
      ? undefined
      : `Use ${origin} if that is the relay; otherwise sign in to this network, or correct the relay's address.`,
  )
}

/** The relay has got the request, but not its Upgrade field. */
const withoutUpgrade = new ListenError({
  reason: "impossible",
  code: "PTTH_NO_WEBSOCKETS",
  detail: "a proxy in between has removed the field Upgrade",
})

/** Statuses of a proxy whose relay is away, Cloudflare's among them. */
const isGatewayStatus = (status: number): boolean =>
  (status >= 502 && status <= 504) || (status >= 520 && status <= 530)

const tlsPage =
  /plain HTTP request (?:was )?sent to HTTPS port|HTTP request to an HTTPS server|speaking plain HTTP to an SSL-enabled/i

/**
 * The error for a response that refuses a link; `undefined` if nothing is known
 * of it but its status.
 */
export const of = (refusal: Refusal): ListenError | undefined => {
  const { body, headers, path, status } = refusal
  const words = body.trim()
  const who = byWhom(headers)
  if (status === 401 && words === text.badKey.trim())
    return new ListenError({
      reason: "refused",
      detail: words,
      code: headers[header.code] === ticketRefused ? ticketRefused : undefined,
    })
  if (status === 426 && words === text.needsStream.trim())
    return new ListenError({
      reason: "needs stream",
      detail:
        "the relay passes visitors' connections on to this server, which classic cannot carry",
    })
  if (status === 503 && words === text.shuttingDown.trim())
    return new ListenError({ reason: "shutting down", detail: words })
  if (status === 400 && words === text.noWebSocket.trim()) return withoutUpgrade
  if (status === 403 && words === text.noKey.trim())
    return notARelay(
      "the key did not reach the relay",
      "Have whatever is in front of the relay pass on the field X-ApiKey.",
    )
  if (status === 400 && tlsPage.test(body)) return needsTls
  const [page] = /\bPTTH_[A-Z_]+\b/.exec(body) ?? []
  if (page === "PTTH_LOGIN_REQUIRED" || page === "PTTH_WRONG_HOST" || page === "PTTH_CROSS_SITE")
    return notARelay(
      `it is the administrator's side of a relay (${page})`,
      "Use the relay's own address, which the relay prints as Listening or Public.",
    )
  if (page !== undefined && page !== "PTTH_DRAINING")
    return notARelay(
      `it answers ${path} as it answers visitors (${page})`,
      "Use the relay's own address: not that of a server, and without /servers/NAME.",
    )
  if (status >= 300 && status < 400) return redirected(refusal)
  if (status === 407) {
    const schemes = schemesOf([headers["proxy-authenticate"] ?? []].flat())
    return refusedByProxy({ status, reason: "", schemes }, refusal.proxy)
  }
  if (status === 511)
    return notARelay(
      `the network wants a login first (${status})${who}`,
      "Sign in to the network or the proxy.",
    )
  if (isGatewayStatus(status))
    return new ListenError({
      reason: "unreachable",
      detail: `what is in front of it answers ${status}${who}`,
      remedy: "Start the relay, or look at the proxy in front of it.",
    })
  return undefined
}

/** Whether it may be the page at which a network wants a login, in place of every other one. */
const isPage = ({ headers, status }: Refusal): boolean =>
  status === 200 && /^text\/html\b/i.test(headers["content-type"] ?? "")

const signInOrCorrect =
  "If this network wants a login in a browser, sign in there; otherwise use the relay's own address: not that of its administrator's side, and not that of a server for visitors."

/** The same for a response of which nothing else is known. */
export const orUnexpected = (refusal: Refusal): ListenError => {
  const { body, headers, path, status } = refusal
  const observed = status === 401 || status === 403 ? "something else refuses" : "it answers"
  const who = `${byWhom(headers)}${titleOf(body)}`
  const remedy = isPage(refusal) ? signInOrCorrect : undefined
  return of(refusal) ?? notARelay(`${observed} ${path} with status ${status}${who}`, remedy)
}
