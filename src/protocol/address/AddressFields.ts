/**
 * The header fields that carry addresses of an application: what path mode and
 * `--to` move, what path mode removes, and what neither can move. The table of
 * docs/path-mode.md and docs/path-mode.json are written from it.
 */
import { FieldNames } from "../../domain/FieldNames.ts"
import type { Header, HeaderList } from "../../domain/HeaderList.ts"
import * as Syntax from "./AddressSyntax.ts"

/** A field that carries addresses. */
export interface AddressField {
  readonly name: string
  /** Which part of the value is an address. */
  readonly part: string
  readonly syntax: Syntax.AddressSyntax
  /** Whether its addresses have to name their host, because those who read it do not resolve them. */
  readonly isAbsolute?: boolean
}

const wholeValue = "the whole value"

const whole = (name: string): AddressField => ({ name, part: wholeValue, syntax: Syntax.whole })

const absolute = (name: string): AddressField => ({ ...whole(name), isAbsolute: true })

/** The field whose `Path` is moved as a path, not as a reference. Its `Domain` is removed. */
export const setCookie: AddressField = {
  name: "Set-Cookie",
  part: "`Path`",
  syntax: Syntax.cookie,
}

const link: AddressField = {
  name: "Link",
  part: "each target, and the parameters `anchor` and `imagesrcset`",
  syntax: Syntax.links,
}

const uploadConcat: AddressField = {
  name: "Upload-Concat",
  part: "the uploads after `final;`",
  syntax: Syntax.concatenation,
}

const policy = (name: string): AddressField => ({
  name,
  part: "the addresses of `report-uri`",
  syntax: Syntax.policies,
})

/** The fields of responses, apart from {@link setCookie}. */
export const inResponses: ReadonlyArray<AddressField> = [
  whole("Location"),
  whole("Content-Location"),
  { name: "Refresh", part: "the address after the delay", syntax: Syntax.refresh },
  link,
  whole("SourceMap"),
  whole("X-SourceMap"),
  whole("HX-Redirect"),
  {
    name: "HX-Location",
    part: "the whole value, or `path`, `push` and `replace` of its JSON",
    syntax: Syntax.htmxLocation,
  },
  whole("HX-Push-Url"),
  whole("HX-Replace-Url"),
  whole("Turbolinks-Location"),
  whole("X-XHR-Redirected-To"),
  whole("Ajax-Location"),
  whole("X-IC-Redirect"),
  whole("X-IC-PushURL"),
  whole("X-IC-Open"),
  whole("X-Inertia-Location"),
  whole("X-Up-Location"),
  { name: "X-Up-Expire-Cache", part: "each pattern", syntax: Syntax.words },
  { name: "X-Up-Evict-Cache", part: "each pattern", syntax: Syntax.words },
  whole("X-PJAX-URL"),
  absolute("X-Pingback"),
  absolute("X-XRDS-Location"),
  whole("X-Debug-Token-Link"),
  whole("X-Nextjs-Redirect"),
  whole("X-Remix-Redirect"),
  whole("Blazor-Enhanced-Nav-Redirect-Location"),
  absolute("Operation-Location"),
  absolute("Azure-AsyncOperation"),
  absolute("OData-EntityId"),
  whole("Redirect-Ref"),
  uploadConcat,
  { name: "Use-As-Dictionary", part: "`match`", syntax: Syntax.dictionaryMatch },
  { name: "Speculation-Rules", part: "each string", syntax: Syntax.strings },
  { name: "Reporting-Endpoints", part: "each string", syntax: Syntax.strings },
  policy("Content-Security-Policy"),
  policy("Content-Security-Policy-Report-Only"),
  {
    name: "WWW-Authenticate",
    part: "`domain`, `resource_metadata`, and a `realm` of Bearer that is an address",
    syntax: Syntax.challenges,
    isAbsolute: true,
  },
]

/** The fields of requests. */
export const inRequests: ReadonlyArray<AddressField> = [
  whole("Destination"),
  { name: "If", part: "the resource before each list", syntax: Syntax.taggedLists },
  link,
  uploadConcat,
]

/** The fields of requests that follow the Host if `host_header` replaces it. */
export const withHost: ReadonlyArray<AddressField> = [
  whole("Origin"),
  whole("Referer"),
  whole("HX-Current-URL"),
  whole("X-XHR-Referer"),
]

/**
 * Fields that a browser applies to the whole origin. Below a prefix, the origin
 * is shared with other servers, so they are removed.
 */
export const originWide: ReadonlyArray<string> = [
  "Alt-Svc",
  "Clear-Site-Data",
  "NEL",
  "Report-To",
  "Sec-Session-Registration",
  "Secure-Session-Registration",
  "Service-Worker-Allowed",
  "Set-Login",
  "Strict-Transport-Security",
]

