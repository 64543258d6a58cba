/**
 * A visitor's connection that a relay passes on without reading it: on a link it
 * is a stream whose request has the method CONNECT. The body of the
 * request is the head of the PROXY protocol (`ProxyHead.ts`), followed by what the visitor
 * sends. The body of the response, with status 200, is what the visitor gets (protocol.md,
 * Passed connections). Visitors' own requests never have this method.
 */
import type { RequestHead } from "./Message.ts"

const method = "CONNECT"

/** The head of the stream; `host` is the name that the visitor's TLS client wants. */
export const headFor = (host: string): RequestHead => ({
  method,
  target: "/",
  headers: [["Host", host]],
})

/** Whether a stream carries a connection. */
export const isPassed = (head: RequestHead): boolean => head.method === method
