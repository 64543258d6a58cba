/**
 * How one server is registered, and what an administrator can change of it.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import type { AuthRules } from "../../../domain/config/AuthRules.ts"
import type { RegisteredServer } from "../../../domain/config/RelayConfig.ts"
import type { Tripcode } from "../../../domain/Tripcode.ts"
import * as TripcodeWords from "../../../domain/TripcodeWords.ts"
import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import { Administration, type RelayDefaults } from "../core/Administration.ts"
import { Caller, nameOf } from "../core/Caller.ts"
import { ServerChanges } from "../core/ServerChanges.ts"
import { type AdminPage, respondDone, respondFramed, withServer } from "../frame/AdminPage.ts"
import { fact, pathOf, tabs } from "../frame/ServerTabs.ts"
import * as Text from "../frame/Text.ts"
import * as InvitationPage from "./InvitationPage.ts"
import * as OverviewPage from "./OverviewPage.ts"

/** What the page shows. */
export interface SettingsParts {
  readonly server: RegisteredServer
  /** What holds where the server has nothing of its own. */
  readonly relay: RelayDefaults
  /** The file that pages can change; `undefined` if the server is registered elsewhere. */
  readonly path: string | undefined
}

const rulesOf = ({
  allow,
  signIn,
  tokens,
  userHeader,
  users,
}: AuthRules): ReadonlyArray<string> => [
  ...(users.length === 0 ? [] : [`users: ${users.map(({ user }) => user).join(", ")}`]),
  ...(signIn === undefined ? [] : [`signed in at the provider: ${signIn.join(", ")}`]),
  ...(tokens.length === 0 ? [] : [`bearer tokens: ${tokens.length}`]),
  ...(userHeader === undefined
    ? []
    : [`named by the proxy in ${userHeader}: ${allow === undefined ? "all" : allow.join(", ")}`]),
]

const authOf = ({ relay: { frontendAuth }, server: { auth } }: SettingsParts): Html => {
  const rules = auth ?? frontendAuth
  if (rules === undefined || rules === "open") return html`${Text.settings.open}`
  return html`<ul>${rulesOf(rules).map((rule) => html`<li>${rule}</li>`)}</ul>${auth === undefined ? html`<small>${Text.settings.frontendAuth}</small>` : undefined}`
}

