/**
 * Short plain answers, of the backend API and of the relay to visitors; and
 * what servers say of themselves.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { ExchangeError } from "../../protocol/Exchange.ts"
import { type Body, fromText } from "../../transport/body/Body.ts"
import type { Cancel, Reply } from "../../transport/body/Handler.ts"

/** Answers with a text. */
export const answerText = (response: ServerResponse, status: number, body: string): void => {
  response.writeHead(status, {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": Buffer.byteLength(body),
  })
  response.end(body)
}

/** Answers with plain text. */
export const respondText = (reply: Reply, status: number, text: string): void =>
  reply.respond(
    {
      status,
      headers: [
        ["Content-Type", "text/plain; charset=utf-8"],
        ["Cache-Control", "no-store"],
      ],
    },
    fromText(text),
  )

const nothing: Cancel = () => {}

/** Refuses a request whose body nobody reads. */
export const refuse = (body: Body, reply: Reply, error: ExchangeError): Cancel => {
  body.discard()
  reply.fail(error)
  return nothing
}

/** What a server says of its program and version; empty if nothing. */
export const programOf = (request: IncomingMessage): string =>
  (request.headers["user-agent"] ?? "").slice(0, 100)
