/**
 * The administrator's pages and API as an Effect HTTP app. Whoever comes here
 * has been let in by `AdminFront.ts`.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as UrlParams from "effect/http/UrlParams"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { tripcode } from "../../domain/ApiKey.ts"
import { statusOf, type VisitorErrorCode } from "../../domain/ErrorRegistry.ts"
import type { HeaderList } from "../../domain/HeaderList.ts"
import { newKey } from "../../transport/auth/NewKey.ts"
import * as Prometheus from "../../transport/observe/Prometheus.ts"
import * as FailurePage from "../../web/FailurePage.ts"
import { type Html, html, toBytes } from "../../web/Html.ts"
import * as LiveScript from "../../web/LiveScript.ts"
import * as Logo from "../../web/Logo.ts"
import * as Style from "../../web/Style.ts"
import { AuditLog } from "../audit/AuditLog.ts"
import * as RelayMetrics from "../status/RelayMetrics.ts"
import { serverTable } from "../status/ServerTable.ts"
import type { ServerView } from "../status/ServerView.ts"
import type { AdminRefusals } from "./AdminRefusals.ts"
import { AdminApi, apiPath } from "./core/AdminApi.ts"
import * as AdminApiHandlers from "./core/AdminApiHandlers.ts"
import { Administration, type AuditFilter } from "./core/Administration.ts"
import { type AdminLogin, cookieName, sessionMillis } from "./core/AdminLogin.ts"
import { type FrameParts, frame } from "./pages/AdminFrame.ts"
import { apiPage } from "./pages/ApiPage.ts"
import { auditPage, toNdjson } from "./pages/AuditPage.ts"
import { configPage } from "./pages/ConfigPage.ts"
import { debugPage } from "./pages/DebugPage.ts"
import { inspectorPage } from "./pages/InspectorPage.ts"
import * as LoginPage from "./pages/LoginPage.ts"
import { serverPage } from "./pages/ServerPage.ts"
import { unregisteredPage } from "./pages/UnregisteredPage.ts"

/** What the app needs besides the services. */
export interface AdminAppOptions {
  readonly login: AdminLogin
  readonly refusals: AdminRefusals
  /** Makes a login link and prints it; whether it did, since it does not do so too often. */
  readonly printLink: Effect.Effect<boolean>
  readonly metrics: RelayMetrics.MetricsContext
}

/** Fields in which `AdminFront.ts` tells the app what it knows; what came in under these names is taken out there. */
export const field = {
  /** Who asks, for the audit log. */
  by: AdminApiHandlers.adminField,
  /** The secret of the session, if there is one. */
  session: "x-ptth-admin-session",
  address: "x-ptth-admin-address",
} as const

const page = (whole: Html, status = 200): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.uint8Array(toBytes(whole), { status, contentType: "text/html; charset=utf-8" })

const asset = (text: string, contentType: string) =>
  HttpServerResponse.text(text, { contentType: `${contentType}; charset=utf-8` })

