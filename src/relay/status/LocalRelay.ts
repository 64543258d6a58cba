/**
 * Answers what an administrator asks this relay, directly or through another
 * relay, and does what the administrator wants of it.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { Engine } from "../../cluster/engine/Engine.ts"
import { Peers } from "../../cluster/Peers.ts"
import { isServerName } from "../../domain/ServerName.ts"
import { isTripcode } from "../../domain/Tripcode.ts"
import * as AdminControl from "../../protocol/peer/AdminControl.ts"
import type { ControlKind } from "../../protocol/peer/PeerControl.ts"
import { Certificates } from "../certificates/Certificates.ts"
import { Rendezvous } from "../dispatch/Rendezvous.ts"
import { Inspector } from "../inspect/Inspector.ts"
import * as ServerFiles from "../registry/ServerFiles.ts"
import { Servers } from "../registry/Servers.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import { Traffic } from "../traffic/Traffic.ts"
import * as LocalRequests from "./LocalRequests.ts"
import * as RelayMetrics from "./RelayMetrics.ts"
import * as RelayReport from "./RelayReport.ts"

type Handler<A, R> = (message: A) => Effect.Effect<R, string>

/** How long a server counts as being registered by another process at most. */
const approvingTime = "10 seconds"

/** See the file's header. */
export class LocalRelay extends Context.Service<
  LocalRelay,
  {
    /** The answer to a message of `AdminControl.ts`; fails with why there is none. */
    readonly answer: <A, R>(kind: ControlKind<A, R>, message: A) => Effect.Effect<R, string>
  }
>()("ptth/relay/LocalRelay") {
  /** Answers its peers too. */
  static readonly layer: Layer.Layer<
    LocalRelay,
    never,
    RelaySettings | Servers | Rendezvous | Traffic | Inspector
  > = Layer.effect(
    LocalRelay,
    Effect.gen(function* () {
      const peers = yield* Peers
      const handlers = new Map<string, Handler<never, unknown>>()
      const on = <A, R>(kind: ControlKind<A, R>, handler: Handler<A, R>): void => {
        handlers.set(kind.kind, handler)
        peers.onControl(kind, handler)
      }
      yield* answerQuestions(on)
      yield* LocalRequests.answer(on)
      yield* carryOutActs(on)
      return LocalRelay.of({
        answer: <A, R>({ kind }: ControlKind<A, R>, message: A) => {
          const handler = handlers.get(kind) as Handler<A, R> | undefined
          return handler === undefined ? Effect.fail(`${kind} is not known`) : handler(message)
        },
      })
    }),
  )
}

const answerQuestions = Effect.fnUntraced(function* (on: LocalRequests.On) {
  const peers = yield* Peers
  const context = {
    settings: yield* RelaySettings,
    servers: yield* Servers,
    rendezvous: yield* Rendezvous,
    traffic: yield* Traffic,
    inspector: yield* Inspector,
    peers,
    engine: yield* Engine,
    certificates: yield* Certificates,
    startedAt: yield* Clock.currentTimeMillis,
    version: peers.self.program.replace(/^.*\//, ""),
  }
  const { rendezvous, traffic } = context
  on(AdminControl.report, () => Effect.sync(() => RelayReport.reportOf(context)))
  on(AdminControl.metrics, () => Effect.sync(() => RelayMetrics.read(context)))
  on(AdminControl.recent, ({ name }) =>
    Effect.sync(() => traffic.server(name).recent.map(RelayReport.requestOf)),
  )
  on(AdminControl.links, ({ name }) =>
    Effect.sync(() => (isServerName(name) ? rendezvous.links(name) : [])),
  )
})

const carryOutActs = Effect.fnUntraced(function* (on: LocalRequests.On) {
  const settings = yield* RelaySettings
  const rendezvous = yield* Rendezvous
  const fs = Option.getOrUndefined(yield* Effect.serviceOption(FileSystem.FileSystem))
  const servers = yield* Servers
  const scope = yield* Effect.scope
  on(AdminControl.approving, ({ isDone, name, tripcode }) => {
    if (!isServerName(name) || !isTripcode(tripcode)) return Effect.fail("the name is illegal")
    if (isDone) {
      servers.approvedElsewhere(name, tripcode)
      return Effect.as(settings.reload, null)
    }
    const end = servers.approving(name, tripcode)
    return Effect.sync(() => end(undefined)).pipe(
      Effect.delay(approvingTime),
      Effect.forkIn(scope),
      Effect.as(null),
    )
  })
  on(AdminControl.ignore, ({ name, tripcode }) =>
    Effect.sync(() => {
      if (!isServerName(name) || !isTripcode(tripcode)) return false
      const isThere = servers.ignore(name, tripcode)
      if (!isThere) servers.ignoredElsewhere(name, tripcode)
      return isThere
    }),
  )
  on(AdminControl.disconnect, ({ name }) =>
    Effect.sync(() => (isServerName(name) ? rendezvous.disconnect(name) : 0)),
  )
  on(AdminControl.change, ({ change, name }) =>
    Effect.gen(function* () {
      const { serversFolder } = settings.status()
      if (serversFolder === undefined || fs === undefined)
        return yield* Effect.fail("it has no configuration file beside which it could write")
      if (ServerFiles.holds(settings.current(), name, change)) return null
      yield* ServerFiles.plan(serversFolder, settings.current(), name, change).pipe(
        Effect.flatMap(ServerFiles.carryOut),
        Effect.provideService(FileSystem.FileSystem, fs),
        Effect.mapError(({ detail }) => detail),
      )
      return yield* Effect.as(settings.reload, null)
    }),
  )
  on(AdminControl.reload, () =>
    Effect.map(settings.reload, () => RelayReport.configOf(settings.status())),
  )
})
