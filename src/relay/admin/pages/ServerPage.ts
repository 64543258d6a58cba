/**
 * One server for the administrator: how it is, its last requests, how long
 * they took, and what went wrong.
 */

import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import { table } from "../../../web/Table.ts"
import { bytesOf, lastSeenOf, programOf, stateOf, transportOf } from "../../status/ServerTable.ts"
import type { ServerView } from "../../status/ServerView.ts"
import type { Recent } from "../../traffic/Traffic.ts"

const fact = (name: string, value: Html): Html => html`<div><dt>${name}</dt><dd>${value}</dd></div>`

const latencyOf = ({ traffic: { latency } }: ServerView): Html =>
  latency === undefined
    ? html`–`
    : html`half below ${Format.millis(latency.p50)}, 90 % below ${Format.millis(latency.p90)}, 99 % below ${Format.millis(latency.p99)}`

const errorsOf = ({ traffic: { errors } }: ServerView): Html =>
  errors.size === 0
    ? html`none`
    : html`<ul>${[...errors].map(([code, count]) => html`<li>${count} × <code>${code}</code></li>`)}</ul>`

const statusesOf = ({ traffic: { statuses } }: ServerView): Html => {
  const names = ["left before an answer", "1xx", "2xx", "3xx", "4xx", "5xx"]
  const parts = statuses.flatMap((count, i) => (count > 0 ? [`${count} × ${names[i]}`] : []))
  return html`${parts.length === 0 ? "none yet" : parts.join(", ")}`
}

const endOf = (one: Recent): Html => {
  const status = one.status === undefined ? "left" : `${one.status}`
  return html`${status}${one.whole ? undefined : html` <small>not whole</small>`}${one.code === undefined ? undefined : html` <code>${one.code}</code>`}`
}

const recentTable = (recent: ReadonlyArray<Recent>): Html =>
  recent.length === 0
    ? html`<p class="empty">No request is over yet.</p>`
    : table({
        caption: "Last requests, the newest first",
        columns: ["Request", "Over at", "Status", "Took", "Waited", "By", "Bytes"],
        rows: recent.map((one, i) => ({
          id: `recent-${i}`,
          cells: [
            html`<code>${one.method} ${one.path}</code>`,
            Format.time(one.at),
            endOf(one),
            html`${Format.millis(one.millis)}`,
            html`${one.waitMillis === undefined ? "–" : Format.millis(one.waitMillis)}`,
            html`${one.transport}`,
            html`${Format.bytes(one.bytesOut)} out, ${Format.bytes(one.bytesIn)} in`,
          ],
        })),
      })

/**
 * The page.
 *
 * @param openAt where its visitors find it, if that is known
 * @param isInspected whether there is a page of its requests
 */
export const serverPage = (
  view: ServerView,
  openAt: string | undefined,
  isInspected: boolean,
): Html => html`<dl class="facts" id="facts" data-live>
${fact("Name", html`<code>${view.name}</code>`)}
${fact("State", stateOf(view))}
${fact("Last heard of", lastSeenOf(view))}
${fact("Transport", transportOf(view))}
${fact("Program", programOf(view))}
${fact("Links", html`${view.connections}, opened so far: ${view.traffic.linksOpened}`)}
${fact("Requests", html`${view.traffic.requests}, in flight ${view.traffic.inFlight}, waiting ${view.waiting}`)}
${fact("Answers", statusesOf(view))}
${fact("Bytes", bytesOf(view))}
${fact("Until an answer", latencyOf(view))}
${fact("Errors", errorsOf(view))}
${fact(view.tripcodes.length === 1 ? "Tripcode" : "Tripcodes", html`${view.tripcodes.map((one) => html`<code>${one}</code> `)}`)}
</dl>
${openAt === undefined ? undefined : html`<p><a href="${openAt}" rel="noreferrer">Open ${openAt}</a></p>`}
<div id="recent" data-live>${recentTable(view.traffic.recent)}</div>
${isInspected ? html`<p><a href="/servers/${view.name}/inspect">Look into its last requests</a></p>` : undefined}
<p><a href="/audit?name=${view.name}">Audit log of this server</a></p>`