const seeOther = (location: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.empty({ status: 303, headers: { location } })

const failure = (code: VisitorErrorCode, detail: string, fields: HeaderList = []) =>
  Effect.map(HttpServerRequest, ({ headers: asked }) => {
    const { body, headers, status } = FailurePage.render(
      { code, detail, status: statusOf(code), headers: fields },
      asked.accept,
    )
    return HttpServerResponse.uint8Array(body, { status, headers: Object.fromEntries(headers) })
  })

/** A field of a form. */
const formField = (form: UrlParams.UrlParams, name: string): string =>
  Option.getOrElse(UrlParams.getFirst(form, name), () => "")

const form = HttpServerRequest.pipe(
  Effect.flatMap((request) => request.urlParamsBody),
  Effect.orElseSucceed(() => UrlParams.empty),
)

const query = Effect.map(
  HttpServerRequest,
  ({ url }) => new URL(url, "http://admin.invalid").searchParams,
)

const cookie = (value: string, seconds: number): string =>
  `${cookieName}=${value}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=${seconds}`

const serversMain = (servers: ReadonlyArray<ServerView>): Html =>
  html`<div id="servers" data-live>${
    servers.length === 0
      ? html`<p class="empty">No server is registered yet. <a href="/unregistered">Approve</a> one that has knocked.</p>`
      : serverTable(servers, ({ name }) => `/servers/${name}`)
  }</div>`

interface KnownRoute {
  readonly method: string
  readonly path: RegExp
}

const pattern = (path: string): RegExp =>
  new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/:\w+/g, "[^/]+")}$`)

const apiRoutes = (): Array<KnownRoute> => [
  { method: "GET", path: pattern(`${apiPath}/openapi.json`) },
  ...Object.values(AdminApi.groups).flatMap(({ endpoints }) =>
    Object.values(endpoints).map(({ method, path }) => ({ method, path: pattern(path) })),
  ),
]

/** The methods that something at this address takes (RFC 9110 10.2.1). */
const allowedAt = (known: ReadonlyArray<KnownRoute>, url: string): ReadonlyArray<string> => {
  const [path = ""] = url.split("?", 1)
  const methods = known.filter((one) => one.path.test(path)).map(({ method }) => method)
  return [...new Set(methods.flatMap((one) => (one === "GET" ? ["GET", "HEAD"] : [one])))]
}

/** The routes. */
export const routes = ({ login, metrics, printLink, refusals }: AdminAppOptions) =>
  HttpRouter.use((routed) =>
    Effect.gen(function* () {
      const administration = yield* Administration
      const audit = yield* AuditLog
      const known = apiRoutes()
      const router: Pick<HttpRouter.HttpRouter, "add"> = {
        add: (method, path, handler) => {
          if (method !== "*") known.push({ method, path: pattern(path) })
          return routed.add(method, path, handler)
        },
      }

      const framed = (parts: Pick<FrameParts, "title" | "place" | "live" | "main">, status = 200) =>
        Effect.map(HttpServerRequest, ({ headers }) =>
          page(
            frame({
              ...parts,
              waiting: administration.unregistered().filter(({ ignored }) => !ignored).length,
              broken: administration.config().problem !== undefined,
              session: headers[field.session] !== undefined,
            }),
            status,
          ),
        )

      const said = (name: string) => Effect.map(HttpServerRequest, ({ headers }) => headers[name])

      yield* router.add("GET", "/assets/style.css", asset(Style.css, "text/css"))
      yield* router.add("GET", "/assets/app.js", asset(LiveScript.js, "text/javascript"))
      yield* router.add("GET", "/favicon.svg", asset(Logo.svg, "image/svg+xml"))
      yield* router.add("GET", "/healthz", HttpServerResponse.text("ok\n"))

      yield* router.add("GET", "/login", page(LoginPage.neededPage(undefined)))
      yield* router.add("GET", "/login/:secret", () =>
        Effect.map(HttpRouter.params, ({ secret }) => page(LoginPage.enterPage(secret ?? ""))),
      )
      yield* router.add("POST", "/login", () =>
        Effect.gen(function* () {
          const now = yield* Clock.currentTimeMillis
          const address = (yield* said(field.address)) ?? ""
          const session = login.enter(formField(yield* form, "secret"), now)
          if (session === undefined) {
            refusals.note("login link", address)
            return page(
              LoginPage.neededPage("This login link has been used, has expired or never was one."),
              401,
            )
          }
          audit.record({ _tag: "AdminLoggedIn", by: "login link", address })
          return HttpServerResponse.setHeader(
            seeOther("/"),
            "set-cookie",
            cookie(session, sessionMillis / 1000),
          )
        }),
      )
      yield* router.add("POST", "/login/new", () =>
        Effect.map(printLink, (printed) =>
          printed
            ? page(LoginPage.printedPage())
            : page(LoginPage.neededPage("A link was printed a moment ago; look for that."), 429),
        ),
      )
      yield* router.add("POST", "/logout", () =>
        Effect.gen(function* () {
          const session = yield* said(field.session)
          if (session !== undefined) login.leave(session, yield* Clock.currentTimeMillis)
          return HttpServerResponse.setHeader(seeOther("/login"), "set-cookie", cookie("", 0))
        }),
      )

      yield* router.add("GET", "/", () =>
        Effect.suspend(() => {
          const servers = administration.servers()
          return framed({
            title: "Servers",
            place: "/",
            live: true,
            main: serversMain(servers),
          })
        }),
      )
      yield* router.add("GET", "/servers/:name", () =>
        Effect.flatMap(HttpRouter.params, ({ name = "" }) => {
          const view = administration.server(name)
          if (view === undefined)
            return failure(
              "PTTH_NOT_FOUND",
              `no server is called ${JSON.stringify(name).slice(1, -1)}`,
            )
          return framed({
            title: view.displayName,
            place: "/",
            live: true,
            main: serverPage(
              view,
              administration.openAt(view.name),
              administration.inspects(view.name),
            ),
          })
        }),
      )
      yield* router.add("GET", "/servers/:name/inspect", () =>
        Effect.flatMap(HttpRouter.params, ({ name = "" }) => {
          const view = administration.server(name)
          if (view === undefined || !administration.inspects(view.name))
            return failure(
              "PTTH_NOT_FOUND",
              `no server that is inspected is called ${JSON.stringify(name).slice(1, -1)}; the configuration has to say \`inspect = true\``,
            )
          return framed({
            title: `Requests of ${view.displayName}`,
            place: "/",
            live: true,
            main: inspectorPage(
              view,
              administration.inspected(view.name),
              administration.openAt(view.name),
            ),
          })
        }),
      )

      yield* router.add("GET", "/unregistered", () =>
        Effect.suspend(() =>
          framed({
            title: "Unregistered servers",
            place: "/unregistered",
            live: true,
            main: unregisteredPage(administration.unregistered(), administration.publicUrl()),
          }),
        ),
      )
      yield* router.add("POST", "/unregistered/approve", () =>
        Effect.gen(function* () {
          const params = yield* form
          const by = (yield* said(field.by)) ?? "nobody"
          return yield* administration
            .approve(formField(params, "name"), formField(params, "tripcode"), by)
            .pipe(
              Effect.as(seeOther(`/servers/${encodeURIComponent(formField(params, "name"))}`)),
              Effect.catch((error) => failure(error.code, error.detail)),
            )
        }),
      )
      yield* router.add("POST", "/unregistered/ignore", () =>
        Effect.gen(function* () {
          const params = yield* form
          const by = (yield* said(field.by)) ?? "nobody"
          const [name, tripcode] = [formField(params, "name"), formField(params, "tripcode")]
          return administration.ignore(name, tripcode, by)
            ? seeOther("/unregistered")
            : yield* failure("PTTH_NOT_FOUND", "nobody with this name and key waits")
        }),
      )

      const filter = Effect.map(query, (params): AuditFilter => {
        const name = params.get("name") ?? ""
        const kind = AdminApiHandlers.kindOf(params.get("kind") ?? undefined)
        return { name: name === "" ? undefined : name, kind }
      })
      yield* router.add("GET", "/audit", () =>
        Effect.flatMap(filter, (wanted) =>
          framed({
            title: "Audit log",
            place: "/audit",
            live: true,
            main: auditPage(administration.audit(wanted), wanted),
          }),
        ),
      )
      yield* router.add("GET", "/audit.ndjson", () =>
        Effect.map(filter, (wanted) =>
          HttpServerResponse.text(toNdjson(administration.audit(wanted)), {
            contentType: "application/x-ndjson",
          }),
        ),
      )

      yield* router.add("GET", "/config", () =>
        Effect.suspend(() =>
          framed({
            title: "Configuration",
            place: "/config",
            live: true,
            main: configPage(administration.config()),
          }),
        ),
      )
      yield* router.add("GET", "/api", () =>
        framed({ title: "API", place: "/api", main: apiPage() }),
      )
      yield* router.add("GET", "/debug", () =>
        framed({ title: "Debug", place: "/debug", main: debugPage(undefined) }),
      )
      yield* router.add("POST", "/debug/key", () =>
        Effect.suspend(() => {
          const key = newKey()
          const made = { key: Redacted.value(key), tripcode: tripcode(key) }
          return framed({ title: "Debug", place: "/debug", main: debugPage(made) })
        }),
      )
      yield* router.add("GET", "/metrics", () =>
        Effect.sync(() =>
          HttpServerResponse.text(Prometheus.render(RelayMetrics.read(metrics)), {
            contentType: Prometheus.contentType,
          }),
        ),
      )

      // Where the original has these pages.
      for (const [from, to] of [
        ["/frontend/unregistered_servers", "/unregistered"],
        ["/frontend/audit_log", "/audit"],
        ["/frontend/debug/", "/debug"],
        ["/frontend/servers", "/"],
        ["/frontend/", "/"],
      ] as const) {
        yield* router.add("GET", from, HttpServerResponse.redirect(to, { status: 307 }))
      }
      yield* router.add("*", "/*", () =>
        Effect.flatMap(HttpServerRequest, ({ url }) => {
          const allow = allowedAt(known, url)
          return allow.length === 0
            ? failure("PTTH_NOT_FOUND", "the administrator's side has no such page")
            : failure("PTTH_METHOD_NOT_ALLOWED", `this takes only ${allow.join(", ")}`, [
                ["Allow", allow.join(", ")],
              ])
        }),
      )
    }),
  ).pipe(Layer.merge(AdminApiHandlers.layer), Layer.provide(HttpServer.layerServices))
