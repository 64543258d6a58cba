/**
 * The audit log with filters, and as JSON lines.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import { table } from "../../../web/Table.ts"
import { sentences } from "../../audit/AuditEvent.ts"
import * as AuditLine from "../../audit/AuditLine.ts"
import type { AuditEntry } from "../../audit/AuditLog.ts"
import { Administration } from "../core/Administration.ts"
import * as AuditFilter from "../core/AuditFilter.ts"
import { type AdminPage, respondFramed } from "../frame/AdminPage.ts"
import { pathOf } from "../frame/ServerTabs.ts"
import * as Text from "../frame/Text.ts"

/** How many events the page shows. */
const maxShown = 200

const labels: { readonly [field: string]: string } = {
  by: "by",
  bytesIn: "bytes in",
  bytesOut: "bytes out",
  relay: "relay",
  name: "server",
  servers: "servers registered",
  request: "request",
  seconds: "for",
}

const shownValue = (field: string, value: string | number, servers: ReadonlySet<string>): Html => {
  if (typeof value === "number" && field.startsWith("bytes")) return html`${Format.bytes(value)}`
  if (typeof value === "number" && field === "seconds")
    return html`${value === 0 ? "off" : value % 60 === 0 ? `${value / 60} min` : `${value} s`}`
  if (typeof value === "string" && field === "expires") return Format.time(Date.parse(value))
  if (typeof value === "string" && field === "name" && servers.has(value))
    return html`<a href="${pathOf(value)}">${value}</a>`
  return html`${value}`
}

const details = ({ event, relay = "" }: AuditEntry, servers: ReadonlySet<string>): Html => {
  const { _tag: _kind, ...fields } = event
  const pairs = Object.entries({ relay, ...fields }).filter(([, value]) => value !== "")
  return html`${pairs.map(([field, value]) => html`<span class="pair"><span class="faint">${labels[field] ?? field}</span> ${shownValue(field, value, servers)}</span> `)}`
}

const option = (value: string, text: string, selected: boolean): Html =>
  selected
    ? html`<option value="${value}" selected>${text}</option>`
    : html`<option value="${value}">${text}</option>`

/** A filter as the fields of a query. */
const queryOf = ({
  from,
  kind,
  name,
  to,
  withoutVisits = false,
}: AuditFilter.AuditFilter): string =>
  new URLSearchParams(
    Object.entries({
      name,
      kind,
      visits: withoutVisits ? "no" : "yes",
      from: from === undefined ? undefined : dayOf(from),
      to: to === undefined ? undefined : dayOf(to - AuditFilter.dayMillis),
    }).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  ).toString()

const dayOf = (at: number): string => Format.rfc3339(at).slice(0, 10)

const day = (name: string, at: number | undefined): Html =>
  html`<input type="date" name="${name}" value="${at === undefined ? "" : dayOf(at)}">`

const form = (filter: AuditFilter.AuditFilter, servers: ReadonlySet<string>): Html => {
  const { from, kind, name, to, withoutVisits = false } = filter
  return html`<form class="filters" action="${menu.path}">
<label>Server <input name="name" list="servers" value="${name ?? ""}" maxlength="63" autocomplete="off" spellcheck="false"></label>
<datalist id="servers">${[...servers].map((one) => html`<option value="${one}"></option>`)}</datalist>
<label>Kind <select name="kind">${option("", "all", kind === undefined)}${Object.entries(sentences).map(([one, text]) => option(one, text, one === kind))}</select></label>
<label>From ${day("from", from)}</label>
<label>To ${day("to", to === undefined ? undefined : to - AuditFilter.dayMillis)}</label>
<label class="check">${withoutVisits ? html`<input type="checkbox" name="visits" value="yes">` : html`<input type="checkbox" name="visits" value="yes" checked>`} Visitors' requests</label>
<button>Filter</button>
<a href="/audit.ndjson?${queryOf(filter)}" download="audit.ndjson">Export as JSON lines</a>
</form>`
}

/**
 * What the page shows.
 *
 * @param isOnlyHere whether other machines have events of their own
 * @param servers the names of registered servers, which have pages
 */
export const render = (
  entries: ReadonlyArray<AuditEntry>,
  filter: AuditFilter.AuditFilter,
  isOnlyHere = false,
  servers: ReadonlySet<string> = new Set(),
): Html => html`${form(filter, servers)}
${isOnlyHere ? html`<p class="notice">${Text.audit.onlyHere}</p>` : undefined}
<div id="entries" data-live>${
  entries.length === 0
    ? html`<p class="empty">${Text.audit.empty}</p>`
    : html`${table({
        caption: `${Math.min(entries.length, maxShown)} of ${entries.length} events, newest first`,
        columns: ["Event", "Time", "Details"],
        rows: entries.slice(0, maxShown).map((entry, i) => ({
          id: `event-${i}`,
          cells: [
            html`${sentences[entry.event._tag]}`,
            Format.time(entry.at),
            details(entry, servers),
          ],
        })),
      })}`
}</div>`

/** The events as JSON lines with `at` and `kind`. */
export const toNdjson = (entries: ReadonlyArray<AuditEntry>): string =>
  entries.map(AuditLine.toLine).join("")

const Query = Schema.Struct({
  name: Schema.optionalKey(Schema.String),
  kind: Schema.optionalKey(Schema.String),
  visits: Schema.optionalKey(Schema.String),
  from: Schema.optionalKey(Schema.String),
  to: Schema.optionalKey(Schema.String),
})

/**
 * The filter that the query asks for.
 *
 * @param isWithVisits whether visitors' requests are wanted if the query does not say
 */
const queryFilter = (isWithVisits: boolean) =>
  HttpServerRequest.schemaSearchParams(Query).pipe(
    Effect.orElseSucceed((): typeof Query.Type => ({})),
    Effect.map((fields) => AuditFilter.filterOf(fields, isWithVisits)),
  )

const menu = { path: "/audit", label: "Audit log" } as const

const show = Effect.gen(function* () {
  const administration = yield* Administration
  const filter = yield* queryFilter(false)
  const overview = yield* administration.overview
  const machines = new Set(overview.relays.map(({ machine }) => machine))
  const isOnlyHere = administration.engine().state === "off" && machines.size > 1
  return yield* respondFramed(
    {
      title: "Audit log",
      current: menu.path,
      live: true,
      main: render(
        administration.audit(filter),
        filter,
        isOnlyHere,
        new Set(overview.servers.map(({ name }) => name)),
      ),
    },
    overview,
  )
})

const exportLines = Effect.gen(function* () {
  const administration = yield* Administration
  return HttpServerResponse.text(toNdjson(administration.audit(yield* queryFilter(true))), {
    contentType: "application/x-ndjson",
  })
})

/** The page. */
export const page: AdminPage = {
  menu,
  routes: [
    HttpRouter.route("GET", menu.path, show),
    HttpRouter.route("GET", "/audit.ndjson", exportLines),
  ],
}
