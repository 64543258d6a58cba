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
 * Content-Security-Policy of the file server's pages, which have a script and
 * show the served files. Nothing inline runs, and nothing from another origin.
 */
export const filesPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; object-src 'self'; frame-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

/** The same for pages that show the text of a file, which run no script. */
export const textPolicy =
  "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** The parts of a page. */
export interface PageParts {
  readonly title: string
  /** The way up from the page to the top of the site: `./`, `../`, `../../` and so on. */
  readonly top: string
  /** Shown beside the logo. */
  readonly heading: Html
  readonly main: Html
  /** The script that the page loads. */
  readonly script?: Assets.Asset | undefined
  /** A style sheet besides that of all pages. */
  readonly style?: Assets.Asset | undefined
  /** Whether the page may use the whole width of the window. */
  readonly wide?: boolean
}

/** A whole page. Its links are relative, so that it works under any prefix. */
export const page = ({
  title,
  top,
  heading,
  main,
  script,
  style,
  wide,
}: PageParts): Html => html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="${script !== undefined ? "same-origin" : "no-referrer"}">
<title>${title}</title>
<link rel="stylesheet" href="${top}${Assets.style.path}">
${style && html`<link rel="stylesheet" href="${top}${style.path}">`}
<link rel="icon" type="image/svg+xml" href="${top}${Assets.logo.path}">
${script && html`<script src="${top}${script.path}" defer></script>`}
</head>
<body class="${wide === true ? "wide" : ""}">
<header><a href="${top}"><img src="${top}${Assets.logo.path}" alt="Start page"></a>${heading}</header>
<main>${main}</main>
</body>
</html>
`
