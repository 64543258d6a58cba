/**
 * Tables that become cards in a narrow window, with each value beside the name
 * of its column. The ARIA roles are explicit because browsers drop them when a
 * table has another layout.
 */
import { type Html, html } from "./Html.ts"

/** A row with a stable id, by which live updates find it. */
export interface Row {
  readonly id: string
  readonly cells: ReadonlyArray<Html>
}

/** A table. */
export interface TableParts {
  readonly caption: string
  /** Whether the caption is for screen readers only, as below a heading that says the same. */
  readonly isCaptionUnseen?: boolean
  readonly columns: ReadonlyArray<string>
  readonly rows: ReadonlyArray<Row>
}

/** A table whose first cells are the headers of their rows. */
export const table = ({
  caption,
  columns,
  isCaptionUnseen = false,
  rows,
}: TableParts): Html => html`<table class="cards" role="table">
<caption class="${isCaptionUnseen ? "unseen" : ""}">${caption}</caption>
<thead role="rowgroup"><tr role="row">${columns.map((column) => html`<th scope="col" role="columnheader">${column}</th>`)}</tr></thead>
<tbody role="rowgroup">${rows.map((row) => rowOf(columns, row))}</tbody>
</table>`

const rowOf = (columns: ReadonlyArray<string>, { cells, id }: Row): Html =>
  html`<tr id="${id}" role="row">${cells.map((cell, i) =>
    i === 0
      ? html`<th scope="row" role="rowheader">${cell}</th>`
      : html`<td role="cell" data-label="${columns[i] ?? ""}"><div>${cell}</div></td>`,
  )}</tr>`
