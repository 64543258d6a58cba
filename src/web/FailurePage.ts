/**
 * Responses to failures: the code, what happened and what to do, as a page, as
 * problem details (RFC 9457) or as plain text. The page loads nothing else, so
 * that it is whole wherever it is made.
 *
 * The page has one text for visitors, and one below it for the owner. Details
 * of the application behind a server are shown to neither: strangers read the
 * page, and the owner finds them in the server's log.
 */
import { createHash } from "node:crypto"
import { entry } from "../domain/ErrorRegistry.ts"
import type { Failure, RenderedFailure } from "../domain/Failure.ts"
import type { Header } from "../domain/HeaderList.ts"
import * as RequestId from "../domain/RequestId.ts"
import * as Accept from "./Accept.ts"
import * as Format from "./Format.ts"
import * as RetryScript from "./failure/RetryScript.ts"
import { wordsOf } from "./failure/Words.ts"
import * as Html from "./Html.ts"
import * as Logo from "./Logo.ts"
import * as FailureStyle from "./style/Failure.ts"
import * as Tokens from "./style/Tokens.ts"
import * as Text from "./Text.ts"

/** A link that leads on from the page of a failure. */
export interface Way {
  /** Relative to the address of the request. */
  readonly href: string
  readonly label: string
}

/** What a page shows besides the failure. */
export interface FailureContext {
  /** The request's method; a page loads itself again only after GET and HEAD. */
  readonly method?: string
  /** The request's path and query, from which the start page of the site is found. */
  readonly target?: string
  /** What the site is called; by default it has no name. */
  readonly site?: string
  /** The start page, relative to the address; by default the top of `target`. */
  readonly home?: string | undefined
  /** Where the visitor may want to go instead. */
  readonly way?: Way | undefined
  /** Whether the page has an icon, by an address of the kind `data:`; `true` by default. */
  readonly hasIcon?: boolean
  /** When the site was last there, in milliseconds since 1970. */
  readonly lastSeen?: number | undefined
}

/** The style of pages that load nothing. */
export const css = Tokens.css + FailureStyle.css

const sha256 = (text: string): string =>
  `'sha256-${createHash("sha256").update(text).digest("base64")}'`

const policyWith = (images: string): string =>
  `default-src 'none'; script-src ${sha256(RetryScript.js)}; style-src ${sha256(css)}; ${images}connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

const policy = policyWith("img-src data:; ")
const policyWithoutIcon = policyWith("")

/** The logo of pages that load nothing. */
export const logo = Html.inlineSvg(Logo.svg)
const style = Html.style(css)
const script = Html.script(RetryScript.js)
const icon = `data:image/svg+xml;base64,${Buffer.from(Logo.svg).toString("base64")}`

/** How long a page waits before it tries again, in seconds: by itself, at the least, and at the most. */
const usualPause = 10
const shortestPause = 5
const longestPause = 60

/** After how many seconds a page tries again; `undefined` if it does not. */
const pauseOf = (failure: Failure, { method }: FailureContext): number | undefined =>
  failure.status >= 502 && failure.status <= 504 && (method === "GET" || method === "HEAD")
    ? Math.min(Math.max(Math.ceil(failure.retryAfter ?? usualPause), shortestPause), longestPause)
    : undefined

/** The way from a target to the top of its site, such as `../`. */
export const topOf = (target: string): string => {
  const path = target.split(/[?#]/, 1)[0] as string
  const depth = path.split("/").length - 2
  return depth > 0 ? "../".repeat(depth) : "./"
}

const homeOf = ({ home, target }: FailureContext): string | undefined =>
  home ?? (target?.startsWith("/") === true ? topOf(target) : undefined)

const isHome = ({ home, target = "" }: FailureContext): boolean =>
  home === "./" || (home === undefined && /^\/(?:$|[?#])/.test(target))

/** The title, and the detail of this time unless it is nothing for strangers. */
const shownDetail = ({ code, detail }: Failure): string =>
  entry(code).isDetailPrivate === true ? "" : Text.sentence(detail)

const paragraph = (text: string): Html.Html | undefined =>
  text === ""
    ? undefined
    : Html.html`
<p>${text}</p>`

const retryPart = (pause: number | undefined): Html.Html | undefined =>
  pause === undefined
    ? undefined
    : Html.html`
<p id="retry"><span id="wait" data-seconds="${pause}">${Text.failure.retries}</span> <a id="again" class="button" href="">${Text.failure.tryNow}</a></p>`

const links = (context: FailureContext): Html.Html | undefined => {
  const { site, way } = context
  const home = isHome(context) ? undefined : homeOf(context)
  if (way === undefined && home === undefined) return undefined
  return Html.html`
<nav aria-label="${Text.failure.ways}">${way && Html.html`<a href="${way.href}">${way.label}</a>`}${
    home === undefined
      ? undefined
      : Html.html`<a href="${home}">${site === undefined ? Text.failure.home : Text.failure.homeOf(site)}</a>`
  }</nav>`
}

const lastSeenPart = ({ lastSeen }: FailureContext): Html.Html | undefined =>
  lastSeen === undefined
    ? undefined
    : Html.html`
<p>${Text.failure.lastSeen} ${Format.ago(lastSeen, Date.now())}.</p>`

/** A text in which what is between backticks is code. */
export const withCode = (text: string): ReadonlyArray<Html.Html> =>
  text
    .split("`")
    .map((part, i) => (i % 2 === 0 ? Html.html`${part}` : Html.html`<code>${part}</code>`))

