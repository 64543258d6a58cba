/**
 * The file server's state for people, on the page at the top.
 */
import * as Format from "../../web/Format.ts"
import { type Html, html } from "../../web/Html.ts"
import type { Snapshot } from "../send/Metrics.ts"

/** A list of names and values. */
export const render = (snapshot: Snapshot): Html => html`<h2>Status</h2>
<dl class="status">
<dt>Running since</dt><dd>${Format.time(snapshot.startedAt)}</dd>
<dt>Requests</dt><dd>${snapshot.totalRequests}</dd>
<dt>Sent</dt><dd>${Format.bytes(snapshot.bytes)}</dd>
<dt>Memory</dt><dd>${Format.bytes(snapshot.memory)}</dd>
</dl>
<p>Prometheus reads <a href="metrics"><code>metrics</code></a>.</p>`
