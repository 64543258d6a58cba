/**
 * The state of the configuration: when it was loaded, and the error of a newer
 * one.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import type { ConfigStatus } from "../../settings/RelaySettings.ts"
import { Administration } from "../core/Administration.ts"
import { type AdminPage, respondFramed } from "./AdminPage.ts"
import * as Text from "./Text.ts"

/** What the page shows. */
export const render = (status: ConfigStatus): Html => html`<div id="config" data-live>
${
  status.problem === undefined
    ? html`<p class="notice good">${Text.config.good}</p>`
    : html`<p class="notice bad">${Text.config.bad(Format.time(status.problem.at))}</p>
<pre class="wrap" tabindex="0">${status.problem.message}</pre>`
}
<dl class="facts">
<div><dt>In force since</dt><dd>${Format.time(status.since)}</dd></div>
<div><dt>File</dt><dd>${status.path === undefined ? Text.config.noFile : html`<code>${status.path}</code>`}</dd></div>
<div><dt>Approved servers</dt><dd>${status.serversFolder === undefined ? Text.config.noFolder : html`<code>${status.serversFolder}</code>`}</dd></div>
</dl>
</div>
<p>${Text.config.reload}</p>
<p><a href="/metrics">Metrics for Prometheus</a></p>`

const menu = { path: "/config", label: "Configuration" } as const

/** The page. */
export const page: AdminPage = {
  menu,
  routes: [
    HttpRouter.route(
      "GET",
      menu.path,
      Effect.flatMap(Administration, (administration) =>
        respondFramed({
          title: "Configuration",
          current: menu.path,
          live: true,
          main: render(administration.config()),
        }),
      ),
    ),
  ],
}
