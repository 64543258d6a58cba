/**
 * What happened on the relay that its administrator may want to know: typed
 * events, kept in memory up to a bound and written to the log.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { ServerName } from "../domain/ServerName.ts"
import type { Tripcode } from "../domain/Tripcode.ts"

/** One kind of event each; `name` is the server's. */
export type AuditEvent =
  | { readonly _tag: "RelayStarted"; readonly address: string }
  | { readonly _tag: "RelayStopping" }
  | {
      readonly _tag: "ServerConnected"
      readonly name: ServerName
      readonly transport: string
      /** Why it is not a better transport; empty if there is nothing to say. */
      readonly reason: string
      readonly address: string
    }
  | { readonly _tag: "ServerDisconnected"; readonly name: ServerName; readonly reason: string }
  | {
      readonly _tag: "ServerRefused"
      readonly name: string
      readonly reason: "unknown name" | "wrong key"
      readonly tripcode: Tripcode
      readonly address: string
    }
  /** An address shows so many new names and keys that no more of them are remembered for a minute. */
  | { readonly _tag: "RefusalsLimited"; readonly address: string }
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

const maxEntries = 1_000

/** Where events go. `record` never fails and never waits. */
export class AuditLog extends Context.Service<
  AuditLog,
  {
    readonly record: (event: AuditEvent) => void
    readonly entries: () => ReadonlyArray<AuditEntry>
  }
>()("ptth/relay/AuditLog") {
  static readonly layer: Layer.Layer<AuditLog> = Layer.effect(
    AuditLog,
    Effect.gen(function* () {
      const entries: Array<AuditEntry> = []
      const context = yield* Effect.context<never>()
      const clock = yield* Clock.Clock
      const run = Effect.runForkWith(context)
      return AuditLog.of({
        entries: () => entries,
        record: (event) => {
          entries.push({ at: clock.currentTimeMillisUnsafe(), event })
          if (entries.length > maxEntries) entries.shift()
          const { _tag, ...fields } = event
          run(Effect.annotateLogs(Effect.logInfo(sentences[_tag]), fields))
        },
      })
    }),
  )
}

/** What each kind of event is called. */
export const sentences: Record<AuditEvent["_tag"], string> = {
  RelayStarted: "relay started",
  RelayStopping: "relay is shutting down",
  ServerConnected: "server connected",
  ServerDisconnected: "server disconnected",
  ServerRefused: "server refused",
  RefusalsLimited: "too many unknown servers from one address",
  ConfigReloaded: "configuration in force",
  ConfigRefused: "configuration refused",
  AdminLoggedIn: "administrator logged in",
  AdminRefused: "administrator refused",
  ServerApproved: "server approved",
  ServerIgnored: "server ignored",
}