const responseTimeOf = ({ relay, server }: SettingsParts): Html => {
  const show = (time: Duration.Duration): string => {
    const seconds = Duration.toSeconds(time)
    return seconds >= 120 && seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`
  }
  return server.responseTimeout === undefined
    ? html`${show(relay.responseTimeout)} (the relay's; the server may ask for another)`
    : html`${show(server.responseTimeout)}`
}

const limitsOf = ({ relay, server: { limits } }: SettingsParts): Html => {
  const limit = (
    own: number | undefined,
    others: number | undefined,
    show: (value: number) => string = String,
  ): string =>
    own !== undefined
      ? show(own)
      : `${others === undefined ? "no limit" : show(others)} (the relay's)`
  return html`<ul>
<li>Links: ${limit(limits.maxLinks, relay.maxLinks)}</li>
<li>Waiting requests: ${limit(limits.maxQueue, relay.maxQueue)}</li>
<li>Concurrent requests: ${limit(limits.maxRequests, relay.maxRequests)}</li>
<li>Requests a second: ${limit(limits.requestsPerSecond, relay.requestsPerSecond)}</li>
<li>Request body: ${limit(limits.maxBody, relay.maxBody, Format.bytes)}</li>
</ul>`
}

/** Each key with its words, as its owner sees them. */
const keysOf = ({ path, server: { name, tripcodes } }: SettingsParts): Html =>
  html`<ul class="keys">${tripcodes.map(
    (tripcode) =>
      html`<li>${TripcodeWords.toWords(tripcode)}<br><code>${tripcode}</code>${
        path === undefined || tripcodes.length === 1 ? undefined : dropKey(name, tripcode)
      }</li>`,
  )}</ul>`

const hidden = (name: string, value: string): Html =>
  html`<input type="hidden" name="${name}" value="${value}">`

const planForm = (name: string, content: Html): Html =>
  html`<form method="post" action="${pathOf(name)}/plan">${content}</form>`

const dropKey = (name: string, tripcode: Tripcode): Html =>
  planForm(
    name,
    html`${hidden("act", "drop key")}${hidden("tripcode", tripcode)}<button>Remove this key<span class="unseen"> ${tripcode}</span></button>`,
  )

const card = (title: string, text: string, form: Html): Html =>
  html`<li><h2>${title}</h2><p>${text}</p>${form}</li>`

const disconnectCard = ({ server: { name } }: SettingsParts): Html =>
  card(
    "Disconnect",
    Text.settings.disconnect,
    html`<form method="post" action="${pathOf(name)}/disconnect"><button>Disconnect now</button></form>`,
  )

const changeCards = ({ server: { name, paused } }: SettingsParts): Html => html`${card(
  paused ? "Resume" : "Pause",
  paused ? Text.settings.resume : Text.settings.pause,
  planForm(
    name,
    html`${hidden("act", paused ? "resume" : "pause")}<button>${paused ? "Resume…" : "Pause…"}</button>`,
  ),
)}
${card(
  "Rename",
  Text.settings.rename,
  planForm(
    name,
    html`${hidden("act", "rename")}<label>New name <input name="to" required maxlength="63" autocomplete="off" spellcheck="false"></label><button>Rename…</button>`,
  ),
)}
${card(
  "New key by ticket",
  Text.settings.ticket,
  html`<form method="post" action="${InvitationPage.path}">${hidden("name", name)}${hidden("replaces", "yes")}<button>Make a ticket</button></form>`,
)}
${card(
  "New key",
  Text.settings.newKey,
  planForm(
    name,
    html`${hidden("act", "new key")}<label><input type="checkbox" name="keeps" value="yes" checked> Keep the old key valid</label><button>Make a new key…</button>`,
  ),
)}
${card(
  "Remove",
  Text.settings.remove,
  planForm(name, html`${hidden("act", "remove")}<button class="danger">Remove…</button>`),
)}`

/** What the page shows. */
export const render = (parts: SettingsParts): Html => {
  const { path, server } = parts
  return html`${tabs(server.name, "settings")}
<dl class="facts">
${fact("Name", html`<code>${server.name}</code>`)}
${fact("Registered in", html`${path === undefined ? Text.settings.elsewhere : html`<code>${path}</code>`}`)}
${fact(server.tripcodes.length === 1 ? "Key" : "Keys", keysOf(parts))}
${server.hosts.length === 0 ? undefined : fact("Hosts", html`${server.hosts.join(", ")}`)}
${fact("Visitors", authOf(parts))}
${server.tls === "passthrough" ? fact("TLS", html`${Text.settings.passthrough}`) : undefined}
${fact("Limits", limitsOf(parts))}
${fact("Response within", responseTimeOf(parts))}
${fact("Requests recorded", html`${server.inspect ? "always" : html`while it is turned on at <a href="${pathOf(server.name, "requests")}">Requests</a>`}`)}
</dl>
${path === undefined ? html`<p class="notice">${Text.settings.notHere}</p>` : undefined}
<ul class="acts">${disconnectCard(parts)}${path === undefined ? undefined : changeCards(parts)}</ul>`
}

const show = withServer(
  Effect.fnUntraced(function* (server) {
    const administration = yield* Administration
    const path = yield* (yield* ServerChanges).file(server.name)
    return yield* respondFramed({
      title: server.displayName ?? server.name,
      current: OverviewPage.path,
      main: render({ server, relay: administration.defaults(), path }),
    })
  }),
)

const disconnect = withServer(
  Effect.fnUntraced(function* (server) {
    const { identity } = yield* Caller
    const reached = yield* (yield* ServerChanges).disconnect(server.name, nameOf(identity))
    return yield* respondDone(reached, pathOf(server.name))
  }),
)

/** The page. */
export const page: AdminPage = {
  routes: [
    HttpRouter.route("GET", "/servers/:name/settings", show),
    HttpRouter.route("POST", "/servers/:name/disconnect", disconnect),
  ],
}
