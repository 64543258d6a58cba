/**
 * The address of a page as the visitor's browser has it, from the request's
 * fields, and its QR code.
 */
import { encode } from "uqr"
import * as Headers from "../../domain/HeaderList.ts"
import { memoize } from "../../domain/Memoize.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import { type Html, html } from "../../web/Html.ts"

const last = (value: string | undefined): string | undefined => value?.split(",").at(-1)?.trim()

const host = /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/

/** The host in the browser's address, in lower case. */
export const hostOf = (headers: Headers.HeaderList): string | undefined => {
  const value = last(Headers.first(headers, "x-forwarded-host")) ?? Headers.first(headers, "host")
  return value !== undefined && host.test(value) ? value.toLowerCase() : undefined
}

/** The path of the browser's address before that of the request, without a slash at its end. */
export const prefixOf = (headers: Headers.HeaderList): string => {
  const prefix = last(Headers.first(headers, "x-forwarded-prefix")) ?? ""
  return /^\/[!-~]*$/.test(prefix) ? prefix.replace(/(?<!\/)\/+$/, "") : ""
}

/** The address of a request; `undefined` if the fields do not tell. */
export const of = ({ headers, target }: RequestHead): string | undefined => {
  const authority = hostOf(headers)
  if (authority === undefined) return undefined
  const proto = last(Headers.first(headers, "x-forwarded-proto"))?.toLowerCase()
  const url = `${proto === "https" ? "https" : "http"}://${authority}${prefixOf(headers)}${target}`
  return URL.canParse(url) ? new URL(url).href : undefined
}

/** The longest text of a QR code, in characters; larger codes are hard to scan. */
const maxLength = 1_000

/** Where each run of dark modules in a row begins, and its length. */
const runsOf = (row: ReadonlyArray<boolean>): ReadonlyArray<readonly [number, number]> =>
  row.flatMap((dark, x) => {
    if (!dark || row[x - 1] === true) return []
    const end = row.indexOf(false, x)
    return [[x, (end < 0 ? row.length : end) - x] as const]
  })

/**
 * The QR code of a text as SVG; `undefined` if the text is too long. Cached: it takes more time than
 * the rest of a small folder's page.
 */
export const qrCode = memoize((text): Html | undefined => {
  if (text.length > maxLength) return undefined
  const { data, size } = encode(text, { ecc: "M", border: 4 })
  // A line for each run of dark modules: a third of the length of a square for each.
  const path = data
    .map((row, y) =>
      runsOf(row)
        .map(([x, length]) => `M${x} ${y}.5h${length}`)
        .join(""),
    )
    .join("")
  return html`<svg viewBox="0 0 ${size} ${size}" width="192" height="192" role="img" aria-label="QR code of this page's address" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h${size}v${size}H0z"/><path stroke="#000" d="${path}"/></svg>`
})
