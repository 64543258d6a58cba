/**
 * The query parameters of the file server's addresses, parsed once a request.
 * Invalid values are ignored.
 */
import { toText } from "../names/ByteName.ts"

/** The columns by which a folder can be sorted. */
export const columns = ["name", "type", "size", "time"] as const

/** See {@link columns}. */
export type Column = (typeof columns)[number]

/** The parameters of a request, with their defaults where they are absent. */
export interface Query {
  readonly sort: Column
  readonly order: "asc" | "desc"
  /** `filter`: only names that contain this text, ignoring case; empty for all names. */
  readonly filter: string
  /** From 1. */
  readonly page: number
  /** `grid`: pictures instead of a table. */
  readonly grid: boolean
  /** `archive`: the whole folder as one file. */
  readonly archive: "zip" | "tar" | undefined
  /** `view` or `as_markdown`: a page that shows the file. */
  readonly view: boolean
  /** `json` or `plain`: the form of a folder, whatever Accept says. */
  readonly form: "json" | "plain" | undefined
  /** `q`: search for names below the folder; empty for no search. */
  readonly search: string
  /** `download`: save the file instead of showing it. */
  readonly download: boolean
}

/** No parameters. */
export const none: Query = {
  sort: "name",
  order: "asc",
  filter: "",
  page: 1,
  grid: false,
  archive: undefined,
  view: false,
  form: undefined,
  search: "",
  download: false,
}

/** The longest filter, in characters: no name is longer. */
const maxFilter = 255

/** Parses what follows the `?` of an address; {@link none} itself if there is nothing. */
export const parse = (query: string | undefined): Query => {
  if (query === undefined || query === "") return none
  const fields = new URLSearchParams(toText(query))
  const sort = fields.get("sort")
  const page = fields.get("page") ?? ""
  const archive = fields.get("archive")
  return {
    sort: columns.find((column) => column === sort) ?? none.sort,
    order: fields.get("order") === "desc" ? "desc" : "asc",
    filter: (fields.get("filter") ?? "").slice(0, maxFilter),
    page: /^[1-9]\d{0,8}$/.test(page) ? Number(page) : none.page,
    grid: fields.has("grid"),
    archive: archive === "zip" || archive === "tar" ? archive : undefined,
    view: fields.has("view") || fields.has("as_markdown"),
    form: fields.has("json") ? "json" : fields.has("plain") ? "plain" : undefined,
    search: fields.get("q") ?? "",
    download: fields.has("download"),
  }
}

/** What of a query says in which order and form a folder is shown. */
const toFields = (query: Partial<Query>): string => {
  const fields = new URLSearchParams()
  if (query.grid === true) fields.set("grid", "")
  if (query.sort !== undefined && query.sort !== none.sort) fields.set("sort", query.sort)
  if (query.order === "desc") fields.set("order", "desc")
  if (query.filter !== undefined && query.filter !== "") fields.set("filter", query.filter)
  if (query.page !== undefined && query.page > 1) fields.set("page", String(query.page))
  return fields.toString().replace(/^grid=(?=&|$)/, "grid")
}

/** The address of a folder's page, relative to any other page of that folder. */
export const toHref = (query: Partial<Query>): string => {
  const fields = toFields(query)
  return fields === "" ? "./" : `./?${fields}`
}

/** The query of a folder's page that is shown in the same form as another folder. */
export const sameForm = ({ grid }: Pick<Query, "grid">): string => (grid ? "?grid" : "")

/** The query of the page that shows a file, which leads on in the order of the folder it is opened from. */
export const toView = (query: Partial<Query>): string => {
  const fields = toFields({ ...query, page: 1 })
  return fields === "" ? "?view" : `?view&${fields}`
}
