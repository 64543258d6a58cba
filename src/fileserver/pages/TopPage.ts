/**
 * The file server's state for people, on the page at the top.
 */
import { type Html, html } from "../../web/Html.ts"
import { formatSize, formatTime } from "../listing/FolderJson.ts"
import type { Snapshot } from "../send/Metrics.ts"

/** A list of names and values. */
export const render = (snapshot: Snapshot): Html => {
  const since = formatTime(snapshot.startedAt)
  return html`<h2>Status</h2>
<dl class="status">
<dt>Running since</dt><dd><time datetime="${since}">${since.slice(0, 10)} ${since.slice(11, 16)} UTC</time></dd>
<dt>Requests</dt><dd>${snapshot.totalRequests}</dd>
<dt>Sent</dt><dd>${formatSize(snapshot.bytes)}</dd>
<dt>Memory</dt><dd>${formatSize(snapshot.memory)}</dd>
</dl>
<p>Prometheus reads <a href="metrics"><code>metrics</code></a>.</p>`
}
