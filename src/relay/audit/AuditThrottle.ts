/**
 * Limits how many audit entries of a kind are recorded a minute, so that
 * nobody can fill the log or evict other entries: of each network or server,
 * and of everybody together. The rest are counted.
 */
import { networksOf } from "../../domain/visitor/VisitorAddress.ts"
import type { AuditEvent } from "./AuditEvent.ts"

/** How many events of a kind are recorded per minute. */
export interface AuditRate {
  /** Of one source: a server's name, or the widest network of an address. */
  readonly ofSource: number
  readonly inAll: number
}

/** What strangers cause. */
const strangers: AuditRate = { ofSource: 10, inAll: 100 }

/** Events that anybody can cause who finds the address of an interface with few users. */
const refusals: AuditRate = { ofSource: 10, inAll: 10 }

/** What a server with a valid key causes. Their number is that of the configuration. */
const servers: AuditRate = { ofSource: 20, inAll: Number.POSITIVE_INFINITY }

/** Other kinds are not limited: only the administrator causes them. */
const rates: { readonly [kind in AuditEvent["_tag"]]?: AuditRate } = {
  ServerRefused: strangers,
  RefusalsLimited: strangers,
  ScraperKeyRefused: refusals,
  AdminRefused: refusals,
  VisitorSignedIn: strangers,
  SignInRefused: strangers,
  ServerConnected: servers,
  ServerDisconnected: servers,
  ServerReplaced: servers,
}

const windowMillis = 60_000

/** The events of a kind within a minute. */
interface Window {
  readonly since: number
  recorded: number
  readonly bySource: Map<string, number>
}

/** A kind of event, and how many of it were not recorded. */
export interface OmittedEvents {
  readonly of: AuditEvent["_tag"]
  readonly events: number
}

const sourceOf = (event: AuditEvent, rate: AuditRate): string => {
  if (rate === servers && "name" in event) return event.name
  return "address" in event ? networksOf(event.address)[0] : ""
}

/** See the file's header. */
export class AuditThrottle {
  private readonly windows = new Map<string, Window>()
  private readonly omitted = new Map<AuditEvent["_tag"], number>()

  /** Whether an event may be recorded; `now` is in milliseconds. */
  passes(event: AuditEvent, now: number): boolean {
    const kind = event._tag
    const rate = rates[kind]
    if (rate === undefined) return true
    const window = this.windowOf(kind, now)
    const source = sourceOf(event, rate)
    const ofSource = window.bySource.get(source) ?? 0
    if (window.recorded >= rate.inAll || ofSource >= rate.ofSource) {
      this.omitted.set(kind, (this.omitted.get(kind) ?? 0) + 1)
      return false
    }
    window.recorded += 1
    window.bySource.set(source, ofSource + 1)
    return true
  }

  /** What was not recorded since the last call. */
  takeOmitted(): ReadonlyArray<OmittedEvents> {
    const omitted = [...this.omitted].map(([of, events]) => ({ of, events }))
    this.omitted.clear()
    return omitted
  }

  private windowOf(kind: string, now: number): Window {
    const current = this.windows.get(kind)
    if (current !== undefined && now >= current.since && now - current.since < windowMillis)
      return current
    const window: Window = { since: now, recorded: 0, bySource: new Map() }
    this.windows.set(kind, window)
    return window
  }
}
