/**
 * A link's bytes over a WebSocket. Message boundaries mean nothing: small
 * frames of one turn travel in one message, large ones in messages of their
 * own so that nobody copies them.
 */
import type { Duplex } from "node:stream"
import { WebSocket } from "ws"
import type { Wire } from "./Multiplexer.ts"

/** What comes out of a wire. */
export interface WireEvents {
  readonly bytes: (chunk: Buffer) => void
  readonly drained: () => void
  readonly closed: () => void
}

/** How both ends set up `ws`. */
export const options = {
  perMessageDeflate: false,
  maxPayload: 4 * 1024 * 1024,
  // Each fragment may hold a whole read of the socket.
  maxFragments: 256,
  skipUTF8Validation: true,
} as const

/** The mask protects browsers' users from caches in between; we are no browser (RFC 6455 10.3). */
export const noMask = (_mask: Buffer): void => {}

const ownMessage = 16 * 1024
const joinedMessage = 256 * 1024

/** The wire over an open WebSocket and the connection below it. */
export const make = (webSocket: WebSocket, connection: Duplex, events: WireEvents): Wire => {
  const send = { binary: true } as const
  webSocket.on("message", (message) => events.bytes(message as Buffer))
  webSocket.on("close", () => events.closed())
  webSocket.on("error", () => {})
  connection.on("drain", () => events.drained())
  const flush = (small: Array<Uint8Array>): void => {
    if (small.length === 0) return
    webSocket.send(small.length === 1 ? (small[0] as Uint8Array) : Buffer.concat(small), send)
    small.length = 0
  }
  return {
    write: (chunks) => {
      if (webSocket.readyState !== WebSocket.OPEN) return true
      const small: Array<Uint8Array> = []
      let size = 0
      connection.cork()
      for (const chunk of chunks) {
        const own = chunk.length >= ownMessage
        if (own || size + chunk.length > joinedMessage) {
          flush(small)
          size = 0
        }
        if (own) webSocket.send(chunk, send)
        else {
          small.push(chunk)
          size += chunk.length
        }
      }
      flush(small)
      connection.uncork()
      return !connection.writableNeedDrain
    },
    end: () => webSocket.close(),
    close: () => webSocket.terminate(),
  }
}
