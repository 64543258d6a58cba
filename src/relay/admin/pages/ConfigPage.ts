/**
 * The configuration: what is in force and where each value comes from, when it
 * was loaded, and the error of a newer one.
 */
import * as NodePath from "node:path"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import type { ConfigStatus } from "../../settings/RelaySettings.ts"
import type { RelayView } from "../../status/RelayView.ts"
import { Administration } from "../core/Administration.ts"
import { type AdminPage, overviewRoute, respondDone } from "../frame/AdminPage.ts"
import * as Text from "../frame/Text.ts"

/**
 * What the page shows.
 *
 * @param relays of several, those whose configuration has an error or differs
 * @param explained the configuration in force with the source of each value
 */
export const render = (
  status: ConfigStatus,
  relays: ReadonlyArray<RelayView> = [],
  explained = "",
): Html => html`<div id="config" data-live>
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
${relays.map(({ id, problem }) => html`<p class="notice bad">${problem === undefined ? Text.config.differs(id) : Text.config.badAt(id)}</p>${problem === undefined ? undefined : html`<pre class="wrap" tabindex="0">${problem}</pre>`}`)}
${explained === "" ? undefined : html`<h2>In force</h2><p>${Text.config.explained}</p><pre tabindex="0">${explained}</pre>`}
</div>
<p>${Text.config.reload}</p>
<form class="tools" method="post" action="/config/reload"><button>Reload now</button></form>
<p><a href="/metrics">Metrics for Prometheus</a></p>`

/** The status with the paths from the root. */
const resolved = (status: ConfigStatus): ConfigStatus => ({
  ...status,
  path: status.path === undefined ? undefined : NodePath.resolve(status.path),
  serversFolder:
    status.serversFolder === undefined ? undefined : NodePath.resolve(status.serversFolder),
})

const menu = { path: "/config", label: "Configuration" } as const

/** The page. */
export const page: AdminPage = {
  menu,
  routes: [
    overviewRoute(menu, ({ relays }, administration) =>
      Effect.sync(() => {
        const deviating = relays.filter(
          ({ differs, problem, state }) => state !== "self" && (differs || problem !== undefined),
        )
        return render(resolved(administration.config()), deviating, administration.explain())
      }),
    ),
    HttpRouter.route(
      "POST",
      "/config/reload",
      Effect.flatMap(Administration, ({ reload }) =>
        Effect.flatMap(reload, (reached) => respondDone(reached, menu.path)),
      ),
    ),
  ],
}
