/**
 * Responses to failures: the code, what happened and what to do, as a page, as
 * problem details (RFC 9457) or as plain text. The page loads nothing else.
 */
import { createHash } from "node:crypto"
import { entry } from "../domain/ErrorRegistry.ts"
import type { Failure, RenderedFailure } from "../domain/Failure.ts"
import type { Header } from "../domain/HeaderList.ts"
import * as Accept from "./Accept.ts"
import * as Html from "./Html.ts"
import * as Text from "./Text.ts"

const css =
  ":root{color-scheme:light dark}body{font:100%/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto 0;padding:0 1rem;overflow-wrap:anywhere}h1{font-size:1.35rem;line-height:1.3}p{margin:0 0 1rem}footer{opacity:.7;font-size:.875rem}"

const styleHash = createHash("sha256").update(css).digest("base64")
const policy = `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

const asPage = (failure: Failure): Uint8Array => {
  const { ownerRemedy, remedy, title } = entry(failure.code)
  return Html.toBytes(Html.html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
${Html.style(css)}
</head>
<body>
<main>
<h1>${title}</h1>
<p>${Text.sentence(failure.detail)}</p>
<p>${remedy}</p>${
    ownerRemedy === undefined
      ? undefined
      : Html.html`
<p>${Text.forOwner} ${ownerRemedy}</p>`
  }
</main>
<footer>${failure.status} ${failure.code}</footer>
</body>
</html>
`)
}

/** The members of problem details (RFC 9457); `ownerRemedy` only where it differs. */
export const problemOf = (failure: Failure) => {
  const { ownerRemedy, remedy, title } = entry(failure.code)
  const { code, status } = failure
  const detail = failure.detail.toWellFormed()
  return { type: `urn:ptth:error:${code}`, title, status, detail, code, remedy, ownerRemedy }
}

const asProblem = (failure: Failure): Uint8Array => {
  const { retryAfter } = failure
  return Buffer.from(`${JSON.stringify({ ...problemOf(failure), retryAfter })}\n`, "utf8")
}

const asText = (failure: Failure): Uint8Array => {
  const { ownerRemedy, remedy, title } = entry(failure.code)
  const forOwner = ownerRemedy === undefined ? "" : `${Text.forOwner} ${ownerRemedy}`
  const lines = [title, Text.sentence(failure.detail), remedy, forOwner, failure.code]
  return Buffer.from(`${lines.filter((line) => line !== "").join("\n")}\n`, "utf8")
}

/**
 * A failure in the media type that the Accept field names with the greatest
 * weight: HTML or JSON, and plain text if it names neither.
 */
export const render = (failure: Failure, accept: string | undefined): RenderedFailure => {
  const page = Accept.weight(accept, "text/html")
  const problem = Math.max(
    Accept.weight(accept, "application/problem+json"),
    Accept.weight(accept, "application/json"),
  )
  const content =
    page > 0 && page >= problem
      ? { type: "text/html; charset=utf-8", body: asPage(failure) }
      : problem > 0
        ? { type: "application/problem+json", body: asProblem(failure) }
        : { type: "text/plain; charset=utf-8", body: asText(failure) }
  const headers: Array<Header> = [
    ["Content-Type", content.type],
    ["Content-Length", String(content.body.length)],
    ["Cache-Control", "no-store"],
    ["Vary", "Accept"],
    ["X-Content-Type-Options", "nosniff"],
  ]
  if (content.type.startsWith("text/html")) headers.push(["Content-Security-Policy", policy])
  if (failure.retryAfter !== undefined) {
    headers.push(["Retry-After", String(Math.max(0, Math.ceil(failure.retryAfter)))])
  }
  if (failure.headers !== undefined) headers.push(...failure.headers)
  return { status: failure.status, headers, body: content.body }
}
