/**
 * The page at the top of a file server: links and the state of the server.
 */
import * as Format from "../../web/Format.ts"
import { type Html, html } from "../../web/Html.ts"
import { page } from "../../web/Page.ts"
import * as Text from "../parts/Text.ts"
import type { Snapshot } from "../send/Metrics.ts"

const status = (snapshot: Snapshot): Html => html`<h2>${Text.top.status}</h2>
<dl class="status">
<dt>${Text.top.since}</dt><dd>${Format.time(snapshot.startedAt)}</dd>
<dt>${Text.top.requests}</dt><dd>${snapshot.totalRequests}</dd>
<dt>${Text.top.sent}</dt><dd>${Format.bytes(snapshot.bytes)}</dd>
<dt>${Text.top.memory}</dt><dd>${Format.bytes(snapshot.memory)}</dd>
</dl>
<p>${Text.top.prometheus} <a href="metrics"><code>metrics</code></a>.</p>`

/**
 * The page.
 *
 * @param site the name of the site
 * @param uploads whether files may be uploaded anywhere
 */
export const render = (snapshot: Snapshot, site: string, uploads: boolean): Html =>
  page({
    title: `${Text.top.title} · ${site}`,
    top: "./",
    heading: html`<h1>${Text.top.title}</h1>`,
    main: html`<p>${uploads ? Text.top.introductionWithUploads : Text.top.introduction}</p>
<p><a href="files/">${Text.top.browse}</a></p>
<p>${Text.top.json} <a href="api/v1/dir/"><code>api/v1/dir/</code></a>.</p>
${status(snapshot)}`,
  })
