/**
 * A visitor's connection that a relay passes on without reading it: on a link it
 * is a stream whose request has the method CONNECT. The body of the request is
 * the head of the PROXY protocol (`ProxyHead.ts`) and what the visitor sends,
 * that of a response with status 200 what the visitor gets (protocol.md, Passed
 * connections). No visitor's own request has this method.
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
