/**
 * One server: its state, latency and errors, and its last requests.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { Tripcode } from "../../../domain/Tripcode.ts"
import * as TripcodeWords from "../../../domain/TripcodeWords.ts"
import type { RequestFilter } from "../../../protocol/peer/AdminControl.ts"
import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import { table } from "../../../web/Table.ts"
import { History } from "../../history/History.ts"
import type { Slot, SpanName } from "../../history/Series.ts"
import { bytesOf, lastSeenOf, programOf, stateOf, transportOf } from "../../status/ServerTable.ts"
import type { ServerAtRelay, ServerView } from "../../status/ServerView.ts"
import { Administration, type LinkAtRelay } from "../core/Administration.ts"
import { Caller } from "../core/Caller.ts"
import { filterOf, Requests, type RequestsView } from "../core/Requests.ts"
import { type AdminPage, failure, respondFramed } from "../frame/AdminPage.ts"
import * as RequestTable from "../frame/RequestTable.ts"
import { fact, pathOf, tabs } from "../frame/ServerTabs.ts"
import * as Text from "../frame/Text.ts"
import * as TrafficCharts from "../frame/TrafficCharts.ts"
import * as OverviewPage from "./OverviewPage.ts"

/** How many requests the page shows; there is a page with more. */
const maxShown = 10

const latencyOf = ({ traffic: { latency } }: ServerView): Html =>
  latency === undefined
    ? html`–`
    : html`50 % below ${Format.millis(latency.p50)}, 90 % below ${Format.millis(latency.p90)}, 99 % below ${Format.millis(latency.p99)}`

const errorsOf = ({ traffic: { errors } }: ServerView): Html =>
  errors.size === 0
    ? html`none`
    : html`<ul>${[...errors].map(([code, count]) => html`<li>${count} × <code>${code}</code></li>`)}</ul>`

const statusesOf = ({ traffic: { statuses } }: ServerView): Html => {
  const names = ["visitor left", "1xx", "2xx", "3xx", "4xx", "5xx"]
  const parts = statuses.flatMap((count, i) => (count > 0 ? [`${count} × ${names[i]}`] : []))
  return html`${parts.length === 0 ? "none yet" : parts.join(", ")}`
}

const relayTable = (relays: ReadonlyArray<ServerAtRelay>): Html =>
  table({
    caption: "At each relay",
    columns: ["Relay", "Links", "In flight", "Requests", "Bytes"],
    rows: relays.map(({ relay, ...counts }) => ({
      id: `at-${relay.id}`,
      cells: [
        html`${relay.id}`,
        html`${counts.connections}`,
        html`${counts.inFlight}${counts.waiting > 0 ? html`, ${counts.waiting} waiting` : undefined}`,
        html`${counts.requests}`,
        html`${Format.bytes(counts.bytesOut)} out, ${Format.bytes(counts.bytesIn)} in`,
      ],
    })),
  })

const linkTable = (links: ReadonlyArray<LinkAtRelay>): Html => {
  const isAlone = links.every(({ relay }) => relay === undefined)
  return table({
    caption: "Links",
    columns: [
      "Address",
      "Since",
      "Transport",
      "Program",
      "Key's words",
      ...(isAlone ? [] : ["Relay"]),
    ],
    rows: links.map((link, i) => ({
      id: `link-${i}`,
      cells: [
        html`<code>${link.address}</code>`,
        Format.time(link.since),
        html`${link.transport}`,
        html`${link.program === "" ? "–" : link.program}`,
        html`${TripcodeWords.toWords(link.tripcode as Tripcode)}`,
        ...(isAlone ? [] : [html`${link.relay ?? ""}`]),
      ],
    })),
  })
}

/** The filter of the last requests, without assets. */
const lastOf = (server: string): RequestFilter => ({ ...filterOf({ server }), most: maxShown })

