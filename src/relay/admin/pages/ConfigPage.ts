/**
 * The configuration for the administrator: what is in force since when, and
 * what is wrong with what is not.
 */

import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import type { ConfigStatus } from "../../settings/RelaySettings.ts"

/** The page. */
export const configPage = (status: ConfigStatus): Html => html`<div id="config" data-live>
${
  status.problem === undefined
    ? html`<p class="notice good">What the files say is in force.</p>`
    : html`<p class="notice bad">Since ${Format.time(status.problem.at)} what the files say is not in force:</p>
<pre class="wrap" tabindex="0">${status.problem.message}</pre>`
}
<dl class="facts">
<div><dt>In force since</dt><dd>${Format.time(status.since)}</dd></div>
<div><dt>File</dt><dd>${status.path === undefined ? "none" : html`<code>${status.path}</code>`}</dd></div>
<div><dt>Approved servers</dt><dd>${status.serversFolder === undefined ? "cannot be written" : html`<code>${status.serversFolder}</code>`}</dd></div>
</dl>
</div>
<p>The relay reads its files again when they change, on SIGHUP and every minute. <code>ptth check FILE</code> says the same beforehand.</p>
<p><a href="/metrics">Metrics for Prometheus</a></p>`
