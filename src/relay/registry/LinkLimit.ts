/**
 * Limits how many links a server may have: the owner of a key could otherwise
 * open any number, and each costs the relay a connection and its windows.
 */
import type { ServerName } from "../../domain/ServerName.ts"
import type { LinkKey, PresentLink } from "../../protocol/peer/PresentLink.ts"
import type { Deadline, Deadlines } from "../../transport/runtime/Deadlines.ts"
import type { AuditLog } from "../audit/AuditLog.ts"
import type { RelaySettings } from "../settings/RelaySettings.ts"

/** `Retry-After` of a link that is refused, in seconds. */
export const retrySeconds = 5

/** The least time between two audit entries for one server, in milliseconds. */
const recordMillis = 60_000

/** What the limit needs of the relay. */
export interface LinkLimitContext {
  readonly settings: RelaySettings["Service"]
  readonly audit: AuditLog["Service"]
  readonly deadlines: Deadlines
  /** The links of a server at other relays of the cluster; none unless given. */
  readonly elsewhere?: (name: ServerName) => ReadonlyArray<PresentLink>
}

/** Which link of a server's process it is. */
export type ProcessLink = Pick<LinkKey, "instance" | "number">

/** See the file's header. One for all transports of a relay. */
export class LinkLimit {
  private readonly context: LinkLimitContext
  private readonly counts = new Map<ServerName, number>()
  /** Servers with an audit entry within {@link recordMillis}. */
  private readonly recorded = new Map<ServerName, Deadline>()

  constructor(context: LinkLimitContext) {
    this.context = context
  }

  /** How many links a server may have; as many listens of classic 1 may be parked. */
  most(name: ServerName): number {
    const { config, servers } = this.context.settings.derived()
    return servers.get(name)?.limits.maxLinks ?? config.maxLinks
  }

  /**
   * Counts one more link until the returned function is called; `undefined`
   * if the limit is reached.
   *
   * @param replaces whether it replaces an open link, which is about to end
   * @param link the link that it replaces at another relay, if it is there
   */
  take(name: ServerName, replaces: boolean, link: ProcessLink): (() => void) | undefined {
    const count = this.counts.get(name) ?? 0
    const most = this.most(name) * (replaces ? 2 : 1)
    if (count + this.elsewhere(name, link) >= most) return undefined
    this.counts.set(name, count + 1)
    return () => {
      const rest = (this.counts.get(name) ?? 1) - 1
      if (rest === 0) this.counts.delete(name)
      else this.counts.set(name, rest)
    }
  }

  /** How many links other relays have, besides one that is replaced. */
  private elsewhere(name: ServerName, { instance, number }: ProcessLink): number {
    const links = this.context.elsewhere?.(name) ?? []
    return links.filter(
      (other) => instance === "" || other.instance !== instance || other.number !== number,
    ).length
  }

  /** Records that a link from an address was refused. */
  refused(name: ServerName, address: string): void {
    if (this.recorded.has(name)) return
    const { audit, deadlines } = this.context
    this.recorded.set(
      name,
      deadlines.set(recordMillis, () => this.recorded.delete(name)),
    )
    audit.record({ _tag: "LinksLimited", name, address })
  }
}
