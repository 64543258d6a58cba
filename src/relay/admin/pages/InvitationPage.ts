/**
 * Inviting a server: makes a ticket, and shows the command line with which it
 * registers itself without an approval, or gets another key. It is shown once.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Schema from "effect/Schema"
import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import * as Invitations from "../../registry/Invitations.ts"
import { Administration } from "../core/Administration.ts"
import { Caller, nameOf } from "../core/Caller.ts"
import { ServerChanges } from "../core/ServerChanges.ts"
import { type AdminPage, badForm, failure, respondFramed } from "../frame/AdminPage.ts"
import * as Text from "../frame/Text.ts"

/** Where an invitation is made. */
export const path = "/invite"

/** The form with which a server is invited. */
export const form = html`<form class="filters" method="post" action="${path}"><label>Name of the server <input name="name" required maxlength="63" autocomplete="off" spellcheck="false"></label><button>Invite</button></form>`

/**
 * What the page shows.
 *
 * @param relayUrl the relay's address for servers
 * @param replaces whether the server is registered, and gets another key
 * @param isCertain whether the configuration tells that address
 */
export const render = (
  invitation: Invitations.Invitation,
  relayUrl: string,
  replaces: boolean,
  isCertain = true,
): Html => html`<p>${Text.invitation.run}</p>
<pre class="copy" id="command" tabindex="0">${Invitations.commandLine(invitation, relayUrl)}</pre>
<p><button type="button" data-copy="command" hidden>Copy</button></p>
${isCertain ? undefined : html`<p class="notice">${Text.invitation.noPublicUrl}</p>`}
<p>${replaces ? Text.invitation.replaces : Text.invitation.registers} ${Text.invitation.once} ${Format.time(invitation.expiresAt)}.</p>`

const invite = Effect.gen(function* () {
  const { name, replaces } = yield* HttpServerRequest.schemaBodyUrlParams(
    Schema.Struct({ name: Schema.String, replaces: Schema.optionalKey(Schema.Literal("yes")) }),
  )
  const { identity, origin } = yield* Caller
  const isReplacing = replaces === "yes"
  const invitation = yield* (yield* ServerChanges).invite(name.trim(), nameOf(identity), {
    replaces: isReplacing,
  })
  const administration = yield* Administration
  return yield* respondFramed({
    title: isReplacing
      ? Text.change.title["new key"](invitation.name)
      : Text.invitation.title(invitation.name),
    current: isReplacing ? "/" : "/unregistered",
    main: render(
      invitation,
      administration.relayUrl(origin),
      isReplacing,
      administration.hasPublicUrl(),
    ),
  })
}).pipe(
  Effect.catchTags({
    ApprovalError: ({ code, detail }) => failure(code, detail),
    SchemaError: badForm,
    HttpServerError: badForm,
  }),
)

/** The page. */
export const page: AdminPage = { routes: [HttpRouter.route("POST", path, invite)] }
