/**
 * The frame of the administrator's pages, and the policy under which browsers
 * show them: nothing inline, nothing from another origin, no frames.
 */
import type { HeaderList } from "../../../domain/HeaderList.ts"
import * as Assets from "../../../web/Assets.ts"
import { type Html, html } from "../../../web/Html.ts"
import { page } from "../../../web/Page.ts"
import type { SilentRelay } from "../../status/Relays.ts"
import * as Text from "./Text.ts"

/** Header fields of every response of the administrator's side. */
export const headers: HeaderList = [
  [
    "Content-Security-Policy",
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  ],
  ["X-Frame-Options", "DENY"],
  ["X-Content-Type-Options", "nosniff"],
  ["Referrer-Policy", "same-origin"],
  ["Cross-Origin-Opener-Policy", "same-origin"],
  ["Cross-Origin-Resource-Policy", "same-origin"],
  ["Cache-Control", "no-store"],
]

/** A link of the menu. */
export interface MenuLink {
  readonly path: string
  readonly label: string
  /** A number beside the label; 0 is not shown. */
  readonly count: number
}

/** What a page consists of. */
export interface FrameParts {
  readonly title: string
  readonly menu: ReadonlyArray<MenuLink>
  /** The path of the menu's link that is marked as current. */
  readonly current: string
  /** Whether the configuration has an error, so that an older one is in force. */
  readonly hasConfigError: boolean
  /** Relays of which the page does not tell, and why. */
  readonly silent: ReadonlyArray<SilentRelay>
  /** Whether the caller has a session that can be ended. */
  readonly canLogOut: boolean
  /** Whether the page updates itself. */
  readonly live?: boolean
  readonly main: Html
}

const menuLink = ({ count, label, path }: MenuLink, current: string): Html => {
  const text = html`${label}${count > 0 ? html` <span class="count">${count}</span>` : undefined}`
  return path === current
    ? html`<a href="${path}" aria-current="page">${text}</a>`
    : html`<a href="${path}">${text}</a>`
}

/** Relays that did not answer, or were not reached, each with the reason. */
export const relayList = (silent: ReadonlyArray<SilentRelay>): Html =>
  html`<ul>${silent.map(({ id, reason }) => html`<li>${id}: ${reason}</li>`)}</ul>`

/** A page of the administrator. */
export const frame = (parts: FrameParts): Html =>
  page({
    title: `${parts.title} · PTTH relay`,
    top: "/",
    script: Assets.liveScript,
    style: Assets.adminStyle,
    wide: true,
    heading: html`<nav class="menu" aria-label="Administration" id="menu" data-live><ul>${parts.menu.map(
      (link) => html`<li>${menuLink(link, parts.current)}</li>`,
    )}</ul></nav>${parts.canLogOut ? html`<form method="post" action="/logout"><button>Log out</button></form>` : undefined}`,
    main: html`<h1>${parts.title}</h1>
<div id="notice" data-live>${
      parts.hasConfigError && parts.current !== "/config"
        ? html`<p class="notice bad">${Text.frame.configError}</p>`
        : undefined
    }${parts.silent.length === 0 ? undefined : html`<div class="notice bad"><p>${Text.frame.silent}</p>${relayList(parts.silent)}</div>`}</div>
${parts.main}
${parts.live === true ? html`<p id="live" class="faint" role="status" data-events="/events"></p>` : undefined}`,
  })
