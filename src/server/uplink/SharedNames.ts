/**
 * Further names that a server has served on the links of another one of the same
 * process (protocol.md, Several names on a link). A relay that does not know this
 * answers nothing, and each name then needs links of its own.
 */

import * as Redacted from "effect/Redacted"
import type { ApiKey } from "../../domain/ApiKey.ts"
import { first } from "../../domain/HeaderList.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import * as ServiceFrame from "../../protocol/link/ServiceFrame.ts"
import { header } from "../../protocol/Wire.ts"
import { WireError } from "../../protocol/WireError.ts"
import type { Handler } from "../../transport/body/Handler.ts"
import { refuse } from "../../transport/body/Replies.ts"
import type { FrameExtension } from "../../transport/mux/FrameParser.ts"

/** A further name. */
export interface FurtherName {
  readonly name: ServerName
  readonly apiKey: ApiKey
  readonly responseMillis?: number | undefined
  readonly handler: Handler
  /**
   * Called when the name is served on a first link, when it is on none any more,
   * and when the relay refuses it.
   *
   * @param answer what the relay has said, where it serves the name
   */
  readonly onChange: (answer: ServiceFrame.Served | undefined) => void
}

/** A link, as far as it is needed here. */
export interface SharedLink {
  send(frame: Buffer): void
}

interface Entry {
  readonly further: FurtherName
  /** The links on which the relay serves it. */
  readonly links: Set<SharedLink>
}

/** See the file's header. */
export class SharedNames {
  private readonly entries = new Map<ServerName, Entry>()
  /** The links that work. */
  private readonly links = new Set<SharedLink>()
  /** The links whose relay knows further names; any other passes the field on as a visitor sends it. */
  private readonly hasServed = new WeakSet<SharedLink>()

  /** Has a name served on all links; the returned function takes it off them. */
  add(further: FurtherName): () => void {
    const entry: Entry = { further, links: new Set() }
    this.entries.set(further.name, entry)
    for (const link of this.links) serve(link, further)
    return () => {
      if (this.entries.get(further.name) !== entry) return
      this.entries.delete(further.name)
      for (const link of entry.links) link.send(ServiceFrame.leave({ name: further.name }))
    }
  }

  /** Asks again on the links that do not serve it, since its key may be registered now. */
  ask(name: ServerName): void {
    const entry = this.entries.get(name)
    if (entry === undefined) return
    for (const link of this.links) if (!entry.links.has(link)) serve(link, entry.further)
  }

  /** On how many links a name is served. */
  linksOf(name: ServerName): number {
    return this.entries.get(name)?.links.size ?? 0
  }

  /** A link works. */
  opened(link: SharedLink): void {
    this.links.add(link)
    for (const { further } of this.entries.values()) serve(link, further)
  }

  /** A link is closed, or drains. */
  closed(link: SharedLink): void {
    this.links.delete(link)
    for (const { further, links } of this.entries.values())
      if (links.delete(link) && links.size === 0) further.onChange(undefined)
  }

  /** The relay's answers on a link. */
  extension(link: () => SharedLink): FrameExtension {
    return {
      isKnown: (kind) => ServiceFrame.isServiceFrame(kind),
      frame: (kind, _stream, payload) => {
        if (kind !== ServiceFrame.type.served) return undefined
        const answer = ServiceFrame.decodeServed(payload)
        if (answer === undefined) return illegal
        this.onServed(link(), answer)
        return undefined
      },
    }
  }

  private onServed(link: SharedLink, answer: ServiceFrame.Served): void {
    const { isServed, name } = answer
    this.hasServed.add(link)
    const entry = this.entries.get(name)
    if (entry === undefined || !this.links.has(link)) return
    const before = entry.links.size
    if (isServed) entry.links.add(link)
    else entry.links.delete(link)
    const { size } = entry.links
    if (size === 0) entry.further.onChange(undefined)
    else if (before === 0) {
      entry.further.onChange(answer)
      // Others may have refused it while its key was not registered.
      this.ask(name)
    }
  }

  /** A handler for a link: requests for further names go to theirs, all others to `own`. */
  handler(link: () => SharedLink, own: Handler): Handler {
    return (head, body, reply) => {
      if (!this.hasServed.has(link())) return own(head, body, reply)
      const name = first(head.headers, header.service)
      if (name === undefined) return own(head, body, reply)
      const entry = this.entries.get(name as ServerName)
      if (entry === undefined) return refuse(body, reply, unknown)
      const headers = head.headers.filter(([field]) => field.toLowerCase() !== header.service)
      return entry.further.handler({ ...head, headers }, body, reply)
    }
  }
}

const serve = (link: SharedLink, { apiKey, name, responseMillis }: FurtherName): void =>
  link.send(
    ServiceFrame.serve({
      name,
      key: Redacted.value(apiKey),
      ...(responseMillis === undefined ? {} : { responseMillis: Math.ceil(responseMillis) }),
    }),
  )

const unknown = new ExchangeError({
  code: "PTTH_SERVER_OFFLINE",
  detail: "this name is no longer served",
})

const illegal = new WireError({ detail: "a frame about a further name cannot be read" })
