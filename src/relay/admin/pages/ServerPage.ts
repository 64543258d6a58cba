/**
 * One server: its state, latency and errors, and its last requests.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { Tripcode } from "../../../domain/Tripcode.ts"
import * as TripcodeWords from "../../../domain/TripcodeWords.ts"
import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import { table } from "../../../web/Table.ts"
import { History } from "../../history/History.ts"
import type { Slot, SpanName } from "../../history/Series.ts"
import { bytesOf, lastSeenOf, programOf, stateOf, transportOf } from "../../status/ServerTable.ts"
import type { ServerAtRelay, ServerView } from "../../status/ServerView.ts"
import type { Recent } from "../../traffic/Counters.ts"
import { Administration, type LinkAtRelay, type RecentView } from "../core/Administration.ts"
import { Caller } from "../core/Caller.ts"
import { type AdminPage, failure, respondFramed } from "../frame/AdminPage.ts"
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

const statusOf = (one: Recent): Html => {
  const status = one.status === undefined ? "visitor left" : `${one.status}`
  return html`${status}${one.whole ? undefined : html` <small>incomplete</small>`}${one.code === undefined ? undefined : html` <code>${one.code}</code>`}`
}

/** The relay to which the visitor came, and that with the server's link if it is another one. */
const relayOf = ({ hop, relay }: RecentView): Html =>
  html`${relay}${hop === undefined ? undefined : html`<br><small>link at ${hop}</small>`}`

const relayTable = (relays: ReadonlyArray<ServerAtRelay>): Html =>
  table({
    caption: "At each relay",
    columns: ["Relay", "Links", "In flight", "Requests", "Bytes"],
    rows: relays.map(({ relay, ...one }) => ({
      id: `at-${relay.id}`,
      cells: [
        html`${relay.id}`,
        html`${one.connections}`,
        html`${one.inFlight}${one.waiting > 0 ? html`, ${one.waiting} waiting` : undefined}`,
        html`${one.requests}`,
        html`${Format.bytes(one.bytesOut)} out, ${Format.bytes(one.bytesIn)} in`,
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

const recentTable = (recent: ReadonlyArray<RecentView>): Html => {
  const isAlone = recent.every(({ relay }) => relay === undefined)
  return recent.length === 0
    ? html`<p class="empty">${Text.server.noRequests}</p>`
    : table({
        caption: "Last requests, newest first",
        columns: [
          "Request",
          "Ended",
          "Status",
          "Duration",
          "Waited",
          "Transport",
          ...(isAlone ? [] : ["Relay"]),
          "Bytes",
        ],
        rows: recent.map((one, i) => ({
          id: `recent-${i}`,
          cells: [
            html`<code>${one.method} ${one.path}</code>`,
            Format.time(one.at),
            statusOf(one),
            html`${Format.millis(one.millis)}`,
            html`${one.waitMillis === undefined ? "–" : Format.millis(one.waitMillis)}`,
            html`${one.transport}`,
            ...(isAlone ? [] : [relayOf(one)]),
            html`${Format.bytes(one.bytesOut)} out, ${Format.bytes(one.bytesIn)} in`,
          ],
        })),
      })
}

/** What the page shows. */
export interface ServerParts {
  readonly view: ServerView
  readonly links: ReadonlyArray<LinkAtRelay>
  /** Its last requests, the newest first. */
  readonly recent: ReadonlyArray<RecentView>
  /** Its address for visitors, where it is known. */
  readonly openAt: string | undefined
  /** Whether it was approved a moment ago. */
  readonly isNew: boolean
  readonly span: SpanName
  /** Its traffic in that time, the oldest first. */
  readonly slots: ReadonlyArray<Slot>
}

/** What the page shows. */
export const render = ({
  isNew,
  links,
  openAt,
  recent,
  slots,
  span,
  view,
}: ServerParts): Html => html`${tabs(view.name, "overview")}
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
<div id="recent" data-live>${recentTable(recent)}</div>
<p><a href="${pathOf(view.name, "requests")}">All requests of this server</a></p>
<p><a href="/audit?name=${view.name}">Audit log of this server</a></p>`

const show = Effect.gen(function* () {
  const administration = yield* Administration
  const { name = "" } = yield* HttpRouter.params
  const overview = yield* administration.overview
  const view = overview.servers.find((server) => server.name === name)
  if (view === undefined) return yield* failure("PTTH_NOT_FOUND", Text.failure.noServer(name))
  const recent = yield* administration.recent(view.name)
  const links = yield* administration.links(view.name)
  const { url } = yield* HttpServerRequest
  const { origin } = yield* Caller
  const span = yield* OverviewPage.querySpan
  const slots = yield* (yield* History).read(view.name, span)
  return yield* respondFramed(
    {
      title: view.displayName,
      current: OverviewPage.path,
      live: true,
      main: render({
        view,
        links,
        recent: recent.slice(0, maxShown),
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
