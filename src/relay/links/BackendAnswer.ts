/**
 * Short plain answers of the backend API, and the program that a server says
 * it is.
 */
import type { IncomingMessage, ServerResponse } from "node:http"

/** Answers with a text. */
export const answerText = (response: ServerResponse, status: number, body: string): void => {
  response.writeHead(status, {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": Buffer.byteLength(body),
  })
  response.end(body)
}

/** What a server says of its program and version; empty if nothing. */
export const programOf = (request: IncomingMessage): string =>
  (request.headers["user-agent"] ?? "").slice(0, 100)
