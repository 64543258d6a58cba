/**
 * The page of what helps to find faults: streams without an end, and keys.
 */
import type { Tripcode } from "../../../domain/Tripcode.ts"
import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import { sinkPath, sourcePath, throttledRate, throttledSuffix } from "../core/DebugStreams.ts"

/** A key that was just made, to be shown once. */
export interface ShownKey {
  readonly key: string
  readonly tripcode: Tripcode
}

const keyOf = ({ key, tripcode }: ShownKey): Html => html`<dl class="facts" id="key">
<div><dt>Key</dt><dd><code>${key}</code></dd></div>
<div><dt>Tripcode</dt><dd><code>${tripcode}</code></dd></div>
</dl>
<p>The key belongs into the configuration of a server or a script, the tripcode into the relay's. This page is the only one that has the key: the relay has neither stored nor logged it.</p>`

/**
 * The page.
 *
 * @param made a key, if one was asked for
 */
export const debugPage = (made: ShownKey | undefined): Html => html`<h2>A new key</h2>
${made === undefined ? undefined : keyOf(made)}
<form method="post" action="/debug/key"><button>Make a ${made === undefined ? "key" : "further key"}</button></form>
<h2>Endless download</h2>
<p>Bytes until you stop it, to see what the way from here to you carries.</p>
<ul>
<li><a href="${sourcePath}" download="endless">As fast as it can</a></li>
<li><a href="${sourcePath}${throttledSuffix}" download="endless">${Format.bytes(throttledRate)} a second</a></li>
</ul>
<h2>Endless upload</h2>
<p>Whatever is sent is thrown away and counted. A script shows its token:</p>
<pre tabindex="0">curl -T - -H "Authorization: Bearer $TOKEN" http://127.0.0.1:4001${sinkPath} &lt; /dev/zero
curl -T - -H "Authorization: Bearer $TOKEN" http://127.0.0.1:4001${sinkPath}${throttledSuffix} &lt; some-file</pre>`
