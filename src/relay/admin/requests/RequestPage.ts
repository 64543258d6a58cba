/**
 * One recorded request with its response: heads, bodies, where the time went,
 * and sending it again.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type ErrorCode, entry, isErrorCode } from "../../../domain/ErrorRegistry.ts"
import { first, type Header, type HeaderList } from "../../../domain/HeaderList.ts"
import { isConnectionField } from "../../../protocol/http/ConnectionFields.ts"
import type { EditedRequest, ShownRequest } from "../../../protocol/peer/AdminControl.ts"
import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import * as Curl from "../../inspect/Curl.ts"
import { mask } from "../../inspect/Redaction.ts"
import { Caller, nameOf } from "../core/Caller.ts"
import { type RecordingId, Requests } from "../core/Requests.ts"
import { type AdminPage, badForm, failure, respondFramed, seeOther } from "../frame/AdminPage.ts"
import { idOf, pathOf, pattern, sendPath, visitedUrl } from "../frame/RequestPath.ts"
import { statusOf } from "../frame/RequestTable.ts"
import { fact, pathOf as serverPath } from "../frame/ServerTabs.ts"
import * as Text from "../frame/Text.ts"
import * as BodyView from "./BodyView.ts"
import * as TimingBar from "./TimingBar.ts"

const headText = (line: string, headers: HeaderList): string =>
  [line, ...headers.map(([name, value]) => `${name}: ${value}`)].join("\n")

const headOf = (title: string, line: string, headers: HeaderList): Html =>
  html`<details open><summary>${title}</summary><pre class="wrap" tabindex="0">${headText(line, headers)}</pre></details>`

/** The text of a request's body; "" without one, `undefined` if it is not text, or not all of it is there. */
const bodyOf = ({ body, headers }: ShownRequest): string | undefined =>
  body.form === "none" ? "" : BodyView.wholeText(body, headers)

/** The command that sends a request, at the address that its visitor used. */
const curlOf = ({ headers, method, target }: ShownRequest, body: string | undefined): string =>
  Curl.command({ method, url: visitedUrl(headers, target), headers, body })

/** The code of the failure that the relay answered instead of the server; `undefined` if the server answered. */
const failureOf = ({ outcome, response }: ShownRequest): ErrorCode | undefined =>
  response === undefined && isErrorCode(outcome) ? outcome : undefined

const outcomeOf = (request: ShownRequest): Html => {
  const { millis, outcome, response } = request
  const failed = failureOf(request)
  const status = response?.status ?? (failed === undefined ? undefined : entry(failed).status)
  return html`${statusOf(status, millis === undefined)} ${Text.request.outcomes[outcome] ?? html`<code>${outcome}</code>`}${failed === undefined ? undefined : html` ${entry(failed).title}`}`
}

const replayButtons = (id: RecordingId, { replayable }: ShownRequest): Html =>
  html`<div class="decide">${
    replayable === "yes"
      ? html`<form method="post" action="${pathOf(id, "/replay")}"><button class="main">Replay</button></form>`
      : html`<p class="faint">${Text.request.notReplayable[replayable]}</p>`
  }${replayable === "upgrade" ? undefined : html`<a class="button" href="${pathOf(id, "/edit")}">Edit and send</a>`}<button type="button" data-copy="curl" hidden>Copy as curl</button></div>`

/** Heads and bodies of a request and its response, below headings of this level. */
export const renderMessages = (
  id: RecordingId,
  request: ShownRequest,
  level: "h2" | "h3" = "h2",
): Html => {
  const { body, headers, method, response, responseBody, target } = request
  const heading = (text: string): Html =>
    level === "h2" ? html`<h2>${text}</h2>` : html`<h3>${text}</h3>`
  return html`${heading("Request")}
${headOf("Head", `${method} ${target}`, headers)}
${BodyView.render(body, headers, pathOf(id, "/picture?of=request"))}
${heading("Response")}
${
  response === undefined
    ? html`<p class="faint">${failureOf(request) === undefined ? "none" : Text.request.noResponse}</p>`
    : html`${headOf("Head", `${response.status}`, response.headers)}
${BodyView.render(responseBody, response.headers, pathOf(id, "/picture?of=response"))}`
}`
}

/** What the page shows. */
export const render = (id: RecordingId, request: ShownRequest): Html => {
  const { method, target } = request
  const body = bodyOf(request)
  const curl = curlOf(request, body)
  return html`<p><a href="${serverPath(id.name, "requests")}">All requests of ${id.name}</a></p>
<div id="request" data-live>
<dl class="facts">
${fact("Request", html`<code>${method} ${target.slice(0, 500)}</code>`)}
${fact("Outcome", outcomeOf(request))}
${fact("Arrived", html`${Format.time(request.at)} from ${request.address}${id.relay === "" ? undefined : html` at relay ${id.relay}`}`)}
${fact("Passed on", html`${request.transport === "none" ? "no" : request.transport}${request.hop === undefined ? undefined : html`, link at ${request.hop}`}`)}
${fact("Took", html`${request.millis === undefined ? "running" : Format.millis(request.millis)}`)}
${request.replayOf === undefined ? undefined : fact("Sent again", html`it repeats <a href="${pathOf({ ...id, number: request.replayOf })}">request ${request.replayOf}</a>`)}
</dl>
${TimingBar.render(request)}
${replayButtons(id, request)}
${renderMessages(id, request)}
</div>
<h2>As a curl command</h2>
${curl.includes(mask) ? html`<p class="faint">${Text.request.masked}</p>` : undefined}
${body === undefined ? html`<p class="faint">${Text.request.bodyFile}</p>` : undefined}
<pre class="copy" id="curl" tabindex="0">${curl}</pre>`
}

