/**
 * One server: its state, latency and errors, and its last requests.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import { table } from "../../../web/Table.ts"
import { bytesOf, lastSeenOf, programOf, stateOf, transportOf } from "../../status/ServerTable.ts"
import type { ServerAtRelay, ServerView } from "../../status/ServerView.ts"
import { maxRecent, type Recent } from "../../traffic/Counters.ts"
import { Administration, type RecentView } from "../core/Administration.ts"
import { type AdminPage, failure, respondFramed } from "./AdminPage.ts"
import * as ServersPage from "./ServersPage.ts"
import * as Text from "./Text.ts"

const fact = (name: string, value: Html): Html => html`<div><dt>${name}</dt><dd>${value}</dd></div>`

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

/**
 * What the page shows.
 *
 * @param recent its last requests, the newest first
 * @param openAt the server's address for visitors, where it is known
 * @param isInspected whether its requests are inspected
 */
export const render = (
  view: ServerView,
  recent: ReadonlyArray<RecentView>,
  openAt: string | undefined,
  isInspected: boolean,
): Html => html`<dl class="facts" id="facts" data-live>
${fact("Name", html`<code>${view.name}</code>`)}
${fact("State", stateOf(view))}
${fact("Last seen", lastSeenOf(view))}
${fact("Transport", transportOf(view))}
${fact("Program", programOf(view))}
${fact("Links", html`${view.connections} open, ${view.traffic.linksOpened} opened since the ${view.relays.length === 0 ? "relay" : "relays"} started`)}
${fact("Requests", html`${view.traffic.requests} in total, ${view.traffic.inFlight} in flight, ${view.waiting} waiting`)}
${fact("Responses", statusesOf(view))}
${fact("Bytes", bytesOf(view))}
${fact("Time to response", latencyOf(view))}
${fact("Errors", errorsOf(view))}
${fact(view.tripcodes.length === 1 ? "Tripcode" : "Tripcodes", html`${view.tripcodes.map((one) => html`<code>${one}</code> `)}`)}
</dl>
${openAt === undefined ? undefined : html`<p><a href="${openAt}" rel="noreferrer">Open ${openAt}</a></p>`}
${view.relays.length === 0 ? undefined : html`<div id="at-relays" data-live>${relayTable(view.relays)}</div>`}
<div id="recent" data-live>${recentTable(recent)}</div>
${isInspected ? html`<p><a href="/servers/${view.name}/inspect">Inspect its last requests</a></p>` : undefined}
<p><a href="/audit?name=${view.name}">Audit log of this server</a></p>`

const show = Effect.gen(function* () {
  const administration = yield* Administration
  const { name = "" } = yield* HttpRouter.params
  const overview = yield* administration.overview
  const view = overview.servers.find((server) => server.name === name)
  if (view === undefined) return yield* failure("PTTH_NOT_FOUND", Text.failure.noServer(name))
  const recent = yield* administration.recent(view.name)
  return yield* respondFramed(
    {
      title: view.displayName,
      current: ServersPage.path,
      live: true,
      main: render(
        view,
        recent.slice(0, maxRecent),
        administration.openAt(view.name),
        administration.inspects(view.name),
      ),
    },
    overview,
  )
})

/** The page. */
export const page: AdminPage = { routes: [HttpRouter.route("GET", "/servers/:name", show)] }
