/**
 * The audit log as a page that can be filtered, and as lines of JSON.
 */

import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import { table } from "../../../web/Table.ts"
import * as AuditLine from "../../audit/AuditLine.ts"
import { type AuditEntry, sentences } from "../../audit/AuditLog.ts"
import type { AuditFilter } from "../core/Administration.ts"

/** How many events a page shows. */
const shownEntries = 200

const labels: { readonly [field: string]: string } = {
  by: "by",
  bytesIn: "bytes in",
  bytesOut: "bytes out",
  name: "server",
  servers: "servers registered",
}

const details = ({ event }: AuditEntry): Html => {
  const { _tag: _kind, ...fields } = event
  const said = Object.entries(fields).filter(([, value]) => value !== "")
  return html`${said.map(([field, value]) => html`<span class="pair"><span class="faint">${labels[field] ?? field}</span> ${value}</span> `)}`
}

const option = (value: string, text: string, chosen: boolean): Html =>
  chosen
    ? html`<option value="${value}" selected>${text}</option>`
    : html`<option value="${value}">${text}</option>`

/** The page. */
export const auditPage = (entries: ReadonlyArray<AuditEntry>, filter: AuditFilter): Html => {
  const query = new URLSearchParams(
    Object.entries(filter).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  ).toString()
  return html`<form class="tools" action="/audit">
<label>Server <input name="name" value="${filter.name ?? ""}" maxlength="63" autocomplete="off" spellcheck="false"></label>
<label>Kind <select name="kind">${option("", "all", filter.kind === undefined)}${Object.entries(sentences).map(([kind, text]) => option(kind, text, kind === filter.kind))}</select></label>
<button>Filter</button>
<a href="/audit.ndjson${query === "" ? "" : `?${query}`}" download="audit.ndjson">Export as lines of JSON</a>
</form>
<div id="entries" data-live>${
    entries.length === 0
      ? html`<p class="empty">There is nothing of this kind in the log.</p>`
      : html`${table({
          caption: `${Math.min(entries.length, shownEntries)} of ${entries.length} events, the newest first`,
          columns: ["Event", "At", "Details"],
          rows: entries.slice(0, shownEntries).map((entry, i) => ({
            id: `event-${i}`,
            cells: [html`${sentences[entry.event._tag]}`, Format.time(entry.at), details(entry)],
          })),
        })}`
  }</div>`
}

/** One JSON document for each event, with `at` and `kind`. */
export const toNdjson = (entries: ReadonlyArray<AuditEntry>): string =>
  entries.map(AuditLine.toLine).join("")
