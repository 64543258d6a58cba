/**
 * How many links a server may have: whoever has its key could otherwise open
 * any number of them, and each costs the relay a connection and its windows.
 */
import type { ServerName } from "../../domain/ServerName.ts"
import type { Deadline, Deadlines } from "../../transport/runtime/Deadlines.ts"
import type { AuditLog } from "../audit/AuditLog.ts"
import type { RelaySettings } from "../settings/RelaySettings.ts"
import * as ServerIndex from "../settings/ServerIndex.ts"

/** After how long who is refused may try again, in seconds. */
export const retrySeconds = 5

/** How often a server that wants too many links is told of at most, in milliseconds. */
const quietMillis = 60_000

/** What the room stands on. */
export interface LinkRoomContext {
  readonly settings: RelaySettings["Service"]
  readonly audit: AuditLog["Service"]
  readonly deadlines: Deadlines
}

/** See the file's header. One for all transports of a relay. */
export class LinkLimit {
  private readonly context: LinkRoomContext
  private readonly taken = new Map<ServerName, number>()
  private readonly told = new Map<ServerName, Deadline>()

  constructor(context: LinkRoomContext) {
    this.context = context
  }

  /** How many links, and besides as many listens of classic 1, a server may have. */
  most(name: ServerName): number {
    const config = this.context.settings.current()
    return ServerIndex.find(config, name)?.limits.maxLinks ?? config.maxLinks
  }

  /**
   * Room for one more link, to be given back by the returned function, or
   * `undefined` if there is none.
   *
   * @param replaces whether it comes for one that is there, which will go
   */
  take(name: ServerName, replaces: boolean): (() => void) | undefined {
    const taken = this.taken.get(name) ?? 0
    if (taken >= this.most(name) * (replaces ? 2 : 1)) return undefined
    this.taken.set(name, taken + 1)
    return () => {
      const left = (this.taken.get(name) ?? 1) - 1
      if (left === 0) this.taken.delete(name)
      else this.taken.set(name, left)
    }
  }

  /** Somebody was refused for lack of room. */
  refused(name: ServerName, address: string): void {
    if (this.told.has(name)) return
    const { audit, deadlines } = this.context
    this.told.set(
      name,
      deadlines.set(quietMillis, () => this.told.delete(name)),
    )
    audit.record({ _tag: "LinksLimited", name, address })
  }
}
