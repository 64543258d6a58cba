/**
 * The visitors' side of the relay: finds out what a request is for, and hands
 * those for a server to its tunnel.
 */
import type { HeaderList } from "../domain/HeaderList.ts"
import { ExchangeError } from "../protocol/Exchange.ts"
import * as HopByHop from "../protocol/HopByHop.ts"
import { header } from "../protocol/Wire.ts"
import type { Body } from "../transport/Body.ts"
import { empty, fromText } from "../transport/Body.ts"
import type { Cancel, Reply } from "../transport/Handler.ts"
import type { FrontHandler, FrontRequest } from "../transport/NodeFront.ts"
import type { Rendezvous } from "./Rendezvous.ts"
import { type Page, route } from "./Routes.ts"
import type { Servers } from "./Servers.ts"

/** What the visitors' side stands on. */
export interface VisitorContext {
  readonly servers: Servers["Service"]
  readonly rendezvous: Rendezvous["Service"]
  /** The relay's own pages. */
  readonly page: (page: Page, request: FrontRequest, reply: Reply) => void
}

const never: Cancel = () => {}

/** The handler of all visitors. */
export const make =
  (context: VisitorContext): FrontHandler =>
  (request, reply) => {
    const { body, head } = request
    const to = route(head.target)
    if (to._tag === "Server") {
      if (!context.servers.isRegistered(to.name)) return refuse(body, reply, unknown(to.name))
      const headers = forServer(head.headers)
      return context.rendezvous.toServer(to.name)(
        { method: head.method, target: to.target, headers },
        body,
        reply,
      )
    }
    switch (to._tag) {
      case "UnknownServer":
        return refuse(body, reply, unknown(to.name))
      case "NotFound":
        return refuse(
          body,
          reply,
          new ExchangeError({ code: "PTTH_NOT_FOUND", detail: "the relay has no such page" }),
        )
      case "Redirect":
        body.discard()
        reply.respond({ status: to.status, headers: [["Location", to.location]] }, empty)
        return never
      case "Page":
        body.discard()
        if (head.method === "GET" || head.method === "HEAD") context.page(to.page, request, reply)
        else reply.fail(methodNotAllowed)
        return never
    }
  }

const methodNotAllowed = new ExchangeError({
  code: "PTTH_METHOD_NOT_ALLOWED",
  detail: "the relay's own pages are only read",
  headers: [["Allow", "GET, HEAD"]],
})

const unknown = (name: string): ExchangeError =>
  new ExchangeError({
    code: "PTTH_UNKNOWN_SERVER",
    detail: `no server is called ${JSON.stringify(name).slice(1, -1)}`,
  })

const refuse = (body: Body, reply: Reply, error: ExchangeError): Cancel => {
  body.discard()
  reply.fail(error)
  return never
}

const ours = new Set<string>([header.apiKey])

/** A visitor's fields as the server gets them. */
const forServer = (headers: HeaderList): HeaderList =>
  HopByHop.strip(headers).filter(([name]) => !ours.has(name.toLowerCase()))

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
