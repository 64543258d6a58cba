/**
 * The relay at a glance: its traffic and its servers. It is the first page of
 * the administrator's side.
 */
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Schema from "effect/Schema"
import { type Html, html } from "../../../web/Html.ts"
import { History } from "../../history/History.ts"
import { type Slot, type SpanName, spanOf } from "../../history/Series.ts"
import { serverTable } from "../../status/ServerTable.ts"
import type { ServerView } from "../../status/ServerView.ts"
import { type AdminPage, overviewRoute } from "../frame/AdminPage.ts"
import { pathOf } from "../frame/ServerTabs.ts"
import * as Text from "../frame/Text.ts"
import * as TrafficCharts from "../frame/TrafficCharts.ts"

/** What the page shows. */
export const render = (
  servers: ReadonlyArray<ServerView>,
  span: SpanName,
  slots: ReadonlyArray<Slot>,
  isStored: boolean,
): Html => html`<div id="servers" data-live>${
  servers.length === 0
    ? html`<p class="empty">${Text.servers.empty}</p>`
    : serverTable(servers, ({ name }) => pathOf(name))
}</div>
<h2>Traffic</h2>
${TrafficCharts.render(path, span, slots)}
<p class="faint">${isStored ? Text.charts.stored : Text.charts.notStored}</p>`

/** Its path. */
export const path = "/"

/** The span that the query asks for. */
export const querySpan = HttpServerRequest.schemaSearchParams(
  Schema.Struct({ span: Schema.optionalKey(Schema.String) }),
).pipe(
  Effect.orElseSucceed((): { readonly span?: string } => ({})),
  Effect.map(({ span }) => spanOf(span)),
)

const menu = { path, label: "Overview" } as const

/** The page. */
export const page: AdminPage = {
  menu,
  routes: [
    overviewRoute(menu, ({ servers }) =>
      Effect.gen(function* () {
        const history = yield* History
        const span = yield* querySpan
        const slots = yield* history.read("", span)
        return render(servers, span, slots, history.isStored())
      }),
    ),
  ],
}
