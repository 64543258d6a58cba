/**
 * The page on which people sign in, instead of in a box of their browser.
 */
import { createHash } from "node:crypto"
import * as FailurePage from "../../web/FailurePage.ts"
import * as Html from "../../web/Html.ts"
import * as Tokens from "../../web/style/Tokens.ts"
import * as Text from "../../web/Text.ts"

/** The page loads no style sheet: who has not signed in gets nothing else of the site. */
const css = `${Tokens.css}*, ::before, ::after { box-sizing: border-box; }
html { font: 100%/1.5 var(--sans); background: var(--ground); color: var(--text); -webkit-text-size-adjust: 100%; }
body { display: grid; place-items: center; margin: 0; min-height: 100vh; min-height: 100dvh; padding: var(--space-4); }
main { width: 100%; max-width: 24rem; padding: var(--space-6); background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); overflow-wrap: anywhere; }
svg { display: block; width: 2.5rem; height: 2.5rem; margin: 0 0 var(--space-3); }
h1 { font-size: var(--title); line-height: 1.3; margin: 0 0 var(--space-4); text-wrap: balance; }
form { display: grid; gap: var(--space-3); }
label { display: grid; gap: var(--space-1); font-size: var(--small); }
.check { display: flex; gap: var(--space-2); align-items: center; min-height: var(--touch); }
input:not([type=checkbox]), button { font: inherit; font-size: 1rem; width: 100%; min-height: var(--touch); padding: var(--space-2) var(--space-3); color: inherit; background: var(--ground); border: 1px solid var(--field); border-radius: var(--radius-small); }
input[type=checkbox] { width: 1.25rem; height: 1.25rem; accent-color: var(--link); }
button { font-weight: 600; color: var(--ground); background: var(--link); border-color: var(--link); cursor: pointer; }
:is(input, button):focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
[role=alert] { margin: 0 0 var(--space-4); padding: var(--space-2) var(--space-3); background: var(--raised); border-inline-start: 4px solid var(--bad); border-radius: var(--radius-small); }
`

const styleHash = createHash("sha256").update(css).digest("base64")

/** Its Content-Security-Policy. */
export const policy = `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`

/** What the page depends on. */
export interface SignInParts {
  /** The name of the site. */
  readonly title: string
  /** The way to the top of the site, such as `../`. */
  readonly top: string
  /** Where to go afterwards, from the top of the site. */
  readonly to: string
  /** What was wrong with the last try. */
  readonly problem: string | undefined
  readonly user: string
}

/** The page. */
export const render = ({ problem, title, to, top, user }: SignInParts): Uint8Array =>
  Html.toBytes(Html.html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<meta name="referrer" content="same-origin">
<title>${Text.signIn.title(title)}</title>
${Html.style(css)}
</head>
<body>
<main>
${FailurePage.logo}
<h1>${Text.signIn.title(title)}</h1>
${problem && Html.html`<p role="alert">${problem}</p>`}
<form method="post" action="${top}sign-in">
<input type="hidden" name="to" value="${to}">
<label>${Text.signIn.user}<input name="user" value="${user}" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus></label>
<label>${Text.signIn.password}<input name="password" type="password" autocomplete="current-password" required></label>
<label class="check"><input type="checkbox" name="remember" value="yes">${Text.signIn.remember}</label>
<button>${Text.signIn.button}</button>
</form>
</main>
</body>
</html>
`)
