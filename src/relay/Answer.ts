/**
 * Short plain answers: of the backend API, and of the relay to visitors.
 */
import type { ServerResponse } from "node:http"
import { fromText } from "../transport/Body.ts"
import type { Reply } from "../transport/Handler.ts"

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
