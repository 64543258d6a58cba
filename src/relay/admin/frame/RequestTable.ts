/**
 * A list of requests, the newest first, and the form with which it is filtered.
 */
import type { RequestFilter } from "../../../protocol/peer/AdminControl.ts"
import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import { table } from "../../../web/Table.ts"
import type { ListedView, RequestsView } from "../core/Requests.ts"
import { pathOf } from "./RequestPath.ts"
import { pathOf as serverPath } from "./ServerTabs.ts"
import * as Text from "./Text.ts"

/** A status in the colour of its class. */
export const statusOf = (status: number | undefined, isRunning = false): Html => {
  if (isRunning && status === undefined) return html`<span class="status running">running</span>`
  if (status === undefined) return html`<span class="status s0">visitor left</span>`
  return html`<span class="status s${Math.floor(status / 100)}">${status}</span>`
}

/** A time of day in UTC, with the date for programs and tooltips. */
const clock = (at: number): Html => {
  const text = Format.rfc3339(at)
  return html`<time datetime="${text}" title="${text.slice(0, 10)} UTC">${text.slice(11, 19)}</time>`
}

const requestOf = (row: ListedView): Html => {
  const text = html`<code>${row.method} ${row.path.slice(0, 300)}</code>`
  const link =
    row.number === undefined
      ? text
      : html`<a href="${pathOf({ relay: row.relay, name: row.server, number: row.number })}">${text}</a>`
  return row.replayOf === undefined ? link : html`${link} <small>sent again</small>`
}

const outcomeOf = (row: ListedView): Html =>
  html`${statusOf(row.status, row.millis === undefined)}${
    row.millis !== undefined && !row.whole && row.status !== undefined && row.code === undefined
      ? html` <small>incomplete</small>`
      : undefined
  }${row.code === undefined ? undefined : html` <code>${row.code}</code>`}`

const tookOf = ({ millis, waitMillis }: ListedView): Html =>
  html`${millis === undefined ? "–" : Format.millis(millis)}${
    millis !== undefined && waitMillis !== undefined && waitMillis >= 10
      ? html` <small>waited ${Format.millis(waitMillis)}</small>`
      : undefined
  }`

/**
 * The list.
 *
 * @param isOfOne whether all are of one server, which is not named then
 */
export const render = (
  { assets, rows }: RequestsView,
  filter: RequestFilter,
  isOfOne: boolean,
  assetsLink: string,
): Html => {
  const isAlone = rows.every(({ relay }) => relay === "")
  const folded =
    assets > 0
      ? html`<p class="faint">${Text.requests.assets(assets)} <a href="${assetsLink}">Show them</a></p>`
      : undefined
  if (rows.length === 0) return folded ?? html`<p class="empty">${Text.requests.empty}</p>`
  return html`${folded}${table({
    caption: `${rows.length === filter.most ? `The last ${rows.length}` : rows.length} requests, newest first; times are UTC`,
    columns: [
      "Request",
      "Time",
      ...(isOfOne ? [] : ["Server"]),
      "Status",
      "Took",
      "Bytes",
      ...(isAlone ? [] : ["Relay"]),
    ],
    rows: rows.map((row, i) => ({
      id: row.number === undefined ? `row-${i}-${row.at}` : `row-${row.relay}-${row.number}`,
      cells: [
        requestOf(row),
        clock(row.at),
        ...(isOfOne
          ? []
          : [html`<a href="${serverPath(row.server, "requests")}">${row.server}</a>`]),
        outcomeOf(row),
        tookOf(row),
        html`${Format.bytes(row.bytesOut)}${row.bytesIn > 0 ? html` <small>${Format.bytes(row.bytesIn)} in</small>` : undefined}`,
        ...(isAlone
          ? []
          : [
              html`${row.relay}${row.hop === undefined ? undefined : html`<br><small>link at ${row.hop}</small>`}`,
            ]),
      ],
    })),
  })}`
}

const option = (value: string, text: string, current: string): Html =>
  value === current
    ? html`<option value="${value}" selected>${text}</option>`
    : html`<option value="${value}">${text}</option>`

const classes = [
  ["", "any"],
  ["2", "2xx"],
  ["3", "3xx"],
  ["4", "4xx"],
  ["5", "5xx"],
  ["0", "visitor left"],
] as const

/**
 * The form.
 *
 * @param action the path of the page
 * @param servers the names to choose from; none on the page of one server
 */
export const form = (
  action: string,
  filter: RequestFilter,
  servers: ReadonlyArray<string> | undefined,
): Html => html`<form class="filters" action="${action}">
${
  servers === undefined
    ? undefined
    : html`<label>Server <select name="server">${option("", "all", filter.server ?? "")}${servers.map((name) => option(name, name, filter.server ?? ""))}</select></label>`
}
<label>Status <select name="status">${classes.map(([value, text]) => option(value, text, filter.status === undefined ? "" : `${filter.status}`))}</select></label>
<label class="wide">Path has <input type="search" name="path" value="${filter.path ?? ""}" maxlength="200" autocomplete="off" spellcheck="false"></label>
<label>Slower than (ms) <input class="short" type="number" name="slow" min="0" step="any" value="${filter.slow ?? ""}"></label>
<label class="check">${filter.assets ? html`<input type="checkbox" name="assets" value="yes" checked>` : html`<input type="checkbox" name="assets" value="yes">`} Assets</label>
<button>Filter</button>
</form>`
