/**
 * The query parameters of the file server's addresses, parsed once a request.
 * Invalid values are ignored.
 */
import * as Headers from "../../domain/HeaderList.ts"
import { type ByteName, fromText, toText, toUrl } from "../names/ByteName.ts"

/** The columns by which a folder can be sorted. */
export const columns = ["name", "type", "size", "time"] as const

/** See {@link columns}. */
export type Column = (typeof columns)[number]

/** The sizes of thumbnails, in pixels of the longer side. */
export const thumbSizes = [160, 320, 640] as const

/** See {@link thumbSizes}. */
export type ThumbSize = (typeof thumbSizes)[number]

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
  /** `archive`: the whole folder, or the entries named by `entry`, as one file. */
  readonly archive: "zip" | "tar" | undefined
  /** `entry`, repeated: the chosen entries of a folder; empty for all of it. Byte strings. */
  readonly entries: ReadonlyArray<ByteName>
  /** `choose`: with check boxes, to choose entries. */
  readonly choose: boolean
  /** `thumb`: a small picture of the file, in pixels; 0 for a size that there is not. */
  readonly thumb: ThumbSize | 0 | undefined
  /** `v`: the state of the file is in the address, so that the response may be kept for good. */
  readonly hasVersion: boolean
  /** `share`: a link to the file or folder that ends. */
  readonly share: boolean
  /** `sha256`: the digest of the file. */
  readonly sha256: boolean
  /** `view` or `as_markdown`: a page that shows the file. */
  readonly view: boolean
  /** `as=text`: the page shows the text of the file as it is. */
  readonly asText: boolean
  /** `part`: which part of a long text the page shows, from 1. */
  readonly part: number
  /** `output`: a picture in a notebook's output, by its number; `undefined` without one. */
  readonly output: number | undefined
  /** `vtt`: subtitles in the form that browsers show. */
  readonly vtt: boolean
  /** `json` or `plain`: the form of a folder, whatever Accept says. */
  readonly form: "json" | "plain" | undefined
  /** `q`, or `filter` with `below`: search for names below the folder; empty for no search. */
  readonly search: string
  /** `in=text`: search in the files, too. */
  readonly inText: boolean
  /** `kind`: only entries of this kind are found; empty for all kinds. */
  readonly kind: string
  /** `sizes`: how much is in each folder of the folder. */
  readonly sizes: boolean
  /** `manage`: a page on which the folder, or the first of `entry`, is changed. */
  readonly manage: "new" | "text" | "entry" | "edit" | "bin" | undefined
  /** `deleted`: the ids of entries that were deleted just now, with dots between. */
  readonly deleted: ReadonlyArray<string>
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
  entries: [],
  choose: false,
  thumb: undefined,
  hasVersion: false,
  share: false,
  sha256: false,
  view: false,
  asText: false,
  part: 1,
  output: undefined,
  vtt: false,
  form: undefined,
  search: "",
  inText: false,
  kind: "",
  sizes: false,
  manage: undefined,
  deleted: [],
  download: false,
}

const manages = ["new", "text", "entry", "edit", "bin"] as const

/** The longest filter, in characters: no name is longer. */
const maxFilter = 255

/** A number from 1; `undefined` if it is none. */
const countOf = (value: string | null): number | undefined =>
  value !== null && /^[1-9]\d{0,8}$/.test(value) ? Number(value) : undefined

const isNone = (query: Query): boolean =>
  Object.entries(query).every(
    ([name, value]) =>
      value === none[name as keyof Query] || (Array.isArray(value) && value.length === 0),
  )

/** Parses what follows the `?` of an address; {@link none} itself if nothing in it is for the file server. */
export const parse = (query: string | undefined): Query => {
  if (query === undefined || query === "") return none
  const fields = new URLSearchParams(toText(query))
  const sort = fields.get("sort")
  const output = fields.get("output") ?? ""
  const archive = fields.get("archive")
  const filter = (fields.get("filter") ?? "").slice(0, maxFilter)
  const parsed: Query = {
    sort: columns.find((column) => column === sort) ?? none.sort,
    order: fields.get("order") === "desc" ? "desc" : "asc",
    filter,
    page: countOf(fields.get("page")) ?? none.page,
    grid: fields.has("grid"),
    archive: archive === "zip" || archive === "tar" ? archive : undefined,
    entries: entriesOf(fields),
    choose: fields.has("choose"),
    thumb: fields.has("thumb")
      ? (thumbSizes.find((size) => fields.get("thumb") === String(size)) ?? 0)
      : undefined,
    hasVersion: fields.has("v"),
    share: fields.has("share"),
    sha256: fields.has("sha256"),
    asText: fields.get("as") === "text",
    part: countOf(fields.get("part")) ?? none.part,
    output: /^\d{1,5}$/.test(output) ? Number(output) : undefined,
    vtt: fields.has("vtt"),
    view: fields.has("view") || fields.has("as_markdown"),
    form: fields.has("json") ? "json" : fields.has("plain") ? "plain" : undefined,
    search: fields.get("q") ?? (fields.has("below") ? filter : ""),
    inText: fields.get("in") === "text",
    kind: (fields.get("kind") ?? "").slice(0, 16),
    sizes: fields.has("sizes"),
    manage: manages.find((page) => page === fields.get("manage")),
    deleted: (fields.get("deleted") ?? "").split(".").filter((id) => /^[0-9a-f]{24}$/.test(id)),
    download: fields.has("download"),
  }
  return isNone(parsed) ? none : parsed
}

/** Whether the body of a request is a form with fields like those of a query. */
export const isForm = (headers: Headers.HeaderList): boolean =>
  /^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(
    Headers.first(headers, "content-type") ?? "",
  )

const percentEncoded = /%([0-9A-Fa-f]{2})/g

/** The names of chosen entries, as forms send them: percent-encoded, since a name need not be UTF-8. */
export const entriesOf = (fields: URLSearchParams): ReadonlyArray<ByteName> =>
  fields
    .getAll("entry")
    .map((value) =>
      fromText(value).replace(percentEncoded, (_, digits: string) =>
        String.fromCharCode(Number.parseInt(digits, 16)),
      ),
    )

/** The value of `entry` in an address; see {@link entriesOf}. */
export const toEntryField = (name: ByteName): string => toUrl(name).replaceAll("%", "%25")

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

/** The query of a folder's page that is shown in the same order and form as another folder. */
export const sameForm = ({ grid, order, sort }: Pick<Query, "grid" | "order" | "sort">): string => {
  const fields = toFields({ grid, order, sort })
  return fields === "" ? "" : `?${fields}`
}

/** The query of the page that shows a file, which leads on in the order of the folder it is opened from. */
export const toView = (query: Partial<Query>): string => {
  const fields = toFields({ ...query, page: 1 })
  return fields === "" ? "?view" : `?view&${fields}`
}

/** Whether a file is asked for in another form than its bytes; see `pages/FileForms.ts`. */
export const asksForm = ({ output, sha256, thumb, view, vtt }: Query): boolean =>
  view || thumb !== undefined || sha256 || vtt || output !== undefined