/** What the owner can do; strangers may read it. */
const ownerPart = (failure: Failure, hasWords: boolean): Html.Html | undefined => {
  const { isDetailPrivate, ownerRemedy, remedy, title } = entry(failure.code)
  if (!hasWords && ownerRemedy === undefined) return undefined
  const sentences = hasWords
    ? [title, shownDetail(failure), ownerRemedy ?? Text.asOwner(remedy)]
    : [ownerRemedy ?? ""]
  const more = isDetailPrivate === true ? Text.failure.inLog : ""
  return Html.html`
<details><summary>${Text.failure.owner}</summary>${[...sentences, more].flatMap((text) =>
    text === ""
      ? []
      : Html.html`
<p>${withCode(text)}</p>`,
  )}
</details>`
}

const asPage = (failure: Failure, id: string, context: FailureContext): Uint8Array => {
  const { remedy, title } = entry(failure.code)
  const { site } = context
  const words = wordsOf(failure.code, site)
  const heading = words?.heading ?? title
  const pause = pauseOf(failure, context)
  const home = homeOf(context)
  const name = site ?? ""
  return Html.toBytes(Html.html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<meta name="theme-color" content="#fcfcfb" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#141619" media="(prefers-color-scheme: dark)">
<meta property="og:title" content="${heading}">${
    site === undefined
      ? undefined
      : Html.html`
<meta property="og:site_name" content="${site}">`
  }${
    pause === undefined
      ? undefined
      : Html.html`
<noscript><meta http-equiv="refresh" content="${2 * pause}"></noscript>`
  }
<title>${heading}${site === undefined || heading.includes(site) ? undefined : Html.html` · ${site}`}</title>
${context.hasIcon === false ? undefined : Html.html`<link rel="icon" href="${icon}">`}
${style}
</head>
<body>
<header>${home === undefined ? logo : Html.html`<a href="${home}" aria-label="${Text.failure.home}">${logo}</a>`}${name}</header>
<main>
<h1>${heading}</h1>${
    words === undefined
      ? [paragraph(shownDetail(failure)), paragraph(remedy)].flatMap((part) => part ?? [])
      : Html.html`
<p class="lead">${words.advice}</p>`
  }${lastSeenPart(context)}${retryPart(pause)}${links(context)}${ownerPart(failure, words !== undefined)}
</main>
<footer><span id="facts">${failure.status} ${failure.code} ${id}</span> <button id="copy" type="button" hidden>${Text.failure.copy}</button></footer>
${script}
</body>
</html>
`)
}

/** The members of problem details (RFC 9457); `ownerRemedy` only where it differs. */
export const problemOf = (failure: Failure) => {
  const { isDetailPrivate, ownerRemedy, remedy, title } = entry(failure.code)
  const { code, status } = failure
  const detail = isDetailPrivate === true ? title : failure.detail.toWellFormed()
  return { type: `urn:ptth:error:${code}`, title, status, detail, code, remedy, ownerRemedy }
}

const asProblem = (failure: Failure): Uint8Array => {
  const { retryAfter } = failure
  return Buffer.from(`${JSON.stringify({ ...problemOf(failure), retryAfter })}\n`, "utf8")
}

const asText = (failure: Failure): Uint8Array => {
  const { ownerRemedy, remedy, title } = entry(failure.code)
  const forOwner = ownerRemedy === undefined ? "" : `${Text.forOwner} ${ownerRemedy}`
  const lines = [title, shownDetail(failure), remedy, forOwner, failure.code]
  return Buffer.from(`${lines.filter((line) => line !== "").join("\n")}\n`, "utf8")
}

/**
 * A failure in the media type that the Accept field names with the greatest
 * weight: HTML or JSON, and plain text if it names neither.
 */
export const render = (
  failure: Failure,
  accept: string | undefined,
  context: FailureContext = {},
): RenderedFailure => {
  const id = failure.id ?? RequestId.make(Date.now())
  const page = Accept.weight(accept, "text/html")
  const problem = Math.max(
    Accept.weight(accept, "application/problem+json"),
    Accept.weight(accept, "application/json"),
  )
  const content =
    page > 0 && page >= problem
      ? { type: "text/html; charset=utf-8", body: asPage(failure, id, context) }
      : problem > 0
        ? { type: "application/problem+json", body: asProblem(failure) }
        : { type: "text/plain; charset=utf-8", body: asText(failure) }
  const headers: Array<Header> = [
    ["Content-Type", content.type],
    ["Content-Length", String(content.body.length)],
    ["Cache-Control", "no-store"],
    ["Vary", "Accept"],
    ["X-Content-Type-Options", "nosniff"],
    ["X-PTTH-Code", failure.code],
    ["X-Request-Id", id],
  ]
  if (content.type.startsWith("text/html")) {
    const value = context.hasIcon === false ? policyWithoutIcon : policy
    headers.push(["Content-Security-Policy", value])
  }
  if (failure.retryAfter !== undefined) {
    headers.push(["Retry-After", String(Math.max(0, Math.ceil(failure.retryAfter)))])
  }
  if (failure.headers !== undefined) headers.push(...failure.headers)
  return { status: failure.status, headers, body: content.body, id }
}
