/**
 * What the supervisor remembers of servers that were refused, by the events of
 * all workers: each worker has seen some of them.
 */
import type { AuditEvent } from "../../relay/audit/AuditEvent.ts"

/** A server by its name and key. */
export interface ServerKey {
  readonly name: string
  readonly tripcode: string
}

/** The most servers that are remembered; the oldest are forgotten. */
const most = 1_000

const keyOf = ({ name, tripcode }: ServerKey): string => `${name} ${tripcode}`

const remember = (servers: Map<string, ServerKey>, server: ServerKey): void => {
  servers.set(keyOf(server), server)
  const [oldest] = servers.keys()
  if (servers.size > most && oldest !== undefined) servers.delete(oldest)
}

/** See the file's header. */
export class StrangerEvents {
  private readonly approved = new Map<string, ServerKey>()
  private readonly hidden = new Map<string, ServerKey>()

  /** Takes an event; `false` if it says what another worker has said. */
  take(event: AuditEvent): boolean {
    if (event._tag === "ServerRefused") this.approved.delete(keyOf(event))
    if (event._tag === "ServerIgnored") remember(this.hidden, event)
    if (event._tag !== "ServerApproved") return true
    this.hidden.delete(keyOf(event))
    if (this.approved.has(keyOf(event))) return false
    remember(this.approved, event)
    return true
  }

  /** The servers that are ignored, which a worker that starts does not know. */
  ignored(): ReadonlyArray<ServerKey> {
    return [...this.hidden.values()]
  }
}
