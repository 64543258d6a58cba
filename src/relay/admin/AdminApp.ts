/**
 * The administrator's pages and API as one Effect HTTP app. `AdminFront.ts`
 * has checked each request that comes here.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as EffectApp from "../../transport/app/EffectApp.ts"
import * as Assets from "../../web/Assets.ts"
import * as LiveScript from "../../web/LiveScript.ts"
import * as Logo from "../../web/Logo.ts"
import * as Style from "../../web/Style.ts"
import { AdminApi, apiPath } from "./core/AdminApi.ts"
import * as AdminApiHandlers from "./core/AdminApiHandlers.ts"
import { Caller } from "./core/Caller.ts"
import * as AdminPage from "./frame/AdminPage.ts"
import * as Text from "./frame/Text.ts"
import * as ApiPage from "./pages/ApiPage.ts"
import * as AuditPage from "./pages/AuditPage.ts"
import * as CertificatesPage from "./pages/CertificatesPage.ts"
import * as ChangePage from "./pages/ChangePage.ts"
import * as ConfigPage from "./pages/ConfigPage.ts"
import * as DebugPage from "./pages/DebugPage.ts"
import * as InvitationPage from "./pages/InvitationPage.ts"
import * as LoginPage from "./pages/LoginPage.ts"
import * as MetricsPage from "./pages/MetricsPage.ts"
import * as OverviewPage from "./pages/OverviewPage.ts"
import * as RelaysPage from "./pages/RelaysPage.ts"
import * as ServerPage from "./pages/ServerPage.ts"
import * as ServerSettingsPage from "./pages/ServerSettingsPage.ts"
import * as UnregisteredPage from "./pages/UnregisteredPage.ts"
import * as RecordedPage from "./requests/RecordedPage.ts"
import * as RequestPage from "./requests/RequestPage.ts"
import * as RequestsPage from "./requests/RequestsPage.ts"

/** All pages; those of the menu in its order. */
const pages: ReadonlyArray<AdminPage.AdminPage> = [
  OverviewPage.page,
  RequestsPage.page,
  UnregisteredPage.page,
  RelaysPage.page,
  CertificatesPage.page,
  AuditPage.page,
  ConfigPage.page,
  ApiPage.page,
  DebugPage.page,
  ServerPage.page,
  ServerSettingsPage.page,
  ChangePage.page,
  InvitationPage.page,
  RequestPage.page,
  RecordedPage.page,
  MetricsPage.page,
  LoginPage.page,
]

/** Where the original PTTH has its pages, and where they are here. */
const originalPaths = {
  "/frontend/unregistered_servers": "/unregistered",
  "/frontend/audit_log": "/audit",
  "/frontend/debug/": "/debug",
  "/frontend/servers": "/",
  "/frontend/": "/",
} as const

const asset = (path: HttpRouter.PathInput, text: string, contentType: string) =>
  HttpRouter.route("GET", path, HttpServerResponse.text(text, { contentType }))

const hashedAsset = ({ bytes, path, type }: Assets.Asset) =>
  HttpRouter.route("GET", `/${path}`, HttpServerResponse.uint8Array(bytes, { contentType: type }))

const routes: ReadonlyArray<HttpRouter.Route<never, AdminPage.PageServices>> = [
  asset("/assets/style.css", Style.css, "text/css; charset=utf-8"),
  asset("/assets/app.js", LiveScript.js, "text/javascript; charset=utf-8"),
  ...[Assets.style, Assets.adminStyle, Assets.logo, Assets.liveScript].map(hashedAsset),
  asset("/favicon.svg", Logo.svg, "image/svg+xml; charset=utf-8"),
  HttpRouter.route("GET", "/healthz", HttpServerResponse.text("ok\n")),
  ...Object.entries(originalPaths).map(([from, to]) =>
    HttpRouter.route(
      "GET",
      from as HttpRouter.PathInput,
      HttpServerResponse.redirect(to, { status: 307 }),
    ),
  ),
  ...pages.flatMap((page) => page.routes),
]

const apiRoutes = [
  { method: "GET", path: `${apiPath}/openapi.json` },
  ...Object.values(AdminApi.groups).flatMap(({ endpoints }) => Object.values(endpoints)),
]

const pattern = (path: string): RegExp =>
  new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/:\w+/g, "[^/]+")}$`)

const resources = [...routes, ...apiRoutes].map(({ method, path }) => ({
  method,
  pattern: pattern(path),
}))

/** The methods of the resource at a target (RFC 9110 10.2.1); none if there is no such resource. */
const allowedAt = (target: string): ReadonlyArray<string> => {
  const [path = ""] = target.split("?", 1)
  const methods = resources.filter((one) => one.pattern.test(path)).map(({ method }) => method)
  return [...new Set(methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])))]
}

/** Answers whatever has no route: 405 where another method has one, else 404. */
const fallback = HttpRouter.route("*", "/*", ({ url }) => {
  const allow = allowedAt(url).join(", ")
  return allow === ""
    ? AdminPage.failure("PTTH_NOT_FOUND", Text.failure.noPage)
    : AdminPage.failure("PTTH_METHOD_NOT_ALLOWED", Text.failure.method(allow), [["Allow", allow]])
})

const layer = HttpRouter.addAll([...routes, fallback]).pipe(
  Layer.merge(AdminApiHandlers.layer),
  Layer.provide(HttpServer.layerServices),
)

/** The app as a handler for requests of a given caller, until the Scope closes. */
export const make = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const app = yield* HttpRouter.toHttpEffect(layer)
  return yield* EffectApp.toHandlerWith(app, Caller, { scope })
}).pipe(Effect.provideService(AdminPage.Menu, AdminPage.menuOf(pages)))
