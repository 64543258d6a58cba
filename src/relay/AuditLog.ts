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

const sentences: Record<AuditEvent["_tag"], string> = {
  RelayStarted: "relay started",
  RelayStopping: "relay is shutting down",
  ServerConnected: "server connected",
  ServerDisconnected: "server disconnected",
  ServerRefused: "server refused",
}
