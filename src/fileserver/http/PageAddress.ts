/**
 * The address by which a visitor sees a page, as far as the request tells, and
 * its QR code.
 */
import { encode } from "uqr"
import * as Headers from "../../domain/HeaderList.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import { type Html, html } from "../../web/Html.ts"

const last = (value: string | undefined): string | undefined => value?.split(",").at(-1)?.trim()

const host = /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/

/** The host that a visitor's browser has in its address, in lower case. */
export const hostOf = (headers: Headers.HeaderList): string | undefined => {
  const said = last(Headers.first(headers, "x-forwarded-host")) ?? Headers.first(headers, "host")
  return said !== undefined && host.test(said) ? said.toLowerCase() : undefined
}

/** The visitor's address of a request; `undefined` if it cannot be known. */
export const of = ({ headers, target }: RequestHead): string | undefined => {
  const authority = hostOf(headers)
  if (authority === undefined) return undefined
  const proto = last(Headers.first(headers, "x-forwarded-proto"))?.toLowerCase()
  const prefix = last(Headers.first(headers, "x-forwarded-prefix")) ?? ""
  const before = /^\/[!-~]*$/.test(prefix) ? prefix.replace(/\/+$/, "") : ""
  const url = `${proto === "https" ? "https" : "http"}://${authority}${before}${target}`
  return URL.canParse(url) ? new URL(url).href : undefined
}

/** The longest text that is made a QR code, in characters; larger ones are hard to scan. */
const longest = 1_000

/** The QR code of a text as a picture; `undefined` if it is too long. */
export const qrCode = (text: string): Html | undefined => {
  if (text.length > longest) return undefined
  const { data, size } = encode(text, { ecc: "M", border: 4 })
  const path = data
    .flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : [])))
    .join("")
  return html`<svg viewBox="0 0 ${size} ${size}" width="192" height="192" role="img" aria-label="QR code of this page's address" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h${size}v${size}H0z"/><path fill="#000" d="${path}"/></svg>`
}
