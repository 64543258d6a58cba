/**
 * The servers as visitors of the relay see them: names, whether they are
 * connected, whether one has to sign in, and addresses.
 */
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { type Html, html } from "../../web/Html.ts"
import { table } from "../../web/Table.ts"
import * as Subdomains from "../settings/Subdomains.ts"
import { stateOf } from "./ServerTable.ts"
import type { ServerView } from "./ServerView.ts"

const columns = ["Server", "State", "Address"]

/** The servers for which the relay lets in only those who sign in. */
const protectedIn = ({ frontendAuth, servers }: RelayConfig): ReadonlySet<string> =>
  new Set(
    servers
      .filter(({ auth }) => auth !== "open" && (auth ?? frontendAuth) !== undefined)
      .map(({ name }) => name),
  )

/** A drawing: not every system has a font with that sign. */
const lock = html` <svg class="lock" role="img" aria-label="sign-in needed" width="14" height="14" viewBox="0 0 16 16"><path fill="currentColor" d="M4 7V5a4 4 0 0 1 8 0v2h1v8H3V7zm2 0h4V5a2 2 0 0 0-4 0z"/></svg>`

/** The table; the names of servers that are paused or not connected lead nowhere. */
export const publicTable = (config: RelayConfig, servers: ReadonlyArray<ServerView>): Html => {
  const isProtected = protectedIn(config)
  return table({
    caption: "Servers",
    isCaptionUnseen: true,
    columns,
    rows: servers.map((view) => {
      const link = Subdomains.linkOf(config, view.name)
      const address = Subdomains.urlOf(config, view.name) ?? `/servers/${view.name}/`
      const name =
        view.state === "connected" && !view.isPaused
          ? html`<a href="${link}">${view.displayName}</a>`
          : html`${view.displayName}`
      return {
        id: `server-${view.name}`,
        cells: [
          html`${name}${isProtected.has(view.name) ? lock : undefined}`,
          stateOf(view),
          html`${address}`,
        ],
      }
    }),
  })
}

/** The content of the table, as a text that differs whenever the table does. */
export const shownPublicly = (config: RelayConfig, servers: ReadonlyArray<ServerView>): string => {
  const isProtected = protectedIn(config)
  return JSON.stringify(
    servers.map((view) => [
      view.name,
      view.displayName,
      view.state,
      view.isPaused,
      isProtected.has(view.name),
    ]),
  )
}
