/**
 * The registered servers: the first page of the administrator's side.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import { type Html, html } from "../../../web/Html.ts"
import { serverTable } from "../../status/ServerTable.ts"
import type { ServerView } from "../../status/ServerView.ts"
import { Administration } from "../core/Administration.ts"
import { type AdminPage, respondFramed } from "./AdminPage.ts"
import * as Text from "./Text.ts"

/** What the page shows. */
export const render = (servers: ReadonlyArray<ServerView>): Html =>
  html`<div id="servers" data-live>${
    servers.length === 0
      ? html`<p class="empty">${Text.servers.empty}</p>`
      : serverTable(servers, ({ name }) => `/servers/${name}`)
  }</div>`

/** Its path, also in the menu of the pages of single servers. */
export const path = "/"

/** The page. */
export const page: AdminPage = {
  menu: { path, label: "Servers" },
  routes: [
    HttpRouter.route(
      "GET",
      path,
      Effect.gen(function* () {
        const overview = yield* (yield* Administration).overview
        return yield* respondFramed(
          { title: "Servers", current: path, live: true, main: render(overview.servers) },
          overview,
        )
      }),
    ),
  ],
}