/**
 * Fields with which an application has a proxy send a file or another resource
 * instead of its response, delete a file, empty a cache, or take its address out of
 * service. They would be orders of a server to the proxies of its relay, so they are
 * removed in every mode.
 */
export const proxyOrders: ReadonlyArray<string> = [
  "X-Accel-Redirect",
  "X-Envoy-Immediate-Health-Check-Fail",
  "X-LIGHTTPD-Send-File",
  "X-LIGHTTPD-Send-Tempfile",
  "X-LiteSpeed-Location",
  "X-LiteSpeed-Purge",
  "X-LiteSpeed-Purge2",
  "X-Reproxy-File",
  "X-Reproxy-Service",
  "X-Reproxy-URL",
  "X-Sendfile",
  "X-Sendfile-Temporary",
  "X-Sendfile2",
]

/** Addresses that path mode cannot move. */
export interface Unmovable {
  readonly what: string
  readonly effect: string
  readonly remedy: string
}

/** What stays as an application has written it. */
export const unmovable: ReadonlyArray<Unmovable> = [
  {
    what: 'addresses in pages, styles and scripts that begin with a slash, such as `href="/x"` and `fetch("/x")`',
    effect: "they lead to the relay, which answers 404",
    remedy:
      "a host of its own; the application's setting for its base path, with a path in `to`; or relative addresses",
  },
  {
    what: "`href` in listings of WebDAV, CalDAV and CardDAV",
    effect:
      "a synchronisation would delete what it misses, so the relay answers 501 `PTTH_UNKNOWN_PREFIX`",
    remedy: "a host of its own; or an application that is mounted there, with a path in `to`",
  },
  {
    what: "addresses in other bodies: JSON, XML, e-mails, cached redirects",
    effect: "as in pages",
    remedy: "as for pages; some applications use `X-Forwarded-Prefix`",
  },
  {
    what: "relative references with more `..` than the path has segments",
    effect: "they lead out of the server",
    remedy: "references that begin with a slash",
  },
  {
    what: "paths that the client has signed: `uri` of HTTP Digest, AWS Signature 4 (S3)",
    effect: "the application refuses the request",
    remedy: "a host of its own; or a path in `to` that is the visitors' path",
  },
  {
    what: "cookies called `__Host-…`, which browsers accept only with `Path=/`",
    effect: "the browser sends them to every server of the relay",
    remedy: "a host of its own",
  },
  {
    what: "`Referer`, `HX-Current-URL` and `Origin` of requests without `host_header`",
    effect: "they name the page as its visitor sees it; a redirect back to it is right as it is",
    remedy: "none needed",
  },
  {
    what: "sources in `Content-Security-Policy`, `Access-Control-Allow-Origin` and `Timing-Allow-Origin`",
    effect: "they arrive as they are, since they are permissions: moved ones would permit more",
    remedy:
      "relative sources such as `'self'`; or the visitors' origin in the application's setting",
  },
  {
    what: "rules, endpoints and sessions that JSON names: files of `Speculation-Rules`, web app manifests, service workers",
    effect: "as in pages",
    remedy: "as for pages",
  },
  {
    what: "fields that are not in the tables above, and values that do not follow their syntax",
    effect: "they arrive as they are",
    remedy: "a host of its own",
  },
]

/** Values by field names in any case. */
export class NameTable<A> {
  private readonly values: ReadonlyMap<string, A>
  private readonly names: FieldNames

  constructor(entries: ReadonlyArray<readonly [name: string, value: A]>) {
    this.values = new Map(entries.map(([name, value]) => [name.toLowerCase(), value]))
    this.names = new FieldNames(this.values.keys())
  }

  /** The value of a name. */
  get(name: string): A | undefined {
    return this.names.mayHave(name) ? this.values.get(name.toLowerCase()) : undefined
  }

  /** Whether a list has one of the names. */
  isIn(headers: HeaderList): boolean {
    return headers.some(([name]) => this.get(name) !== undefined)
  }
}

/** Fields by their names. */
export type FieldTable = NameTable<AddressField>

/** The fields by their names. */
export const byName = (fields: ReadonlyArray<AddressField>): FieldTable =>
  new NameTable(fields.map((field) => [field.name, field]))

/**
 * The list with every reference in these fields replaced; the same list if there is no such field.
 *
 * @param moveAbsolute replaces those of fields whose addresses have to name their host
 */
export const moved = (
  headers: HeaderList,
  fields: FieldTable,
  move: Syntax.Move,
  moveAbsolute: Syntax.Move = move,
): HeaderList =>
  fields.isIn(headers)
    ? headers.map((header): Header => {
        const [name, value] = header
        const field = fields.get(name)
        if (field === undefined) return header
        return [name, field.syntax(value, field.isAbsolute === true ? moveAbsolute : move)]
      })
    : headers
