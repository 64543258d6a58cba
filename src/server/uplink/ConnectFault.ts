/**
 * What a failed connection to the relay means: each error of Node and OpenSSL
 * that an owner can do something about, with its code and what to do.
 */
import * as Effect from "effect/Effect"
import { placeOf } from "../../transport/client/HappyEyeballs.ts"
import * as ProxyTunnel from "../../transport/client/ProxyTunnel.ts"
import type { Validity } from "../../transport/net/Certificate.ts"
import { timeOf } from "../../transport/net/Certificate.ts"
import * as TlsFault from "../../transport/net/TlsFault.ts"
import { speaksTls } from "../../transport/net/TlsProbe.ts"
import { https } from "../../transport/runtime/NodeHttp.ts"
import { ListenError } from "./ListenError.ts"

/** An error of a request that has no response. */
export interface ConnectError extends NodeJS.ErrnoException {
  /** OpenSSL's words. */
  readonly reason?: string
  /** The certificate, if it is for another host. */
  readonly cert?: { readonly subjectaltname?: string }
  /** The bytes that are no HTTP. */
  readonly rawPacket?: Uint8Array
}

/** Node's codes, and what they mean. */
const meanings: {
  readonly [code: string]: { readonly detail: string; readonly remedy: string } | undefined
} = {
  ECONNREFUSED: {
    detail: "nothing listens at this address and port",
    remedy: "Start the relay, or correct the port in its address.",
  },
  ENOTFOUND: {
    detail: "there is no host of this name",
    remedy: "Correct the host in the relay's address, or its DNS entry.",
  },
  EAI_AGAIN: {
    detail: "the host's name cannot be looked up now",
    remedy: "Check this machine's network and its DNS server.",
  },
  ENETUNREACH: {
    detail: "there is no route to it",
    remedy: "Check this machine's network.",
  },
  EHOSTUNREACH: {
    detail: "there is no route to it",
    remedy: "Check this machine's network, and whether the relay's machine runs.",
  },
  ETIMEDOUT: {
    detail: "the connection was not answered",
    remedy: "Check the address, and whether a firewall drops connections to this port.",
  },
  ECONNRESET: {
    detail: "the connection was closed before there was a response",
    remedy: "Check the scheme and the port in the relay's address, and whether the relay runs.",
  },
}

const unknownAuthority = "it is signed by an authority that this machine does not know"

/** Node's codes of certificates that are not trusted, and what they mean. */
const untrusted: { readonly [code: string]: string | undefined } = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "it is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: `${unknownAuthority}, or an intermediate certificate is missing`,
  CERT_REVOKED: "it has been revoked",
}

/** The first byte of a TLS alert, and the first of its version (RFC 8446 5.1). */
const isTlsAlert = (bytes: Uint8Array | undefined): boolean =>
  bytes?.[0] === 0x15 && bytes[1] === 0x03

/** Names of a certificate, safe to print. */
const namesOf = (text: string | undefined): string =>
  (text ?? "")
    .replaceAll("DNS:", "")
    .replace(/[^\x20-\x7e]/g, "?")
    .slice(0, 200) || "no name"

const expired = (code: string, validity: Validity | undefined, now: number): ListenError => {
  const span =
    validity === undefined
      ? `it ${code === "CERT_NOT_YET_VALID" ? "is not valid yet" : "has expired"}`
      : `it is valid from ${timeOf(validity.from)} until ${timeOf(validity.until)}`
  return new ListenError({
    reason: "untrusted",
    code: "PTTH_RELAY_EXPIRED",
    detail: `${span}, and this machine's clock says ${timeOf(now)} (${code})`,
  })
}

/**
 * The error for a request to the relay that has no response.
 *
 * @param now milliseconds since 1970
 * @param proxy the proxy on the way to the relay, if there is one
 */
export const ofError = (
  error: ConnectError,
  validity: Validity | undefined,
  now: number,
  proxy?: URL,
): ListenError => {
  const code = error.code ?? ""
  if (error instanceof ProxyTunnel.ProxyTunnelError)
    return proxyFault(error.message, remedyFor(error.response, proxy))
  if (ProxyTunnel.isOfProxy(error, proxy)) {
    const words = `cannot be reached: ${meanings[code]?.detail ?? "it failed"} (${code})`
    return proxyFault(ProxyTunnel.sentence(proxy, words), wrongProxy)
  }
  const text = `${error.reason ?? ""} ${error.message}`
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID")
    return expired(code, validity, now)
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID" || code === "HOSTNAME_MISMATCH")
    return new ListenError({
      reason: "untrusted",
      code: "PTTH_RELAY_WRONG_NAME",
      detail: `it is for ${namesOf(error.cert?.subjectaltname)} (${code})`,
    })
  if (TlsFault.isUntrusted(code)) {
    const meaning = untrusted[code]
    return new ListenError({
      reason: "untrusted",
      code: "PTTH_RELAY_UNTRUSTED",
      detail: meaning === undefined ? code : `${meaning} (${code})`,
    })
  }
  if (isTlsAlert(error.rawPacket)) return needsTls
  if (TlsFault.isHandshake(code)) {
    const words = (error.reason ?? code).slice(0, 100)
    return TlsFault.isNoTls(text)
      ? new ListenError({
          reason: "unreachable",
          code: "PTTH_RELAY_NO_TLS",
          detail: `its answer is not TLS (${words})`,
        })
      : new ListenError({ reason: "unreachable", code: "PTTH_RELAY_HANDSHAKE", detail: words })
  }
  if (code === "" || code.startsWith("HPE_"))
    return new ListenError({ reason: "impossible", detail: error.message })
  const meaning = meanings[code]
  return new ListenError({
    reason: "unreachable",
    detail: meaning === undefined ? code : `${meaning.detail} (${code})`,
    remedy: meaning?.remedy,
  })
}

