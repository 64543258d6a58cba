/**
 * What answers visitors: sign-in and limits, the relay's own pages, requests to
 * servers, and connections that are passed on unread.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as SharedMarks from "../cluster/engine/SharedMarks.ts"
import * as SharedUsage from "../cluster/engine/SharedUsage.ts"
import { Peers } from "../cluster/Peers.ts"
import type { ServerName } from "../domain/ServerName.ts"
import type { FrontHandler } from "../transport/front/FrontRequest.ts"
import { onlyOwnHosts } from "../transport/front/HostCheck.ts"
import type { Observe } from "../transport/observe/VisitNotes.ts"
import { AuditLog } from "./audit/AuditLog.ts"
import { Rendezvous } from "./dispatch/Rendezvous.ts"
import { Inspector } from "./inspect/Inspector.ts"
import { PassedVisits } from "./passthrough/PassedVisits.ts"
import { Servers } from "./registry/Servers.ts"
import { RelaySettings } from "./settings/RelaySettings.ts"
import { SignIn } from "./signin/SignIn.ts"
import { Relays } from "./status/Relays.ts"
import { Traffic } from "./traffic/Traffic.ts"
import { AllowedHosts } from "./visitors/AllowedHosts.ts"
import { AppBeside } from "./visitors/AppBeside.ts"
import * as RelayPages from "./visitors/RelayPages.ts"
import { Resender } from "./visitors/Resender.ts"
import { ScraperNotes } from "./visitors/ScraperNotes.ts"
import { ServerLimits } from "./visitors/ServerLimits.ts"
import { ServerPlaces } from "./visitors/ServerPlaces.ts"
import { VisitorAuth } from "./visitors/VisitorAuth.ts"
import { VisitorFront } from "./visitors/VisitorFront.ts"

/** What the front of one relay calls. */
export interface VisitorSide {
  readonly handler: FrontHandler
  readonly observe: Observe
  readonly passed: PassedVisits
  readonly pages: RelayPages.Pages
}

/** How often sign-in and limits forget what they need no more. */
const sweepInterval = "1 minute"

/** Sign-in and limits, which together decide whether a request goes on. */
const makeChecks = Effect.gen(function* () {
  const { derived } = yield* RelaySettings
  const { now } = (yield* Rendezvous).deadlines
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const marks = yield* SharedMarks.make()
  const signIn = new SignIn({
    derived,
    now,
    audit: yield* AuditLog,
    peers: yield* Peers,
    marks,
    warn: (message) => run(Effect.logWarning(message)),
  })
  const auth = new VisitorAuth(derived, now, signIn, marks)
  const limits = new ServerLimits(derived, now)
  yield* SharedUsage.share(limits)
  const sweep = (): void => {
    auth.sweep()
    signIn.sweep()
    limits.sweep()
  }
  yield* Effect.sync(sweep).pipe(Effect.schedule(Schedule.spaced(sweepInterval)), Effect.forkScoped)
  return { auth, limits, signIn }
})

/** Makes what answers visitors until the Scope is closed. */
export const make = Effect.fnUntraced(function* (isDraining: () => boolean) {
  const settings = yield* RelaySettings
  const servers = yield* Servers
  const rendezvous = yield* Rendezvous
  const traffic = yield* Traffic
  const inspector = yield* Inspector
  const peers = yield* Peers
  const checks = yield* makeChecks
  const pages = RelayPages.make({
    settings,
    rendezvous,
    relays: yield* Relays,
    isDraining,
    isSettled: () => peers.isSettled(),
  })
  yield* Effect.addFinalizer(() => Effect.sync(pages.close))
  const visitors = new VisitorFront({
    ...checks,
    settings,
    servers,
    rendezvous,
    places: new ServerPlaces(settings.current, rendezvous.deadlines.elapsed),
    inspector,
    scrapers: new ScraperNotes(yield* AuditLog),
    page: pages.answer,
    app: yield* AppBeside,
  })
  const { limits } = checks
  const resender = new Resender({ inspector, limits, rendezvous, servers, traffic })
  inspector.resendWith((name, original, address, replayOf) =>
    resender.send(name as ServerName, original, address, replayOf),
  )
  const observe: Observe = (head, address, version) => traffic.observe(head, address, version)
  const passed = new PassedVisits({ derived: settings.derived, visitors, observe })
  yield* Effect.addFinalizer(() => Effect.sync(() => passed.close()))
  const allowedHosts = yield* AllowedHosts
  const handler: FrontHandler = (request, reply) => visitors.handle(request, reply)
  const side: VisitorSide = {
    handler: allowedHosts === undefined ? handler : onlyOwnHosts(handler, () => allowedHosts),
    observe,
    passed,
    pages,
  }
  return side
})
