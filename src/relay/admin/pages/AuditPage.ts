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
import { kindOf } from "../core/AdminApiHandlers.ts"
import { Administration, type AuditFilter } from "../core/Administration.ts"
import { type AdminPage, respondFramed } from "./AdminPage.ts"
import * as Text from "./Text.ts"

/** How many events the page shows. */
const maxShown = 200

const labels: { readonly [field: string]: string } = {
  by: "by",
  bytesIn: "bytes in",
  bytesOut: "bytes out",
  relay: "relay",
  name: "server",
  servers: "servers registered",
}

const details = ({ event, relay = "" }: AuditEntry): Html => {
  const { _tag: _kind, ...fields } = event
  const pairs = Object.entries({ relay, ...fields }).filter(([, value]) => value !== "")
  return html`${pairs.map(([field, value]) => html`<span class="pair"><span class="faint">${labels[field] ?? field}</span> ${value}</span> `)}`
}

const option = (value: string, text: string, selected: boolean): Html =>
  selected
    ? html`<option value="${value}" selected>${text}</option>`
    : html`<option value="${value}">${text}</option>`

/**
 * What the page shows.
 *
 * @param isOnlyHere whether other machines have events of their own
 */
export const render = (
  entries: ReadonlyArray<AuditEntry>,
  filter: AuditFilter,
  isOnlyHere = false,
): Html => {
  const query = new URLSearchParams(
    Object.entries(filter).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  ).toString()
  return html`<form class="tools" action="/audit">
<label>Server <input name="name" value="${filter.name ?? ""}" maxlength="63" autocomplete="off" spellcheck="false"></label>
<label>Kind <select name="kind">${option("", "all", filter.kind === undefined)}${Object.entries(sentences).map(([kind, text]) => option(kind, text, kind === filter.kind))}</select></label>
<button>Filter</button>
<a href="/audit.ndjson${query === "" ? "" : `?${query}`}" download="audit.ndjson">Export as JSON lines</a>
</form>
${isOnlyHere ? html`<p class="notice">${Text.audit.onlyHere}</p>` : undefined}
<div id="entries" data-live>${
    entries.length === 0
      ? html`<p class="empty">${Text.audit.empty}</p>`
      : html`${table({
          caption: `${Math.min(entries.length, maxShown)} of ${entries.length} events, newest first`,
          columns: ["Event", "Time", "Details"],
          rows: entries.slice(0, maxShown).map((entry, i) => ({
            id: `event-${i}`,
            cells: [html`${sentences[entry.event._tag]}`, Format.time(entry.at), details(entry)],
          })),
        })}`
  }</div>`
}

/** The events as JSON lines with `at` and `kind`. */
export const toNdjson = (entries: ReadonlyArray<AuditEntry>): string =>
  entries.map(AuditLine.toLine).join("")

const Query = Schema.Struct({
  name: Schema.optionalKey(Schema.String),
  kind: Schema.optionalKey(Schema.String),
})

/** The filter that the query asks for; an empty or unknown value matches all. */
const filterOf = HttpServerRequest.schemaSearchParams(Query).pipe(
  Effect.orElseSucceed((): typeof Query.Type => ({})),
  Effect.map(
    ({ kind, name }): AuditFilter => ({
      name: name === "" ? undefined : name,
      kind: kindOf(kind),
    }),
  ),
)

const menu = { path: "/audit", label: "Audit log" } as const

const show = Effect.gen(function* () {
  const administration = yield* Administration
  const filter = yield* filterOf
  const overview = yield* administration.overview
  const machines = new Set(overview.relays.map(({ machine }) => machine))
  const isOnlyHere = administration.engine().state === "off" && machines.size > 1
  return yield* respondFramed(
    {
      title: "Audit log",
      current: menu.path,
      live: true,
      main: render(administration.audit(filter), filter, isOnlyHere),
    },
    overview,
  )
})

const exportLines = Effect.gen(function* () {
  const administration = yield* Administration
  return HttpServerResponse.text(toNdjson(administration.audit(yield* filterOf)), {
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
