/**
 * Logging in: the link that the relay has printed leads to a button, because
 * whatever looks at links beforehand must not use it up.
 */
import { type Html, html } from "../../../web/Html.ts"
import { page } from "../../../web/Page.ts"

const framed = (main: Html): Html =>
  page({
    title: "Log in · PTTH relay",
    top: "/",
    script: true,
    heading: html`<h1>PTTH relay: administration</h1>`,
    main,
  })

/** What a login link leads to. */
export const enterPage = (secret: string): Html =>
  framed(html`<p>This link logs you in to the administration of this relay, once.</p>
<form method="post" action="/login"><input type="hidden" name="secret" value="${secret}"><button class="main">Log in</button></form>`)

/** What whoever is not logged in sees. */
export const neededPage = (why: string | undefined): Html =>
  framed(html`${why === undefined ? undefined : html`<p class="notice bad" role="alert">${why}</p>`}
<p>You are not logged in. The relay has printed a login link when it was started; open that, or have it print a new one:</p>
<form method="post" action="/login/new"><button class="main">Print a new login link</button></form>`)

/** After a new link was printed. */
export const printedPage = (): Html =>
  framed(
    html`<p>A new login link is printed where the relay prints its messages: in its terminal, or in the journal of its service.</p>`,
  )
