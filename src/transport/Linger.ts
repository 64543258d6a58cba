/**
 * Ending a connection whose other end is still sending: an answer is lost if
 * the socket is closed with unread bytes in it (RFC 9112 9.6).
 */
import type { IncomingMessage, ServerResponse } from "node:http"

const lingerMillis = 2_000

/**
 * Lets the connection end after this response: the answer goes out, what the
 * other end still sends is thrown away for a while, then the socket closes.
 */
export const closeAfter = (request: IncomingMessage, response: ServerResponse): void => {
  response.shouldKeepAlive = false
  const socket = request.socket
  socket.destroySoon = () => {
    const timer = setTimeout(() => socket.destroy(), lingerMillis)
    socket.once("close", () => clearTimeout(timer))
    socket.end()
    socket.resume()
  }
}
