/**
 * What all pages of the administrator have around them, and the policy under
 * which browsers show them: nothing inline, nothing from elsewhere, no frames.
 */
import type { HeaderList } from "../../../domain/HeaderList.ts"
import { type Html, html } from "../../../web/Html.ts"
import { page } from "../../../web/Page.ts"

/** The fields of everything that the administrator's side answers. */
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

const places = [
  ["/", "Servers"],
  ["/unregistered", "Unregistered"],
  ["/audit", "Audit log"],
  ["/config", "Configuration"],
  ["/api", "API"],
  ["/debug", "Debug"],
] as const

/** One of the places of the menu. */
export type Place = (typeof places)[number][0]

/** What a page has of its own. */
export interface FrameParts {
  readonly title: string
  readonly place: Place
  /** How many wait for approval. */
  readonly waiting: number
  /** Whether there is a configuration that is not in force because it is bad. */
  readonly broken: boolean
  /** Whether the asker can log out: only who has logged in. */
  readonly session: boolean
  /** Whether it shows what changes. */
  readonly live?: boolean
  readonly main: Html
}

const menuItem = ({ place, waiting }: FrameParts, path: Place, name: string): Html => {
  const text = html`${name}${path === "/unregistered" && waiting > 0 ? html` <span class="count">${waiting}</span>` : undefined}`
  return path === place
    ? html`<a href="${path}" aria-current="page">${text}</a>`
    : html`<a href="${path}">${text}</a>`
}

/** A page of the administrator. */
export const frame = (parts: FrameParts): Html =>
  page({
    title: `${parts.title} · PTTH relay`,
    top: "/",
    script: true,
    wide: true,
    heading: html`<nav class="menu" aria-label="Administration" id="menu" data-live><ul>${places.map(
      ([path, name]) => html`<li>${menuItem(parts, path, name)}</li>`,
    )}</ul></nav>${parts.session ? html`<form method="post" action="/logout"><button>Log out</button></form>` : undefined}`,
    main: html`<h1>${parts.title}</h1>
<div id="notice" data-live>${
      parts.broken && parts.place !== "/config"
        ? html`<p class="notice bad">The configuration has been changed and is bad; the old one stays in force. <a href="/config">What is wrong with it</a></p>`
        : undefined
    }</div>
${parts.main}
${parts.live === true ? html`<p id="live" class="faint" role="status" data-events="/events"></p>` : undefined}`,
  })
