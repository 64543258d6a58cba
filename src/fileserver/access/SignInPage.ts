/**
 * The page on which people sign in, instead of in a box of their browser.
 */
import { createHash } from "node:crypto"
import * as Html from "../../web/Html.ts"
import * as Text from "../../web/Text.ts"

const css =
  ":root{color-scheme:light dark}*{box-sizing:border-box}body{font:100%/1.5 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem}main{width:100%;max-width:22rem}h1{font-size:1.35rem;line-height:1.3;margin:0 0 1rem;overflow-wrap:anywhere}form{display:grid;gap:.75rem}label{display:grid;gap:.25rem}label.check{display:flex;gap:.5rem;align-items:center;min-height:2.75rem}input:not([type=checkbox]),button{font:inherit;min-height:2.75rem;width:100%;padding:.5rem .75rem;border:1px solid GrayText;border-radius:.375rem}input[type=checkbox]{width:1.25rem;height:1.25rem}button{background:#1d5fc2;color:#fff;border-color:#1d5fc2;font-weight:600;cursor:pointer}:focus-visible{outline:3px solid #4b8df0;outline-offset:2px}[role=alert]{border-inline-start:4px solid #b3261e;padding:.25rem .75rem;margin:0 0 1rem}"

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
<meta name="robots" content="noindex">
<meta name="referrer" content="same-origin">
<title>${Text.signIn.title(title)}</title>
${Html.style(css)}
</head>
<body>
<main>
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
