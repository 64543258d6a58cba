/**
 * Short text responses of the backend API, and what is read from a server's
 * request for every transport.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { closeAfter } from "../../transport/net/ConnectionClose.ts"

/** Answers with a text. */
export const answerText = (response: ServerResponse, status: number, body: string): void => {
  response.writeHead(status, {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": Buffer.byteLength(body),
  })
  response.end(body)
}

/** Answers with a text although the request's body may still be arriving; its connection ends if so. */
export const rejectRequest = (
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: string,
): void => {
  if (!request.complete && request.method !== "GET") closeAfter(request, response)
  answerText(response, status, body)
}

/** The program and version that a server sends of itself, at most 100 characters; empty if it sends none. */
export const programOf = (request: Pick<IncomingMessage, "headers">): string =>
  (request.headers["user-agent"] ?? "").slice(0, 100)
