/**
 * What a page of the administrator's side is: its routes and its place in the
 * menu. The list of pages is in `AdminApp.ts`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import { HttpServerRequest, type ParsedSearchParams } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { RegisteredServer } from "../../../domain/config/RelayConfig.ts"
import { entry, statusOf, type VisitorErrorCode } from "../../../domain/ErrorRegistry.ts"
import type { HeaderList } from "../../../domain/HeaderList.ts"
import * as FailurePage from "../../../web/FailurePage.ts"
import { type Html, html, toBytes } from "../../../web/Html.ts"
import { sentence } from "../../../web/Text.ts"
import type { AuditLog } from "../../audit/AuditLog.ts"
import type { History } from "../../history/History.ts"
import { type Reached, uniqueById } from "../../status/Relays.ts"
import { Administration, type Overview } from "../core/Administration.ts"
import type { AdminLogin } from "../core/AdminLogin.ts"
import { Caller } from "../core/Caller.ts"
import type { LoginLink } from "../core/LoginLink.ts"
import type { Requests } from "../core/Requests.ts"
import type { ServerChanges } from "../core/ServerChanges.ts"
import { type FrameParts, frame, relayList } from "./AdminFrame.ts"
import * as Text from "./Text.ts"

/** A link of the menu. */
export interface MenuItem {
  readonly path: HttpRouter.PathInput
  readonly label: string
  /** A number beside the label, where it is not 0. */
  readonly count?: (overview: Overview) => number
  /** Whether it is there; by default always. */
  readonly isWanted?: (overview: Overview) => boolean
}

/** The links of the menu in their order. */
export class Menu extends Context.Service<Menu, ReadonlyArray<MenuItem>>()(
  "ptth/relay/admin/Menu",
) {}

/** The services that handlers of pages may use. */
export type PageServices =
  | Administration
  | AdminLogin
  | AuditLog
  | Caller
  | History
  | LoginLink
  | Menu
  | Requests
  | ServerChanges

/** A page. */
export interface AdminPage {
  readonly routes: ReadonlyArray<HttpRouter.Route<never, PageServices>>
  /** Its link in the menu, if it has one. */
  readonly menu?: MenuItem
}

/** The menu of these pages. */
export const menuOf = (pages: ReadonlyArray<AdminPage>): ReadonlyArray<MenuItem> =>
  pages.flatMap(({ menu }) => menu ?? [])

/** A response with a whole page. */
export const respond = (page: Html, status = 200): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.uint8Array(toBytes(page), { status, contentType: "text/html; charset=utf-8" })

/**
 * A response with a page in the administrator's frame.
 *
 * @param parts `silent` are relays that the page lacks besides those of `given`
 * @param given the state of all relays, if the page has asked for it
 */
export const respondFramed = Effect.fnUntraced(function* (
  parts: Pick<FrameParts, "title" | "current" | "live" | "main"> & Partial<Reached>,
  given?: Overview,
) {
  const overview = given ?? (yield* (yield* Administration).overview)
  const { identity } = yield* Caller
  const menu = yield* Menu
  return respond(
    frame({
      ...parts,
      menu: menu
        .filter(({ isWanted }) => isWanted?.(overview) !== false)
        .map(({ count, label, path }) => ({ path, label, count: count?.(overview) ?? 0 })),
      hasConfigError: overview.hasConfigProblem,
      silent: uniqueById([...overview.silent, ...(parts.silent ?? [])]),
      canLogOut: identity._tag === "Session",
    }),
  )
})

/**
 * The route of a page of the menu that shows the state of all relays, and is
 * loaded again when that changes.
 *
 * @param menu its label is the page's title
 */
export const overviewRoute = (
  { label, path }: MenuItem,
  render: (
    overview: Overview,
    administration: Administration["Service"],
  ) => Effect.Effect<Html, never, History | ParsedSearchParams>,
): HttpRouter.Route<never, PageServices> =>
  HttpRouter.route(
    "GET",
    path,
    Effect.gen(function* () {
      const administration = yield* Administration
      const overview = yield* administration.overview
      const main = yield* render(overview, administration)
      return yield* respondFramed({ title: label, current: path, live: true, main }, overview)
    }),
  )

/** A redirect after a form (RFC 9110 15.4.4). */
export const seeOther = (location: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.empty({ status: 303, headers: { location } })

/**
 * Leads to a page after an act (RFC 9110 15.4.4), or says which relays it did not reach.
 *
 * @param location a page of the menu, or below one
 * @param current that page without a query
 */
export const respondDone = ({ silent }: Reached, location: string, current = location) =>
  silent.length === 0
    ? Effect.succeed(seeOther(location))
    : respondFramed({
        title: Text.acts.title,
        current,
        main: html`<p>${Text.acts.missed}</p>${relayList(silent)}<p><a href="${location}">${Text.acts.next}</a></p>`,
      })

/** The address of the page whose form or link caused a request; `undefined` if another site did, or nothing says. */
const refererOf = (referer: string | undefined, origin: string): string | undefined => {
  const url = URL.parse(referer ?? "")
  return url?.origin === origin ? url.href : undefined
}

const failureMain = (code: VisitorErrorCode, detail: string, back: string | undefined): Html =>
  html`<p class="notice bad" role="alert">${sentence(detail)}</p>
${code in Text.failure.titles ? undefined : html`<p>${FailurePage.withCode(entry(code).ownerRemedy ?? entry(code).remedy)}</p>`}
${back && html`<p><a href="${back}">${Text.failure.back}</a></p>`}
<p class="faint"><code>${code}</code></p>`

/** Header fields of a failure that hold for a page in the frame, too. */
const keptFields = new Set(["allow", "cache-control", "vary", "x-ptth-code", "x-request-id"])

/**
 * A failure: a page in the administrator's frame, or what programs read if the
 * request accepts no page. The frame tells nothing to somebody who is not logged in.
 */
export const failure = Effect.fnUntraced(function* (
  code: VisitorErrorCode,
  detail: string,
  fields: HeaderList = [],
) {
  const request = yield* HttpServerRequest
  const { identity, origin } = yield* Caller
  const { body, headers, status } = FailurePage.render(
    { code, detail, status: statusOf(code), headers: fields },
    request.headers.accept,
    { hasIcon: false },
  )
  const isPage = headers.some(([name, value]) => name === "Content-Type" && /html/.test(value))
  if (!isPage || identity._tag === "Anonymous")
    return HttpServerResponse.uint8Array(body, { status, headers: Object.fromEntries(headers) })
  const back = refererOf(request.headers.referer, origin)
  const page = yield* respondFramed({
    title: Text.failure.titles[code] ?? entry(code).title.replace(/\.$/, ""),
    current: "",
    main: failureMain(code, detail, back),
  })
  return HttpServerResponse.setHeaders(
    HttpServerResponse.setStatus(page, status),
    headers.filter(([name]) => keptFields.has(name.toLowerCase())),
  )
})

/** Continues with the server that the path names, or answers that there is none. */
export const withServer = <A, E, R>(use: (server: RegisteredServer) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const { name = "" } = yield* HttpRouter.params
    const server = (yield* Administration).registered(name)
    return server === undefined
      ? yield* failure("PTTH_NOT_FOUND", Text.failure.noServer(name))
      : yield* use(server)
  })

/** The failure of a form that does not match its schema. */
export const badForm = () => failure("PTTH_BAD_REQUEST", Text.failure.badForm)
