/**
 * Short replies: plain text, and refusals.
 */
import type { ExchangeError } from "../../protocol/Exchange.ts"
import { type Body, fromText } from "./Body.ts"
import type { Cancel, Reply } from "./Handler.ts"

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

/** See `Reply.commit`; `go` is called at once, since no failure is reported meanwhile. */
export const commit = (reply: Reply, go: () => void): void => {
  if (reply.commit === undefined) go()
  else reply.commit(go)
}

const noCancel: Cancel = () => {}

/** Refuses a request without reading its body. */
export const refuse = (body: Body, reply: Reply, error: ExchangeError): Cancel => {
  body.discard()
  reply.fail(error)
  return noCancel
}
