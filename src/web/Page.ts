/**
 * The frame of every page, and the Content-Security-Policies of the pages.
 */
import * as Assets from "./Assets.ts"
import { type Html, html } from "./Html.ts"

/** Content-Security-Policy of pages without scripts and forms. */
export const policy =
  "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** The same for pages with the script that updates them. */
export const livePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/**
 * Content-Security-Policy of the file server's pages, which show the served
 * files and their text. Only the two scripts of exactly these contents run, so
 * that a served file cannot be one. Nothing comes from another origin.
 */
export const filesPolicy = `default-src 'none'; script-src '${Assets.theme.integrity}' '${Assets.script.integrity}'; style-src 'self'; img-src 'self'; media-src 'self'; object-src 'self'; frame-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`

/** What programs that show a preview of a link, such as messengers, read (Open Graph). */
export interface Preview {
  /** The name of the site that the page belongs to. */
  readonly site: string
  /** One sentence. */
  readonly description: string
  /** The absolute address of a picture. */
  readonly image?: string | undefined
}

/** The parts of a page. */
export interface PageParts {
  readonly title: string
  /** The way up from the page to the top of the site: `./`, `../`, `../../` and so on. */
  readonly top: string
  /** Where the logo leads; default: the top of the site. */
  readonly home?: string
  /** Shown beside the logo. */
  readonly heading: Html
  readonly main: Html
  /** The script that the page loads. */
  readonly script?: Assets.Asset | undefined
  /** A style sheet besides that of all pages. */
  readonly style?: Assets.Asset | undefined
  /** Whether it is a folder's page, which has the order and form that the visitor last chose. */
  readonly isFolder?: boolean
  /** Whether the page may use the whole width of the window. */
  readonly wide?: boolean
  readonly preview?: Preview | undefined
}

const scriptTag = (top: string, { integrity, path }: Assets.Asset): Html =>
  html`<script src="${top}${path}" integrity="${integrity}" defer></script>`

const previewTags = (title: string, { description, image, site }: Preview): Html =>
  html`<meta name="description" content="${description}">
<meta property="og:type" content="website">
<meta property="og:site_name" content="${site}">
<meta property="og:title" content="${title}">
<meta property="og:description" content="${description}">
${
  image === undefined
    ? undefined
    : html`<meta property="og:image" content="${image}">
`
}`

/** The button that changes the theme; the script shows it. */
const themeButton = html`<button type="button" class="quiet" id="page.theme" data-do="theme" data-script hidden>◐</button>`

/**
 * A whole page. Its links are relative, so that it works under any prefix. The
 * script that applies the theme is not deferred: it has to run before the page
 * is painted.
 */
export const page = ({
  title,
  top,
  heading,
  home = top,
  isFolder,
  main,
  preview,
  script,
  style,
  wide,
}: PageParts): Html => html`<!doctype html>
${isFolder === true ? html`<html lang="en" data-page="folder">` : html`<html lang="en">`}
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#fcfcfb" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#141619" media="(prefers-color-scheme: dark)">
<meta name="referrer" content="${script !== undefined ? "same-origin" : "no-referrer"}">
<title>${title}</title>
${preview && previewTags(title, preview)}<link rel="stylesheet" href="${top}${Assets.style.path}">
${style && html`<link rel="stylesheet" href="${top}${style.path}">`}
<link rel="icon" type="image/svg+xml" href="${top}${Assets.logo.path}">
${
  script === Assets.script
    ? html`<script src="${top}${Assets.theme.path}" integrity="${Assets.theme.integrity}"></script>
`
    : undefined
}${script && scriptTag(top, script)}
</head>
<body class="${wide === true ? "wide" : ""}">
<header><a href="${home}"><img src="${top}${Assets.logo.path}" alt="Start page"></a>${heading}${script === Assets.script ? themeButton : undefined}</header>
<main id="page.main">${main}</main>
</body>
</html>
`
