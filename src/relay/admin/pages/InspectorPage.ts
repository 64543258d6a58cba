/**
 * The last requests of an inspected server.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import { first, type HeaderList } from "../../../domain/HeaderList.ts"
import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import * as Curl from "../../inspect/Curl.ts"
import {
  type Inspected,
  type InspectedBody,
  maxBody,
  maxInspected,
} from "../../inspect/Inspector.ts"
import * as RedactSecrets from "../../inspect/RedactSecrets.ts"
import type { ServerView } from "../../status/ServerView.ts"
import { Administration, type InspectedView } from "../core/Administration.ts"
import { type AdminPage, failure, respondFramed } from "./AdminPage.ts"
import * as ServersPage from "./ServersPage.ts"
import * as Text from "./Text.ts"

const typeOf = (headers: HeaderList): string => first(headers, "content-type") ?? ""

/** A body as text; `undefined` for a binary or encoded one. */
const textOf = ({ bytes, length }: InspectedBody, headers: HeaderList): string | undefined => {
  if (first(headers, "content-encoding") !== undefined) return undefined
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true })
    const text = decoder.decode(bytes, { stream: bytes.length < length })
    return /[\x00-\x08\x0e-\x1f]/.test(text) ? undefined : RedactSecrets.body(text, typeOf(headers))
  } catch {
    return undefined
  }
}

const bodyOf = (body: InspectedBody, headers: HeaderList): Html => {
  if (body.length === 0) return html`<p class="faint">no body</p>`
  const text = textOf(body, headers)
  const encoding = first(headers, "content-encoding")
  const size =
    body.length > body.bytes.length
      ? `the first ${Format.bytes(body.bytes.length)} of ${Format.bytes(body.length)}`
      : Format.bytes(body.length)
  return text === undefined
    ? html`<p class="faint">${size}, ${encoding === undefined ? "binary" : `encoded as ${encoding}`}</p>`
    : html`<p class="faint">${size}</p><pre tabindex="0">${text}</pre>`
}

const headOf = (line: string, headers: HeaderList): Html =>
  html`<pre tabindex="0">${[line, ...headers.map(([name, value]) => `${name}: ${value}`)].join("\n")}</pre>`

const curlOf = (one: Inspected, base: string): string => {
  const text = one.body.length === 0 ? "" : textOf(one.body, one.headers)
  const isWhole = one.body.bytes.length === one.body.length
  return Curl.command({
    method: one.method,
    url: base.replace(/\/$/, "") + one.target,
    headers: one.headers,
    body: isWhole ? text : undefined,
  })
}

const outcomes: { readonly [outcome: string]: string } = {
  running: "running",
  whole: "complete",
  left: "incomplete, because the visitor left or the connection broke",
}

const requestOf = (
  one: InspectedView,
  base: string,
): Html => html`<details id="inspected-${one.relay === undefined ? "" : `${one.relay}-`}${one.number}">
<summary><code>${one.method} ${one.target.slice(0, 200)}</code> ${one.response?.status ?? "–"} <small>${one.millis === undefined ? "running" : Format.millis(one.millis)}, ${Format.bytes(one.responseBody.length)}</small></summary>
<p class="faint">${Format.time(one.at)} from ${one.address}${one.relay === undefined ? undefined : html` at relay ${one.relay}`}; ${outcomes[one.outcome] ?? one.outcome}</p>
<h2>Request</h2>
${headOf(`${one.method} ${one.target}`, one.headers)}
${bodyOf(one.body, one.headers)}
<h2>Response</h2>
${
  one.response === undefined
    ? html`<p class="faint">none</p>`
    : html`${headOf(`${one.response.status}`, one.response.headers)}
${bodyOf(one.responseBody, one.response.headers)}`
}
<h2>As a curl command</h2>
<pre class="copy" tabindex="0">${curlOf(one, base)}</pre>
</details>`

/**
 * What the page shows.
 *
 * @param openAt the server's address for visitors, where it is known
 */
export const render = (
  { name }: ServerView,
  requests: ReadonlyArray<InspectedView>,
  openAt: string | undefined,
): Html => html`<p>${Text.inspector.intro(
  maxInspected,
  Format.bytes(maxBody),
  requests.some(({ relay }) => relay !== undefined),
)} <a href="/servers/${name}">Back to the server</a></p>
<div id="inspected" data-live>${
  requests.length === 0
    ? html`<p class="empty">${Text.inspector.empty}</p>`
    : requests.map((one) => requestOf(one, openAt ?? `http://RELAY/servers/${name}/`))
}</div>`

const show = Effect.gen(function* () {
  const administration = yield* Administration
  const { name = "" } = yield* HttpRouter.params
  const overview = yield* administration.overview
  const view = overview.servers.find((server) => server.name === name)
  if (view === undefined || !administration.inspects(view.name))
    return yield* failure("PTTH_NOT_FOUND", Text.failure.notInspected(name))
  const requests = yield* administration.inspected(view.name)
  return yield* respondFramed(
    {
      title: `Requests of ${view.displayName}`,
      current: ServersPage.path,
      live: true,
      main: render(view, requests, administration.openAt(view.name)),
    },
    overview,
  )
})

/** The page. */
export const page: AdminPage = { routes: [HttpRouter.route("GET", "/servers/:name/inspect", show)] }
