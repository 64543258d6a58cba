/**
 * Connections to an origin through an HTTP proxy, by CONNECT (RFC 9110 9.3.6). Proxies
 * answer in many ways: every 2xx opens the tunnel, interim responses may come before it,
 * lines may end in LF, and the fields that would frame a body do not count.
 */
import { isIP, type Socket } from "node:net"
import { type SecureContextOptions, connect as tlsConnect } from "node:tls"
import * as TlsFault from "../net/TlsFault.ts"
import * as HappyEyeballs from "./HappyEyeballs.ts"
import * as ProxyChoice from "./ProxyChoice.ts"

/** How long a proxy may take for a handshake of TLS, and for its response, in milliseconds. */
const responseMillis = 20_000

const silent = `does not answer within ${responseMillis / 1000} s`

/** The largest head of a response, in bytes. */
const maxHead = 64 * 1024

/** What a proxy has answered in place of a 2xx. */
export interface ProxyResponse {
  readonly status: number
  /** The reason phrase; it may be empty. */
  readonly reason: string
  /** The schemes of its challenges (RFC 9110 11.7.1), such as `Basic` and `NTLM`. */
  readonly schemes: ReadonlyArray<string>
}

/** The proxy does not open the tunnel. */
export class ProxyTunnelError extends Error {
  readonly code = "ERR_PROXY_TUNNEL"
  /** `undefined` if it did not answer as a proxy. */
  readonly response: ProxyResponse | undefined

  /** @param words the rest of a sentence about the proxy */
  constructor(proxy: URL, words: string, response?: ProxyResponse) {
    super(sentence(proxy, words))
    this.response = response
  }
}

/** A sentence about a proxy, without its credentials. */
export const sentence = ({ host }: URL, words: string): string => `the proxy ${host} ${words}`

/** Credentials that are sent are those of Basic (RFC 7617). */
const isSupported = (schemes: ReadonlyArray<string>): boolean =>
  schemes.length === 0 || schemes.some((scheme) => scheme.toLowerCase() === "basic")

/** What such a response says, as the rest of a sentence about the proxy. */
export const describe = ({ reason, schemes, status }: ProxyResponse): string => {
  const answer = reason === "" ? `${status}` : `${status} ${reason}`
  if (status !== 407) return `refuses the connection (${answer})`
  return isSupported(schemes)
    ? `wants a user and a password (${answer})`
    : `wants ${schemes.join(" or ")}, which is not supported (${answer})`
}

/** Whether a proxy wants credentials of a kind that is not supported. */
export const wantsOther = ({ schemes, status }: ProxyResponse): boolean =>
  status === 407 && !isSupported(schemes)

/** Whether an error is that of the connection to the proxy, if there is one. */
export const isOfProxy = (
  { syscall }: NodeJS.ErrnoException,
  proxy: URL | undefined,
): proxy is URL => proxy !== undefined && (syscall === "connect" || syscall === "getaddrinfo")

/** The schemes of the values of `Proxy-Authenticate`, several challenges in one value included. */
export const schemesOf = (values: ReadonlyArray<string>): ReadonlyArray<string> => {
  const challenges = values.join(",").replaceAll(/"(?:[^"\\]|\\.)*"/g, "")
  const scheme = /(?:^|,)\s*([A-Za-z][\w-]{0,20})(?=\s+[^\s=,]|\s*(?:,|$))/g
  return [...new Set([...challenges.matchAll(scheme)].flatMap(([, name]) => name ?? []))].slice(
    0,
    4,
  )
}

/** Called once: with the connection, or with the error. */
export type Opened = (error: Error | undefined, socket?: Socket) => void

/**
 * Connects to a proxy, by TLS if its address says so; fails with the error of the
 * system, or with a `ProxyTunnelError` if the certificate is not accepted.
 *
 * @param ca the certificates to trust; by default those of Node
 */