/** What to do about an address that is not that of a proxy, or at which nothing answers. */
const wrongProxy = "Correct HTTPS_PROXY or HTTP_PROXY, except the relay in NO_PROXY, or unset it."

/** What can be done about a proxy that answers so. */
const remedyFor = (
  response: ProxyTunnel.ProxyResponse | undefined,
  proxy: URL | undefined,
): string | undefined => {
  if (response === undefined) return wrongProxy
  if (ProxyTunnel.wantsOther(response))
    return "Run a helper on this machine that signs in at the proxy, such as Px or cntlm, and set HTTPS_PROXY or HTTP_PROXY to its address."
  const { status } = response
  if (status === 407)
    return proxy === undefined || proxy.username === ""
      ? undefined
      : "Correct user and password in HTTPS_PROXY or HTTP_PROXY; special characters are percent-encoded."
  return status >= 500
    ? "Check the relay's address and whether the relay runs: the proxy cannot reach it."
    : "Ask whoever runs the proxy to let the relay pass, or have the relay use port 443."
}

const proxyFault = (detail: string, remedy: string | undefined): ListenError =>
  new ListenError({ reason: "unreachable", code: "PTTH_PROXY_REFUSED", detail, remedy })

/** The proxy on the way to the relay answers so in the relay's place. */
export const refusedByProxy = (
  response: ProxyTunnel.ProxyResponse,
  proxy: URL | undefined,
): ListenError => {
  const words = ProxyTunnel.describe(response)
  const detail = proxy === undefined ? `a proxy ${words}` : ProxyTunnel.sentence(proxy, words)
  return proxyFault(detail, remedyFor(response, proxy))
}

/** The relay's address is http, and the other end speaks TLS. */
export const needsTls = new ListenError({
  reason: "unreachable",
  code: "PTTH_RELAY_NEEDS_TLS",
  detail: "the other end speaks TLS, and the address is http",
})

/** How long the relay may take to say what its clock shows, in milliseconds. */
const clockMillis = 2_000

/** What the relay's own clock shows, in milliseconds since 1970; `undefined` if it does not say it. */
const clockOf = (relayUrl: URL): Effect.Effect<number | undefined> =>
  Effect.callback<number | undefined>((resume) => {
    // Without a key or anything else to keep secret, the certificate does not matter.
    const request = https().request({
      ...placeOf(relayUrl),
      method: "HEAD",
      path: "/",
      agent: false,
      rejectUnauthorized: false,
      timeout: clockMillis,
    })
    request.on("response", ({ headers }) => {
      const time = Date.parse(headers.date ?? "")
      resume(Effect.succeed(Number.isNaN(time) ? undefined : time))
      request.destroy()
    })
    request.on("timeout", () => request.destroy(new Error("timeout")))
    request.on("error", () => resume(Effect.succeed(undefined)))
    request.end()
    return Effect.sync(() => request.destroy())
  })

/** The same error, which says what the relay's clock shows. */
const withClock = (error: ListenError, relayUrl: URL): Effect.Effect<ListenError> =>
  Effect.map(clockOf(relayUrl), (time) =>
    time === undefined
      ? error
      : new ListenError({ ...error, detail: `${error.detail}; the relay's says ${timeOf(time)}` }),
  )

/**
 * Examines what the error alone does not show. A peer that closes a plain
 * connection without a response may speak TLS. If a certificate is not valid now,
 * the clock of the relay shows whose clock is wrong.
 *
 * @param proxy the proxy on the way to the relay, past which nothing is asked
 */
export const examine = (
  error: ListenError,
  relayUrl: URL,
  proxy: URL | undefined,
): Effect.Effect<ListenError> => {
  if (error.code === "PTTH_RELAY_EXPIRED" && proxy === undefined) return withClock(error, relayUrl)
  const isSuspect = relayUrl.protocol === "http:" && error.detail.includes("(ECONNRESET)")
  if (!isSuspect || proxy !== undefined) return Effect.succeed(error)
  return Effect.callback<ListenError>((resume) => {
    const stop = speaksTls(placeOf(relayUrl), (isTls) =>
      resume(Effect.succeed(isTls ? needsTls : error)),
    )
    return Effect.sync(stop)
  })
}
