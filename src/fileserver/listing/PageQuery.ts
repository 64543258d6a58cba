/**
 * The questions that a page's address asks: which order, which names, which
 * page, and in what form. Whatever makes no sense is read as if it were absent.
 */

import { toText } from "../names/ByteName.ts"

/** The columns by which a folder can be sorted. */
export const columns = ["name", "type", "size", "time"] as const

/** See {@link columns}. */
export type Column = (typeof columns)[number]

/** What a folder's page is asked to show. */
export interface PageQuery {
  readonly sort: Column
  readonly order: "asc" | "desc"
  /** Text that the names have in them, capitals aside; empty for all names. */
  readonly filter: string
  /** From 1. */
  readonly page: number
  /** Whether pictures are shown instead of a table. */
  readonly grid: boolean
  /** The form in which the whole folder is taken home. */
  readonly archive: "zip" | "tar" | undefined
  /** Whether a file is looked at on a page of its own. */
  readonly view: boolean
}

/** What is shown without any question. */
export const plain: PageQuery = {
  sort: "name",
  order: "asc",
  filter: "",
  page: 1,
  grid: false,
  archive: undefined,
  view: false,
}

/** The longest filter, in characters: no name is longer. */
const maxFilter = 255

/** Reads what follows the `?` of an address. */
export const parse = (query: string | undefined): PageQuery => {
  if (query === undefined || query === "") return plain
  const fields = new URLSearchParams(toText(query))
  const sort = fields.get("sort")
  const page = fields.get("page") ?? ""
  const archive = fields.get("archive")
  return {
    sort: columns.find((column) => column === sort) ?? "name",
    order: fields.get("order") === "desc" ? "desc" : "asc",
    filter: (fields.get("filter") ?? "").slice(0, maxFilter),
    page: /^[1-9]\d{0,8}$/.test(page) ? Number(page) : 1,
    grid: fields.has("grid"),
    archive: archive === "zip" || archive === "tar" ? archive : undefined,
    view: fields.has("view") || fields.has("as_markdown"),
  }
}

/** The relative address of a folder's page, from any other of its pages. */
export const toHref = (query: Partial<PageQuery>): string => {
  const fields = new URLSearchParams()
  if (query.grid === true) fields.set("grid", "")
  if (query.sort !== undefined && query.sort !== "name") fields.set("sort", query.sort)
  if (query.order === "desc") fields.set("order", "desc")
  if (query.filter !== undefined && query.filter !== "") fields.set("filter", query.filter)
  if (query.page !== undefined && query.page > 1) fields.set("page", String(query.page))
  const text = fields.toString().replace(/^grid=(?=&|$)/, "grid")
  return text === "" ? "./" : `./?${text}`
}
