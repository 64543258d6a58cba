/**
 * The opening handshake of a WebSocket (RFC 6455 4) without extensions and
 * subprotocols.
 */
import type { HeaderList } from "../../domain/HeaderList.ts"
import { first } from "../../domain/HeaderList.ts"

/** The text that is hashed after the key of a request. */
export const acceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

/** The handshake fields of a client. */
export const requestFields = (key: string): HeaderList => [
  ["Connection", "Upgrade"],
  ["Upgrade", "websocket"],
  ["Sec-WebSocket-Version", "13"],
  ["Sec-WebSocket-Key", key],
]

/** The key of a handshake; `undefined` if the request is not a legal handshake of version 13. */
export const keyOf = (method: string, headers: HeaderList): string | undefined => {
  const key = first(headers, "sec-websocket-key")
  return method === "GET" &&
    first(headers, "upgrade")?.toLowerCase() === "websocket" &&
    first(headers, "sec-websocket-version") === "13" &&
    key !== undefined &&
    /^[+/0-9A-Za-z]{22}==$/.test(key)
    ? key
    : undefined
}
