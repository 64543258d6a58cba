/**
 * The last requests of an inspected server as a page.
 */
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

const typeOf = (headers: HeaderList): string => first(headers, "content-type") ?? ""

/** The text of a body; `undefined` if it is none. */
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
  whole: "whole",
  left: "not whole: its visitor left, or it broke off",
}

const oneOf = (one: Inspected, base: string): Html => html`<details id="inspected-${one.number}">
<summary><code>${one.method} ${one.target.slice(0, 200)}</code> ${one.response?.status ?? "–"} <small>${one.millis === undefined ? "running" : Format.millis(one.millis)}, ${Format.bytes(one.responseBody.length)}</small></summary>
<p class="faint">${Format.time(one.at)} from ${one.address}; ${outcomes[one.outcome] ?? one.outcome}</p>
<h2>Request</h2>
${headOf(`${one.method} ${one.target}`, one.headers)}
${bodyOf(one.body, one.headers)}
<h2>Answer</h2>
${
  one.response === undefined
    ? html`<p class="faint">none</p>`
    : html`${headOf(`${one.response.status}`, one.response.headers)}
${bodyOf(one.responseBody, one.response.headers)}`
}
<h2>As a command</h2>
<pre class="copy" tabindex="0">${curlOf(one, base)}</pre>
</details>`

/**
 * The page.
 *
 * @param openAt where the server's visitors find it, if that is known
 */
export const inspectorPage = (
  { name }: ServerView,
  requests: ReadonlyArray<Inspected>,
  openAt: string | undefined,
): Html => html`<p>The last ${maxInspected} requests as the server gets them and what it answers, the newest first, with the first ${Format.bytes(maxBody)} of each body. What is known to be a secret is shown as <code>***</code>. They are forgotten when the relay stops. <a href="/servers/${name}">Back to the server</a></p>
<div id="inspected" data-live>${
  requests.length === 0
    ? html`<p class="empty">Nothing has been asked of it yet.</p>`
    : requests.map((one) => oneOf(one, openAt ?? `http://RELAY/servers/${name}/`))
}</div>`
