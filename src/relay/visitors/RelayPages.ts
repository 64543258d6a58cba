/**
 * The relay's own pages for visitors: the list of servers and the health
 * checks.
 */
import * as Effect from "effect/Effect"
import type { HeaderList } from "../../domain/HeaderList.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import { fromBytes } from "../../transport/body/Body.ts"
import type { Reply } from "../../transport/body/Handler.ts"
import { respondText } from "../../transport/body/Replies.ts"
import * as Assets from "../../web/Assets.ts"
import { type Html, html, toBytes } from "../../web/Html.ts"
import * as LiveScript from "../../web/LiveScript.ts"
import * as Logo from "../../web/Logo.ts"
import { page as framed, livePolicy } from "../../web/Page.ts"
import * as Style from "../../web/Style.ts"
import type { Rendezvous } from "../dispatch/Rendezvous.ts"
import type { RelaySettings } from "../settings/RelaySettings.ts"
import { signOutPath } from "../signin/SignIn.ts"
import { LiveUpdates } from "../status/LiveUpdates.ts"
import { publicTable, shownPublicly } from "../status/PublicTable.ts"
import type { Relays } from "../status/Relays.ts"
import { type ServerView, viewServers } from "../status/ServerView.ts"
import type { Page } from "./Routes.ts"

/** What the pages are made from. */
export interface PagesContext {
  readonly settings: RelaySettings["Service"]
  readonly rendezvous: Rendezvous["Service"]
  readonly relays: Relays["Service"]
  readonly isDraining: () => boolean
  /** Whether it knows which links its peers have. */
  readonly isSettled: () => boolean
}

/** The relay's own pages. */
export interface Pages {
  /** Answers a request for one of them, which came from this address. */
  readonly answer: (page: Page, reply: Reply, visitor: string) => void
  /** Ends the live updates of open pages. */
  readonly close: () => void
}

/** Makes the pages. */
export const make = (context: PagesContext): Pages => {
  const live = new LiveUpdates(context.rendezvous.deadlines, (done) =>
    withViews(context, (views) => done(shownPublicly(context.settings.current(), views))),
  )
  const answer: Pages["answer"] = (page, reply, visitor) => {
    if (typeof page === "object") {
      return respond(reply, page.type, page.bytes, [["Cache-Control", Assets.cacheControl]])
    }
    switch (page) {
      case "events": {
        if (!context.settings.current().publicList) return reply.fail(unlisted)
        const events = live.open(visitor)
        return events === undefined
          ? reply.fail(tooMany)
          : reply.respond(
              {
                status: 200,
                headers: [
                  ["Content-Type", "text/event-stream"],
                  ["Cache-Control", "no-store"],
                ],
              },
              events,
            )
      }
      case "script":
        return respond(reply, "text/javascript; charset=utf-8", Buffer.from(LiveScript.js), [
          ["Cache-Control", "no-cache"],
        ])
      case "servers":
        return withViews(context, (servers) =>
          respond(reply, "text/html; charset=utf-8", toBytes(serversPage(context, servers)), [
            ["Content-Security-Policy", livePolicy],
            ["Cache-Control", "no-store"],
          ]),
        )
      case "upCheck":
        return respondText(reply, 200, "Relay is up\n")
      case "healthz":
        return respondText(reply, 200, "ok\n")
      case "readyz":
        if (context.isDraining()) return respondText(reply, 503, "draining\n")
        return context.isSettled()
          ? respondText(reply, 200, "ready\n")
          : respondText(reply, 503, "starting\n")
      case "favicon":
        return respond(reply, "image/svg+xml", Buffer.from(Logo.svg), [
          ["Cache-Control", "max-age=3600"],
        ])
      case "style":
        return respond(reply, "text/css; charset=utf-8", Buffer.from(Style.css), [
          ["Cache-Control", "no-cache"],
        ])
    }
  }
  return { answer, close: () => live.close() }
}

const unlisted = new ExchangeError({
  code: "PTTH_NOT_FOUND",
  detail: "this relay has no public list of servers",
})

const tooMany = new ExchangeError({
  code: "PTTH_QUEUE_FULL",
  detail: "too many pages are open",
  retryAfter: 30,
})

const respond = (reply: Reply, type: string, bytes: Uint8Array, more: HeaderList): void =>
  reply.respond(
    {
      status: 200,
      headers: [["Content-Type", type], ["X-Content-Type-Options", "nosniff"], ...more],
    },
    fromBytes(bytes),
  )

const serversPage = ({ settings }: PagesContext, servers: ReadonlyArray<ServerView>): Html => {
  const config = settings.current()
  const title = config.title ?? "Servers"
  const sentence = config.description === undefined ? undefined : html`<p>${config.description}</p>`
  const signOut = config.oidc && html`<p><a href="../..${signOutPath}">Sign out</a></p>`
  const preview =
    config.description === undefined ? undefined : { site: title, description: config.description }
  const frame = { title, top: "../../", heading: html`<h1>${title}</h1>`, preview }
  if (!config.publicList) {
    const main = sentence ?? html`<p class="empty">This relay has no public list of servers.</p>`
    return framed({ ...frame, main: html`${main}${signOut}` })
  }
  return framed({
    ...frame,
    script: Assets.liveScript,
    wide: true,
    main: html`${sentence}<div id="servers" data-live>${
      servers.length === 0
        ? html`<p class="empty">No server is registered on this relay yet.</p>`
        : publicTable(config, servers)
    }</div>
<p id="live" class="faint" role="status" data-events="../events"></p>${signOut}`,
  })
}

/** Calls `use` with the servers as they are at all relays; at once for a relay by itself. */
const withViews = (
  { relays, settings }: PagesContext,
  use: (servers: ReadonlyArray<ServerView>) => void,
): void => {
  Effect.runFork(
    Effect.map(relays.reports, (reports) =>
      use(viewServers(settings.current().servers, reports, true)),
    ),
  )
}
