/**
 * A connection to the origin, with or without TLS. Bytes are read into buffers
 * of the caller's. Unlike Node's sockets it can still be read after a write has
 * failed: an origin that refuses an upload responds and closes, and the response
 * waits behind the failed write (RFC 9112 9.5).
 */
import { isIP, type Socket, connect as tcpConnect } from "node:net"
import { type SecureContext, connect as tlsConnect } from "node:tls"
import { nodesAttemptMillis } from "../../transport/client/HappyEyeballs.ts"

/** Where the origin is. */
export interface OriginAddress {
  /** Name or address; an IPv6 address has no brackets. */
  readonly host: string
  readonly port: number
  readonly isSecure: boolean
  /** The path of a unix socket, in place of host and port. */
  readonly socketPath?: string | undefined
  /** The certificates that are trusted; by default those of Node. */
  readonly secureContext?: SecureContext | undefined
  /** Whether any certificate is accepted; `false` by default. */
  readonly isUnverified?: boolean | undefined
}

/** What happens on a connection. */
export interface OriginSocketEvents {
  /** So many bytes are in the buffer. `false`: read no more until the socket's `resume`. */
  readonly read: (size: number) => boolean
  /** The origin has closed its side. */
  readonly ended: () => void
  /** A write failed. The socket is still open, and its owner has to close it. May be called again. */
  readonly writeFailed: (error: NodeJS.ErrnoException) => void
  /** The connection broke, or could not be made. */
  readonly failed: (error: NodeJS.ErrnoException) => void
  /** The socket is closed; always the last event. */
  readonly closed: () => void
}

/**
 * Opens a connection.
 *
 * @param buffer where the next read goes; called before the first one and after each
 * @param session a TLS session to resume
 */
export const connect = (
  { host, isSecure, isUnverified, port, secureContext, socketPath }: OriginAddress,
  buffer: () => Uint8Array,
  events: OriginSocketEvents,
  session?: Buffer,
): Socket => {
  const onread = { buffer, callback: events.read }
  const place =
    socketPath === undefined
      ? { host, port, autoSelectFamilyAttemptTimeout: nodesAttemptMillis }
      : { path: socketPath }
  const options = { ...place, allowHalfOpen: true, onread }
  const socket = isSecure
    ? tlsConnect({
        ...options,
        ALPNProtocols: ["http/1.1"],
        ...(isIP(host) === 0 ? { servername: host } : {}),
        ...(session === undefined ? {} : { session }),
        ...(secureContext === undefined ? {} : { secureContext }),
        rejectUnauthorized: isUnverified !== true,
      })
    : tcpConnect(options)
  socket.setNoDelay(true)
  readAfterFailedWrite(socket, events)
  socket.on("error", events.failed)
  socket.on("close", events.closed)
  return socket
}

/**
 * Node destroys a socket whose write failed, and then does not report the end of
 * what can still be read. So both are seen here, before Node acts on them.
 */
const readAfterFailedWrite = (socket: Socket, { ended, writeFailed }: OriginSocketEvents): void => {
  const destroy = socket.destroy.bind(socket)
  const push = socket.push.bind(socket)
  socket.destroy = (error?: NodeJS.ErrnoException) => {
    if (error === undefined || !isFailedWrite(error)) return destroy(error)
    writeFailed(error)
    return socket
  }
  socket.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (chunk === null) ended()
    return push(chunk, encoding)
  }
}

/** Whether the other side has closed the connection while it was written to. */
const isFailedWrite = ({ code, syscall }: NodeJS.ErrnoException): boolean =>
  syscall === "write" && (code === "EPIPE" || code === "ECONNRESET")
