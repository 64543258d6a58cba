/**
 * Help with debugging: streams without an end, which `DebugStreams.ts` serves,
 * and new keys.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Redacted from "effect/Redacted"
import { tripcode } from "../../../domain/ApiKey.ts"
import type { Tripcode } from "../../../domain/Tripcode.ts"
import { newKey } from "../../../transport/auth/NewKey.ts"
import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import { Caller } from "../core/Caller.ts"
import { sinkPath, sourcePath, throttledRate, throttledSuffix } from "../core/DebugStreams.ts"
import { type AdminPage, respondFramed } from "../frame/AdminPage.ts"
import * as Text from "../frame/Text.ts"

/** A new key, to be shown once. */
export interface ShownKey {
  readonly key: string
  readonly tripcode: Tripcode
}

const keyFacts = ({ key, tripcode }: ShownKey): Html => html`<dl class="facts" id="key">
<div><dt>Key</dt><dd><code>${key}</code></dd></div>
<div><dt>Tripcode</dt><dd><code>${tripcode}</code></dd></div>
</dl>
<p>${Text.debug.newKey}</p>`

/**
 * What the page shows.
 *
 * @param origin the address of the administrator's side, for the commands
 * @param key a new key, if one was requested
 */
export const render = (origin: string, key: ShownKey | undefined): Html => html`<h2>A new key</h2>
${key === undefined ? undefined : keyFacts(key)}
<form method="post" action="/debug/key"><button>Make ${key === undefined ? "a key" : "another key"}</button></form>
<h2>Endless download</h2>
<p>${Text.debug.download}</p>
<ul>
<li><a href="${sourcePath}" download="endless">At full speed</a></li>
<li><a href="${sourcePath}${throttledSuffix}" download="endless">At ${Format.bytes(throttledRate)} per second</a></li>
</ul>
<h2>Endless upload</h2>
<p>${Text.debug.upload}</p>
<pre tabindex="0">curl -T - -H "Authorization: Bearer $TOKEN" ${origin}${sinkPath} &lt; /dev/zero
curl -T - -H "Authorization: Bearer $TOKEN" ${origin}${sinkPath}${throttledSuffix} &lt; some-file</pre>`

const menu = { path: "/debug", label: "Debug" } as const

const show = (key: ShownKey | undefined) =>
  Caller.use(({ origin }) =>
    respondFramed({ title: "Debug", current: menu.path, main: render(origin, key) }),
  )

const showNewKey = Effect.suspend(() => {
  const key = newKey()
  return show({ key: Redacted.value(key), tripcode: tripcode(key) })
})

/** The page. */
export const page: AdminPage = {
  menu,
  routes: [
    HttpRouter.route("GET", menu.path, () => show(undefined)),
    HttpRouter.route("POST", "/debug/key", showNewKey),
  ],
}
