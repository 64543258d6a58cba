/**
 * Servers that wait for approval. Each is shown with its words and tripcode,
 * which the server prints too, because anybody can claim a name.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Schema from "effect/Schema"
import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import { table } from "../../../web/Table.ts"
import { toToml } from "../../registry/Approval.ts"
import { Administration, type Overview, type StrangerView } from "../core/Administration.ts"
import { Caller, nameOf } from "../core/Caller.ts"
import { type AdminPage, badForm, failure, respondDone, respondFramed } from "../frame/AdminPage.ts"
import { pathOf } from "../frame/ServerTabs.ts"
import * as Text from "../frame/Text.ts"
import * as InvitationPage from "./InvitationPage.ts"

const hiddenFields = ({ name, tripcode }: StrangerView): Html =>
  html`<input type="hidden" name="name" value="${name}"><input type="hidden" name="tripcode" value="${tripcode}">`

const decisionOf = (stranger: StrangerView): Html => {
  const name = html`<span class="unseen"> ${stranger.name}, ${stranger.words}</span>`
  const approve =
    stranger.reason === "wrong key"
      ? html`<p>${Text.unregistered.keyChanged}</p>`
      : html`<form method="post" action="/unregistered/approve">${hiddenFields(stranger)}<label><input type="checkbox" name="compared" value="yes" required> ${Text.unregistered.compared}</label><button class="main">Approve${name}</button></form>`
  const ignore = stranger.ignored
    ? undefined
    : html`<form method="post" action="/unregistered/ignore">${hiddenFields(stranger)}<button>Ignore${name}</button></form>`
  return html`<div class="decision">${approve}${ignore}<details><summary>As TOML${name}</summary><pre tabindex="0">${toToml(stranger.name, stranger.tripcode)}</pre></details></div>`
}

const strangerTable = (caption: string, strangers: ReadonlyArray<StrangerView>): Html =>
  table({
    caption,
    columns: ["Name", "Words", "Tripcode", "From", "First seen", "Last seen", "Decision"],
    rows: strangers.map((stranger) => ({
      id: `stranger-${stranger.name}-${stranger.tripcode}`,
      cells: [
        html`${stranger.name}${stranger.reason === "wrong key" ? html` <span class="state away">key changed</span>` : undefined}`,
        html`<b>${stranger.words}</b>`,
        html`<code>${stranger.tripcode}</code>`,
        html`${stranger.address}`,
        Format.time(stranger.firstSeen),
        Format.time(stranger.lastSeen),
        decisionOf(stranger),
      ],
    })),
  })

/**
 * What the page shows.
 *
 * @param relayUrl the relay's address for servers
 */
export const render = (strangers: ReadonlyArray<StrangerView>, relayUrl: string): Html => {
  const waiting = strangers.filter(isWaiting)
  const ignored = strangers.filter((one) => !isWaiting(one))
  return html`<p>${Text.unregistered.intro}</p>
<div id="waiting" data-live>${
    waiting.length === 0
      ? html`<p class="empty">${Text.unregistered.empty}</p>
<pre tabindex="0">ptth share --relay ${relayUrl} ./Pictures</pre>`
      : strangerTable("Waiting for approval", waiting)
  }</div>
<p>${Text.invitation.intro}</p>
${InvitationPage.form}
<div id="ignored" data-live>${
    ignored.length === 0
      ? undefined
      : html`<details><summary>${Text.unregistered.ignored(ignored.length)}</summary>${strangerTable("Ignored", ignored)}</details>`
  }</div>`
}

const isWaiting = ({ ignored }: StrangerView): boolean => !ignored

const menu = {
  path: "/unregistered",
  label: "Unregistered",
  count: ({ unregistered }: Overview) => unregistered.filter(isWaiting).length,
} as const

const show = Effect.gen(function* () {
  const administration = yield* Administration
  const overview = yield* administration.overview
  const { origin } = yield* Caller
  return yield* respondFramed(
    {
      title: "Unregistered servers",
      current: menu.path,
      live: true,
      main: render(overview.unregistered, administration.relayUrl(origin)),
    },
    overview,
  )
})

const Decision = Schema.Struct({
  name: Schema.String,
  tripcode: Schema.String,
  compared: Schema.optionalKey(Schema.Literal("yes")),
})

const decision = HttpServerRequest.schemaBodyUrlParams(Decision)

const approve = Effect.gen(function* () {
  const administration = yield* Administration
  const { identity } = yield* Caller
  const { compared, name, tripcode } = yield* decision
  if (compared === undefined)
    return yield* failure("PTTH_BAD_REQUEST", Text.unregistered.notCompared)
  const reached = yield* administration.approve(name, tripcode, nameOf(identity))
  return yield* respondDone(reached, `${pathOf(name)}?approved`, pathOf(name))
}).pipe(
  Effect.catchTags({
    ApprovalError: ({ code, detail }) => failure(code, detail),
    SchemaError: badForm,
    HttpServerError: badForm,
  }),
)

const ignore = Effect.gen(function* () {
  const administration = yield* Administration
  const { identity } = yield* Caller
  const { name, tripcode } = yield* decision
  const reached = yield* administration.ignore(name, tripcode, nameOf(identity))
  return reached === undefined
    ? yield* failure("PTTH_NOT_FOUND", Text.failure.noStranger)
    : yield* respondDone(reached, menu.path)
}).pipe(Effect.catchTags({ SchemaError: badForm, HttpServerError: badForm }))

/** The page. */
export const page: AdminPage = {
  menu,
  routes: [
    HttpRouter.route("GET", menu.path, show),
    HttpRouter.route("POST", "/unregistered/approve", approve),
    HttpRouter.route("POST", "/unregistered/ignore", ignore),
  ],
}
