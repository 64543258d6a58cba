/**
 * The administrator's side of a relay as a Layer: pages and an API on a
 * listener of their own, so that their origin differs from that of the relay's
 * servers. It listens only where the configuration says so.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ListenAddress from "../../domain/ListenAddress.ts"
import { type BindError, named, serve } from "../../transport/front/NodeFront.ts"
import * as Deadlines from "../../transport/runtime/Deadlines.ts"
import * as FailurePage from "../../web/FailurePage.ts"
import { AuditLog } from "../audit/AuditLog.ts"
import { History } from "../history/History.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import { LiveUpdates } from "../status/LiveUpdates.ts"
import type { Relays } from "../status/Relays.ts"
import * as AdminFront from "./AdminFront.ts"
import { Administration } from "./core/Administration.ts"
import { AdminLogin } from "./core/AdminLogin.ts"
import { DebugStreams } from "./core/DebugStreams.ts"
import { LoginLink } from "./core/LoginLink.ts"
import { Requests } from "./core/Requests.ts"
import { ServerChanges } from "./core/ServerChanges.ts"
import * as LateApp from "./LateApp.ts"

/** What the administrator's side needs to know. */
export interface AdminOptions {
  /** Shows a login link where only the administrator reads. */
  readonly announce: (link: string) => Effect.Effect<void>
  /** The version of this package. */
  readonly version: string
  /** The configuration in force with the source of each value, without secrets. */
  readonly explain?: (() => string) | undefined
}

/** How long running requests may take to finish at shutdown, in milliseconds. */
const graceMillis = 1_000

/** The administrator's side, listening. */
export class Admin extends Context.Service<
  Admin,
  {
    /** The listening address; `undefined` if `admin_listen` is off. */
    readonly address: ListenAddress.ListenAddress | undefined
    /** A new login link, valid once and for ten minutes; `undefined` as above. */
    readonly newLink: Effect.Effect<string | undefined>
  }
>()("ptth/relay/Admin") {
  /** Listens where `admin_listen` says; fails if the address cannot be bound. */
  static readonly layer = (
    options: AdminOptions,
  ): Layer.Layer<Admin, BindError, RelaySettings | AuditLog | Relays> =>
    Layer.effect(Admin, make(options)).pipe(
      Layer.provide(
        Layer.mergeAll(
          Administration.layer(options.version, options.explain),
          AdminLogin.layer,
          Requests.layer,
          ServerChanges.layer,
        ).pipe(Layer.provideMerge(History.layer)),
      ),
    )
}

const make = Effect.fnUntraced(function* ({ announce }: AdminOptions) {
  const settings = yield* RelaySettings
  const { adminListen, adminUrl } = settings.current()
  if (adminListen === false)
    return Admin.of({ address: undefined, newLink: Effect.succeed(undefined) })
  const clock = yield* Clock.Clock
  const live = yield* liveUpdates
  // Known once it listens; links are created later.
  let base = ""
  const links = yield* LoginLink.make({ base: () => base, announce })
  const front = yield* serve({
    ...adminListen,
    graceMillis,
    onDrain: () => live.close(),
    renderFailure: (failure, accept, request) =>
      FailurePage.render(failure, accept, { ...request, hasIcon: false }),
    handler: AdminFront.make({
      settings,
      audit: yield* AuditLog,
      login: yield* AdminLogin,
      live,
      streams: new DebugStreams(),
      appFor: yield* LateApp.make(links),
      now: () => clock.currentTimeMillisUnsafe(),
    }),
  }).pipe(
    Effect.mapError((error) =>
      named(error, "the administrator's address, --admin-listen (`admin_listen`)"),
    ),
  )
  base = adminUrl ?? ListenAddress.urlOf(front, "http")
  return Admin.of({ address: front, newLink: links.create })
})

const liveUpdates = Effect.gen(function* () {
  const administration = yield* Administration
  const live = new LiveUpdates(yield* Deadlines.make, (done) => {
    Effect.runFork(
      Effect.map(administration.overview, ({ version }) =>
        done(
          [
            version,
            JSON.stringify(administration.engine()),
            JSON.stringify(administration.config()),
            JSON.stringify(administration.audit({})[0]),
          ].join("\n"),
        ),
      ),
    )
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => live.close()))
  return live
})
