/**
 * Ending a connection, or breaking it. One whose other end is still sending lingers: an
 * answer is lost if the socket is closed with unread bytes in it (RFC 9112 9.6).
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"

const lingerMillis = 2_000

const ending = new WeakSet<Duplex>()

/** Whether the last answer on this connection has been decided: nothing that still comes is a request. */
export const isEnding = (socket: Duplex): boolean => ending.has(socket)

/** Makes this response the connection's last. */
export const makeLast = (request: IncomingMessage, response: ServerResponse): void => {
  response.shouldKeepAlive = false
  ending.add(request.socket)
}

/**
 * Lets the connection end after this response: the answer goes out, what the
 * other end still sends is thrown away for a while, then the socket closes.
 */
export const closeAfter = (request: IncomingMessage, response: ServerResponse): void => {
  makeLast(request, response)
  const socket = request.socket
  socket.destroySoon = () => endSoon(socket)
}

/** The same with bytes that are no response of Node's. */
export const endWith = (socket: Duplex, bytes: Uint8Array): void => {
  ending.add(socket)
  socket.write(bytes)
  endSoon(socket)
}

/** Breaks a connection off, so that its other end does not take what has come for everything. */
export const cutOff = (socket: Duplex): void => {
  if ("resetAndDestroy" in socket && !("encrypted" in socket)) (socket as Socket).resetAndDestroy()
  else socket.destroy()
}

/** Ends a connection on which everything has been said. */
export const endSoon = (socket: Duplex): void => {
  const timer = setTimeout(() => socket.destroy(), lingerMillis)
  socket.once("close", () => clearTimeout(timer))
  socket.end()
  socket.resume()
}
