/**
 * Tables that stay tables on a wide window and become cards on a narrow one,
 * where each value stands beside its column's name. The roles are said because
 * a browser forgets them when a table is laid out as something else.
 */
import { type Html, html } from "./Html.ts"

/** A row; its id is the same as long as it is about the same thing. */
export interface Row {
  readonly id: string
  readonly cells: ReadonlyArray<Html>
}

/** A table. */
export interface TableParts {
  readonly caption: string
  readonly columns: ReadonlyArray<string>
  readonly rows: ReadonlyArray<Row>
}

/** A table whose rows are headed by their first cells. */
export const table = ({
  caption,
  columns,
  rows,
}: TableParts): Html => html`<table class="cards" role="table">
<caption>${caption}</caption>
<thead role="rowgroup"><tr role="row">${columns.map((column) => html`<th scope="col" role="columnheader">${column}</th>`)}</tr></thead>
<tbody role="rowgroup">${rows.map((row) => rowOf(columns, row))}</tbody>
</table>`

const rowOf = (columns: ReadonlyArray<string>, { cells, id }: Row): Html =>
  html`<tr id="${id}" role="row">${cells.map((cell, i) =>
    i === 0
      ? html`<th scope="row" role="rowheader">${cell}</th>`
      : html`<td role="cell" data-label="${columns[i] ?? ""}"><div>${cell}</div></td>`,
  )}</tr>`
