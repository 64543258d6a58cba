/**
 * What is decided in a TLS handshake: the certificate by the host that the
 * visitor names, the protocol, and the challenge `tls-alpn-01` (RFC 8737).
 */
import type { Socket } from "node:net"
import type { TLSSocket, TlsOptions } from "node:tls"
import * as Certificate from "./Certificate.ts"

/** Certificates by hosts, which are in lower case. */
export interface TlsHosts {
  /** Calls `done` with the certificate for a host; without one the front's own is used. May be later. */
  readonly find: (
    host: string,
    done: (certificate: Certificate.Certificate | undefined) => void,
  ) => void
  /** The certificate for an authority that checks a host. */
  readonly challenge: (host: string) => Certificate.Certificate | undefined
}

/** One certificate for all hosts; called for each connection. */
export const always = (certificate: () => Certificate.Certificate): TlsHosts => ({
  find: (_host, done) => done(certificate()),
  challenge: () => undefined,
})

/** The protocol in which an authority checks a host. */
const challengeProtocol = "acme-tls/1"

/** The longest name of a host (RFC 1035 2.3.4). */
const maxHost = 253

const normalized = (host: string): string => host.toLowerCase().replace(/\.$/, "")

/** Options of `node:tls` for a front that speaks these protocols, the preferred one first. */
export const options = (
  hosts: TlsHosts | undefined,
  protocols: ReadonlyArray<string> = ["http/1.1"],
): TlsOptions => ({
  ...(hosts === undefined
    ? {}
    : {
        SNICallback: (host, done) => {
          if (host.length > maxHost) return done(null)
          hosts.find(normalized(host), (certificate) =>
            certificate === undefined ? done(null) : done(null, Certificate.contextOf(certificate)),
          )
        },
      }),
  ALPNCallback(this: TLSSocket, { protocols: offered, servername }) {
    if (offered.includes(challengeProtocol)) {
      const certificate = hosts?.challenge(normalized(servername))
      if (certificate === undefined) return undefined
      this.setKeyCert(Certificate.contextOf(certificate))
      return challengeProtocol
    }
    return protocols.find((protocol) => offered.includes(protocol))
  },
})

/** The host that the visitor has named in the handshake; `undefined` if it has named none, or does not speak TLS. */
export const serverNameOf = (socket: Socket): string | undefined => {
  const name = "servername" in socket ? (socket as TLSSocket).servername : undefined
  return typeof name === "string" && name !== "" ? normalized(name) : undefined
}

const speaks = (socket: Socket, protocol: string): socket is TLSSocket =>
  "alpnProtocol" in socket && socket.alpnProtocol === protocol

/** Whether a connection is one of an authority that checks a host. */
export const isChallenge = (socket: Socket): boolean => speaks(socket, challengeProtocol)

/** Whether the visitor has chosen HTTP/2. */
export const isHttp2 = (socket: Socket): socket is TLSSocket => speaks(socket, "h2")
