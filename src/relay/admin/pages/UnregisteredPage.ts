/**
 * Servers that wait for approval. Nobody is to approve a name alone, so each
 * is shown with what the server prints, too: words and tripcode.
 */

import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import { table } from "../../../web/Table.ts"
import { toToml } from "../../registry/Approval.ts"
import type { StrangerView } from "../core/Administration.ts"

const hidden = ({ name, tripcode }: StrangerView): Html =>
  html`<input type="hidden" name="name" value="${name}"><input type="hidden" name="tripcode" value="${tripcode}">`

const decision = (one: StrangerView): Html => {
  const whom = html`<span class="unseen"> ${one.name}, ${one.words}</span>`
  const approve =
    one.reason === "wrong key"
      ? html`<p>To let it in with this key, too, add the tripcode to its entry: <code>tripcode</code> may be a list.</p>`
      : html`<form method="post" action="/unregistered/approve">${hidden(one)}<button class="main">Approve${whom}</button></form>`
  const ignore = one.ignored
    ? undefined
    : html`<form method="post" action="/unregistered/ignore">${hidden(one)}<button>Ignore${whom}</button></form>`
  return html`<div class="decision">${approve}${ignore}<details><summary>As TOML${whom}</summary><pre tabindex="0">${toToml(one.name, one.tripcode)}</pre></details></div>`
}

const strangerTable = (caption: string, strangers: ReadonlyArray<StrangerView>): Html =>
  table({
    caption,
    columns: ["Name", "Words", "Tripcode", "From", "First seen", "Last seen", "Decision"],
    rows: strangers.map((one) => ({
      id: `stranger-${one.name}-${one.tripcode}`,
      cells: [
        html`${one.name}${one.reason === "wrong key" ? html` <span class="state away">key changed</span>` : undefined}`,
        html`${one.words}`,
        html`<code>${one.tripcode}</code>`,
        html`${one.address}`,
        Format.time(one.firstSeen),
        Format.time(one.lastSeen),
        decision(one),
      ],
    })),
  })

/**
 * The page.
 *
 * @param publicUrl what to tell the owners of servers, if it is known
 */
export const unregisteredPage = (
  strangers: ReadonlyArray<StrangerView>,
  publicUrl: string | undefined,
): Html => {
  const waiting = strangers.filter(({ ignored }) => !ignored)
  const ignored = strangers.filter((one) => one.ignored)
  return html`<p>These servers have knocked and are not registered. Approve one only if its owner sees the same words or tripcode: a name can be claimed by anybody.</p>
<div id="waiting" data-live>${
    waiting.length === 0
      ? html`<p class="empty">Nobody waits. On the machine of a server run:</p>
<pre tabindex="0">ptth fileserver DIR --relay ${publicUrl ?? "https://relay.example.com"} --name NAME</pre>`
      : strangerTable("Waiting for approval", waiting)
  }</div>
<div id="ignored" data-live>${
    ignored.length === 0
      ? undefined
      : html`<details><summary>Ignored until the relay is restarted: ${ignored.length}</summary>${strangerTable("Ignored", ignored)}</details>`
  }</div>`
}
