/**
 * Events on the relay that matter to its administrator, typed, kept in memory
 * up to a bound and written to the program's log. `AuditFile.ts` stores them
 * on disk.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { ServerName } from "../../domain/ServerName.ts"
import type { Tripcode } from "../../domain/Tripcode.ts"

/** One variant per kind of event; `name` is the server's. */
export type AuditEvent =
  | { readonly _tag: "RelayStarted"; readonly address: string }
  | { readonly _tag: "RelayStopping" }
  | {
      readonly _tag: "ServerConnected"
      readonly name: ServerName
      readonly transport: string
      /** Why no better transport is used; empty if the server gives no reason. */
      readonly reason: string
      readonly address: string
    }
  | { readonly _tag: "ServerDisconnected"; readonly name: ServerName; readonly reason: string }
  /** A process of the server is gone; another one is connected. */
  | { readonly _tag: "ServerReplaced"; readonly name: ServerName; readonly reason: string }
  | {
      readonly _tag: "ServerRefused"
      readonly name: string
      readonly reason: "unknown name" | "wrong key"
      readonly tripcode: Tripcode
      readonly address: string
    }
  /** An address sent too many new names and keys; further ones are not recorded until the minute is over. */
  | { readonly _tag: "RefusalsLimited"; readonly address: string }
  /** A server tried to open more links than it may have. */
  | { readonly _tag: "LinksLimited"; readonly name: ServerName; readonly address: string }
  /** The requests for one server within a minute; the access log has each of them. */
  | {
      readonly _tag: "VisitorRequests"
      readonly name: string
      readonly requests: number
      /** Those with status 5xx, or whose visitor left before a response. */
      readonly failed: number
      readonly bytesIn: number
      readonly bytesOut: number
    }
  | { readonly _tag: "ScraperKeyUsed"; readonly key: string; readonly address: string }
  | {
      readonly _tag: "ScraperKeyRefused"
      readonly reason: string
      readonly address: string
    }
  | { readonly _tag: "ConfigReloaded"; readonly servers: number }
  | { readonly _tag: "ConfigRefused"; readonly problem: string }
  | { readonly _tag: "AdminLoggedIn"; readonly by: string; readonly address: string }
  | { readonly _tag: "AdminRefused"; readonly reason: string; readonly address: string }
  | {
      readonly _tag: "ServerApproved" | "ServerIgnored"
      readonly name: ServerName
      readonly tripcode: Tripcode
      /** Who did it. */
      readonly by: string
    }

/** An event and when it happened, in milliseconds since 1970. */
export interface AuditEntry {
  readonly at: number
  readonly event: AuditEvent
}

/** How many events are kept in memory. As many `VisitorRequests` are kept besides, so that they evict no other events. */
export const maxEntries = 1_000

/** Called with every event. */
export type AuditListener = (entry: AuditEntry) => void

/** See the file's header. `record` never fails and never waits. */
export class AuditLog extends Context.Service<
  AuditLog,
  {
    readonly record: (event: AuditEvent) => void
    /** The oldest first. */
    readonly entries: () => ReadonlyArray<AuditEntry>
    /** Inserts the events of earlier processes before all others. */
    readonly restore: (before: ReadonlyArray<AuditEntry>) => void
    /** Calls the listener for every event until the returned function is called. */
    readonly listen: (listener: AuditListener) => () => void
  }
>()("ptth/relay/AuditLog") {
  static readonly layer: Layer.Layer<AuditLog> = Layer.effect(
    AuditLog,
    Effect.gen(function* () {
      let entries: ReadonlyArray<AuditEntry> = []
      const listeners = new Set<AuditListener>()
      const context = yield* Effect.context<never>()
      const clock = yield* Clock.Clock
      const run = Effect.runForkWith(context)
      return AuditLog.of({
        entries: () => entries,
        restore: (before) => {
          entries = newest([...before, ...entries])
        },
        listen: (listener) => {
          listeners.add(listener)
          return () => listeners.delete(listener)
        },
        record: (event) => {
          const entry = { at: clock.currentTimeMillisUnsafe(), event }
          entries = newest([...entries, entry])
          for (const listener of listeners) listener(entry)
          const { _tag, ...fields } = event
          const line = isFrequent(entry) ? Effect.logDebug : Effect.logInfo
          run(Effect.annotateLogs(line(sentences[_tag]), fields))
        },
      })
    }),
  )
}

const isFrequent = ({ event }: AuditEntry): boolean => event._tag === "VisitorRequests"

/** The last {@link maxEntries} of each sort: frequent, and all others. */
const newest = (entries: ReadonlyArray<AuditEntry>): ReadonlyArray<AuditEntry> => {
  if (entries.length <= maxEntries) return entries
  const frequent = entries.filter(isFrequent).length
  let [tooFrequent, tooMany] = [frequent - maxEntries, entries.length - frequent - maxEntries]
  return entries.filter((entry) => (isFrequent(entry) ? tooFrequent-- <= 0 : tooMany-- <= 0))
}

/** Each kind of event in words. */
export const sentences: Record<AuditEvent["_tag"], string> = {
  RelayStarted: "relay started",
  RelayStopping: "relay is shutting down",
  ServerConnected: "server connected",
  ServerDisconnected: "server disconnected",
  ServerReplaced: "server process gone, another one is there",
  ServerRefused: "server refused",
  RefusalsLimited: "too many unknown servers from one address",
  LinksLimited: "a server has no room for more links",
  VisitorRequests: "visitors' requests within a minute",
  ScraperKeyUsed: "scraper key used",
  ScraperKeyRefused: "scraper key refused",
  ConfigReloaded: "configuration in force",
  ConfigRefused: "configuration refused",
  AdminLoggedIn: "administrator logged in",
  AdminRefused: "administrator refused",
  ServerApproved: "server approved",
  ServerIgnored: "server ignored",
}
