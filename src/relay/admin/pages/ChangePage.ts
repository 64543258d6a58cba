/**
 * A change of a registered server: what it does to the file, to be confirmed,
 * and then what was done.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Schema from "effect/Schema"
import { type Html, html } from "../../../web/Html.ts"
import { mask } from "../../inspect/Redaction.ts"
import type { DiffLine } from "../../registry/ServerEdit.ts"
import { Administration } from "../core/Administration.ts"
import { Caller, nameOf } from "../core/Caller.ts"
import {
  type ChangeRequest,
  type MadeChange,
  type PlannedChange,
  ServerChanges,
} from "../core/ServerChanges.ts"
import { relayList } from "../frame/AdminFrame.ts"
import { type AdminPage, badForm, failure, respondDone, respondFramed } from "../frame/AdminPage.ts"
import { pathOf } from "../frame/ServerTabs.ts"
import * as Text from "../frame/Text.ts"
import * as OverviewPage from "./OverviewPage.ts"

const signs: Readonly<Record<DiffLine["kind"], string>> = { same: "  ", removed: "- ", added: "+ " }

/** Hashes of passwords, as `ptth hash-password` prints them, are nothing for a page. */
const masked = (text: string): string => text.replace(/\$scrypt\$[^"'\s]*/g, mask)

const diffOf = (lines: ReadonlyArray<DiffLine>): Html =>
  html`<pre class="diff" tabindex="0" aria-label="Changes of the file">${lines.map(({ kind, text }) => html`<span class="${kind}">${signs[kind]}${masked(text)}</span>`)}</pre>`

const fileOf = ({ newPath, path }: PlannedChange): Html => {
  if (newPath === undefined) return html`<code>${path}</code> is removed:`
  if (newPath === path) return html`<code>${path}</code> becomes:`
  return html`<code>${path}</code> becomes <code>${newPath}</code>:`
}

/** The page on which a change is confirmed. */
export const renderPlan = (planned: PlannedChange): Html => {
  const { diff, id, name, request } = planned
  return html`<p>${Text.change.warning[request.act]}</p>
<p>${fileOf(planned)}</p>
${diffOf(diff)}
<form class="decide" method="post" action="${pathOf(name)}/apply"><input type="hidden" name="id" value="${id}"><button class="${request.act === "remove" ? "danger" : "main"}">${Text.change.button[request.act]}</button> <a href="${pathOf(name, "settings")}">Cancel</a></form>`
}

/**
 * The page that tells a new key, once.
 *
 * @param relayUrl the relay's address for servers
 */
export const renderKey = (
  { key = "", name, silent }: MadeChange,
  relayUrl: string,
): Html => html`<p class="notice good">${Text.change.keyMade}</p>
<pre class="copy" id="config" tabindex="0"># ptth_server.toml
name = "${name}"
api_key = "${key}"
relay_url = "${relayUrl}"</pre>
<p><button type="button" data-copy="config" hidden>Copy</button></p>
<p>${Text.change.keyOnce}</p>
${silent.length === 0 ? undefined : html`<div class="notice bad"><p>${Text.acts.missed}</p>${relayList(silent)}</div>`}
<p><a href="${pathOf(name, "settings")}">${Text.acts.next}</a></p>`

const Form = Schema.Struct({
  act: Schema.Literals(["rename", "pause", "resume", "remove", "new key", "drop key"]),
  to: Schema.optionalKey(Schema.String),
  keeps: Schema.optionalKey(Schema.String),
  tripcode: Schema.optionalKey(Schema.String),
})

const requestOf = ({ act, keeps, to = "", tripcode = "" }: typeof Form.Type): ChangeRequest => {
  switch (act) {
    case "rename":
      return { act, to: to.trim() }
    case "new key":
      return { act, keeps: keeps === "yes" }
    case "drop key":
      return { act, tripcode }
    default:
      return { act }
  }
}

const plan = Effect.gen(function* () {
  const { name = "" } = yield* HttpRouter.params
  const form = yield* HttpServerRequest.schemaBodyUrlParams(Form)
  const planned = yield* (yield* ServerChanges).plan(name, requestOf(form))
  return yield* respondFramed({
    title: Text.change.title[planned.request.act](name),
    current: OverviewPage.path,
    main: renderPlan(planned),
  })
}).pipe(
  Effect.catchTags({
    ChangeError: ({ code, detail }) => failure(code, detail),
    SchemaError: badForm,
    HttpServerError: badForm,
  }),
)

const apply = Effect.gen(function* () {
  const { id } = yield* HttpServerRequest.schemaBodyUrlParams(Schema.Struct({ id: Schema.String }))
  const { identity, origin } = yield* Caller
  const change = yield* (yield* ServerChanges).apply(id, nameOf(identity))
  if (change.key !== undefined)
    return yield* respondFramed({
      title: Text.change.title["new key"](change.name),
      current: OverviewPage.path,
      main: renderKey(change, (yield* Administration).relayUrl(origin)),
    })
  const isGone = change.request.act === "remove"
  return yield* respondDone(change, isGone ? OverviewPage.path : pathOf(change.name, "settings"))
}).pipe(
  Effect.catchTags({
    ChangeError: ({ code, detail }) => failure(code, detail),
    SchemaError: badForm,
    HttpServerError: badForm,
  }),
)

/** The pages. */
export const page: AdminPage = {
  routes: [
    HttpRouter.route("POST", "/servers/:name/plan", plan),
    HttpRouter.route("POST", "/servers/:name/apply", apply),
  ],
}
