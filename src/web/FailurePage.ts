/**
 * What a visitor sees when something fails: the code, what happened and what
 * to do, as a page, as problem details (RFC 9457) or as plain text. It needs
 * nothing else to be reachable.
 */
import { createHash } from "node:crypto"
import { entry } from "../domain/ErrorRegistry.ts"
import type { Failure, RenderedFailure } from "../domain/Failure.ts"
import type { Header } from "../domain/HeaderList.ts"
import * as Accept from "./Accept.ts"
import * as Html from "./Html.ts"

const css =
  ":root{color-scheme:light dark}body{font:100%/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto 0;padding:0 1rem;overflow-wrap:anywhere}h1{font-size:1.35rem;line-height:1.3}p{margin:0 0 1rem}footer{opacity:.7;font-size:.875rem}"

const styleHash = createHash("sha256").update(css).digest("base64")
const policy = `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

const asPage = (failure: Failure): Uint8Array => {
  const { title, remedy } = entry(failure.code)
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
<p>${failure.detail}</p>
<p>${remedy}</p>
</main>
<footer>${failure.status} ${failure.code}</footer>
</body>
</html>
`)
}

/** A failure as problem details (RFC 9457). */
export const problemOf = (failure: Failure) => {
  const { title, remedy } = entry(failure.code)
  const { code, status } = failure
  const detail = failure.detail.toWellFormed()
  return { type: `urn:ptth:error:${code}`, title, status, detail, code, remedy }
}

const asProblem = (failure: Failure): Uint8Array => {
  const { retryAfter } = failure
  return Buffer.from(`${JSON.stringify({ ...problemOf(failure), retryAfter })}\n`, "utf8")
}

const asText = (failure: Failure): Uint8Array => {
  const { title, remedy } = entry(failure.code)
  const lines = [title, failure.detail, remedy, failure.code]
  return Buffer.from(`${lines.filter((line) => line !== "").join("\n")}\n`, "utf8")
}

/**
 * Renders a failure in the form that the Accept field names with the greatest
 * weight; as plain text if it names neither HTML nor JSON.
 */
export const render = (failure: Failure, accept: string | undefined): RenderedFailure => {
  const page = Accept.weight(accept, "text/html")
  const problem = Math.max(
    Accept.weight(accept, "application/problem+json"),
    Accept.weight(accept, "application/json"),
  )
  const form =
    page > 0 && page >= problem
      ? { type: "text/html; charset=utf-8", body: asPage(failure) }
      : problem > 0
        ? { type: "application/problem+json", body: asProblem(failure) }
        : { type: "text/plain; charset=utf-8", body: asText(failure) }
  const headers: Array<Header> = [
    ["Content-Type", form.type],
    ["Content-Length", String(form.body.length)],
    ["Cache-Control", "no-store"],
    ["Vary", "Accept"],
    ["X-Content-Type-Options", "nosniff"],
  ]
  if (form.type.startsWith("text/html")) headers.push(["Content-Security-Policy", policy])
  if (failure.retryAfter !== undefined) {
    headers.push(["Retry-After", String(Math.max(0, Math.ceil(failure.retryAfter)))])
  }
  if (failure.headers !== undefined) headers.push(...failure.headers)
  return { status: failure.status, headers, body: form.body }
}
