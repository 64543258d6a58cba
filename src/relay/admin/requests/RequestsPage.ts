/**
 * The last requests of all servers, and those of one server with the choice
 * whether they are recorded.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Schema from "effect/Schema"
import type { RequestFilter } from "../../../protocol/peer/AdminControl.ts"
import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import { maxInspected } from "../../inspect/Inspector.ts"
import { maxBody } from "../../inspect/Recording.ts"
import type { ServerView } from "../../status/ServerView.ts"
import { Administration } from "../core/Administration.ts"
import { Caller, nameOf } from "../core/Caller.ts"
import * as Requests from "../core/Requests.ts"
import {
  type AdminPage,
  badForm,
  failure,
  respondDone,
  respondFramed,
  withServer,
} from "../frame/AdminPage.ts"
import * as RequestTable from "../frame/RequestTable.ts"
import { pathOf, tabs } from "../frame/ServerTabs.ts"
import * as Text from "../frame/Text.ts"
import { recordedPath } from "./RecordedPage.ts"

const menu = { path: "/requests", label: "Requests" } as const

const minutes = [15, 60, 480] as const

/** What a filter is in a query. */
const Query = Schema.Struct({
  server: Schema.optionalKey(Schema.String),
  status: Schema.optionalKey(Schema.String),
  path: Schema.optionalKey(Schema.String),
  slow: Schema.optionalKey(Schema.String),
  assets: Schema.optionalKey(Schema.String),
})

/** The filter that the query asks for; what is empty or not understood filters nothing. */
const filterOf = HttpServerRequest.schemaSearchParams(Query).pipe(
  Effect.orElseSucceed((): typeof Query.Type => ({})),
  Effect.map(Requests.filterOf),
)

/** The address of the page with the same filter, and assets. */
const withAssets = (path: string, { path: part, server, slow, status }: RequestFilter): string => {
  const fields = { server, status, path: part, slow, assets: "yes" }
  const query = Object.entries(fields).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, `${value}`]],
  )
  return `${path}?${new URLSearchParams(query)}`
}

/** What the page of all servers shows. */
export const render = (
  view: Requests.RequestsView,
  filter: RequestFilter,
  servers: ReadonlyArray<string>,
): Html => html`${RequestTable.form(menu.path, filter, servers)}
<div id="requests" data-live>${RequestTable.render(view, filter, false, withAssets(menu.path, filter))}</div>`

const inspectForm = ({ isInspected, name }: ServerView): Html => {
  const action = recordedPath(name)
  return html`<div class="decide">${
    isInspected
      ? html`<form method="post" action="${action}"><input type="hidden" name="minutes" value="0"><button>Stop and delete the recordings</button></form>`
      : undefined
  }<form method="post" action="${action}"><label>For <select name="minutes">${minutes.map((one) => html`<option value="${one}">${one < 60 ? `${one} minutes` : one === 60 ? "1 hour" : `${one / 60} hours`}</option>`)}</select></label> <button class="${isInspected ? "" : "main"}">${isInspected ? "Record from now" : "Record requests"}</button></form></div>`
}

const inspectionOf = (view: ServerView): Html => html`<div class="notice" id="inspection">
<p>${
  view.isInspected
    ? view.inspectedUntil === undefined
      ? Text.requests.recordedAlways
      : html`${Text.requests.recordedUntil} ${Format.time(view.inspectedUntil)}.`
    : Text.requests.notRecorded
} ${Text.requests.kept(maxInspected, Format.bytes(maxBody))}</p>
${inspectForm(view)}</div>`

/** What the page of one server shows. */
export const renderServer = (
  server: ServerView,
  view: Requests.RequestsView,
  filter: RequestFilter,
): Html => {
  const path = pathOf(server.name, "requests")
  return html`${tabs(server.name, "requests")}
${inspectionOf(server)}
${server.isInspected ? html`<p><a href="${recordedPath(server.name)}">${Text.requests.allRecorded}</a></p>` : undefined}
${RequestTable.form(path, filter, undefined)}
<div id="requests" data-live>${RequestTable.render(view, filter, true, withAssets(path, { ...filter, server: undefined }))}</div>`
}

/** The state of all relays and the requests that match, asked for at the same time. */
const overviewAnd = Effect.fnUntraced(function* (filter: RequestFilter) {
  const { overview } = yield* Administration
  const { list } = yield* Requests.Requests
  return yield* Effect.all([overview, list(filter)], { concurrency: "unbounded" })
})

const show = Effect.gen(function* () {
  const filter = yield* filterOf
  const [overview, view] = yield* overviewAnd(filter)
  return yield* respondFramed(
    {
      title: "Requests",
      current: menu.path,
      live: true,
      silent: view.silent,
      main: render(
        view,
        filter,
        overview.servers.map(({ name }) => name),
      ),
    },
    overview,
  )
})

const showServer = Effect.gen(function* () {
  const { name = "" } = yield* HttpRouter.params
  const filter = { ...(yield* filterOf), server: name }
  const [overview, view] = yield* overviewAnd(filter)
  const server = overview.servers.find((one) => one.name === name)
  if (server === undefined) return yield* failure("PTTH_NOT_FOUND", Text.failure.noServer(name))
  return yield* respondFramed(
    {
      title: server.displayName,
      current: "/",
      live: true,
      silent: view.silent,
      main: renderServer(server, view, filter),
    },
    overview,
  )
})

const inspect = withServer(
  Effect.fnUntraced(function* (server) {
    const { identity } = yield* Caller
    const form = yield* HttpServerRequest.schemaBodyUrlParams(
      Schema.Struct({ minutes: Schema.String }),
    )
    const millis = (Requests.numberOf(form.minutes) ?? 0) * 60_000
    const reached = yield* (yield* Requests.Requests).inspect(server.name, millis, nameOf(identity))
    return yield* respondDone(reached, pathOf(server.name, "requests"))
  }),
).pipe(Effect.catchTags({ SchemaError: badForm, HttpServerError: badForm }))

/** The pages. */
export const page: AdminPage = {
  menu,
  routes: [
    HttpRouter.route("GET", menu.path, show),
    HttpRouter.route("GET", "/servers/:name/requests", showServer),
    HttpRouter.route("POST", "/servers/:name/inspect", inspect),
  ],
}