const requestTable = ({ requests, view: { name } }: ServerParts): Html =>
  requests.rows.length === 0 && requests.assets === 0
    ? html`<p class="empty">${Text.server.noRequests}</p>`
    : RequestTable.render(requests, lastOf(name), true, `${pathOf(name, "requests")}?assets=yes`)

/** What the page shows. */
export interface ServerParts {
  readonly view: ServerView
  readonly links: ReadonlyArray<LinkAtRelay>
  /** Its last requests. */
  readonly requests: RequestsView
  /** Its address for visitors, where it is known. */
  readonly openAt: string | undefined
  /** Whether it was approved a moment ago. */
  readonly isNew: boolean
  readonly span: SpanName
  /** Its traffic in that time, the oldest first. */
  readonly slots: ReadonlyArray<Slot>
}

/** What the page shows. */
export const render = (parts: ServerParts): Html => {
  const { isNew, links, openAt, slots, span, view } = parts
  return html`${tabs(view.name, "overview")}
${isNew ? html`<p class="notice good">${Text.server.approved}</p>` : undefined}
<dl class="facts" id="facts" data-live>
${fact("Name", html`<code>${view.name}</code>`)}
${openAt === undefined ? undefined : fact("Address", html`<a href="${openAt}" rel="noreferrer">${openAt}</a>`)}
${fact("State", stateOf(view))}
${fact("Last seen", lastSeenOf(view))}
${fact("Transport", transportOf(view))}
${fact("Program", programOf(view))}
${fact(
  "Links",
  html`${view.connections} open, ${view.traffic.linksOpened} opened since the ${view.relays.length === 0 ? "relay" : "relays"} started`,
)}
${fact("Requests", html`${view.traffic.requests} in total, ${view.traffic.inFlight} in flight, ${view.waiting} waiting`)}
${fact("Responses", statusesOf(view))}
${fact("Bytes", bytesOf(view))}
${fact("Time to response", latencyOf(view))}
${fact("Errors", errorsOf(view))}
${fact(view.tripcodes.length === 1 ? "Key" : "Keys", html`${view.tripcodes.map((one) => html`${TripcodeWords.toWords(one)}<br><code>${one}</code> `)}`)}
</dl>
<div id="links" data-live>${links.length === 0 ? undefined : linkTable(links)}</div>
${view.relays.length === 0 ? undefined : html`<div id="at-relays" data-live>${relayTable(view.relays)}</div>`}
<h2>Traffic</h2>
${TrafficCharts.render(pathOf(view.name), span, slots)}
<h2>Requests</h2>
<div id="requests" data-live>${requestTable(parts)}</div>
<p><a href="${pathOf(view.name, "requests")}">All requests of this server</a></p>
<p><a href="/audit?name=${view.name}">Audit log of this server</a></p>`
}

const show = Effect.gen(function* () {
  const administration = yield* Administration
  const { name = "" } = yield* HttpRouter.params
  const [overview, requests, links] = yield* Effect.all(
    [administration.overview, (yield* Requests).list(lastOf(name)), administration.links(name)],
    { concurrency: "unbounded" },
  )
  const view = overview.servers.find((server) => server.name === name)
  if (view === undefined) return yield* failure("PTTH_NOT_FOUND", Text.failure.noServer(name))
  const { url } = yield* HttpServerRequest
  const { origin } = yield* Caller
  const span = yield* OverviewPage.querySpan
  const slots = yield* (yield* History).read(view.name, span)
  return yield* respondFramed(
    {
      title: view.displayName,
      current: OverviewPage.path,
      live: true,
      silent: [...requests.silent, ...links.silent],
      main: render({
        view,
        links: links.links,
        requests,
        openAt: administration.openAt(view.name, origin),
        isNew: url.endsWith("?approved"),
        span,
        slots,
      }),
    },
    overview,
  )
})

/** The page. */
export const page: AdminPage = { routes: [HttpRouter.route("GET", "/servers/:name", show)] }
