/**
 * Short plain answers of the relay's backend API.
 */
import type { ServerResponse } from "node:http"

/** Answers with a text. */
export const answerText = (response: ServerResponse, status: number, body: string): void => {
  response.writeHead(status, {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": Buffer.byteLength(body),
  })
  response.end(body)
}
