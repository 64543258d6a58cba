/**
 * The opening of a WebSocket (RFC 6455 4), as far as a link needs it: no
 * extensions and no subprotocols.
 */
import type { HeaderList } from "../../domain/HeaderList.ts"
import { first } from "../../domain/HeaderList.ts"

/** What is hashed together with the key of a request. */
export const acceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

/** What a client sends besides its own fields. */
export const requestFields = (key: string): HeaderList => [
  ["Connection", "Upgrade"],
  ["Upgrade", "websocket"],
  ["Sec-WebSocket-Version", "13"],
  ["Sec-WebSocket-Key", key],
]

/** The key of a request for a WebSocket, or `undefined` if it is none that can be had. */
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
