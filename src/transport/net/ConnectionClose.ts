/**
 * Closes a connection gracefully, or breaks it off. If a socket is closed with
 * unread bytes in it, the other end may lose the response; so received bytes are
 * thrown away for a while before the socket is closed (RFC 9112 9.6).
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"

/** How long the other end may go on sending, in milliseconds. */
const lingerMillis = 2_000

const ending = new WeakSet<Duplex>()

/** Whether a response has been made the connection's last one: what still comes is not read as a request. */
export const isEnding = (socket: Duplex): boolean => ending.has(socket)

/** Makes this response the last of its connection. */
export const makeLast = (request: IncomingMessage, response: ServerResponse): void => {
  response.shouldKeepAlive = false
  ending.add(request.socket)
}

/** Makes this response the last of its connection, and closes that gracefully although a request is still coming in. */
export const closeAfter = (request: IncomingMessage, response: ServerResponse): void => {
  makeLast(request, response)
  const socket = request.socket
  socket.destroySoon = () => endSoon(socket)
}

/** Writes the last bytes to a socket without a response object, and closes it gracefully. */
export const endWith = (socket: Duplex, bytes: Uint8Array): void => {
  ending.add(socket)
  socket.write(bytes)
  endSoon(socket)
}

/** Breaks a connection off, by a reset where possible, so that the other end does not take a part for the whole. */
export const cutOff = (socket: Duplex): void => {
  if ("resetAndDestroy" in socket && !("encrypted" in socket)) (socket as Socket).resetAndDestroy()
  else socket.destroy()
}

/**
 * Closes a connection gracefully.
 *
 * @param millis how long the other end may go on sending
 */
export const endSoon = (socket: Duplex, millis = lingerMillis): void => {
  const timer = setTimeout(() => socket.destroy(), millis)
  socket.once("close", () => clearTimeout(timer))
  socket.end()
  socket.resume()
}