/** The form with which a request is edited. */
export const renderEdit = (
  id: RecordingId,
  request: ShownRequest,
  problem: string | undefined,
  edited?: EditedRequest,
): Html => {
  const whole = bodyOf(request)
  const text = edited?.body ?? whole ?? ""
  const headers = edited?.headers ?? request.headers.filter(([name]) => !isDerived(name))
  const isCut = request.body.recorded < request.body.length
  return html`${problem === undefined ? undefined : html`<p class="notice bad" role="alert">${Text.request.notSent} ${problem}.</p>`}
<p>${Text.request.editing}</p>
<form class="edit" method="post" action="${pathOf(id, sendPath)}">
<div class="line"><label>Method <input class="short" name="method" value="${edited?.method ?? request.method}" required maxlength="40" autocomplete="off" spellcheck="false"></label>
<label class="grow">Path and query <input name="target" value="${edited?.target ?? request.target}" required autocomplete="off" spellcheck="false"></label></div>
<label>Header fields, one a line <textarea name="headers" rows="10" spellcheck="false">${"\n"}${headers.map(([name, value]) => `${name}: ${value}`).join("\n")}</textarea></label>
${
  whole === undefined && !isCut
    ? html`<p class="faint">${Text.request.sentAsItWas}</p>`
    : html`${isCut ? html`<p class="faint">${Text.request.cutBody}</p>` : undefined}<label>Body <textarea name="body" rows="10" spellcheck="false">${"\n"}${text}</textarea></label>`
}
<div class="decide"><button class="main">Send</button> <a href="${pathOf(id)}">Cancel</a></div>
</form>`
}

/** Fields that follow from the body and the connection. */
const isDerived = (name: string): boolean =>
  isConnectionField(name) || name.toLowerCase() === "content-length"

const titleOf = ({ method, target }: ShownRequest): string =>
  `${method} ${target.split("?", 1)[0]?.slice(0, 80) ?? ""}`

/** Continues with a recorded request, or answers that there is none. */
const withRequest = <A, E, R>(
  use: (id: RecordingId, request: ShownRequest) => Effect.Effect<A, E, R>,
) =>
  Effect.gen(function* () {
    const id = idOf(yield* HttpRouter.params)
    const answer = yield* Effect.result((yield* Requests).one(id))
    if (Result.isFailure(answer))
      return yield* failure("PTTH_NOT_FOUND", Text.request.noAnswer(id.relay, answer.failure))
    return answer.success === undefined
      ? yield* failure("PTTH_NOT_FOUND", Text.request.gone)
      : yield* use(id, answer.success)
  })

const current = "/requests"

const show = withRequest((id, request) =>
  respondFramed({
    title: titleOf(request),
    current,
    live: request.millis === undefined,
    main: render(id, request),
  }),
)

const showEdit = (problem?: string, edited?: EditedRequest) =>
  withRequest((id, request) =>
    respondFramed({
      title: `Edit ${titleOf(request)}`,
      current,
      main: renderEdit(id, request, problem, edited),
    }),
  )

const picture = withRequest((_id, request) =>
  Effect.gen(function* () {
    const { url } = yield* HttpServerRequest.HttpServerRequest
    const isRequest = url.endsWith("of=request")
    const body = isRequest ? request.body : request.responseBody
    const headers = isRequest ? request.headers : (request.response?.headers ?? [])
    if (body.form !== "image") return yield* failure("PTTH_NOT_FOUND", Text.request.noPicture)
    const [type = ""] = (first(headers, "content-type") ?? "").split(";")
    return HttpServerResponse.uint8Array(body.bytes, { contentType: type })
  }),
)

const replay = Effect.gen(function* () {
  const id = idOf(yield* HttpRouter.params)
  const { identity } = yield* Caller
  const sent = yield* (yield* Requests).replay(id, undefined, nameOf(identity))
  return seeOther(pathOf(sent))
}).pipe(Effect.catch((reason) => failure("PTTH_NOT_FOUND", `${Text.request.notSent} ${reason}`)))

const EditForm = Schema.Struct({
  method: Schema.String,
  target: Schema.String,
  headers: Schema.String,
  body: Schema.optionalKey(Schema.String),
})

const headersOf = (text: string): HeaderList =>
  text
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "")
    .map((line): Header => {
      const colon = line.indexOf(":")
      return colon < 0
        ? [line.trim(), ""]
        : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()]
    })

const send = Effect.gen(function* () {
  const id = idOf(yield* HttpRouter.params)
  const { identity } = yield* Caller
  const form = yield* HttpServerRequest.schemaBodyUrlParams(EditForm)
  const edited: EditedRequest = {
    method: form.method.trim(),
    target: form.target.trim(),
    headers: headersOf(form.headers),
    body: form.body,
  }
  return yield* (yield* Requests).replay(id, edited, nameOf(identity)).pipe(
    Effect.map((sent) => seeOther(pathOf(sent))),
    Effect.catch((reason) => showEdit(reason, edited)),
  )
}).pipe(Effect.catchTags({ SchemaError: badForm, HttpServerError: badForm }))

/** The pages. */
export const page: AdminPage = {
  routes: [
    HttpRouter.route("GET", pattern, show),
    HttpRouter.route("GET", `${pattern}/edit`, showEdit()),
    HttpRouter.route("GET", `${pattern}/picture`, picture),
    HttpRouter.route("POST", `${pattern}/replay`, replay),
    HttpRouter.route("POST", `${pattern}${sendPath}`, send),
  ],
}
