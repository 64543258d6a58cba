/**
 * A server that is not registered may present a ticket with its key. The ticket
 * is redeemed before the key is checked; if it is not good, the server is refused
 * as one without a ticket.
 */
import type { IncomingHttpHeaders } from "node:http"
import * as Effect from "effect/Effect"
import { header } from "../../protocol/Wire.ts"
import type { Servers } from "./Servers.ts"
import type { RedeemTicket } from "./Tickets.ts"

/** How many tickets are redeemed at the same time; further ones wait for the server's next try. */
const mostAtOnce = 8

/** A server that wants to connect. */
export interface TicketHolder {
  readonly name: string
  /** `undefined` if there is none. */
  readonly key: string | undefined
  readonly headers: IncomingHttpHeaders
  /** Where it comes from. */
  readonly address: string
}

/** See the file's header. */
export class TicketCheck {
  private readonly servers: Servers["Service"]
  private readonly redeem: RedeemTicket
  private running = 0

  constructor(servers: Servers["Service"], redeem: RedeemTicket) {
    this.servers = servers
    this.redeem = redeem
  }

  /** Calls `done` once the ticket is redeemed or refused; at once if there is none to redeem, at a time in milliseconds since 1970. */
  before({ address, headers, key, name }: TicketHolder, at: number, done: () => void): void {
    const ticket = ticketOf(headers)
    if (ticket === undefined || key === undefined || this.running >= mostAtOnce) return done()
    const identity = this.servers.identify(name, key)
    if (identity._tag === "Known" || this.servers.isLimited(address, at)) return done()
    this.running += 1
    Effect.runCallback(this.redeem(name, ticket, identity.tripcode), {
      onExit: () => {
        this.running -= 1
        done()
      },
    })
  }
}

/** The field of a refusal that tells a server that its ticket was not good; `undefined` if it has presented none. */
export const refusalOf = (headers: IncomingHttpHeaders): string | undefined =>
  ticketOf(headers) === undefined ? undefined : "PTTH_TICKET_REFUSED"

const ticketOf = (headers: IncomingHttpHeaders): string | undefined => {
  const ticket = headers[header.ticket]
  return typeof ticket === "string" && ticket !== "" ? ticket : undefined
}
