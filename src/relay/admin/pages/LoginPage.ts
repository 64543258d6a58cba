/**
 * Logging in and out. A login link leads to a page with a button, so that a
 * program that fetches links in advance does not use it up.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import * as Assets from "../../../web/Assets.ts"
import { type Html, html } from "../../../web/Html.ts"
import { page as wholePage } from "../../../web/Page.ts"
import { AuditLog } from "../../audit/AuditLog.ts"
import { AdminLogin, cookieName, sessionMillis } from "../core/AdminLogin.ts"
import { Caller, nameOf } from "../core/Caller.ts"
import { LoginLink } from "../core/LoginLink.ts"
import { type AdminPage, respond, seeOther } from "../frame/AdminPage.ts"
import * as Text from "../frame/Text.ts"

const framed = (main: Html): Html =>
  wholePage({
    title: "Log in · PTTH relay",
    top: "/",
    script: Assets.liveScript,
    heading: html`<h1>PTTH relay: administration</h1>`,
    main,
  })

/** The page of a login link. */
export const renderLink = (secret: string): Html =>
  framed(html`<p>${Text.login.enter}</p>
<form method="post" action="/login"><input type="hidden" name="secret" value="${secret}"><button class="main">Log in</button></form>`)

/** The page for a caller who is not logged in. */
export const renderNeeded = (problem: string | undefined): Html =>
  framed(html`${problem === undefined ? undefined : html`<p class="notice bad" role="alert">${problem}</p>`}
<p>${Text.login.needed}</p>
<form method="post" action="/login/new"><button class="main">Print a new login link</button></form>`)

const setCookie = (value: string, seconds: number) =>
  HttpServerResponse.setHeader(
    "set-cookie",
    `${cookieName}=${value}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=${seconds}`,
  )

const Form = Schema.Struct({ secret: Schema.String })

const showLink = Effect.gen(function* () {
  const { secret = "" } = yield* HttpRouter.params
  return (yield* AdminLogin).isLink(secret, yield* Clock.currentTimeMillis)
    ? respond(renderLink(secret))
    : respond(renderNeeded(Text.login.badLink), 401)
})

const logIn = Effect.gen(function* () {
  const login = yield* AdminLogin
  const { address } = yield* Caller
  const { secret } = yield* HttpServerRequest.schemaBodyUrlParams(Form).pipe(
    Effect.orElseSucceed(() => ({ secret: "" })),
  )
  const session = login.enter(secret, yield* Clock.currentTimeMillis)
  const audit = yield* AuditLog
  if (session === undefined) {
    audit.record({ _tag: "AdminRefused", reason: "login link", address })
    return respond(renderNeeded(Text.login.badLink), 401)
  }
  const by = nameOf({ _tag: "Session", session })
  audit.record({ _tag: "AdminLoggedIn", by, address })
  return setCookie(session, sessionMillis / 1000)(seeOther("/"))
})

const printLink = Effect.gen(function* () {
  const { print } = yield* LoginLink
  return (yield* print)
    ? respond(framed(html`<p>${Text.login.printed}</p>`))
    : respond(renderNeeded(Text.login.tooSoon), 429)
})

const logOut = Effect.gen(function* () {
  const login = yield* AdminLogin
  const { identity } = yield* Caller
  if (identity._tag === "Session") login.leave(identity.session, yield* Clock.currentTimeMillis)
  return setCookie("", 0)(seeOther("/login"))
})

/** The pages. */
export const page: AdminPage = {
  routes: [
    HttpRouter.route("GET", "/login", respond(renderNeeded(undefined))),
    HttpRouter.route("GET", "/login/:secret", showLink),
    HttpRouter.route("POST", "/login", logIn),
    HttpRouter.route("POST", "/login/new", printLink),
    HttpRouter.route("POST", "/logout", logOut),
  ],
}