export const connect = (
  proxy: URL,
  ca: SecureContextOptions["ca"] | undefined,
  done: Opened,
): void => {
  const place = HappyEyeballs.placeOf(proxy)
  const { host } = place
  HappyEyeballs.connect(place, (error, socket) => {
    if (error !== undefined || socket === undefined || proxy.protocol !== "https:")
      return done(error, socket)
    const secure = tlsConnect({
      socket,
      host,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(ca === undefined ? {} : { ca }),
    })
    const fail = (words: string): void => {
      clearTimeout(deadline)
      secure.off("error", failed).on("error", () => {})
      secure.destroy()
      done(new ProxyTunnelError(proxy, words))
    }
    const failed = ({ code = "", message }: NodeJS.ErrnoException): void =>
      fail(
        TlsFault.isUntrusted(code)
          ? `has a certificate that is not trusted (${code})`
          : TlsFault.isHandshake(code)
            ? "does not speak TLS, and its address is https"
            : `breaks the TLS connection (${code === "" ? message : code})`,
      )
    const deadline = setTimeout(() => fail(silent), responseMillis)
    secure.once("error", failed)
    secure.once("secureConnect", () => {
      clearTimeout(deadline)
      secure.off("error", failed)
      done(undefined, secure)
    })
  })
}

/** A head as far as it matters, and what is behind it. */
interface Head extends ProxyResponse {
  readonly rest: Buffer
}

/** The first head in the bytes: `incomplete`, or `none` if they are no HTTP. */
const headIn = (bytes: Buffer): Head | "incomplete" | "none" => {
  const text = bytes.toString("latin1")
  if (!"HTTP/1.".startsWith(text.slice(0, 7))) return "none"
  const end = /\r?\n\r?\n/.exec(text)
  if (end === null) return bytes.length < maxHead ? "incomplete" : "none"
  const [first = "", ...lines] = text.slice(0, end.index).split(/\r?\n/)
  const [, status, reason = ""] = /^HTTP\/1\.\d +(\d{3})(?: +(.*))?$/.exec(first) ?? []
  if (status === undefined) return "none"
  const challenges = lines.flatMap(
    (line) => /^proxy-authenticate[ \t]*:(.*)$/i.exec(line)?.[1] ?? [],
  )
  return {
    status: Number(status),
    reason: reason
      .replace(/[^\x20-\x7e]/g, "?")
      .trim()
      .slice(0, 60),
    schemes: schemesOf(challenges),
    rest: bytes.subarray(end.index + end[0].length),
  }
}

/** Asks for the tunnel on a connection to the proxy, and reads the response. */
const ask = (proxy: URL, target: string, socket: Socket, done: Opened): void => {
  let bytes: Buffer = Buffer.alloc(0)
  const end = (words: string, response?: ProxyResponse): void => {
    stop()
    socket.on("error", () => {})
    socket.destroy()
    done(new ProxyTunnelError(proxy, words, response))
  }
  const read = (): void => {
    for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read()) {
      bytes = Buffer.concat([bytes, chunk])
      const head = headIn(bytes)
      if (head === "none") return end("does not answer as one")
      if (head === "incomplete") continue
      if (head.status >= 300 || head.status === 101) return end(describe(head), head)
      bytes = head.rest
      if (head.status < 200) {
        if (bytes.length > 0) socket.unshift(bytes)
        bytes = Buffer.alloc(0)
        continue
      }
      stop()
      if (bytes.length > 0) socket.unshift(bytes)
      return done(undefined, socket)
    }
  }
  const ended = (): void => end("closes the connection without a response")
  const failed = ({ code, message }: NodeJS.ErrnoException): void =>
    end(`breaks the connection (${code ?? message})`)
  const deadline = setTimeout(() => end(silent), responseMillis)
  const stop = (): void => {
    clearTimeout(deadline)
    socket.off("readable", read).off("end", ended).off("error", failed)
  }
  socket.on("readable", read).on("end", ended).on("error", failed)
  const credentials = ProxyChoice.authorization(proxy)
  const fields = credentials === undefined ? "" : `Proxy-Authorization: ${credentials}\r\n`
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${fields}\r\n`)
}

/**
 * Opens a tunnel.
 *
 * @param target host and port of the origin; an IPv6 address has brackets
 * @param ca the certificates by which a proxy at https is trusted; by default those of Node
 */
export const open = (
  proxy: URL,
  target: string,
  ca: SecureContextOptions["ca"] | undefined,
  done: Opened,
): void =>
  connect(proxy, ca, (error, socket) =>
    socket === undefined ? done(error) : ask(proxy, target, socket, done),
  )
