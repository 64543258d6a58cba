/**
 * What an administrator can see and do, for the pages and the API alike.
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
import type { Metric } from "../../../transport/observe/Metric.ts"
import type { AuditEvent } from "../../audit/AuditEvent.ts"
import { type AuditEntry, AuditLog } from "../../audit/AuditLog.ts"
import { Rendezvous } from "../../dispatch/Rendezvous.ts"
import { type Inspected, Inspector } from "../../inspect/Inspector.ts"
import * as Approval from "../../registry/Approval.ts"
import { type RefusedStranger, Servers } from "../../registry/Servers.ts"
import { type ConfigStatus, RelaySettings } from "../../settings/RelaySettings.ts"
import * as Subdomains from "../../settings/Subdomains.ts"
import * as RelayMetrics from "../../status/RelayMetrics.ts"
import { type ServerView, viewServer } from "../../status/ServerView.ts"
import { Traffic } from "../../traffic/Traffic.ts"

/** A server that was refused because its name or key is not registered. */
export interface StrangerView extends RefusedStranger {
  /** The tripcode as six words, for people to compare. */
  readonly words: string
}

/** Which events are wanted; an absent field matches all. */
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
    /** Servers that were refused and are not registered, most recently seen first. */
    readonly unregistered: () => ReadonlyArray<StrangerView>
    /** Events of the audit log, newest first. */
    readonly audit: (filter: AuditFilter) => ReadonlyArray<AuditEntry>
    readonly config: () => ConfigStatus
    /**
     * Registers a server, which is in force when this succeeds.
     *
     * @param by who did it, for the audit log
     */
    readonly approve: (
      name: string,
      tripcode: string,
      by: string,
    ) => Effect.Effect<void, Approval.ApprovalError>
    /** Hides an unregistered server until the relay restarts; `false` if there is none. */
    readonly ignore: (name: string, tripcode: string, by: string) => boolean
    /** Whether the configuration has the server's requests inspected. */
    readonly inspects: (name: ServerName) => boolean
    /** The server's last requests, newest first. */
    readonly inspected: (name: ServerName) => ReadonlyArray<Inspected>
    /** The relay's address for visitors, where it is known. */
    readonly publicUrl: () => string | undefined
    /** The server's address for visitors, where it is known. */
    readonly openAt: (name: ServerName) => string | undefined
    readonly metrics: () => ReadonlyArray<Metric>
  }
>()("ptth/relay/Administration") {
  /** @param version the version of this package */
  static readonly layer = (
    version: string,
  ): Layer.Layer<
    Administration,
    never,
    RelaySettings | Servers | Rendezvous | AuditLog | Traffic | Inspector | FileSystem.FileSystem
  > => Layer.effect(Administration, make(version))
}

const make = Effect.fnUntraced(function* (version: string) {
  const settings = yield* RelaySettings
  const servers = yield* Servers
  const rendezvous = yield* Rendezvous
  const audit = yield* AuditLog
  const traffic = yield* Traffic
  const inspector = yield* Inspector
  const approve = yield* makeApprove
  const view = (server: RegisteredServer) => viewServer(server, rendezvous, traffic)
  return Administration.of({
    servers: () => settings.current().servers.map(view),
    server: (name) => {
      const server = settings.derived().servers.get(name)
      return server === undefined ? undefined : view(server)
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
      const stranger = servers
        .unregistered()
        .find((one) => one.name === name && one.tripcode === tripcode)
      if (stranger === undefined) return false
      servers.ignore(name, tripcode)
      audit.record({
        _tag: "ServerIgnored",
        name: stranger.name,
        tripcode: stranger.tripcode,
        by,
      })
      return true
    },
    inspects: (server) => inspector.inspects(server),
    inspected: (server) => inspector.of(server),
    publicUrl: () => settings.current().publicUrl,
    openAt: (name) => Subdomains.urlOf(settings.current(), name),
    metrics: () => RelayMetrics.read({ settings, rendezvous, traffic, version }),
  })
})

/** `Administration.approve`: writes the server's file, reloads the configuration and records the approval once. */
const makeApprove = Effect.gen(function* () {
  const settings = yield* RelaySettings
  const servers = yield* Servers
  const fs = yield* FileSystem.FileSystem

  /** Succeeds with whether the server was not in force before. */
  const register = Effect.fnUntraced(function* (name: string, tripcode: string) {
    const { serversFolder } = settings.status()
    if (serversFolder === undefined) {
      return yield* new Approval.ApprovalError({
        code: "PTTH_CANNOT_APPROVE",
        detail: "this relay has no configuration file that could be added to",
      })
    }
    const written = yield* Approval.approve(serversFolder, settings.current(), name, tripcode).pipe(
      Effect.provideService(FileSystem.FileSystem, fs),
    )
    yield* settings.reload
    if (!servers.accepts(name as ServerName, tripcode as Tripcode)) {
      return yield* new Approval.ApprovalError({
        code: "PTTH_CANNOT_APPROVE",
        detail: `the file is written, but the configuration is not in force: ${settings.status().problem?.message ?? "it was replaced"}`,
      })
    }
    return written !== undefined
  })

  return Effect.fn("Administration.approve")((name: string, tripcode: string, by: string) =>
    Effect.suspend(() => {
      const end = servers.approving(name, tripcode)
      return register(name, tripcode).pipe(
        Effect.onExit((exit) =>
          Effect.sync(() => end(Exit.isSuccess(exit) && exit.value ? by : undefined)),
        ),
        Effect.asVoid,
      )
    }),
  )
})
