/**
 * The administrator's side of a relay as a Layer: a listener of its own, so
 * that it has another origin than the relay's servers, and the pages and the
 * API behind it. A relay has it only if it is asked for.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"
import * as ListenAddress from "../../domain/ListenAddress.ts"
import * as EffectApp from "../../transport/app/EffectApp.ts"
import { BindError, serve } from "../../transport/front/NodeFront.ts"
import * as FailurePage from "../../web/FailurePage.ts"
import { AuditLog } from "../audit/AuditLog.ts"
import { Rendezvous } from "../dispatch/Rendezvous.ts"
import { Inspector } from "../inspect/Inspector.ts"
import type { Servers } from "../registry/Servers.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import { LiveUpdates } from "../status/LiveUpdates.ts"
import { shown } from "../status/ServerTable.ts"
import { Traffic } from "../traffic/Traffic.ts"
import * as AdminApp from "./AdminApp.ts"
import * as AdminFront from "./AdminFront.ts"
import { AdminRefusals } from "./AdminRefusals.ts"
import { Administration } from "./core/Administration.ts"
import { AdminLogin } from "./core/AdminLogin.ts"
import { DebugStreams } from "./core/DebugStreams.ts"

/** What the administrator's side needs to know. */
export interface AdminOptions {
  /** Shows a login link to the administrator, where nobody else reads. */
  readonly announce: (link: string) => Effect.Effect<void>
  /** The version of this package. */
  readonly version: string
}

/** How long it must be since the last login link before somebody who is not logged in can have another one printed, in milliseconds. */
const linkInterval = 10_000

/** How long requests that run may go on at the end, in milliseconds; none of them takes long. */
const graceMillis = 1_000

/** The administrator's side, listening. */
export class Admin extends Context.Service<
  Admin,
  {
    /** Where it is; `undefined` if the configuration does not want it. */
    readonly address: ListenAddress.ListenAddress | undefined
    /** A new login link, good once and for ten minutes; `undefined` as above. */
    readonly newLink: Effect.Effect<string | undefined>
  }
>()("ptth/relay/Admin") {
  /** Listens where `admin_listen` says; fails when that address cannot be had. */
  static readonly layer = (
    options: AdminOptions,
  ): Layer.Layer<
    Admin,
    BindError,
    RelaySettings | Servers | Rendezvous | AuditLog | Traffic | Inspector | FileSystem.FileSystem
  > => Layer.effect(Admin, make(options)).pipe(Layer.provide(Administration.layer))
}

const make = Effect.fnUntraced(function* ({ announce, version }: AdminOptions) {
  const settings = yield* RelaySettings
  const { adminListen, adminUrl } = settings.current()
  if (adminListen === false)
    return Admin.of({ address: undefined, newLink: Effect.succeed(undefined) })
  const administration = yield* Administration
  const audit = yield* AuditLog
  const rendezvous = yield* Rendezvous
  const traffic = yield* Traffic
  const inspector = yield* Inspector
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()
  const login = new AdminLogin()
  const refusals = new AdminRefusals(audit, now)
  const place = { base: "", printedAt: Number.NEGATIVE_INFINITY }

  const newLink = Effect.sync(() => {
    place.printedAt = now()
    return `${place.base}/login/${login.newLink(now())}`
  })
  const printLink = Effect.suspend(() =>
    now() - place.printedAt < linkInterval
      ? Effect.succeed(false)
      : newLink.pipe(Effect.flatMap(announce), Effect.as(true)),
  )
  const live = new LiveUpdates(rendezvous.deadlines, () =>
    [
      shown(administration.servers()),
      JSON.stringify(administration.unregistered()),
      JSON.stringify(administration.config()),
      JSON.stringify(administration.audit({})[0]),
      inspector.version(),
    ].join("\n"),
  )
  yield* Effect.addFinalizer(() => Effect.sync(() => live.close()))

  const scope = yield* Effect.scope
  const app = yield* HttpRouter.toHttpEffect(
    AdminApp.routes({
      login,
      refusals,
      printLink,
      metrics: { settings, rendezvous, traffic, version },
    }),
  )
  const handler = yield* EffectApp.toHandler(app, { scope })
  const front = yield* serve({
    ...adminListen,
    graceMillis,
    onDrain: () => live.close(),
    renderFailure: FailurePage.render,
    handler: AdminFront.make({
      settings,
      refusals,
      login,
      live,
      streams: new DebugStreams(),
      app: handler,
      now,
    }),
  }).pipe(
    Effect.mapError(
      (error) =>
        new BindError({
          code: error.code,
          detail: `${error.detail} It is to be the administrator's address (admin_listen).`,
        }),
    ),
  )
  const host = front.host === "0.0.0.0" ? "127.0.0.1" : front.host === "::" ? "::1" : front.host
  place.base = adminUrl ?? `http://${ListenAddress.format({ host, port: front.port })}`
  return Admin.of({ address: front, newLink })
})
