/**
 * The further names that a server has served on a link of stream: each is a link
 * of its own for the rendezvous, over the same WebSocket (protocol.md, Several
 * names on a link).
 */
import type { ServerName } from "../../domain/ServerName.ts"
import * as ServiceFrame from "../../protocol/link/ServiceFrame.ts"
import { askedMillis } from "../../protocol/Wire.ts"
import { WireError } from "../../protocol/WireError.ts"
import type { Rendezvous } from "../dispatch/Rendezvous.ts"
import type { LinkLimit } from "../registry/LinkLimit.ts"
import type { Servers } from "../registry/Servers.ts"
import type { RelaySettings } from "../settings/RelaySettings.ts"
import * as Subdomains from "../settings/Subdomains.ts"
import { StreamLink, type StreamLinkOptions } from "./StreamLink.ts"

/** What is needed of the relay. */
export interface FurtherNamesContext {
  readonly settings: RelaySettings["Service"]
  readonly servers: Servers["Service"]
  readonly rendezvous: Rendezvous["Service"]
  readonly limit: LinkLimit
  /** Whether the relay accepts no more links. */
  readonly isDraining: () => boolean
  /** A name has joined the link; the returned function: it has left. */
  readonly onJoined: (link: StreamLink) => () => void
}

/** The link, and the name that it was opened for. */
export type Opening = Omit<
  StreamLinkOptions,
  "name" | "tripcode" | "isPassedThrough" | "further" | "responseMillis"
> & {
  readonly name: ServerName
  /** The server's address. */
  readonly address: string
}

/** How many frames about further names a link may send within {@link windowMillis}: each is answered, read or not. */
const mostFrames = 8 * ServiceFrame.maxNames

/** The window in which they are counted, in milliseconds. */
const windowMillis = 60_000

interface Member {
  readonly link: StreamLink
  readonly leave: (reason: string) => void
}

/** See the file's header. */
export class FurtherNames {
  private readonly context: FurtherNamesContext
  private readonly opening: Opening
  private readonly members = new Map<ServerName, Member>()
  private frames = 0
  private windowStart = Number.NEGATIVE_INFINITY

  constructor(context: FurtherNamesContext, opening: Opening) {
    this.context = context
    this.opening = opening
  }

  /** The link may take requests again. */
  ready(): void {
    for (const { link } of this.members.values()) this.context.rendezvous.ready(link)
  }

  /** The link has answered a ping. */
  trust(): void {
    for (const { link } of this.members.values())
      if (link.trust()) this.context.rendezvous.ready(link)
  }

  /** The link is closed. */
  closed(reason: string): void {
    for (const { link, leave } of [...this.members.values()]) {
      link.trust()
      leave(reason)
    }
  }

  /** Takes a frame of the server about further names; an error means that the link must be closed. */
  frame(kind: number, payload: Buffer): WireError | undefined {
    if (this.isOverLimit()) return tooMany
    if (kind === ServiceFrame.type.serve) {
      const serve = ServiceFrame.decodeServe(payload)
      if (serve === undefined) return illegal
      if (!this.join(serve)) this.answer(serve.name, false)
    } else if (kind === ServiceFrame.type.leave) {
      const leave = ServiceFrame.decodeLeave(payload)
      if (leave === undefined) return illegal
      this.members.get(leave.name)?.leave("its server serves it no more")
    }
    return undefined
  }

  private isOverLimit(): boolean {
    const now = this.opening.deadlines.elapsed()
    if (now - this.windowStart >= windowMillis) {
      this.windowStart = now
      this.frames = 0
    }
    this.frames += 1
    return this.frames > mostFrames
  }

  private answer(name: ServerName, isServed: boolean): void {
    const { settings } = this.context
    const url = isServed ? Subdomains.urlOf(settings.current(), name) : undefined
    const displayName = isServed ? settings.derived().servers.get(name)?.displayName : undefined
    this.opening.multiplexer.send(
      ServiceFrame.served({
        name,
        isServed,
        ...(url === undefined ? {} : { url }),
        ...(displayName === undefined ? {} : { displayName }),
      }),
    )
  }

  /** Whether requests for the name come on this link now; the server is then told so. */
  private join({ key, name, responseMillis }: ServiceFrame.Serve): boolean {
    const { limit, onJoined, rendezvous, servers, settings } = this.context
    const { address, instance, multiplexer, number } = this.opening
    if (this.context.isDraining() || multiplexer.places === undefined) return false
    const isNew = !this.members.has(name)
    if (name === this.opening.name || (isNew && this.members.size >= ServiceFrame.maxNames))
      return false
    // Connections that are passed on unread do not say for which name they are.
    if (settings.derived().servers.get(name)?.tls === "passthrough") return false
    const server = servers.knock(name, key, address, rendezvous.deadlines.now())
    const member = this.members.get(name)
    if (server._tag === "Known" && member?.link.tripcode === server.tripcode) {
      this.answer(name, true)
      return true
    }
    member?.leave("its server has another key now")
    if (server._tag !== "Known") return false
    const giveBack = limit.take(name, false, { instance, number })
    if (giveBack === undefined) {
      limit.refused(name, address)
      return false
    }
    const responseLimit = askedMillis(
      responseMillis === undefined ? undefined : `${responseMillis}`,
    )
    const link = new StreamLink({
      ...this.opening,
      name,
      tripcode: server.tripcode,
      isPassedThrough: false,
      further: (reason) => {
        this.members.get(name)?.leave(reason)
        this.answer(name, false)
      },
      responseMillis: (of) => rendezvous.responseMillis(of, responseLimit),
    })
    // Before the requests that wait: without it the server takes them for its own name's.
    this.answer(name, true)
    const forget = onJoined(link)
    const disjoin = rendezvous.join(link, address)
    const leave = (reason: string): void => {
      if (this.members.get(name)?.link !== link) return
      this.members.delete(name)
      forget()
      giveBack()
      disjoin(reason)
    }
    this.members.set(name, { link, leave })
    rendezvous.ready(link)
    return true
  }
}

const tooMany = new WireError({ detail: "too many frames about further names" })

const illegal = new WireError({ detail: "a frame about a further name cannot be read" })
