/**
 * What an administrator can see and do, once for the pages, the API and the
 * command line alike.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type { RegisteredServer } from "../../../domain/config/RelayConfig.ts"
import type { ServerName } from "../../../domain/ServerName.ts"
import type { Tripcode } from "../../../domain/Tripcode.ts"
import * as TripcodeWords from "../../../domain/TripcodeWords.ts"
import { type AuditEntry, type AuditEvent, AuditLog } from "../../audit/AuditLog.ts"
import { Rendezvous } from "../../dispatch/Rendezvous.ts"
import { type Inspected, Inspector } from "../../inspect/Inspector.ts"
import * as Approval from "../../registry/Approval.ts"
import { Servers, type Unregistered } from "../../registry/Servers.ts"
import { type ConfigStatus, RelaySettings } from "../../settings/RelaySettings.ts"
import * as ServerIndex from "../../settings/ServerIndex.ts"
import * as Subdomains from "../../settings/Subdomains.ts"
import { type ServerView, viewServer } from "../../status/ServerView.ts"
import { Traffic } from "../../traffic/Traffic.ts"

/** Somebody who waits for approval. */
export interface StrangerView extends Unregistered {
  /** The tripcode in words, to be compared by people. */
  readonly words: string
}

/** Which events are wanted; what is left out does not matter. */
export interface AuditFilter {
  /** The server's name. */
  readonly name?: string | undefined
  readonly kind?: AuditEvent["_tag"] | undefined
}

/** See the file's header. */
export class Administration extends Context.Service<
  Administration,
  {
    readonly servers: () => ReadonlyArray<ServerView>
    readonly server: (name: string) => ServerView | undefined
    /** Who was refused and is not registered; who was seen last is first. */
    readonly unregistered: () => ReadonlyArray<StrangerView>
    /** The events, the newest first. */
    readonly audit: (filter: AuditFilter) => ReadonlyArray<AuditEntry>
    readonly config: () => ConfigStatus
    /** Registers a server, in force when it succeeds. */
    readonly approve: (
      name: string,
      tripcode: string,
      by: string,
    ) => Effect.Effect<void, Approval.ApprovalError>
    /** Hides somebody who is not registered; whether there was one. */
    readonly ignore: (name: string, tripcode: string, by: string) => boolean
    /** Whether a server is inspected. */
    readonly inspects: (name: ServerName) => boolean
    /** Its last requests, the newest first. */
    readonly inspected: (name: ServerName) => ReadonlyArray<Inspected>
    /** Where visitors reach the relay, if that is known. */
    readonly publicUrl: () => string | undefined
    /** Where visitors reach a server, if that is known. */
    readonly openAt: (name: ServerName) => string | undefined
  }
>()("ptth/relay/Administration") {
  static readonly layer: Layer.Layer<
    Administration,
    never,
    RelaySettings | Servers | Rendezvous | AuditLog | Traffic | Inspector | FileSystem.FileSystem
  > = Layer.effect(
    Administration,
    Effect.gen(function* () {
      const settings = yield* RelaySettings
      const servers = yield* Servers
      const rendezvous = yield* Rendezvous
      const audit = yield* AuditLog
      const traffic = yield* Traffic
      const inspector = yield* Inspector
      const fs = yield* FileSystem.FileSystem

      /** Succeeds with whether the server was not in force before. */
      const put = Effect.fnUntraced(function* (name: string, tripcode: string) {
        const { serversFolder } = settings.status()
        if (serversFolder === undefined) {
          return yield* new Approval.ApprovalError({
            code: "PTTH_CANNOT_APPROVE",
            detail: "this relay has no configuration file that could be added to",
          })
        }
        const written = yield* Approval.approve(
          serversFolder,
          settings.current(),
          name,
          tripcode,
        ).pipe(Effect.provideService(FileSystem.FileSystem, fs))
        yield* settings.reload
        const accepted = servers.accepts(name as ServerName, tripcode as Tripcode)
        if (!accepted) {
          return yield* new Approval.ApprovalError({
            code: "PTTH_CANNOT_APPROVE",
            detail: `the file is written, but the configuration is not in force: ${settings.status().problem?.message ?? "it was replaced"}`,
          })
        }
        return written !== undefined
      })
      const approve = Effect.fn("Administration.approve")(
        (name: string, tripcode: string, by: string) =>
          Effect.suspend(() => {
            const end = servers.approving(name, tripcode)
            return put(name, tripcode).pipe(
              Effect.onExit((exit) =>
                Effect.sync(() => end(Exit.isSuccess(exit) && exit.value ? by : undefined)),
              ),
              Effect.asVoid,
            )
          }),
      )

      const view = (server: RegisteredServer) => viewServer(server, rendezvous, traffic)
      return Administration.of({
        servers: () => settings.current().servers.map(view),
        server: (name) => {
          const found = ServerIndex.find(settings.current(), name)
          return found === undefined ? undefined : view(found)
        },
        unregistered: () =>
          servers
            .unregistered()
            .map((one) => ({ ...one, words: TripcodeWords.toWords(one.tripcode) }))
            .reverse(),
        audit: ({ kind, name }) =>
          audit
            .entries()
            .filter(
              ({ event }) =>
                (kind === undefined || event._tag === kind) &&
                (name === undefined || ("name" in event && event.name === name)),
            )
            .reverse(),
        config: settings.status,
        approve,
        ignore: (name, tripcode, by) => {
          const found = servers
            .unregistered()
            .find((one) => one.name === name && one.tripcode === tripcode)
          if (found === undefined) return false
          servers.ignore(name, tripcode)
          audit.record({ _tag: "ServerIgnored", name: found.name, tripcode: found.tripcode, by })
          return true
        },
        inspects: inspector.inspects,
        inspected: inspector.of,
        publicUrl: () => settings.current().publicUrl,
        openAt: (name) => Subdomains.urlOf(settings.current(), name),
      })
    }),
  )
}
