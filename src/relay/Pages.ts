/**
 * The relay's own pages for visitors: which servers there are, and whether the
 * relay is up.
 */
import type { HeaderList } from "../domain/HeaderList.ts"
import type { RegisteredServer } from "../domain/RelayConfig.ts"
import { fromBytes } from "../transport/Body.ts"
import type { Reply } from "../transport/Handler.ts"
import { type Html, html, toBytes } from "../web/Html.ts"
import * as Logo from "../web/Logo.ts"
import { page as framed, policy } from "../web/Page.ts"
import * as Style from "../web/Style.ts"
import { respondText } from "./Answer.ts"
import * as Origins from "./Origins.ts"
import type { RelaySettings } from "./RelaySettings.ts"
import type { Rendezvous, ServerStatus } from "./Rendezvous.ts"
import type { Page } from "./Routes.ts"

/** What the pages show. */
export interface PagesContext {
  readonly settings: RelaySettings["Service"]
  readonly rendezvous: Rendezvous["Service"]
  readonly isDraining: () => boolean
}

/** Answers requests for the relay's own pages. */
export const make =
  (context: PagesContext) =>
  (page: Page, reply: Reply): void => {
    switch (page) {
      case "servers":
        return respond(reply, "text/html; charset=utf-8", toBytes(serversPage(context)), [
          ["Content-Security-Policy", policy],
          ["Cache-Control", "no-store"],
        ])
      case "upCheck":
        return respondText(reply, 200, "Relay is up\n")
      case "healthz":
        return respondText(reply, 200, "ok\n")
      case "readyz":
        return context.isDraining()
          ? respondText(reply, 503, "draining\n")
          : respondText(reply, 200, "ready\n")
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

const respond = (reply: Reply, type: string, bytes: Uint8Array, more: HeaderList): void =>
  reply.respond(
    {
      status: 200,
      headers: [["Content-Type", type], ["X-Content-Type-Options", "nosniff"], ...more],
    },
    fromBytes(bytes),
  )

const serversPage = ({ rendezvous, settings }: PagesContext): Html => {
  const config = settings.current()
  const { servers } = config
  return framed({
    title: "Servers",
    top: "../../",
    heading: html`<h1>Servers</h1>`,
    main:
      servers.length === 0
        ? html`<p>No server is registered on this relay yet.</p>`
        : html`<ul>${servers.map((server) => serverItem(server, Origins.linkOf(config, server.name), rendezvous.status(server.name)))}</ul>`,
  })
}

const serverItem = (server: RegisteredServer, link: string, status: ServerStatus): Html =>
  html`<li><a href="${link}">${server.displayName ?? server.name}</a> ${stateOf(status)}</li>`

const stateOf = (status: ServerStatus): string => {
  if (status.transports.length > 0) {
    const by = `connected by ${[...new Set(status.transports)].join(" and ")}`
    return status.reason === "" ? by : `${by} (${status.reason})`
  }
  return status.lastSeen === undefined
    ? "not connected yet"
    : `last seen ${new Date(status.lastSeen).toISOString()}`
}
