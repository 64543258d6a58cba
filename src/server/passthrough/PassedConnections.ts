/**
 * Visitors' connections that the relay passes on unread: this end ends TLS, and
 * answers the requests on them with the handler that answers all others.
 */
import * as tls from "node:tls"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { first } from "../../domain/HeaderList.ts"
import * as ServerHost from "../../domain/ServerHost.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import * as Forwarded from "../../protocol/http/Forwarded.ts"
import * as HopByHop from "../../protocol/http/HopByHop.ts"
import type { Body } from "../../transport/body/Body.ts"
import type { Cancel, Handler, Reply } from "../../transport/body/Handler.ts"
import { refuse } from "../../transport/body/Replies.ts"
import type { FrontHandler, FrontRequest } from "../../transport/front/FrontRequest.ts"
import { attached } from "../../transport/front/NodeFront.ts"
import * as Http2Front from "../../transport/h2/Http2Front.ts"
import type { TlsHosts } from "../../transport/net/TlsHandshake.ts"
import * as TlsHandshake from "../../transport/net/TlsHandshake.ts"
import { BodySocket } from "../../transport/tls/BodySocket.ts"
import * as ProxyHead from "../../transport/tls/ProxyHead.ts"
import * as FailurePage from "../../web/FailurePage.ts"

/** How long a handshake may take, in milliseconds: it may wait for a certificate. */
const handshakeMillis = 25_000

let noCertificate: tls.SecureContext | undefined

/** A context without a certificate. Made when it is used first: Node then reads its root certificates, which takes 10 MiB. */
const withoutCertificate = (): tls.SecureContext => {
  noCertificate ??= tls.createSecureContext()
  return noCertificate
}

/** What connections are answered with. */
export interface PassedOptions {
  readonly handler: Handler
  /** The certificates for new connections. */
  readonly hosts: TlsHosts
  /** How long running exchanges may go on once the Scope is closed, in milliseconds. */
  readonly graceMillis: number
}

/** Answers the streams that carry connections, until the Scope is closed. */
export const make: (options: PassedOptions) => Effect.Effect<Handler, never, Scope.Scope> =
  Effect.fn("PassedConnections.make")(function* ({ graceMillis, handler, hosts }) {
    const front = yield* attached({
      handler: toHandler(handler),
      renderFailure: FailurePage.render,
      http2: Http2Front.make,
      graceMillis,
    })
    return (_head, body, reply) => accept(body, reply, hosts, front.accept)
  })

/** Reads the head that says where the connection comes from, then lets it speak TLS. */
const accept = (
  body: Body,
  reply: Reply,
  hosts: TlsHosts,
  serve: (socket: tls.TLSSocket) => void,
): Cancel => {
  const raw = new BodySocket(body)
  raw.on("error", () => {})
  const timer = setTimeout(() => raw.destroy(), handshakeMillis)
  raw.once("close", () => clearTimeout(timer))
  let received = Buffer.alloc(0)
  const onReadable = (): void => {
    const chunk = raw.read() as Buffer | null
    if (chunk === null) return
    received = Buffer.concat([received, chunk])
    const head = ProxyHead.read(received)
    if (head === "incomplete") return
    raw.off("readable", onReadable)
    if (head === "invalid") {
      reply.fail(noHead)
      raw.destroy()
      return
    }
    raw.unshift(received.subarray(head.size))
    const socket = new tls.TLSSocket(raw, {
      isServer: true,
      // Without a certificate for the host the handshake fails.
      secureContext: withoutCertificate(),
      ...TlsHandshake.options(hosts, ["h2", "http/1.1"]),
    })
    Object.defineProperty(socket, "remoteAddress", { value: head.address })
    socket.on("error", () => void raw.destroy())
    socket.once("secure", () => {
      clearTimeout(timer)
      // As Node's own listener does; HTTP/2 would wait for it otherwise.
      Object.assign(socket, { secureConnecting: false })
      if (TlsHandshake.isChallenge(socket)) socket.end()
      else serve(socket)
    })
    reply.respond({ status: 200, headers: [] }, raw.outgoing)
  }
  raw.on("readable", onReadable)
  return () => raw.destroy()
}

const noHead = new ExchangeError({
  code: "PTTH_BAD_REQUEST",
  detail: "a connection does not say where it comes from",
})

/** Does for a request what the relay does where it reads it (`VisitorFront.ts`, `RequestFields.ts`). */
const toHandler =
  (handler: Handler): FrontHandler =>
  (request, reply) => {
    const { body, head } = request
    if (isMisdirected(request)) return refuse(body, reply, notHere)
    return handler({ ...headOf(request), method: head.method }, body, reply)
  }

/**
 * Whether a request is for another host than its connection (RFC 9110 7.4). The
 * relay has passed the connection here by the host in the handshake. A browser
 * also sends requests for other hosts on it if the certificate is valid for them
 * (RFC 9113 9.1.1), and those hosts may belong to other servers.
 */
const isMisdirected = ({ head, serverName }: FrontRequest): boolean => {
  const host = first(head.headers, "host")
  return serverName !== undefined && host !== undefined && ServerHost.hostOf(host) !== serverName
}

const notHere = new ExchangeError({
  code: "PTTH_NOT_HERE",
  detail: "this connection is for another host",
})

/** What a visitor says of who it is, nobody has checked on the way. */
const headOf = ({ address, head: { headers, target }, upgrade }: FrontRequest) => {
  const visitor: Forwarded.Visitor = { address, secure: true, trusted: false }
  const publicAddress = Forwarded.publicAddress(headers, visitor, "")
  return {
    target,
    headers: Forwarded.apply(
      HopByHop.endToEnd(headers, upgrade, Forwarded.isIdentity),
      visitor,
      publicAddress,
    ),
  }
}
